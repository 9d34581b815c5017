"""Bursts: much that somebody said in one go, as one row of the SQLite file.

A row and an entry in an index for each message cost more than all else that is done for it; a burst costs both once.
Its ids count upwards, and no other id of its owner lies between its least and its greatest: so these two tell, in a
unique index, what was perhaps said before. To change one message of a burst it is unpacked first: from then on its
messages are rows like others.

Knows the table, and what may stand in it. Knows nothing of whispers, changes or rights: all of a burst is for all.
"""

from collections.abc import Iterable
from sqlite3 import Connection, IntegrityError
from typing import NamedTuple

from msgspec import json

from chatroom.messages import Message
from chatroom.server.store import FAR, RoomRecord, Talk
from chatroom.server.store.events import ADD_PLAIN, KINDS, Known, Row, rows_of
from chatroom.server.store.spoken import ascend
from chatroom.server.store.windows import window

LEAST = 8
"""Fewer messages are as well off as rows."""
MOST = 256
"""For one of them all are read. Files hold bursts of this size, so it never becomes smaller."""

_ADD = (
    "INSERT INTO burst (room, last, first, time, owner, username, kind, least, greatest, said)"
    " VALUES (?,?,?,?,?,?,?,?,?,?)"
)

_COLUMNS = "room, first, time, owner, username, kind, least, said"
_TOUCHING = "room = ? AND last > ? AND last < ? AND first < ?"
_TAKE = f"DELETE FROM burst WHERE {_TOUCHING} RETURNING {_COLUMNS}"
_OLDEST = f"SELECT {_COLUMNS} FROM burst WHERE {_TOUCHING} ORDER BY last"
_NEWEST = f"{_OLDEST} DESC"
_BEFORE_ITS_END = (
    f"SELECT {_COLUMNS} FROM burst WHERE owner = ? AND length(greatest) = ? AND greatest >= ? ORDER BY greatest LIMIT 1"
)


class Burst(NamedTuple):
    room: int
    first: int
    time: int
    owner: int
    username: str
    kind: str
    least: str
    said: bytes

    def talk(self) -> Talk:
        return Talk(self.owner, self.username, *_decode(self.said))

    def numbered(self) -> Iterable[tuple[int, tuple[str, str]]]:
        """Of each message its seq, its text and its id."""
        return enumerate(zip(*_decode(self.said), strict=True), self.first)

    def messages(self, room: str) -> list[Message]:
        time, username, kind = self.time, self.username, KINDS[self.kind]
        return [Message(room, seq, time, username, text, id, kind, None, True) for seq, (text, id) in self.numbered()]


_decode = json.Decoder(tuple[list[str], list[str]]).decode


def pack(db: Connection, key: int, talk: Talk, first: int, time: int) -> list[Row]:
    """Keeps what its owner said in one go, numbered from `first` on, as bursts; gives back the rows of what cannot be
    in one."""
    rows: list[Row] = []
    for start in range(0, len(talk.ids), MOST):
        piece = talk.part(start, start + MOST)
        if not _add(db, key, piece, first + start, time):
            rows += rows_of(key, piece, first + start, time)
    return rows


def _add(db: Connection, key: int, talk: Talk, first: int, time: int) -> bool:
    """Whether it can be a burst, and now is."""
    ids = talk.ids
    if len(ids) < LEAST or not ascend(ids) or len({*map(len, ids)}) > 1:
        return False
    last, said = first + len(ids) - 1, json.encode((talk.texts, ids))
    try:
        db.execute(_ADD, (key, last, first, time, talk.owner, talk.username, "text", ids[0], ids[-1], said))
    except IntegrityError:  # this statement alone is taken back
        return False
    return True


def unpack(db: Connection, key: int, after: int, before: int) -> None:
    """Makes rows of each burst that has a message with after < seq < before."""
    for burst in map(Burst._make, db.execute(_TAKE, _touching(key, after, before)).fetchall()):
        db.executemany(ADD_PLAIN, rows_of(key, burst.talk(), burst.first, burst.time, KINDS[burst.kind]))


def make_way(db: Connection, owner: int, id: str) -> None:
    """For a row with this id, which its owner never said before, though it lies between those of a burst."""
    burst = _around(db, owner, id)
    if burst and burst.least <= id:
        unpack(db, burst.room, burst.first - 1, burst.first + 1)


def known(db: Connection, owner: int, id: str) -> Known | None:
    """What stands under this id in a burst."""
    if burst := _around(db, owner, id):
        for seq, (text, each) in burst.numbered():
            if each == id:
                return burst.room, seq, burst.time, text, None
    return None


def _around(db: Connection, owner: int, id: str) -> Burst | None:
    """The only one that may have this id, if any has."""
    row = db.execute(_BEFORE_ITS_END, (owner, len(id), id)).fetchone()
    return row and Burst._make(row)


def at(db: Connection, room: RoomRecord, seq: int) -> Burst | None:
    """The one that has this number."""
    row = db.execute(_OLDEST, _touching(room.key, seq - 1, seq + 1)).fetchone()
    return row and Burst._make(row)


def page(
    db: Connection, room: RoomRecord, after: int, before: int, limit: int, *, newest: bool = False
) -> list[Message]:
    """Of the messages with after < seq < before the oldest or the newest, in order: as many as asked for."""
    rows = db.execute(_NEWEST if newest else _OLDEST, _touching(room.key, after, before))
    return window((Burst._make(row).messages(room.name) for row in rows), after, before, limit, newest=newest)


def _touching(key: int, after: int, before: int) -> tuple[int, int, int, int]:
    """Which have a message with after < seq < before. As none is larger than `MOST`, the last of them ends so soon, and
    the table is looked through no further."""
    return key, after, min(before, FAR - MOST) + MOST, before
