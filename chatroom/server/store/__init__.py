"""What is kept: rooms, what was said in them and who has read it, and whose session is whose. It decides the order.

This module says what a store is and opens one by its URL. Knows nothing of members, connections or bytes. Every
method may be called from any thread. Methods that write raise StoreFailed when nothing was written; asking again is
always safe.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from chatroom.errors import StartError
from chatroom.messages import Message, Say, Stored

FAR = (1 << 63) - 1
"""Behind every seq."""


class Said(NamedTuple):
    """What somebody said in one go, not yet numbered. It belongs to an owner, never to a name: who takes a freed name
    inherits nothing."""

    owner: int
    username: str
    says: Sequence[Say]


class RoomRecord:
    """What the store knows of a room. Only the store changes it."""

    __slots__ = ("epoch", "first", "folded", "key", "last", "name", "time", "topic")

    def __init__(self, key: int, name: str, folded: str, epoch: str, topic: str = "") -> None:
        self.key = key
        self.name = name
        self.folded = folded
        self.epoch = epoch
        self.topic = topic
        self.first = 1
        """The oldest seq that is held; `last + 1` when none is."""
        self.last = 0
        """The newest seq that was ever given."""
        self.time = 0
        """When that was, in ms."""


class Reader(NamedTuple):
    """An owner who reads a room: whose read position it is, and where."""

    owner: int
    room: RoomRecord


class IdConflict(NamedTuple):
    """This id was used for something else before."""

    id: str


class Appended(NamedTuple):
    """What became of what was said: the new messages, in order, and the answers to what added nothing."""

    messages: Sequence[Message]
    repeats: Sequence[tuple[int, Stored | IdConflict]] = ()
    """Each with the place of its `Said`."""


def new_epoch() -> str:
    """The name of a history: never the same twice."""
    return secrets.token_hex(8)


class Store(Protocol):
    def rooms(self) -> list[RoomRecord]:
        """Every room that has a history or a topic, or is the lobby."""

    def add_room(self, name: str, folded: str) -> RoomRecord: ...

    def drop_room(self, room: RoomRecord) -> None: ...

    def set_topic(self, room: RoomRecord, topic: str) -> None: ...

    def append(self, room: RoomRecord, said: Sequence[Said], now: int) -> Appended:
        """Numbers and keeps what was said, drops repeats, and returns once all is as safe as was asked for."""

    def page(self, room: RoomRecord, after: int, before: int, limit: int, *, newest: bool = False) -> list[Message]:
        """Up to `limit` messages with after < seq < before: the oldest of them or the newest, in order of seq."""

    def seen(self, reader: Reader) -> int:
        """How far it was read; 0 before that was ever kept."""

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        """So far it was read. A position never goes back; it goes away with its room, and with its owner's session."""

    def add_guest(self, username: str, token: bytes, now: int) -> int:
        """A new owner's number; the owner comes back with the token of which this is the hash."""

    def guest(self, token: bytes, now: int) -> int | None:
        """The owner to whom the token belongs."""

    def touch_guests(self, owners: Iterable[int], now: int) -> None:
        """These owners' sessions are in use."""

    def forget_guests(self, unused_since: int) -> None:
        """Ends the sessions that were last used before that time."""

    def prune(self, before: int) -> None:
        """Erases what was said before that time, or a good part of it. The ids stay: a repeat is still a repeat."""

    def close(self) -> None: ...


def open_store(url: str, *, flush: bool = True) -> Store:
    """`memory:` or `sqlite:PATH`. With `flush`, what is appended is on the disk before `append` returns."""
    from chatroom.server.store.memory import MemoryStore
    from chatroom.server.store.sqlite import SqliteStore

    kind, _, path = url.partition(":")
    if url == "memory:":
        return MemoryStore()
    if kind == "sqlite" and path:
        return SqliteStore(path, flush=flush)
    raise StartError(f"'{url}' names no store; use memory: or sqlite:PATH.")
