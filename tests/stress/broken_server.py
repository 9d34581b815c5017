"""The server's command, under a system with whims, and broken on purpose if it is told so:
`python -m tests.stress.broken_server FOLDER HOW ...`, and then what `chatroom-server` is told.

Knows the insides of the server, of which each way changes one so that one promise is broken. Only tests start it.
"""

import itertools
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatroom.messages import Entry, Message
from chatroom.server import cli, room
from chatroom.server.directory import Directory
from chatroom.server.handout import Handout
from chatroom.server.store import Appended, RoomRecord, Speech
from chatroom.server.store.database import Database
from chatroom.server.store.sqlite import SqliteStore
from tests.stress.whims import Whims

EVERY = 3
"""One in so many is treated otherwise."""

Alter = Callable[[Sequence[Entry]], Sequence[Entry]]


def unbroken() -> None:
    """As it comes."""


def drops() -> None:
    """The last of a batch is stored, and handed out to nobody."""
    _alter_handouts(lambda said: said[:-1])


def repeats() -> None:
    """The last of a batch is handed out twice."""
    _alter_handouts(lambda said: [*said, said[-1]])


def swaps() -> None:
    """A batch is handed out in the wrong order."""
    _alter_handouts(lambda said: said[::-1])


def garbles() -> None:
    """The last of a batch is not what was said."""

    def garbled(said: Sequence[Entry]) -> Sequence[Entry]:
        *before, last = said
        return [*before, _with_another_text(last)]

    _alter_handouts(garbled)


def _with_another_text(event: Entry) -> Entry:
    if not isinstance(event, Message):
        return event
    return Message(event.room, event.seq, event.time, event.username, f"{event.message}?", event.id, to=event.to)


def leaks() -> None:
    """A whisper is handed out to all."""

    def for_all(said: Sequence[Entry], news: Any, readers: object, askers: Any) -> Handout:
        return Handout(said, news, {}, askers)

    _replace(room, "Handout", for_all)


def tells_of_direct_rooms() -> None:
    """A search finds what was said in the direct rooms of others."""
    _replace(Directory, "is_open_to", lambda *_: True)


def forgets() -> None:
    """One of those that were receipted is taken out of the store again."""
    append, turns = SqliteStore.append, itertools.count(1)

    def append_and_forget(store: SqliteStore, record: RoomRecord, said: Sequence[Speech], now: int) -> Appended:
        appended = append(store, record, said, now)
        if appended.events and next(turns) % EVERY == 0:
            with store._database.transaction() as db:
                last = record.key, appended.events[-1].seq
                db.execute("DELETE FROM event WHERE room = ? AND seq = ?", last)
                db.execute("DELETE FROM burst WHERE room = ? AND last = ?", last)
        return appended

    _replace(SqliteStore, "append", append_and_forget)


def stores_later() -> None:
    """What was said is shown and receipted before it is committed, which is done now and then."""
    turns = itertools.count(1)

    @contextmanager
    def transaction(database: Database, *, safe: bool = False) -> Iterator[sqlite3.Connection]:
        db = database._file.writer
        with database.writing:
            if not db.in_transaction:
                db.execute("BEGIN IMMEDIATE")
            yield db
            if not safe or next(turns) % 100 == 0:
                db.execute("COMMIT")

    _replace(Database, "transaction", transaction)


def _alter_handouts(alter: Alter) -> None:
    """Now and then, of a batch with more than one message if there are such."""
    turns = itertools.count(1)

    def altered(said: Sequence[Entry], news: Any, readers: Mapping[int, frozenset[int]], askers: Any) -> Handout:
        if len(said) > 1 and next(turns) % EVERY == 0:
            said = alter(said)
        return Handout(said, news, readers, askers)

    _replace(room, "Handout", altered)


def _replace(owner: object, name: str, new: object) -> None:
    setattr(owner, name, new)


WAYS = (unbroken, drops, repeats, swaps, garbles, leaks, tells_of_direct_rooms, forgets, stores_later)
MUTATIONS = {way.__name__: way for way in WAYS}


def main(folder: str, how: str, *arguments: str) -> int:
    Whims(Path(folder)).rule()
    MUTATIONS[how]()
    return cli.main(list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
