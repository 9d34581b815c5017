"""Rows of the SQLite file's events, and the events that they are to one who reads them.

Knows kinds of rows, and who may read what. Knows nothing of when something is read or written.
"""

import sqlite3
from collections.abc import Iterable
from itertools import count, repeat
from typing import Any

from msgspec import json

from chatroom.messages import Deleted, Edited, Entry, Kind, Message, Numbered, Reacted, Say, Skip, Stored
from chatroom.server.store import Change, IdConflict, Repeat, RoomRecord, Speech, Talk, Whisper, Words
from chatroom.server.store.file import digest_of

FOR_ALL, FOR_SOME, ONCE = 0, 1, 2
"""Who may read a row: everybody, its readers, or its readers and each only once."""

ERASED = "erased"
"""The kind of a message whose text was taken away, by whom it might be, but not for its age."""

KINDS: dict[str, Kind] = {"text": "text", "action": "action"}
"""The very literals of the vocabulary: only those are left out of a frame where they are the default."""

COLUMNS = "seq, time, username, message, id, kind, reply_to, private, target, addressees"
SAID = "('text', 'action')"

_INSERT = (
    "INSERT INTO event (room, seq, time, owner, id, username, message, kind, reply_to, target, addressees, private)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
)
_TARGET = f"SELECT private, message FROM event WHERE room = ? AND seq = ? AND message IS NOT NULL AND kind IN {SAID}"
_INHERIT = "INSERT INTO reader (room, seq, owner) SELECT room, ?, owner FROM reader WHERE room = ? AND seq = ?"
_READERS = "SELECT owner FROM reader WHERE room = ? AND seq = ?"
_WAITS = "SELECT waits FROM reader WHERE room = ? AND seq = ? AND owner = ?"
_KEEP_DIGEST = "digest = coalesce(digest, digest_of(message))"
_REWRITE = f"UPDATE event SET {_KEEP_DIGEST}, message = ? WHERE room = ? AND seq = ?"
_ERASE = (
    f"UPDATE event SET {_KEEP_DIGEST}, message = NULL, addressees = NULL, kind = '{ERASED}' WHERE room = ? AND seq = ?"
)

# What an edit made of a text that is gone is gone too: its number is left, and nobody reads it. Without being told,
# SQLite looks through the whole room for it.
_EDITS = "event INDEXED BY event_edits"
_OF_IT = "room = ? AND target = ? AND kind = 'edited' AND seq > target"  # one before it was never made of it
_WITHDRAW = f"UPDATE {_EDITS} SET message = '', private = 1 WHERE {_OF_IT}"
_READ_BY_NOBODY = f"DELETE FROM reader WHERE room = ? AND seq IN (SELECT seq FROM {_EDITS} WHERE {_OF_IT})"

ADD_PLAIN = "INSERT INTO event (room, seq, time, owner, id, username, message, kind) VALUES (?,?,?,?,?,?,?,?)"
"""Of what is for all and answers no other: see `rows_of`."""

Row = tuple[Any, ...]
Known = tuple[int, int, int, str | None, bytes | None]


# --------------------------------------------------------------------------------------------------------- reading


def as_read(
    db: sqlite3.Connection, room: RoomRecord, rows: Iterable[Row], reader: int, *, history: bool
) -> list[Numbered]:
    """The rows as this owner may see them. Nearly all are for everybody, and cost nothing more."""
    name, kinds = room.name, KINDS
    return [
        Message(name, seq, time, username, message, id, kinds[kind], reply_to, True)
        if kind in kinds and not private
        else _as_seen(db, room, row, reader, history=history)
        for row in rows
        for seq, time, username, message, id, kind, reply_to, private, _, _ in (row,)
    ]


def _as_seen(db: sqlite3.Connection, room: RoomRecord, row: Row, reader: int, *, history: bool) -> Numbered:
    seq, time, username, message, id, kind, reply_to, private, target, addressees = row
    if private:
        waits = db.execute(_WAITS, (room.key, seq, reader)).fetchone()
        if waits is None or (private == ONCE and kind != ERASED and (history or not waits[0])):
            return Skip(room.name, seq)
    if kind == ERASED:
        return Deleted(room=room.name, seq=seq, time=time, username=username, target=seq, replayed=True)
    if kind not in KINDS:
        return change_of(room, seq, time, username, kind, target, message, replayed=True)
    to = json.decode(addressees, type=list[str]) if addressees else None
    return Message(room.name, seq, time, username, message, id, KINDS[kind], reply_to, True, to, private == ONCE)


def change_of(
    room: RoomRecord, seq: int, time: int, username: str, kind: str, target: int, text: str,
    *, replayed: bool = False, id: str | None = None,
) -> Edited | Deleted | Reacted:  # fmt: skip
    common = {"room": room.name, "seq": seq, "time": time, "username": username, "target": target}
    common |= {"replayed": replayed, "id": id}
    match kind:
        case "edited":
            return Edited(message=text, **common)  # type: ignore[arg-type]
        case "deleted":
            return Deleted(**common)  # type: ignore[arg-type]
    return Reacted(emoji=text, on=kind == "reacted", **common)  # type: ignore[arg-type]


