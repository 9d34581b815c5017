"""The store in one SQLite file, in WAL mode.

Knows rooms and their histories as SQL. One transaction per batch, or for the batches of several rooms that came while
somebody wrote; the unique indexes of (owner, id), for rows and for bursts, are the referee of what was said before.
With `flush`, SQLite syncs the write-ahead log before a commit returns, so what `append` gave back survives a power cut;
without, it survives the end of this process only.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from time import sleep

from chatroom.messages import Message, Numbered, Say
from chatroom.server.store import (
    Appended,
    Change,
    Query,
    Reader,
    Repeat,
    RoomRecord,
    Speech,
    Standing,
    Whisper,
    bursts,
    new_epoch,
)
from chatroom.server.store.database import Database, new_key
from chatroom.server.store.events import (
    ADD_PLAIN,
    COLUMNS,
    ONCE,
    SAID,
    Known,
    Writer,
    as_read,
    erase,
    readers_of,
    repeat_of,
)
from chatroom.server.store.finding import Finder
from chatroom.server.store.orders import Order, Orders, telling
from chatroom.server.store.sqlite_people import SqlitePeople

# What was pruned is told by its number, in the same statement: it may happen at this very moment.
_PAGE = (
    f"SELECT {COLUMNS} FROM event WHERE room = ? AND seq > max(?, (SELECT first - 1 FROM room WHERE key = ?))"
    " AND seq < ? ORDER BY seq {order} LIMIT ?"
)
_OLDEST, _NEWEST = _PAGE.format(order="ASC"), _PAGE.format(order="DESC")

_KNOWN = "SELECT room, seq, time, message, digest FROM event WHERE owner = ? AND id = ?"
_STANDING = (
    f"SELECT owner, username, private FROM event WHERE room = ? AND seq = ? AND message IS NOT NULL AND kind IN {SAID}"
)
_FIRST_KEPT = (
    "SELECT min(coalesce((SELECT seq FROM event WHERE room = ? AND seq >= ? AND time >= ? ORDER BY seq LIMIT 1), ?),"
    " coalesce((SELECT first FROM burst WHERE room = ? AND last >= ? AND time >= ? ORDER BY last LIMIT 1), ?))"
)
_PRUNE = (
    "UPDATE event SET digest = coalesce(digest, digest_of(message)), message = NULL"
    " WHERE room = ? AND seq >= ? AND seq < ? AND message IS NOT NULL"
)

_SEEN = "SELECT seq FROM seen WHERE room = ? AND owner = ?"
_KEEP_SEEN = (
    "INSERT INTO seen (owner, room, seq) VALUES (?,?,?)"
    " ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq"
)
_WAITS = "FROM reader INDEXED BY reader_waits WHERE room = ? AND waits"  # or else SQLite looks through the whole room
_WAITING = f"SELECT seq {_WAITS} AND owner = ? AND seq <= ?"
_SHOWN = "UPDATE reader SET waits = 0 WHERE room = ? AND seq = ? AND owner = ?"
_STILL_WAITS = "SELECT 1 FROM reader WHERE room = ? AND seq = ? AND waits"

_ROOMS = "SELECT key, name, folded, epoch, topic, first, last, time, low, high, private, founder, keeps FROM room"

_SEQ = attrgetter("seq")

PRUNED_AT_ONCE = 500
"""So many messages of a room are erased in one transaction: whoever speaks meanwhile waits for it."""
PRUNINGS = 10
"""So many transactions follow on each other, with a moment between them for whoever waits."""
_MOMENT = 0.001


class SqliteStore:
    """See Store."""

    def __init__(self, path: str | Path, *, flush: bool = True) -> None:
        self._database = Database(Path(path), flush=flush)
        self.people = SqlitePeople(self._database)
        self._finder = Finder(self._database)
        self._orders = Orders()
        self._rooms = {room.key: room for room in self._load_rooms()}

    # ------------------------------------------------------------------------------------------------ rooms

    def _load_rooms(self) -> Iterator[RoomRecord]:
        with self._database.looking() as db:
            rows = db.execute(_ROOMS).fetchall()
        for key, name, folded, epoch, topic, first, last, time, low, high, private, founder, keeps in rows:
            room = RoomRecord(key, name, folded, epoch, topic)
            room.first, room.last, room.time = first, last, time
            room.pair = None if low is None else (low, high)
            room.private, room.founder, room.keeps = bool(private), founder, keeps
            yield room

    def rooms(self) -> list[RoomRecord]:
        with self._database.writing:
            return list(self._rooms.values())

    def add_room(self, name: str, folded: str, *, founder: int = 0, pair: tuple[int, int] | None = None) -> RoomRecord:
        epoch = new_epoch()
        values = (name, folded, epoch, founder, *(pair or (None, None)))
        with self._database.writing:
            with self._database.transaction() as db:
                row = db.execute(
                    "INSERT INTO room (name, folded, epoch, founder, low, high) VALUES (?,?,?,?,?,?)", values
                )
            room = RoomRecord(new_key(row), name, folded, epoch)
            room.founder, room.pair = founder, pair
            self._rooms[room.key] = room
        return room

    def drop_room(self, room: RoomRecord) -> None:
        with self._database.writing:
            with self._database.transaction() as db:
                self._erase(db, room, room.last + 1)
                db.execute("DELETE FROM room WHERE key = ?", (room.key,))
                for table in ("seen", "reader", "invited", "mute"):
                    db.execute(f"DELETE FROM {table} WHERE room = ?", (room.key,))
            del self._rooms[room.key]

    def _set(self, room: RoomRecord, column: str, value: object) -> None:
        with self._database.transaction(safe=True) as db:
            db.execute(f"UPDATE room SET {column} = ? WHERE key = ?", (value, room.key))

    def set_topic(self, room: RoomRecord, topic: str) -> None:
        with self._database.writing:
            self._set(room, "topic", topic)
            room.topic = topic

    def set_access(self, room: RoomRecord, *, private: bool) -> None:
        with self._database.writing:
            self._set(room, "private", int(private))
            room.private = private

    def set_keeps(self, room: RoomRecord, ms: int | None) -> None:
        with self._database.writing:
            self._set(room, "keeps", ms)
            room.keeps = ms

    def invite(self, room: RoomRecord, owners: Iterable[int]) -> None:
        with self._database.transaction(safe=True) as db:
            rows = [(room.key, owner) for owner in owners]
            db.executemany("INSERT OR IGNORE INTO invited (room, owner) VALUES (?,?)", rows)

    def invited(self, room: RoomRecord) -> set[int]:
        with self._database.reading() as db:
            return {owner for (owner,) in db.execute("SELECT owner FROM invited WHERE room = ?", (room.key,))}

    # --------------------------------------------------------------------------------------------- messages

    def append(self, room: RoomRecord, said: Sequence[Speech], now: int) -> Appended:
        """What gathers while somebody writes is written together: busy rooms share a transaction, and its flush."""
        order = Order(room, said, now)
        self._orders.add(order)
        with self._database.writing:
            if not order.is_settled():
                self._carry_out(self._orders.take())
        return order.outcome()

    def _carry_out(self, orders: Sequence[Order]) -> None:
        """The first of each room that is all talk in one transaction, if nothing in them was said before: else the
        tables refuse it. What is left, one by one."""
        if talk := {order.room.key: order for order in reversed(orders) if order.is_talk()}:
            with suppress(Exception):  # whose fault it was shows when each is tried by itself
                self._append_all([*talk.values()])
        for order in orders:
            if not order.is_settled():
                with telling(order):
                    self._append_each(order)

    def _append_all(self, orders: Sequence[Order]) -> None:
        numbered = [_messages(order) for order in orders]
        with self._database.transaction(safe=True) as db:
            for order, messages in zip(orders, numbered, strict=True):
                _keep(db, order)
                _move_on(db, order, len(messages))
        for order, messages in zip(orders, numbered, strict=True):
            order.settle(Appended(messages))

    def _append_each(self, order: Order) -> None:
        room = order.room
        repeats: list[tuple[int, Repeat]] = []
        with self._database.transaction(safe=True) as db:
            writer = Writer(db, room, order.time())
            for place, group in enumerate(order.said):
                for word in group.words(room.name):
                    say = word.say if isinstance(word, Whisper) else word
                    if isinstance(say, Change):
                        bursts.unpack(db, room.key, say.target - 1, say.target + 1)
                        writer.add(group, word)
                    elif known := _known(db, group.owner, say.id):
                        repeats.append((place, repeat_of(known, room, say)))
                    else:
                        bursts.make_way(db, group.owner, say.id)
                        writer.add(group, word)
            self._finder.rewrite(db, room, writer.rewritten)
            if writer.events:
                _move_on(db, order, len(writer.events))
        order.settle(Appended(writer.events, repeats, writer.readers))

    def repeat(self, room: RoomRecord, owner: int, say: Say) -> Repeat | None:
        with self._database.reading() as db:
            known = _known(db, owner, say.id)
        return known and repeat_of(known, room, say)

    def page(
        self, room: RoomRecord, after: int, before: int, limit: int, *, reader: int, newest: bool = False,
        history: bool = False,
    ) -> list[Numbered]:  # fmt: skip
        with self._database.reading() as db:
            rows = db.execute(_NEWEST if newest else _OLDEST, (room.key, after, room.key, before, limit)).fetchall()
            page = as_read(db, room, rows, reader, history=history)
            packed = bursts.page(db, room, after, before, limit, newest=newest)
        page = sorted([*page, *packed], key=_SEQ)
        return page[-limit:] if newest else page[:limit]

    def standing(self, room: RoomRecord, seq: int) -> Standing | None:
        with self._database.reading() as db:
            row = db.execute(_STANDING, (room.key, seq)).fetchone()
            readers = readers_of(db, room, seq) if row and row[2] else None
            burst = None if row else bursts.at(db, room, seq)
        if burst:
            return Standing(burst.owner, burst.username, None, once=False)
        return row and Standing(row[0], row[1], readers, row[2] == ONCE)

    def search(self, query: Query) -> list[Message]:
        return self._finder.find(query)

    def index(self) -> bool:
        self._database.wipe_again()
        return self._finder.index(self.rooms())

    def unseen_once(self, room: RoomRecord) -> int:
        with self._database.reading() as db:
            (seq,) = db.execute(f"SELECT min(seq) {_WAITS}", (room.key,)).fetchone()
        return int(seq or 0)

    def seen_once(self, reader: Reader, seq: int) -> None:
        room, erased = reader.room, False
        with self._database.transaction(safe=True) as db:
            waiting = db.execute(_WAITING, (room.key, reader.owner, seq)).fetchall()
            for (shown,) in waiting:
                db.execute(_SHOWN, (room.key, shown, reader.owner))
                if not db.execute(_STILL_WAITS, (room.key, shown)).fetchone():
                    erase(db, room, shown)
                    erased = True
        if erased:
            self._database.wipe()

    def prune(self, before: int | None, now: int) -> None:
        for room in self.rooms():
            limit = before if room.keeps is None else now - room.keeps if room.keeps else None
            if limit is not None:
                self._prune_some(room, limit)

    def _prune_some(self, room: RoomRecord, before: int) -> None:
        for _ in range(PRUNINGS):
            if not self._prune(room, before):
                break
            sleep(_MOMENT)

    def _prune(self, room: RoomRecord, before: int) -> bool:
        """Whether there is more."""
        with self._database.writing:
            with self._database.looking() as db:
                kept = db.execute(_FIRST_KEPT, (room.key, room.first, before, room.last + 1) * 2).fetchone()
            end = int(kept[0])
            first = min(end, room.first + PRUNED_AT_ONCE)
            if first > room.first:
                with self._database.transaction() as db:
                    self._erase(db, room, first)
                    db.execute("UPDATE room SET first = ? WHERE key = ?", (first, room.key))
                room.first = first
            return first < end

    def _erase(self, db: sqlite3.Connection, room: RoomRecord, first: int) -> None:
        """All that is older than this number; the ids stay."""
        bursts.unpack(db, room.key, room.first - 1, first)
        self._finder.forget(db, room, room.first, first)
        db.execute(_PRUNE, (room.key, room.first, first))
        db.execute("DELETE FROM reader WHERE room = ? AND seq < ?", (room.key, first))

    # ---------------------------------------------------------------------------------------------- reading

    def seen(self, reader: Reader) -> int:
        with self._database.reading() as db:
            row = db.execute(_SEEN, (reader.room.key, reader.owner)).fetchone()
        return int(row[0]) if row else 0

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        rows = [(owner, room.key, seq) for (owner, room), seq in positions.items()]
        with self._database.transaction() as db:
            db.executemany(_KEEP_SEEN, rows)

    # -------------------------------------------------------------------------------------------- the file

    def backup(self, path: Path) -> None:
        self._database.backup(path)

    def close(self) -> None:
        self._database.close()


def _messages(order: Order) -> list[Message]:
    name, time = order.room.name, order.time()
    return [message for first, talk in order.numbered() for message in talk.messages(name, first, time)]


def _keep(db: sqlite3.Connection, order: Order) -> None:
    """As bursts what can be, and else as rows. The tables refuse what was said before."""
    key, time = order.room.key, order.time()
    rows = [row for first, talk in order.numbered() for row in bursts.pack(db, key, talk, first, time)]
    db.executemany(ADD_PLAIN, rows)


def _known(db: sqlite3.Connection, owner: int, id: str) -> Known | None:
    known: Known | None = db.execute(_KNOWN, (owner, id)).fetchone()
    return known or bursts.known(db, owner, id)


def _move_on(db: sqlite3.Connection, order: Order, events: int) -> None:
    room = order.room
    db.execute("UPDATE room SET last = ?, time = ? WHERE key = ?", (room.last + events, order.time(), room.key))
