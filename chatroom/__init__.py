"""A chat server and client for offices and LANs. These are the public names; everything else may change.

with chatroom.Server(port=0) as server, chatroom.Client(port=server.port, username="ada") as ada:
    ada.join("lobby")
    ada.say("lobby", "hello").result()
"""

from chatroom.errors import ChatError, ConnectionFailed, Refusal, StartError, StoreFailed, StoreUnusable
from chatroom.server.server import Server

__version__ = "0.1.0"

__all__ = [
    "ChatError",
    "ConnectionFailed",
    "Refusal",
    "Server",
    "StartError",
    "StoreFailed",
    "StoreUnusable",
    "__version__",
]