def readers_of(db: sqlite3.Connection, room: RoomRecord, seq: int) -> frozenset[int]:
    return frozenset(owner for (owner,) in db.execute(_READERS, (room.key, seq)))


# --------------------------------------------------------------------------------------------------------- writing


def rows_of(key: int, talk: Talk, first: int, time: int, kind: Kind = "text") -> Iterable[Row]:
    """One for each message, for `ADD_PLAIN`."""
    names = repeat(talk.owner), talk.ids, repeat(talk.username)
    return zip(repeat(key), count(first), repeat(time), *names, talk.texts, repeat(kind))


class Writer:
    """Adds one batch row by row, within a transaction that is open."""

    def __init__(self, db: sqlite3.Connection, room: RoomRecord, time: int) -> None:
        self._db = db
        self._room = room
        self._time = time
        self._next = room.last + 1
        self.events: list[Entry] = []
        self.readers: dict[int, frozenset[int]] = {}
        self.rewritten: list[tuple[int, str, str | None]] = []
        """What could be searched and now reads otherwise: seq, the old text, and the new one or None."""

    def add(self, said: Speech, word: Words) -> None:
        match word:
            case Change():
                self._add_change(said, word)
            case Whisper(say=say, readers=readers):
                self._add_message(said, say, ONCE if say.once else FOR_SOME)
                self._add_readers(self._next - 1, readers, said.owner, once=say.once)
            case _:
                self._add_message(said, word, FOR_ALL)

    def _add_message(self, said: Speech, say: Say, private: int) -> None:
        to = json.encode(say.to).decode() if say.to is not None else None
        self._insert(said, say.id, say.message, say.kind, private, reply_to=say.reply_to, addressees=to)
        shown = (said.username, say.message, say.id, say.kind, say.reply_to, False, say.to, say.once)
        self.events.append(Message(self._room.name, self._next, self._time, *shown))
        self._next += 1

    def _insert(
        self, said: Speech, id: str, text: str, kind: str, private: int,
        *, reply_to: int | None = None, target: int | None = None, addressees: str | None = None,
    ) -> None:  # fmt: skip
        row = (
            self._room.key, self._next, self._time, said.owner, id, said.username, text, kind, reply_to, target,
            addressees, private,
        )  # fmt: skip
        self._db.execute(_INSERT, row)

    def _add_readers(self, seq: int, readers: frozenset[int], author: int, *, once: bool) -> None:
        rows = [(self._room.key, seq, owner, int(once and owner != author)) for owner in readers | {author}]
        self._db.executemany("INSERT INTO reader (room, seq, owner, waits) VALUES (?,?,?,?)", rows)
        self.readers[seq] = readers | {author}

    def _add_change(self, said: Speech, change: Change) -> None:
        """One that comes too late changes nothing, so it is for its author alone."""
        key, seq = self._room.key, self._next
        private, text = self._db.execute(_TARGET, (key, change.target)).fetchone() or (FOR_SOME, None)
        kind = change.what if change.what != "reacted" or change.on else "unreacted"
        self._insert(said, f"\n{key}.{seq}", change.text, kind, FOR_SOME if private else FOR_ALL, target=change.target)
        if text is None:
            self._add_readers(seq, frozenset(), said.owner, once=False)
        elif private:
            self._db.execute(_INHERIT, (seq, key, change.target))
            self.readers[seq] = readers_of(self._db, self._room, seq)
        if text is not None:
            self._apply(change, private, text)
        self.events.append(
            change_of(self._room, seq, self._time, said.username, kind, change.target, change.text, id=change.id)
        )
        self._next += 1

    def _apply(self, change: Change, private: int, text: str) -> None:
        if change.what == "reacted":
            return
        new = change.text if change.what == "edited" else None
        if new is None:
            erase(self._db, self._room, change.target)
        else:
            self._db.execute(_REWRITE, (new, self._room.key, change.target))
        if private != ONCE:
            self.rewritten.append((change.target, text, new))


def erase(db: sqlite3.Connection, room: RoomRecord, seq: int) -> None:
    """Takes the text away, with what edits made of it, and nobody waits for it any more."""
    db.execute(_ERASE, (room.key, seq))
    db.execute(_READ_BY_NOBODY, (room.key, room.key, seq))
    db.execute(_WITHDRAW, (room.key, seq))
    db.execute("UPDATE reader SET waits = 0 WHERE room = ? AND seq = ? AND waits", (room.key, seq))


def repeat_of(known: Known, room: RoomRecord, say: Say) -> Repeat:
    key, seq, time, text, digest = known
    same_text = text == say.message if digest is None else digest == digest_of(say.message)
    if key == room.key and same_text:
        return Stored(say.id, room.name, seq, time)
    return IdConflict(say.id)
