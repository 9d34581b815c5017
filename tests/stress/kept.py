"""What the server's store holds, read from its file by plain SQL, while nobody or while everybody writes.

Knows the tables, and who may read which row. Knows nothing of what anybody was promised.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

_ROOMS = "SELECT key, name, epoch, low, high FROM room"
_OWNERS = "SELECT number, username FROM owner"
_READERS = "SELECT room, seq, owner FROM reader"
_EVENTS = "SELECT room, seq, time, username, id, message, digest, kind, private FROM event"
_BURSTS = "SELECT room, first, time, username, kind, said FROM burst"

_MESSAGES = ("text", "action", "erased")
_ONCE = 2


class RoomKey(NamedTuple):
    """One history of one room. A direct room is called by its two people."""

    room: str
    epoch: str


class Kept(NamedTuple):
    """One row."""

    where: RoomKey
    seq: int
    time: int
    by: str
    id: str
    digest: str
    """Of the text as it was said."""
    held: bool
    """Whether the text still stands there."""
    readers: frozenset[str] | None
    """Who may read it; None: everybody who may come into the room."""
    once: bool
    is_message: bool = True

    def is_for(self, name: str) -> bool:
        return self.is_message and (self.readers is None or name in self.readers)

    def is_owed_to(self, name: str) -> bool:
        """Whether who is in the room must be shown it; what is to be seen once may be gone before."""
        return self.held and not self.once and self.is_for(name)


class Holding:
    """All of it."""

    def __init__(self, kept: Iterator[Kept]) -> None:
        self.rows: dict[RoomKey, dict[int, Kept]] = defaultdict(dict)
        self._last: dict[RoomKey, int] = defaultdict(int)
        self.by_id: dict[tuple[str, str], list[Kept]] = defaultdict(list)
        for row in kept:
            self.rows[row.where][row.seq] = row
            self._last[row.where] = max(self._last[row.where], row.seq)
            self.by_id[row.by, row.id].append(row)

    def row(self, where: RoomKey, seq: int) -> Kept | None:
        return self.rows.get(where, {}).get(seq)

    def between(self, where: RoomKey, after: int, until: int) -> list[Kept]:
        """Those with after < seq <= until."""
        rows = self.rows.get(where, {})
        last = min(until, self._last[where])
        return [rows[seq] for seq in range(after + 1, last + 1) if seq in rows]

    def owed(self, name: str, where: RoomKey, after: int, until: int) -> list[Kept]:
        """What somebody who was there must have been shown."""
        return [row for row in self.between(where, after, until) if row.is_owed_to(name)]

    def last_owed(self, name: str, where: RoomKey) -> int:
        return max((seq for seq, row in self.rows.get(where, {}).items() if row.is_owed_to(name)), default=0)

    def key_of(self, name: str, room: str, epoch: str) -> RoomKey:
        """The history that this person calls so; where nothing is of that epoch, the one that there is: a room in which
        nothing was said ends with whoever was in it, and is another one when they come back."""
        known = RoomKey(shared_name(name, room), epoch)
        if known in self.rows or (epoch and not may_end(room)):
            return known
        return next((key for key in self.rows if key.room == known.room), known)


def may_end(room: str) -> bool:
    """Whether it is gone when nobody is in it and nothing was ever said there."""
    return room != "lobby"


def shared_name(name: str, room: str) -> str:
    """What the room is called by all, that this person calls so."""
    return "@" + "+".join(sorted((name, room[1:]))) if room.startswith("@") else room


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def holding_of(database: Path) -> Holding:
    """As it is committed just now."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        db.execute("BEGIN")
        owners = dict(db.execute(_OWNERS).fetchall())
        rooms = {key: _room_key(name, epoch, low, high, owners) for key, name, epoch, low, high in db.execute(_ROOMS)}
        readers = defaultdict(set)
        for room, seq, owner in db.execute(_READERS):
            readers[room, seq].add(owners[owner])
        rows = sorted(
            [*db.execute(_EVENTS), *chain.from_iterable(map(_unpacked, db.execute(_BURSTS)))], key=itemgetter(0, 1)
        )
        return Holding(_kept(row, rooms, readers) for row in rows)


def _unpacked(burst: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """A burst as if each of its messages were a row."""
    room, first, time, by, kind, said = burst
    for seq, (message, id) in enumerate(zip(*json.loads(said), strict=True), first):
        yield room, seq, time, by, id, message, None, kind, 0


def _room_key(name: str, epoch: str, low: int | None, high: int | None, owners: Mapping[int, str]) -> RoomKey:
    if low is None or high is None:
        return RoomKey(name, epoch)
    return RoomKey(shared_name(owners[low], f"@{owners[high]}"), epoch)


def _kept(row: tuple[Any, ...], rooms: Mapping[int, RoomKey], readers: Mapping[tuple[int, int], set[str]]) -> Kept:
    room, seq, time, by, id, message, digest, kind, private = row
    where = rooms[room]
    some = frozenset(readers.get((room, seq), ())) if private else None
    if some is None and where.room.startswith("@"):
        some = frozenset(where.room[1:].split("+"))
    return Kept(
        where, seq, time, by, id, digest.hex() if digest else digest_of(message or ""), message is not None, some,
        private == _ONCE, kind in _MESSAGES,
    )  # fmt: skip
