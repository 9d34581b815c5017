"""The client: its parts by themselves, and the command as a person or a script uses it."""
