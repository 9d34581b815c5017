"""Bytes over sockets. Knows sockets; knows nothing of messages, rooms or people."""
