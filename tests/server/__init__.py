"""The server as a stranger meets it: over sockets and commands, by the letter of the protocol."""
