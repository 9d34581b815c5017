"""What only a file can do: survive, be of another version, be damaged, be locked, and have no space left."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from chatroom.errors import StoreFailed, StoreUnusable
from chatroom.messages import Deleted, Edited, Message, Stored
from chatroom.server.store import FAR, Appended, Reader, RoomRecord, Speech
from chatroom.server.store import file as store_file
from chatroom.server.store import sqlite as sqlite_module
from chatroom.server.store.schema import APPLICATION, MIGRATIONS
from chatroom.server.store.sqlite import SqliteStore
from tests.server.processes import wait_until
from tests.support.rooms import Aside
from tests.support.stores import (
    ADA,
    BOB,
    EVE,
    by,
    delete,
    edit,
    everything,
    fill,
    found,
    ids,
    once,
    page_of,
    react,
    said,
    say,
    seqs,
    whisper,
)  # fmt: skip

VERSION_1 = """
CREATE TABLE room (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    topic TEXT NOT NULL DEFAULT '',
    first INTEGER NOT NULL DEFAULT 1,
    last INTEGER NOT NULL DEFAULT 0,
    time INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE owner (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL
) STRICT;
CREATE TABLE session (
    token BLOB PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES owner,
    used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    id TEXT NOT NULL,
    username TEXT NOT NULL,
    message TEXT,
    kind TEXT NOT NULL,
    reply_to INTEGER,
    digest BLOB,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_owner ON session (owner);
CREATE UNIQUE INDEX event_once ON event (owner, id);
"""

VERSION_2 = """
CREATE TABLE seen (
    owner INTEGER NOT NULL,
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, owner)
) STRICT, WITHOUT ROWID;
"""

VERSION_3 = """
    ALTER TABLE room ADD COLUMN low INTEGER;       -- of a direct room: its two owners, the lower first
    ALTER TABLE room ADD COLUMN high INTEGER;
    ALTER TABLE room ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN founder INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN keeps INTEGER;     -- ms; NULL as the server says, 0 for ever
    ALTER TABLE room ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;  -- up to this seq it can be searched

    ALTER TABLE event ADD COLUMN target INTEGER;   -- of what changes another one
    ALTER TABLE event ADD COLUMN addressees TEXT;  -- of a whisper: their usernames, as JSON
    ALTER TABLE event ADD COLUMN private INTEGER NOT NULL DEFAULT 0;  -- 1: for its readers alone; 2: view-once too

    CREATE INDEX event_edits ON event (room, target) WHERE kind = 'edited';

    CREATE TABLE reader (                          -- who may read what is not for all, its author among them
        room   INTEGER NOT NULL,
        seq    INTEGER NOT NULL,
        owner  INTEGER NOT NULL,
        waits  INTEGER NOT NULL DEFAULT 0,         -- 1: a view-once message that this one has not been shown
        PRIMARY KEY (room, seq, owner)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX reader_waits ON reader (room, seq) WHERE waits;

    CREATE TABLE invited (
        room   INTEGER NOT NULL,
        owner  INTEGER NOT NULL,
        PRIMARY KEY (room, owner)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE account (
        owner    INTEGER PRIMARY KEY,
        folded   TEXT NOT NULL UNIQUE,
        username TEXT NOT NULL,
        role     TEXT NOT NULL,
        secret   TEXT NOT NULL,
        created  INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE ban (
        what       TEXT PRIMARY KEY,               -- a folded name, or an address
        is_address INTEGER NOT NULL,
        until      INTEGER NOT NULL,
        reason     TEXT NOT NULL,
        by         TEXT NOT NULL,
        time       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE mute (
        owner  INTEGER NOT NULL,
        room   INTEGER NOT NULL,                   -- 0: in all
        until  INTEGER NOT NULL,
        PRIMARY KEY (owner, room)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE act (                             -- what moderators did
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        time   INTEGER NOT NULL,
        by     TEXT NOT NULL,
        what   TEXT NOT NULL,
        target TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;

    CREATE VIRTUAL TABLE words USING fts5 (message, content = '', tokenize = 'unicode61 remove_diacritics 2');
"""

VERSION_4 = """
    CREATE TABLE burst (                           -- much that somebody said in one go, all of it for all
        room      INTEGER NOT NULL,
        last      INTEGER NOT NULL,                -- of its seqs, which have no hole
        first     INTEGER NOT NULL,
        time      INTEGER NOT NULL,
        owner     INTEGER NOT NULL,
        username  TEXT NOT NULL,
        kind      TEXT NOT NULL,
        least     TEXT NOT NULL,                   -- of its ids, which are of one length and count upwards
        greatest  TEXT NOT NULL,
        said      BLOB NOT NULL,                   -- JSON: the texts, and the ids
        PRIMARY KEY (room, last)
    ) STRICT, WITHOUT ROWID;

    CREATE UNIQUE INDEX burst_once ON burst (owner, length(greatest), greatest);

    CREATE TRIGGER burst_again BEFORE INSERT ON burst WHEN  -- no id of an owner twice, in bursts or rows
        (SELECT least FROM burst WHERE owner = NEW.owner AND length(greatest) = length(NEW.least)
            AND greatest >= NEW.least ORDER BY greatest LIMIT 1) <= NEW.greatest
        OR EXISTS (SELECT 1 FROM event WHERE owner = NEW.owner AND id BETWEEN NEW.least AND NEW.greatest
            AND length(id) = length(NEW.least))
    BEGIN
        SELECT RAISE(ABORT, 'some of it may have been said before');
    END;

    CREATE TRIGGER event_again BEFORE INSERT ON event WHEN
        (SELECT least FROM burst WHERE owner = NEW.owner AND length(greatest) = length(NEW.id)
            AND greatest >= NEW.id ORDER BY greatest LIMIT 1) <= NEW.id
    BEGIN
        SELECT RAISE(ABORT, 'it may have been said before');
    END;
"""

FORMS = (VERSION_1, VERSION_2, VERSION_3, VERSION_4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@contextmanager
def opened(path: Path, *, flush: bool = False) -> Iterator[tuple[SqliteStore, RoomRecord]]:
    """The store and its lobby."""
    with closing(SqliteStore(path, flush=flush)) as store:
        rooms = {room.folded: room for room in store.rooms()}
        yield store, rooms.get("lobby") or store.add_room("lobby", "lobby")


@pytest.fixture
def filled(path: Path) -> Path:
    """A file with a history."""
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 500)
    return path


def contents(path: Path) -> dict[str, bytes]:
    """All files beside it, but the one that says who is using it."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir() if each.suffix != ".lock"}


# It survives


def test_everything_is_there_again(path: Path) -> None:
    with opened(path) as (store, lobby):
        den = store.add_room("Den", "den")
        store.set_topic(den, "plans")
        ada = store.people.add_guest("ada", b"A" * 32, 1)
        fill(store, lobby, 1, 5, now=70)
        store.append(den, [said("x", owner=ada)], 60)
        store.keep_seen({Reader(ada, den): 1, Reader(ada, lobby): 4})
        before = everything(store, lobby) + everything(store, den)
        records = [(r.key, r.name, r.folded, r.epoch, r.topic, r.first, r.last, r.time) for r in store.rooms()]
    with opened(path) as (store, lobby):
        rooms = store.rooms()
        assert [(r.key, r.name, r.folded, r.epoch, r.topic, r.first, r.last, r.time) for r in rooms] == records
        assert [message for room in rooms for message in everything(store, room)] == before
        assert store.people.owner_of(b"A" * 32, 2) == ada
        assert [store.seen(Reader(ada, room)) for room in rooms] == [4, 1]
        again = store.append(lobby, [said("6", "3")], 10)
        assert [(message.seq, message.time) for message in again.events] == [(6, 70)], "its clock never goes back"
        assert list(again.repeats) == [(0, Stored("3", "lobby", 3, 70))]


def test_what_is_not_for_all_is_there_again_and_still_not_for_all(path: Path) -> None:
    with opened(path) as (store, lobby):
        den = store.add_room("den", "den", founder=ADA)
        store.set_access(den, private=True)
        store.set_keeps(den, 5_000)
        store.invite(den, [ADA, BOB])
        store.add_room("@", f"@{ADA}:{BOB}", pair=(ADA, BOB))
        words = (say("a"), whisper("w", "psst", BOB, to=["bob"]), once("o", "burns", BOB, EVE), say("b"))
        store.append(lobby, [by(ADA, *words, edit(2, "hush"), react(1, on=False), delete(4))], 5)
        store.seen_once(Reader(EVE, lobby), 9)
        before = [page_of(store, lobby, reader) for reader in (ADA, BOB, EVE)]
    with opened(path) as (store, lobby):
        assert [page_of(store, lobby, reader) for reader in (ADA, BOB, EVE)] == before
        assert store.unseen_once(lobby) == 3
        _, den, direct = store.rooms()
        assert (den.private, den.founder, den.keeps, den.pair) == (True, ADA, 5_000, None)
        assert store.invited(den) == {ADA, BOB}
        assert (direct.name, direct.pair) == ("@", (ADA, BOB))


def test_what_was_appended_is_there_though_the_store_was_never_closed(path: Path, tmp_path: Path) -> None:
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 3)
        shutil.copytree(path.parent, tmp_path / "copy")  # what a killed process leaves behind
        with opened(tmp_path / "copy" / path.name) as (copy, copied_lobby):
            assert seqs(everything(copy, copied_lobby)) == [1, 2, 3]


def test_numbers_are_never_given_twice_even_for_what_is_gone(path: Path) -> None:
    with opened(path) as (store, _):
        den, ada = store.add_room("den", "den"), store.people.add_guest("ada", b"A" * 32, 1)
        store.drop_room(den)
        store.people.forget_sessions(100)
    with opened(path) as (store, _):
        assert store.add_room("den", "den").key > den.key
        assert store.people.add_guest("ada", b"B" * 32, 1) > ada


def test_pruning_keeps_the_ids_and_erases_the_text(path: Path) -> None:
    with opened(path) as (store, lobby):
        store.append(lobby, [said("old")], 10)
        store.append(lobby, [said("new")], 20)
        store.prune(20, 0)
    with opened(path) as (store, lobby):
        assert (lobby.first, lobby.last) == (2, 2)
        assert [message.id for message in everything(store, lobby)] == ["new"]
        assert list(store.append(lobby, [said("old")], 30).repeats) == [(0, Stored("old", "lobby", 1, 10))]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT seq, message FROM event").fetchall() == [(1, None), (2, "hi")]


def test_much_is_pruned_little_by_little_so_that_nobody_waits_for_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "PRUNED_AT_ONCE", 3)
    monkeypatch.setattr(sqlite_module, "PRUNINGS", 1)
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 10)
        firsts = []
        for _ in range(4):
            store.prune(FAR, 0)
            firsts.append(lobby.first)
            assert seqs(everything(store, lobby)) == list(range(lobby.first, 11))
        assert firsts == [4, 7, 10, 11]


def test_what_is_pruned_in_one_go_is_pruned_in_several_transactions(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "PRUNED_AT_ONCE", 3)
    monkeypatch.setattr(sqlite_module, "PRUNINGS", 2)
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 10)
        statements: list[str] = []
        store._database._file.writer.set_trace_callback(statements.append)
        store.prune(FAR, 0)
        assert (lobby.first, statements.count("COMMIT")) == (7, 2)


@pytest.mark.parametrize(("flush", "synchronous"), [(True, 2), (False, 1)])
def test_the_chosen_durability_reaches_sqlite(path: Path, flush: bool, synchronous: int) -> None:
    with opened(path, flush=flush) as (store, lobby):
        db = store._database._file.writer
        statements: list[str] = []
        db.set_trace_callback(statements.append)
        fill(store, lobby, 1, 1)
        db.set_trace_callback(None)
        assert db.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA fullfsync").fetchone() == (1,)
        steps = [words.split()[0] for words, _ in groupby(statements)]  # a trigger is shown as what it was pulled by
        assert [step for step in steps if step != "PRAGMA"] == ["BEGIN", "INSERT", "UPDATE", "COMMIT"]


def test_what_is_said_is_flushed_again_after_a_guest_came_in_unflushed(path: Path) -> None:
    """How to sync is only said to SQLite when it changes: it must change back each time."""
    with opened(path, flush=True) as (store, lobby):
        for number in range(1, 4):
            store.people.add_guest("ada", str(number).encode(), 1)
            fill(store, lobby, number, number)
            assert store._database._file.writer.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_batch_is_one_transaction_with_repeats_in_it_or_without(path: Path) -> None:
    with opened(path) as (store, lobby):
        for batch in (["1", "2"], ["2", "3", "3", "4"]):
            statements: list[str] = []
            store._database._file.writer.set_trace_callback(statements.append)
            store.append(lobby, [said(*batch)], 0)
            assert statements.count("COMMIT") == 1
        assert seqs(everything(store, lobby)) == [1, 2, 3, 4]


def test_positions_are_written_in_one_transaction_and_what_is_no_news_not_at_all(path: Path) -> None:
    with opened(path) as (store, lobby):
        positions = {Reader(ADA, lobby): 1, Reader(BOB, lobby): 2}
        store.keep_seen(positions)
        log = path.with_name(f"{path.name}-wal")
        before = log.read_bytes()
        statements: list[str] = []
        store._database._file.writer.set_trace_callback(statements.append)
        store.keep_seen(positions)
        store._database._file.writer.set_trace_callback(None)
        assert statements.count("COMMIT") == 1
        assert log.read_bytes() == before


# Several rooms at once


def append_together(store: SqliteStore, *batches: tuple[RoomRecord, Speech]) -> tuple[list[Future[Appended]], int]:
    """Each by a thread of its own, one after the other, while somebody else writes; and how many transactions
    that took."""
    statements: list[str] = []
    store._database._file.writer.set_trace_callback(statements.append)
    with ThreadPoolExecutor(len(batches)) as pool:
        outcomes = []
        with store._database.writing:
            for room, words in batches:
                outcomes.append(pool.submit(store.append, room, [words], 0))
                wait_until(lambda: len(store._orders._waiting) == len(outcomes))
    return outcomes, statements.count("COMMIT")


def held(store: SqliteStore) -> dict[str, list[str]]:
    return {room.name: [message.id for message in everything(store, room)] for room in store.rooms()}


def test_what_gathers_for_several_rooms_while_somebody_writes_is_one_transaction(path: Path) -> None:
    with opened(path) as (store, lobby):
        den, attic = store.add_room("den", "den"), store.add_room("attic", "attic")
        outcomes, transactions = append_together(
            store, (lobby, said("1", "2")), (den, said("1", owner=BOB)), (attic, said("3"))
        )
        assert [seqs(outcome.result().events) for outcome in outcomes] == [[1, 2], [1], [1]]
        assert transactions == 1
    with opened(path) as (store, _):
        assert held(store) == {"lobby": ["1", "2"], "den": ["1"], "attic": ["3"]}
        assert [room.last for room in store.rooms()] == [2, 1, 1]


def test_what_gathers_twice_for_one_room_is_numbered_one_after_the_other(path: Path) -> None:
    with opened(path) as (store, lobby):
        outcomes, _ = append_together(store, (lobby, said("1", "2")), (lobby, said("3")), (lobby, said("4")))
        assert [seqs(outcome.result().events) for outcome in outcomes] == [[1, 2], [3], [4]]
        assert held(store) == {"lobby": ["1", "2", "3", "4"]}


def test_a_repeat_or_a_whisper_among_what_gathers_keeps_nobody_elses_from_being_stored(path: Path) -> None:
    with opened(path) as (store, lobby):
        den, attic = store.add_room("den", "den"), store.add_room("attic", "attic")
        store.append(lobby, [said("1")], 0)
        outcomes, _ = append_together(
            store, (lobby, said("1", "2")), (den, said("3")), (attic, by(BOB, whisper("4", "psst", EVE)))
        )
        again, new, whispered = [outcome.result() for outcome in outcomes]
        assert again.repeats == [(0, Stored("1", "lobby", 1, 0))]
        assert [seqs(outcome.events) for outcome in (again, new, whispered)] == [[2], [1], [1]]
        assert whispered.readers == {1: {BOB, EVE}}


def test_what_cannot_be_stored_fails_alone(path: Path) -> None:
    half_a_character = by(BOB, say("2", "\ud800"))
    with opened(path) as (store, lobby):
        den = store.add_room("den", "den")
        outcomes, _ = append_together(store, (lobby, said("1")), (den, half_a_character))
        assert seqs(outcomes[0].result().events) == [1]
        assert isinstance(outcomes[1].exception(), UnicodeEncodeError)
        assert (den.last, held(store)) == (0, {"lobby": ["1"], "den": []})
        assert seqs(store.append(den, [said("2", owner=BOB)], 0).events) == [1]


# What is erased is erased


def bytes_of(path: Path) -> bytes:
    return b"".join(contents(path).values())


@pytest.mark.parametrize("length", [30, 3_000, 30_000])
def test_a_view_once_message_is_in_no_byte_of_any_file_once_it_was_seen(path: Path, length: int) -> None:
    """Wherever its rows were moved to as the file grew."""
    with opened(path) as (store, lobby):
        rooms = [lobby, *(store.add_room(f"room {n}", f"room {n}") for n in range(4))]
        for number in range(60):
            for room in rooms:
                secret = f"secret {number} {room.key} ".ljust(length, "x")
                id = f"{number} {room.key}"
                store.append(room, [by(ADA, once(f"o{id}", secret, BOB), *(say(f"{id} {n}") for n in range(9)))], 0)
            store.index()
        store.append(lobby, [by(ADA, once("last", "secret that stays", BOB))], 0)
        assert b"secret 7 1" in bytes_of(path)
        for room in rooms:
            store.seen_once(Reader(BOB, room), 600)
        assert re.findall(rb"secret [0-9]+ [0-9]*", bytes_of(path)) == []
        assert b"secret that stays" in bytes_of(path)


def test_what_was_deleted_is_in_no_file_once_the_store_is_closed(path: Path) -> None:
    with opened(path) as (store, lobby):
        store.append(
            lobby, [by(ADA, say("a", "secretone"), whisper("w", "secrettwo", BOB), say("b", "secretthree"))], 0
        )
        store.append(lobby, [by(ADA, edit(1, "secretfour"), edit(3, "harmless"), delete(1), delete(2))], 0)
    assert b"harmless" in bytes_of(path)
    for secret in (b"secretone", b"secrettwo", b"secretthree", b"secretfour"):
        assert secret not in bytes_of(path)


def test_what_was_erased_while_somebody_searched_is_wiped_out_a_little_later(path: Path) -> None:
    with opened(path) as (store, lobby):
        store.append(lobby, [by(ADA, once("o", "burnsquietly", BOB))], 0)
        with store._database.searching() as db:
            db.execute("SELECT count(*) FROM event").fetchall()
            store.seen_once(Reader(BOB, lobby), 1)
            assert store.standing(lobby, 1) is None
            assert b"burnsquietly" in bytes_of(path), "it was not waited for who searches"
            fill(store, lobby, 2, 2)
            store.index()
        store.index()
        assert b"burnsquietly" not in bytes_of(path)


def test_nobody_waits_for_a_search(path: Path) -> None:
    with opened(path) as (store, lobby), store._database.searching():
        fill(store, lobby, 1, 2)
        assert seqs(everything(store, lobby)) == [1, 2]
        assert store.index() is False


# Backups


def test_a_backup_holds_all_that_was_stored_and_is_its_owners_alone(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with opened(filled) as (store, lobby):
        store.append(lobby, [by(ADA, whisper("w", "psst", BOB), once("o", "burns", BOB))], 5)
        store.backup(copy)
        fill(store, lobby, 503, 600)
        before = [page_of(store, lobby, reader)[:502] for reader in (ADA, BOB, EVE)]
    if os.name == "posix":
        assert copy.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("copy")] == ["copy.db"]
    with opened(copy) as (store, lobby):
        assert [page_of(store, lobby, reader) for reader in (ADA, BOB, EVE)] == before
        assert store.unseen_once(lobby) == 502


def test_a_backup_is_of_one_moment_however_much_is_said_meanwhile(path: Path, tmp_path: Path) -> None:
    start, done = threading.Barrier(2), threading.Event()

    def talk(store: SqliteStore, room: RoomRecord) -> None:
        start.wait()
        while not done.is_set():
            store.append(room, [said(*ids(room.last + 1, room.last + 50))], 0)

    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 5_000)
        thread = threading.Thread(target=talk, args=(store, lobby))
        thread.start()
        start.wait()
        lasts = []
        for number in range(3):
            store.backup(tmp_path / f"copy {number}.db")
            lasts.append(lobby.last)
        done.set()
        thread.join()
    for number, last in enumerate(lasts):
        with opened(tmp_path / f"copy {number}.db") as (store, lobby):
            assert 5_000 <= lobby.last <= last
            assert seqs(everything(store, lobby)) == list(range(1, lobby.last + 1))


def test_a_backup_never_takes_the_place_of_a_file(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"mine")
    with opened(filled) as (store, _):
        for place in (copy, filled, tmp_path, tmp_path / "nosuch" / "copy.db"):
            with pytest.raises(StoreFailed, match="cannot be made") as failed:
                store.backup(place)
            assert failed.value.text.endswith(".")
    assert copy.read_bytes() == b"mine"


def test_a_backup_that_fails_leaves_nothing_behind(filled: Path, tmp_path: Path) -> None:
    with opened(filled) as (store, _):
        store._database._path = tmp_path / "not there.db"
        with pytest.raises(StoreFailed, match="could not be written"):
            store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


# Its form


def plain(sql: str) -> str:
    """Without comments and needless spaces."""
    lines = (line.split("--")[0] for line in sql.splitlines())
    return " ".join(" ".join(lines).split()).replace("( ", "(").replace(" )", ")")


def test_the_forms_that_were_released_never_change() -> None:
    """Whoever wants another form appends a step to MIGRATIONS."""
    assert [plain(step) for step in MIGRATIONS] == [plain(form) for form in FORMS]
    assert APPLICATION == 0x43684174


def test_a_file_of_version_1_is_brought_to_todays_form_and_keeps_what_it_holds(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(VERSION_1 + f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1;")
        db.execute(
            "INSERT INTO room (name, folded, epoch, topic, last, time) VALUES ('Den', 'den', 'e', 'plans', 2, 9)"
        )
        for seq in (1, 2):
            event = (1, seq, 9, ADA, f"id {seq}", "ada", "hi", "text", None)
            db.execute(f"INSERT INTO event VALUES ({','.join('?' * 9)}, NULL)", event)
    with opened(path) as (store, _):
        den, _ = store.rooms()
        assert (den.name, den.epoch, den.topic, den.last) == ("Den", "e", "plans", 2)
        assert [(message.seq, message.id) for message in everything(store, den)] == [(1, "id 1"), (2, "id 2")]
        assert seqs(store.append(den, [said("id 3")], 0).events) == [3]
        store.keep_seen({Reader(ADA, den): 2})
        assert store.seen(Reader(ADA, den)) == 2
        assert store._database._file.writer.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_file_of_version_2_is_brought_to_todays_form_and_can_be_searched(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(VERSION_1 + VERSION_2 + f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 2;")
        db.execute("INSERT INTO room (name, folded, epoch, first, last, time) VALUES ('Den', 'den', 'e', 2, 3, 9)")
        db.execute("INSERT INTO seen VALUES (?, 1, 3)", (BOB,))
        for seq, text, digest in ((1, None, store_file.digest_of("pruned")), (2, "old words", None), (3, "hi", None)):
            event = (1, seq, 9, ADA, f"id {seq}", "ada", text, "text", None, digest)
            db.execute(f"INSERT INTO event VALUES ({','.join('?' * 10)})", event)
    with opened(path) as (store, _):
        den = store.rooms()[0]
        assert (den.first, den.last, den.pair, den.private, den.founder, den.keeps) == (2, 3, None, False, 0, None)
        assert [message.id for message in everything(store, den)] == ["id 2", "id 3"]
        assert store.seen(Reader(BOB, den)) == 3
        assert found(store, "old words", den) == ["old words"]
        store.append(den, [by(ADA, edit(3, "new words"), say("id 1", "pruned"), delete(2))], 0)
        assert found(store, "words", den) == ["new words"]
        assert [type(event) for event in page_of(store, den, BOB)] == [Deleted, Message, Edited, Deleted]


def test_a_file_gets_the_steps_that_it_has_not_taken(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (*MIGRATIONS, "CREATE TABLE a (b)", "ALTER TABLE a ADD c")
    monkeypatch.setattr(store_file, "MIGRATIONS", steps)
    for _ in range(2):
        with opened(filled) as (store, lobby):
            assert len(everything(store, lobby)) == 500
            assert store._database._file.writer.execute("PRAGMA user_version").fetchone() == (len(steps),)
            store._database._file.writer.execute("INSERT INTO a (b, c) VALUES (1, 2)")


def test_a_step_that_fails_is_taken_back_whole(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE a (b); DROP TABLE nosuch"))
    with pytest.raises(StoreUnusable, match="nosuch"):
        SqliteStore(filled)
    monkeypatch.undo()
    with opened(filled) as (store, lobby):
        assert len(everything(store, lobby)) == 500
        assert not store._database._file.writer.execute("SELECT * FROM sqlite_schema WHERE name = 'a'").fetchall()


# What is refused is left as it is


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE bookmark (url); INSERT INTO bookmark VALUES ('x')")


def text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1_000)


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def truncated_to(part: float) -> Callable[[Path], None]:
    def truncate(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])

    return truncate


def overwritten_at(part: float) -> Callable[[Path], None]:
    def overwrite(path: Path) -> None:
        data = bytearray(path.read_bytes())
        at = int(len(data) * part) // 4_096 * 4_096
        data[at : at + 4_096] = b"\xa5" * 4_096
        path.write_bytes(data)

    return overwrite


SPOILT = {
    "newer": (newer, "newer"),
    "foreign": (foreign, "not one of chatroom's"),
    "text": (text, "not a database"),
    "garbage": (garbage, "not a database"),
    "truncated to a few bytes": (lambda path: path.write_bytes(path.read_bytes()[:10]), "cannot be used"),
    "truncated to its header": (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be used"),
    "truncated in the middle": (truncated_to(0.5), "cannot be used"),
    "truncated by the last bytes": (truncated_to(0.999), "cannot be used"),
    "its first page overwritten": (overwritten_at(0), "not a database"),
    "a page in the middle overwritten": (overwritten_at(0.5), "cannot be used"),
    "its last page overwritten": (overwritten_at(0.99), "cannot be used"),
}


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT.values(), ids=SPOILT)
def test_a_file_that_cannot_be_used_is_refused_and_left_as_it_is(
    filled: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    spoil(filled)
    before = contents(filled)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=sentence) as refused:
            SqliteStore(filled)
        assert str(filled) in refused.value.text
        assert refused.value.text.endswith(".")
        assert "\n" not in refused.value.text
        assert contents(filled) == before


def test_a_newer_file_with_a_log_that_was_never_moved_into_it_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    """As a newer server leaves it that was killed."""
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 50)
        store._database._file.writer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        shutil.copytree(path.parent, tmp_path / "copy")
    copy = tmp_path / "copy" / path.name
    before = contents(copy)
    with pytest.raises(StoreUnusable, match="newer"):
        SqliteStore(copy)
    after = contents(copy)
    assert after[copy.name] == before[copy.name]
    assert after[f"{copy.name}-wal"] == before[f"{copy.name}-wal"]


def test_an_empty_file_is_a_new_store(path: Path) -> None:
    path.touch()
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 1)


@pytest.mark.parametrize("name", ["a/b/chat.db", "my chat?mode=memory.db", "100%25 #1 é.db"])
def test_a_store_may_lie_anywhere_and_folders_are_made_for_it(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        with opened(tmp_path / name) as (store, lobby):
            fill(store, lobby, number, number)
            assert len(everything(store, lobby)) == number
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("place", [".", "file/chat.db"])
def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusable) as refused:
        SqliteStore(tmp_path / place)
    assert refused.value.text.endswith(".")


# Who else uses it


def test_a_store_that_is_open_is_not_opened_again(path: Path) -> None:
    with opened(path) as (store, lobby):
        with pytest.raises(StoreUnusable, match="Another chatroom-server is using"):
            SqliteStore(path)
        fill(store, lobby, 1, 1)
    with opened(path) as (store, lobby):
        assert len(everything(store, lobby)) == 1


def test_a_store_that_another_process_has_open_is_not_opened(path: Path) -> None:
    script = (
        "import sys; from chatroom.server.store.sqlite import SqliteStore;"
        "store = SqliteStore(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    holder = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == b"open"
        with pytest.raises(StoreUnusable, match="Another chatroom-server is using"):
            SqliteStore(path)
        process.kill()
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 1)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """As another program locks it: a backup, or somebody's sqlite3."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_what_is_locked_by_somebody_else_fails_softly_and_recovers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "_BUSY_SECONDS", 0.01)
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 2)
        with locked(path):
            for write in writes(store, lobby):
                with pytest.raises(StoreFailed, match="locked"):
                    write()
            assert seqs(everything(store, lobby)) == [1, 2], "one can still read"
            assert (lobby.last, lobby.topic) == (2, "")
        for write in writes(store, lobby):
            write()
        assert store.people.owner_of(b"A" * 32, 1)
        assert (lobby.first, lobby.last, lobby.topic) == (6, 5, "plans")


def test_who_locks_it_for_long_is_waited_for_once_and_not_by_each_who_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_file, "_BUSY_SECONDS", 0.5)
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 2)
        with locked(path):
            started = time.monotonic()
            for write in writes(store, lobby):
                with pytest.raises(StoreFailed, match="locked"):
                    write()
            assert time.monotonic() - started < 0.5 * len(writes(store, lobby)) / 2
        fill(store, lobby, 3, 3)
        with locked(path):
            patient = Aside(fill, store, lobby, 4, 4)
            assert patient.still_waits()
        patient.finish()


def writes(store: SqliteStore, lobby: RoomRecord) -> list[Callable[[], object]]:
    """All that writes, as it would be asked for."""
    return [
        lambda: store.append(lobby, [said("3", "1")], 0),
        lambda: store.set_topic(lobby, "plans"),
        lambda: store.drop_room(store.add_room("den", "den")),
        lambda: store.people.add_guest("ada", b"A" * 32, 1),
        lambda: store.people.owner_of(b"A" * 32, 1),
        lambda: store.people.forget_sessions(0),
        lambda: store.people.touch_sessions([1], 1),
        lambda: store.keep_seen({Reader(1, lobby): 1}),
        lambda: store.set_access(lobby, private=True),
        lambda: store.set_keeps(lobby, None),
        lambda: store.invite(lobby, [ADA]),
        lambda: store.append(lobby, [by(ADA, once("o", "burns", BOB), edit(1, "new"))], 0),
        lambda: store.seen_once(Reader(BOB, lobby), 1),
        lambda: store.prune(1, 0),
    ]


# No space left


@contextmanager
def full_by_pages(store: SqliteStore) -> Iterator[None]:
    (pages,) = store._database._file.writer.execute("PRAGMA page_count").fetchone()
    store._database._file.writer.execute(f"PRAGMA max_page_count = {pages}")
    yield
    store._database._file.writer.execute("PRAGMA max_page_count = 1000000")


@contextmanager
def full_by_the_system(store: SqliteStore) -> Iterator[None]:
    """No file may grow beyond what the log has now."""
    resource = pytest.importorskip("resource", reason="this system has no limits of this kind")
    _, _, name = store._database._file.writer.execute("PRAGMA database_list").fetchone()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{name}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("full", [full_by_pages, full_by_the_system])
def test_a_full_disk_stores_nothing_fails_softly_and_recovers(
    path: Path, full: Callable[[SqliteStore], AbstractContextManager[None]]
) -> None:
    big = [say(str(number), "x" * 4_000) for number in range(3, 103)]
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 2)
        with full(store):
            for _ in range(2):
                with pytest.raises(StoreFailed, match="nothing was stored"):
                    store.append(lobby, [by(ADA, *big)], 0)
            assert lobby.last == 2
            assert seqs(everything(store, lobby)) == [1, 2], "one can still read"
        assert seqs(store.append(lobby, [by(ADA, *big)], 0).events) == list(range(3, 103))
    with opened(path) as (store, lobby):
        assert seqs(everything(store, lobby)) == list(range(1, 103))


def test_a_page_that_cannot_be_read_fails_softly(path: Path) -> None:
    with opened(path) as (store, lobby):
        fill(store, lobby, 1, 2)
        store._database._file.writer.execute("ALTER TABLE event RENAME TO gone")
        with pytest.raises(StoreFailed):
            store.page(lobby, 0, FAR, 10, reader=ADA)
        with pytest.raises(StoreFailed):
            store.append(lobby, [said("3")], 0)
        store._database._file.writer.execute("ALTER TABLE seen RENAME TO blind")
        with pytest.raises(StoreFailed):
            store.seen(Reader(ADA, lobby))
        store._database._file.writer.execute("ALTER TABLE gone RENAME TO event")
        assert seqs(everything(store, lobby)) == [1, 2]
