"""The client: the library's Client, and what is built on it for people at a terminal.

Knows its own name. Knows nothing else: each module beside this one says what it knows.
"""

from chatroom import __version__

AGENT = f"chatroom-client {__version__}"
"""How the command says to a server what it is."""
