"""A chat server and client for offices and LANs. These are the public names; everything else may change.

    with chatroom.Server(port=0) as server, chatroom.Client(port=server.port, username="ada") as ada:
        ada.join("lobby")
        ada.say("lobby", "hello").result()

Server and client are loaded when they are first asked for, so that a client does not wait for a server's parts.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatroom.errors import ChatError, ConnectionFailed, NotAChatroom, Refusal, StartError, StoreFailed, StoreUnusable

if TYPE_CHECKING:
    from chatroom.client.session import Client
    from chatroom.server.server import Server

__version__ = "0.1.0"

__all__ = [
    "ChatError",
    "Client",
    "ConnectionFailed",
    "NotAChatroom",
    "Refusal",
    "Server",
    "StartError",
    "StoreFailed",
    "StoreUnusable",
    "__version__",
]

_HOMES = {"Client": "chatroom.client.session", "Server": "chatroom.server.server"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'chatroom' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
