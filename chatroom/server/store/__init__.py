"""What is kept: rooms, what was said in them and who has read it, and whose session is whose. It decides the order.

This module says what a store is and opens one by its URL. Knows nothing of members, connections or bytes. Every
method may be called from any thread. Methods that write raise StoreFailed when nothing was written; asking again is
always safe.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from chatroom.errors import StartError
from chatroom.messages import Entry, Message, Numbered, Say, Stored
from chatroom.server.store.people import People

FAR = (1 << 63) - 1
"""Behind every seq."""


class Change(NamedTuple):
    """What somebody makes of a message that stands there already: another text, none, or a reaction to it."""

    id: str | None
    what: Literal["edited", "deleted", "reacted"]
    target: int
    text: str = ""
    """The new text, or the emoji."""
    on: bool = True


class Whisper(NamedTuple):
    """A say that is not for all: by whom it may be read, besides its author. View-once, if it says so."""

    say: Say
    readers: frozenset[int]

    @property
    def id(self) -> str:
        return self.say.id


Words = Say | Whisper | Change


class Talk(NamedTuple):
    """What somebody said in one go, not yet numbered: texts for all, which answer no other, and beside each its id. So
    is nearly everything that is said. It belongs to an owner, never to a name: who takes a freed name inherits
    nothing."""

    owner: int
    username: str
    texts: Sequence[str]
    ids: Sequence[str]

    def part(self, start: int, end: int) -> "Talk":
        return Talk(self.owner, self.username, self.texts[start:end], self.ids[start:end])

    def words(self, room: str) -> Sequence[Words]:
        """The same, one by one."""
        return [Say(id=id, room=room, message=text) for text, id in zip(self.texts, self.ids, strict=True)]

    def messages(self, room: str, first: int, time: int) -> list[Message]:
        """The same, numbered from `first` on."""
        common = repeat(room), count(first), repeat(time), repeat(self.username)
        return [*map(Message, *common, self.texts, self.ids)]


class Said(NamedTuple):
    """The same, where not all of it is talk."""

    owner: int
    username: str
    said: Sequence[Words]

    @property
    def ids(self) -> Sequence[str | None]:
        return [word.id for word in self.said]

    def words(self, room: str) -> Sequence[Words]:
        return self.said


Speech = Talk | Said
"""One owner's, in one go."""


class RoomRecord:
    """What the store knows of a room. Only the store changes it."""

    __slots__ = (
        "epoch",
        "first",
        "folded",
        "founder",
        "keeps",
        "key",
        "last",
        "name",
        "pair",
        "private",
        "time",
        "topic",
    )  # fmt: skip

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
        self.pair: tuple[int, int] | None = None
        """Of a direct room: the two owners, the lower first."""
        self.private = False
        self.founder = 0
        """The owner who made it, or 0."""
        self.keeps: int | None = None
        """For how many ms its history is kept, where that differs from the server's; 0 is for ever."""


class Reader(NamedTuple):
    """An owner who reads a room: whose read position it is, and where."""

    owner: int
    room: RoomRecord


class IdConflict(NamedTuple):
    """This id was used for something else before."""

    id: str


Repeat = Stored | IdConflict
"""The answer to what adds nothing."""


class Appended(NamedTuple):
    """What became of what was said: the new events, in order, and the answers to what added nothing."""

    events: Sequence[Entry]
    repeats: Sequence[tuple[int, Repeat]] = ()
    """Each with the place of what it was said in."""
    readers: Mapping[int, frozenset[int]] = {}
    """For each seq that is not for all: the owners who may read it, its author among them."""


def new_epoch() -> str:
    """The name of a history: never the same twice."""
    return secrets.token_hex(8)


class Standing(NamedTuple):
    """A message as it stands in the store: whose it is, who may read it (None: all), and whether it is view-once."""

    owner: int
    username: str
    readers: frozenset[int] | None
    once: bool


class Query(NamedTuple):
    """What is searched for: all of these words, as a reader, in these rooms, perhaps said by one owner's name."""

    words: str
    reader: int
    rooms: Sequence[RoomRecord]
    author: str | None
    """A folded username."""
    limit: int


class Store(Protocol):
    @property
    def people(self) -> People: ...

    def rooms(self) -> list[RoomRecord]:
        """Every room that is there."""

    def add_room(
        self, name: str, folded: str, *, founder: int = 0, pair: tuple[int, int] | None = None
    ) -> RoomRecord: ...

    def drop_room(self, room: RoomRecord) -> None: ...

    def set_topic(self, room: RoomRecord, topic: str) -> None: ...

    def set_access(self, room: RoomRecord, *, private: bool) -> None: ...

    def set_keeps(self, room: RoomRecord, ms: int | None) -> None: ...

    def invite(self, room: RoomRecord, owners: Iterable[int]) -> None: ...

    def invited(self, room: RoomRecord) -> set[int]:
        """The owners who may come into this private room."""

    def append(self, room: RoomRecord, said: Sequence[Speech], now: int) -> Appended:
        """Numbers and keeps what was said, drops repeats, and returns once all is as safe as was asked for.

        A change whose target is no longer there is numbered all the same; it changes nothing."""

    def repeat(self, room: RoomRecord, owner: int, say: Say) -> Repeat | None:
        """What `append` would answer to this say, if its id was used before."""

    def page(
        self,
        room: RoomRecord,
        after: int,
        before: int,
        limit: int,
        *,
        reader: int,
        newest: bool = False,
        history: bool = False,
    ) -> list[Numbered]:
        """Up to `limit` events with after < seq < before, as this owner may see them: the oldest or the newest, in
        order of seq. What is not for the reader is a Skip; what was erased, a Deleted with itself as its target. A
        view-once message is shown to its readers who have not seen it, but not to its author, nor in a `history`."""

    def standing(self, room: RoomRecord, seq: int) -> Standing | None:
        """The message of this number, if one stands there that was not erased."""

    def search(self, query: Query) -> list[Message]:
        """The newest first, `limit` at most. No view-once message, and nothing that is not for the reader."""

    def index(self) -> bool:
        """Makes some of what was said since lately ready to be searched; whether there is more. A search does all
        that is left by itself; called now and then, so that this is little."""

    def unseen_once(self, room: RoomRecord) -> int:
        """The lowest seq of a view-once message that still waits for somebody; 0 if there is none."""

    def seen_once(self, reader: Reader, seq: int) -> None:
        """The reader was shown every view-once message up to there. Erases, at once and from the file too, those that
        each of their readers (but the author) was shown."""

    def seen(self, reader: Reader) -> int:
        """How far it was read; 0 before that was ever kept."""

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        """So far it was read. A position never goes back; it goes away with its room, and with its owner's session."""

    def prune(self, before: int | None, now: int) -> None:
        """Erases what was said before that time (None: nothing), or a good part of it; of a room that `keeps` its
        history otherwise, what is older than it says. The ids stay: a repeat is still a repeat."""

    def backup(self, path: Path) -> None:
        """Writes all that is stored into a new file, as it stands now, while everybody goes on."""

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
