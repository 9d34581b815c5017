"""The store in one SQLite file, in WAL mode: one connection writes, another reads.

Knows SQL and how a file can be unusable. One transaction per batch; the unique index on (owner, id) is the referee of
what was said before. With `flush`, SQLite syncs the write-ahead log before a commit returns, so what `append` gave
back survives a power cut; without, it survives the end of this process only.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, repeat
from pathlib import Path
from typing import Any

from chatroom.errors import StoreFailed
from chatroom.messages import Kind, Message, Say, Stored
from chatroom.server.store import Appended, IdConflict, Reader, RoomRecord, Said, new_epoch
from chatroom.server.store.file import StoreFile, digest_of

_INSERT = "INSERT INTO event (room, seq, time, owner, id, username, message, kind, reply_to) VALUES (?,?,?,?,?,?,?,?,?)"
_PAGE = (
    "SELECT seq, time, username, message, id, kind, reply_to FROM event"
    " WHERE room = ? AND seq > ? AND seq < ? AND message IS NOT NULL ORDER BY seq {order} LIMIT ?"
)
_OLDEST, _NEWEST = _PAGE.format(order="ASC"), _PAGE.format(order="DESC")

_KNOWN = "SELECT room, seq, time, message, digest FROM event WHERE owner = ? AND id = ?"
_FIRST_KEPT = "SELECT seq FROM event WHERE room = ? AND seq >= ? AND time >= ? ORDER BY seq LIMIT 1"
_ERASE = "UPDATE event SET digest = digest_of(message), message = NULL WHERE room = ? AND seq >= ? AND seq < ?"

_SEEN = "SELECT seq FROM seen WHERE room = ? AND owner = ?"
_KEEP_SEEN = (
    "INSERT INTO seen (owner, room, seq) VALUES (?,?,?)"
    " ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq"
)
_FORGET_SEEN = "DELETE FROM seen WHERE owner NOT IN (SELECT owner FROM session)"

PRUNED_AT_ONCE = 5_000
"""So many messages of a room are erased in one transaction: whoever speaks meanwhile waits for it."""

_FLUSHED, _UNFLUSHED = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"


class SqliteStore:
    """See Store."""

    def __init__(self, path: str | Path, *, flush: bool = True) -> None:
        self._file = StoreFile(Path(path))
        self._flushed = _FLUSHED if flush else _UNFLUSHED
        self._synchronous = ""
        """How the writer stands; each PRAGMA is parsed anew, so it is only said when it changes."""
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._rooms = {room.key: room for room in self._load_rooms()}

    # ------------------------------------------------------------------------------------------------ rooms

    def _load_rooms(self) -> Iterator[RoomRecord]:
        rows = self._file.writer.execute("SELECT key, name, folded, epoch, topic, first, last, time FROM room")
        for key, name, folded, epoch, topic, first, last, time in rows:
            room = RoomRecord(key, name, folded, epoch, topic)
            room.first, room.last, room.time = first, last, time
            yield room

    def rooms(self) -> list[RoomRecord]:
        with self._write_lock:
            return list(self._rooms.values())

    def add_room(self, name: str, folded: str) -> RoomRecord:
        epoch = new_epoch()
        with self._write_lock:
            with self._transaction(_UNFLUSHED) as db:
                row = db.execute("INSERT INTO room (name, folded, epoch) VALUES (?,?,?)", (name, folded, epoch))
            room = RoomRecord(_new_key(row), name, folded, epoch)
            self._rooms[room.key] = room
        return room

    def drop_room(self, room: RoomRecord) -> None:
        with self._write_lock:
            with self._transaction(_UNFLUSHED) as db:
                db.execute("DELETE FROM room WHERE key = ?", (room.key,))
                db.execute("DELETE FROM seen WHERE room = ?", (room.key,))
            del self._rooms[room.key]

    def set_topic(self, room: RoomRecord, topic: str) -> None:
        with self._write_lock:
            with self._transaction(self._flushed) as db:
                db.execute("UPDATE room SET topic = ? WHERE key = ?", (topic, room.key))
            room.topic = topic

    # --------------------------------------------------------------------------------------------- messages

    def append(self, room: RoomRecord, said: Sequence[Said], now: int) -> Appended:
        with self._write_lock:
            time = max(now, room.time)
            try:
                appended = self._append_all(room, said, time)
            except sqlite3.IntegrityError:  # something in it was said before
                appended = self._append_new(room, said, time)
            room.last, room.time = room.last + len(appended.messages), time
        return appended

    def _append_all(self, room: RoomRecord, said: Sequence[Said], time: int) -> Appended:
        numbers = count(room.last + 1)
        messages = [_numbered(room, next(numbers), time, group, say) for group in said for say in group.says]
        owners = [group.owner for group in said for _ in group.says]
        with self._transaction(self._flushed) as db:
            db.executemany(_INSERT, map(_row, repeat(room.key), owners, messages))
            _move_on(db, room, room.last + len(messages), time)
        return Appended(messages)

    def _append_new(self, room: RoomRecord, said: Sequence[Said], time: int) -> Appended:
        messages: list[Message] = []
        repeats: list[tuple[int, Stored | IdConflict]] = []
        with self._transaction(self._flushed) as db:
            for place, group in enumerate(said):
                for say in group.says:
                    if known := db.execute(_KNOWN, (group.owner, say.id)).fetchone():
                        repeats.append((place, _repeat(known, room, say)))
                        continue
                    message = _numbered(room, room.last + 1 + len(messages), time, group, say)
                    db.execute(_INSERT, _row(room.key, group.owner, message))
                    messages.append(message)
            _move_on(db, room, room.last + len(messages), time)
        return Appended(messages, repeats)

    def page(self, room: RoomRecord, after: int, before: int, limit: int, *, newest: bool = False) -> list[Message]:
        with self._read_lock, _failing_softly():
            rows = self._file.reader.execute(_NEWEST if newest else _OLDEST, (room.key, after, before, limit))
            page = [_replayed(room.name, *row) for row in rows]
        return page[::-1] if newest else page

    def prune(self, before: int) -> None:
        for room in self.rooms():
            with self._write_lock:
                self._prune(room, before)

    def _prune(self, room: RoomRecord, before: int) -> None:
        with _failing_softly():
            kept = self._file.writer.execute(_FIRST_KEPT, (room.key, room.first, before)).fetchone()
        first = min(kept[0] if kept else room.last + 1, room.first + PRUNED_AT_ONCE)
        if first > room.first:
            with self._transaction(_UNFLUSHED) as db:
                db.execute(_ERASE, (room.key, room.first, first))
                db.execute("UPDATE room SET first = ? WHERE key = ?", (first, room.key))
            room.first = first

    # ---------------------------------------------------------------------------------------------- reading

    def seen(self, reader: Reader) -> int:
        with self._read_lock, _failing_softly():
            row = self._file.reader.execute(_SEEN, (reader.room.key, reader.owner)).fetchone()
        return int(row[0]) if row else 0

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        rows = [(owner, room.key, seq) for (owner, room), seq in positions.items()]
        with self._write_lock, self._transaction(_UNFLUSHED) as db:
            db.executemany(_KEEP_SEEN, rows)

    # ----------------------------------------------------------------------------------------------- guests

    def add_guest(self, username: str, token: bytes, now: int) -> int:
        with self._write_lock, self._transaction(_UNFLUSHED) as db:
            number = _new_key(db.execute("INSERT INTO owner (username) VALUES (?)", (username,)))
            db.execute("INSERT INTO session (token, owner, used) VALUES (?,?,?)", (token, number, now))
        return number

    def guest(self, token: bytes, now: int) -> int | None:
        with self._write_lock, self._transaction(_UNFLUSHED) as db:
            row = db.execute("UPDATE session SET used = ? WHERE token = ? RETURNING owner", (now, token)).fetchone()
        return row and int(row[0])

    def touch_guests(self, owners: Iterable[int], now: int) -> None:
        with self._write_lock, self._transaction(_UNFLUSHED) as db:
            db.executemany("UPDATE session SET used = ? WHERE owner = ?", [(now, owner) for owner in owners])

    def forget_guests(self, unused_since: int) -> None:
        with self._write_lock, self._transaction(_UNFLUSHED) as db:
            db.execute("DELETE FROM session WHERE used < ?", (unused_since,))
            db.execute(_FORGET_SEEN)

    # -------------------------------------------------------------------------------------------- the file

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._file.close()

    @contextmanager
    def _transaction(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        """All or nothing; whatever the disk or a lock says against it becomes StoreFailed. Under the write lock."""
        db = self._file.writer
        with _failing_softly():
            try:
                if synchronous != self._synchronous:
                    db.execute(synchronous)
                    self._synchronous = synchronous
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.rollback()
                raise


@contextmanager
def _failing_softly() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise StoreFailed(f"The server cannot use its store just now ({error}); nothing was stored.") from error


def _new_key(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # an INSERT always sets it
    return cursor.lastrowid


def _numbered(room: RoomRecord, seq: int, time: int, said: Said, say: Say) -> Message:
    return Message(room.name, seq, time, said.username, say.message, say.id, say.kind, say.reply_to)


def _replayed(
    room: str, seq: int, time: int, username: str, message: str, id: str, kind: Kind, reply_to: int | None
) -> Message:
    # The very literals of the vocabulary: only those are left out of a frame where they are the default.
    kind = "action" if kind == "action" else "text"
    return Message(room, seq, time, username, message, id, kind, reply_to, replayed=True)


def _row(key: int, owner: int, said: Message) -> tuple[Any, ...]:
    return (key, said.seq, said.time, owner, said.id, said.username, said.message, said.kind, said.reply_to)


def _move_on(db: sqlite3.Connection, room: RoomRecord, last: int, time: int) -> None:
    db.execute("UPDATE room SET last = ?, time = ? WHERE key = ?", (last, time, room.key))


Known = tuple[int, int, int, str | None, bytes | None]


def _repeat(known: Known, room: RoomRecord, say: Say) -> Stored | IdConflict:
    key, seq, time, text, digest = known
    same_text = text == say.message if digest is None else digest == digest_of(say.message)
    if key == room.key and same_text:
        return Stored(say.id, room.name, seq, time)
    return IdConflict(say.id)
