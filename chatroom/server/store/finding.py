"""Searching the SQLite file: an index of words that is filled behind what is said, so that saying stays fast.

Knows FTS5, and how far each room is indexed. Knows nothing of rights but who may read a row. The index has no text of
its own: to take a row out of it, its text must be told again.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from sqlite3 import Connection

from chatroom.messages import Message
from chatroom.server.store import Query, RoomRecord, bursts
from chatroom.server.store.database import Database
from chatroom.server.store.events import COLUMNS, ONCE, SAID, as_read
from chatroom.server.store.words import asked_for, newest, spaced
from chatroom.text import fold

CHUNK = 500
"""So many events are indexed in one transaction: whoever speaks meanwhile waits for it."""

_ROW = "(room << 40) | seq"
_WHAT_IS_FOUND = f"room = ? AND seq >= ? AND seq < ? AND message IS NOT NULL AND kind IN {SAID} AND private != {ONCE}"
_INDEX = f"INSERT INTO words (rowid, message) SELECT {_ROW}, spaced(message) FROM event WHERE {_WHAT_IS_FOUND}"
_UNINDEX = (
    f"INSERT INTO words (words, rowid, message) SELECT 'delete', {_ROW}, spaced(message) FROM event"
    f" WHERE {_WHAT_IS_FOUND}"
)
_ADD_ONE = "INSERT INTO words (rowid, message) VALUES (?, spaced(?))"
_TAKE_ONE = "INSERT INTO words (words, rowid, message) VALUES ('delete', ?, spaced(?))"

# One room at a time: so the index itself gives the newest first, and no more is looked at than was asked for.
# What is no row stands in a burst, and is for all.
_SEQ = "words.rowid & 0xffffffffff"
_EVENT = ", ".join(f"event.{column}" for column in COLUMNS.split(", "))
_PACKED_BY = f"SELECT username FROM burst WHERE room = ? AND last >= {_SEQ} ORDER BY last LIMIT 1"
_FIND = (
    f"SELECT {_SEQ}, {_EVENT} FROM words LEFT JOIN event ON event.room = ? AND event.seq = {_SEQ}"
    " WHERE words MATCH ? AND words.rowid BETWEEN ? AND ? AND (event.seq IS NULL OR event.message IS NOT NULL)"
    f" AND (? IS NULL OR folded(coalesce(event.username, ({_PACKED_BY}))) = ?)"
    " AND (event.private IS NOT TRUE OR EXISTS"
    " (SELECT 1 FROM reader WHERE reader.room = event.room AND reader.seq = event.seq AND reader.owner = ?))"
    " ORDER BY words.rowid DESC LIMIT ?"
)


class Finder:
    """Any thread may call any method; those that take a connection are called within its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.looking() as db:
            db.create_function("spaced", 1, spaced, deterministic=True)
            self._indexed: dict[int, int] = dict(db.execute("SELECT key, indexed FROM room").fetchall())
        with database.searching() as db:
            db.create_function("folded", 1, fold, deterministic=True)

    def index(self, rooms: Iterable[RoomRecord]) -> bool:
        """A chunk of each room; whether there is more."""
        return any([self._index_chunk(room) for room in rooms])  # noqa: C419 (each of them)

    def _index_chunk(self, room: RoomRecord) -> bool:
        with self._database.writing:
            indexed = self._indexed.get(room.key, 0)
            until = min(room.last, indexed + CHUNK)
            if indexed < until:
                with self._database.transaction() as db:
                    db.execute(_INDEX, (room.key, indexed + 1, until + 1))
                    packed = bursts.page(db, room, indexed, until + 1, CHUNK)
                    db.executemany(_ADD_ONE, [((room.key << 40) | said.seq, said.message) for said in packed])
                    db.execute("UPDATE room SET indexed = ? WHERE key = ?", (until, room.key))
                self._indexed[room.key] = until  # only now: it might have been taken back
            return until < room.last

    def rewrite(self, db: Connection, room: RoomRecord, changes: Iterable[tuple[int, str, str | None]]) -> None:
        """These numbers read otherwise now."""
        for seq, old, new in changes:
            if seq <= self._indexed.get(room.key, 0):
                db.execute(_TAKE_ONE, ((room.key << 40) | seq, old))
                if new is not None:
                    db.execute(_ADD_ONE, ((room.key << 40) | seq, new))

    def forget(self, db: Connection, room: RoomRecord, first: int, until: int) -> None:
        """These numbers are about to lose their text."""
        db.execute(_UNINDEX, (room.key, first, min(until, self._indexed.get(room.key, 0) + 1)))

    def find(self, query: Query) -> list[Message]:
        words = asked_for(query.words)
        if not words:
            return []
        for room in query.rooms:
            self._index_up_to(room, room.last)
        match = " ".join(f'"{word}"' for word in words) + "*"
        return newest((message for room in query.rooms for message in self._find(room, match, query)), query.limit)

    def _index_up_to(self, room: RoomRecord, last: int) -> None:
        """But not beyond: others may go on saying things faster than that."""
        while self._indexed.get(room.key, 0) < last and self._index_chunk(room):
            pass

    def _find(self, room: RoomRecord, match: str, query: Query) -> Iterator[Message]:
        least = room.key << 40
        span = (least, least | (1 << 40) - 1)
        values = (room.key, match, *span, query.author, room.key, query.author, query.reader, query.limit)
        with self._database.searching() as db:
            found = db.execute(_FIND, values).fetchall()
            rows = [row for _, *row in found if row[0]]
            events = as_read(db, room, rows, query.reader, history=True)
            packed = [bursts.page(db, room, seq - 1, seq + 1, 1) for seq, is_row, *_ in found if not is_row]
        return (event for event in chain(events, *packed) if isinstance(event, Message))
