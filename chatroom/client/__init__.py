"""The client: the library's Client, and what is built on it for people at a terminal."""
