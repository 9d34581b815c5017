"""What is said in one go is one row of the SQLite file; nobody can tell, neither who reads nor who says it again."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chatroom.errors import StoreUnusable
from chatroom.messages import Deleted, Message, Say, Stored
from chatroom.server.store import IdConflict, RoomRecord, Standing, Talk, bursts
from chatroom.server.store.backup import verify
from chatroom.server.store.bursts import LEAST, MOST
from chatroom.server.store.events import ADD_PLAIN
from chatroom.server.store.orders import Order
from chatroom.server.store.schema import APPLICATION, MIGRATIONS
from chatroom.server.store.sqlite import SqliteStore
from tests.support.stores import (
    ADA,
    BOB,
    FAR,
    NAMES,
    by,
    delete,
    edit,
    everything,
    found,
    messages,
    page_of,
    react,
    say,
    seqs,
)

Read = Callable[[SqliteStore, RoomRecord], list[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, flush=False)) as store:
        yield store


@pytest.fixture
def lobby(store: SqliteStore) -> RoomRecord:
    return store.add_room("lobby", "lobby")


def ids(first: int, last: int) -> list[str]:
    return [f"{number:05}" for number in range(first, last + 1)]


def talk(store: SqliteStore, room: RoomRecord, *ids: str, owner: int = ADA, now: int = 0) -> list[int]:
    """Each says its own id; the numbers that they got."""
    return seqs(store.append(room, [Talk(owner, NAMES[owner], ids, ids)], now).events)


def stored(path: Path) -> tuple[list[tuple[int, int]], list[int]]:
    """The first and last numbers of the bursts, and the numbers that are rows."""
    with closing(sqlite3.connect(path)) as db:
        packed = db.execute("SELECT first, last FROM burst ORDER BY room, last").fetchall()
        return packed, [seq for (seq,) in db.execute("SELECT seq FROM event ORDER BY room, seq")]


def texts(store: SqliteStore, room: RoomRecord) -> list[str]:
    return [message.message for message in everything(store, room)]


# What is a burst


def test_much_in_one_go_is_one_burst_for_each_who_says_it(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    batch = [
        by(ADA, *map(say, ids(1, LEAST))),
        by(BOB, *map(say, ids(1, LEAST - 1))),
        by(BOB, *map(say, ids(LEAST, 2 * LEAST))),
    ]
    told = store.append(lobby, batch, 77)
    assert stored(path) == ([(1, 8), (16, 24)], [*range(9, 16)])
    read = everything(store, lobby)
    assert [(m.seq, m.time, m.username, m.message, m.id, m.kind) for m in messages(told.events)] == [
        (m.seq, m.time, m.username, m.message, m.id, m.kind) for m in read
    ]
    assert all(message.replayed for message in read)


def test_very_much_is_several_bursts(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    talk(store, lobby, *ids(1, 2 * MOST + LEAST))
    assert stored(path) == ([(1, MOST), (MOST + 1, 2 * MOST), (2 * MOST + 1, 2 * MOST + LEAST)], [])


def test_what_is_left_over_of_very_much_is_rows(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    talk(store, lobby, *ids(1, MOST + LEAST - 1))
    assert stored(path) == ([(1, MOST)], [*range(MOST + 1, MOST + LEAST)])


@pytest.mark.parametrize(
    "said",
    [
        [say(id) for id in ids(1, LEAST - 1)],
        [say(id) for id in reversed(ids(1, LEAST))],
        [say(id) for id in ("1", "10", "100", *map(str, range(101, 109)))],
        [Say(id, "lobby", "hi", "action" if id == "00003" else "text") for id in ids(1, LEAST)],
    ],
    ids=["little", "counting downwards", "ids of two lengths", "of two kinds"],
)
def test_what_cannot_be_a_burst_is_rows(store: SqliteStore, lobby: RoomRecord, path: Path, said: Sequence[Say]) -> None:
    store.append(lobby, [by(ADA, *said)], 0)
    assert stored(path) == ([], [*range(1, len(said) + 1)])
    assert [message.id for message in everything(store, lobby)] == [each.id for each in said]


def test_bursts_that_gather_for_one_room_are_numbered_one_after_the_other(
    store: SqliteStore, lobby: RoomRecord, path: Path
) -> None:
    orders = [Order(lobby, [by(owner, *map(say, ids(1, much)))], 0) for owner, much in ((ADA, 20), (BOB, 30))]
    store._carry_out(orders)
    assert [seqs(order.outcome().events) for order in orders] == [[*range(1, 21)], [*range(21, 51)]]
    assert seqs(everything(store, lobby)) == [*range(1, 51)]


# Said again


def test_each_message_of_a_burst_is_known_again(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    den = store.add_room("den", "den")
    talk(store, lobby, *ids(1, 20), now=7)
    for number, id in enumerate(ids(1, 20), 1):
        again, other_text, elsewhere = (
            store.append(room, [by(ADA, say(id, text))], 9).repeats
            for room, text in ((lobby, id), (lobby, "other"), (den, id))
        )
        assert again == [(0, Stored(id, "lobby", number, 7))] == [(0, store.repeat(lobby, ADA, say(id, id)))]
        assert other_text == elsewhere == [(0, IdConflict(id))]
    assert store.append(lobby, [by(ADA, *(say(id, id) for id in ids(1, 20)))], 9).events == []
    assert store.repeat(lobby, BOB, say("00001", "00001")) is None
    assert stored(path) == ([(1, 20)], []), "to be asked changes nothing"


def test_what_was_said_in_part_before_is_told_from_what_is_new(store: SqliteStore, lobby: RoomRecord) -> None:
    """Whoever lost the line says all again that has no receipt, and goes on."""
    talk(store, lobby, *ids(1, 5))
    talk(store, lobby, *ids(6, 20))
    told = store.append(lobby, [by(ADA, *(say(id, id) for id in ids(1, 40)))], 9)
    assert seqs(told.events) == [*range(21, 41)]
    assert [repeat.seq for _, repeat in told.repeats if isinstance(repeat, Stored)] == [*range(1, 21)]
    assert texts(store, lobby) == ids(1, 40)


def test_an_id_between_those_of_a_burst_may_be_new(store: SqliteStore, lobby: RoomRecord) -> None:
    even, odd = ids(1, 40)[::2], ids(1, 40)[1::2]
    talk(store, lobby, *even)
    assert talk(store, lobby, odd[3]) == [21]
    assert talk(store, lobby, *odd[4:]) == [*range(22, 38)]
    assert talk(store, lobby, *even, *odd) == [38, 39, 40]
    assert sorted(texts(store, lobby)) == sorted([*even, *odd])


def test_a_burst_around_ids_that_are_known_adds_each_once(store: SqliteStore, lobby: RoomRecord) -> None:
    talk(store, lobby, "00010")
    talk(store, lobby, "00013")
    assert talk(store, lobby, *ids(1, 20)) == [*range(3, 21)]
    assert talk(store, lobby, *ids(1, 20), owner=BOB) == [*range(21, 41)], "an id is its owner's own"


def test_two_devices_of_one_owner_count_side_by_side(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    for first in range(1, 100, 10):
        for device in "ab":
            talk(store, lobby, *(f"{device}{id}" for id in ids(first, first + 9)))
    packed, rows = stored(path)
    assert (len(packed), rows) == (20, [])
    assert len({*texts(store, lobby)}) == 200


def test_the_tables_themselves_refuse_what_may_have_been_said_before(store: SqliteStore, lobby: RoomRecord) -> None:
    talk(store, lobby, *ids(10, 20))
    talk(store, lobby, "00030")

    def packs(first: int, last: int, owner: int) -> bool:
        said = ids(first, last)
        return not bursts.pack(db, lobby.key, Talk(owner, NAMES[owner], said, said), 100, 0)

    with store._database.transaction() as db:
        for id in ("00010", "00015", "00020"):
            with pytest.raises(sqlite3.IntegrityError, match="before"):
                db.execute(ADD_PLAIN, (lobby.key, 99, 0, ADA, id, "ada", "", "text"))
        for first, last in ((1, 10), (11, 19), (5, 25), (20, 29), (23, 30), (28, 38)):
            assert not packs(first, last, ADA)
        for first, last in ((1, 9), (21, 29), (31, 39)):
            assert packs(first, last, ADA)
            db.execute("DELETE FROM burst WHERE first = 100")
        assert packs(1, 40, BOB)


# Read


def test_a_page_is_the_same_window_of_bursts_and_rows(store: SqliteStore, lobby: RoomRecord) -> None:
    chance = Random(7)
    while lobby.last < 150:
        number, owner = chance.choice((1, 2, 8, 9, 30)), chance.choice((ADA, BOB))
        talk(store, lobby, *ids(lobby.last + 1, lobby.last + number), owner=owner)
    everybody_knows = everything(store, lobby)
    assert seqs(everybody_knows) == [int(message.id) for message in everybody_knows] == [*range(1, lobby.last + 1)]
    for _ in range(500):
        after, before = chance.randrange(-2, lobby.last + 3), chance.choice((FAR, chance.randrange(lobby.last + 3)))
        limit, newest = chance.choice((1, 5, 40, 1_000)), chance.random() < 0.5
        window = [message for message in everybody_knows if after < message.seq < before]
        expected = window[-limit:] if newest else window[:limit]
        assert store.page(lobby, after, before, limit, reader=BOB, newest=newest) == expected


def test_it_stands_there_for_all_and_belongs_to_who_said_it(store: SqliteStore, lobby: RoomRecord) -> None:
    talk(store, lobby, "00000")
    talk(store, lobby, *ids(1, 20), owner=BOB)
    talk(store, lobby, *ids(1, 20))
    assert store.standing(lobby, 1) == store.standing(lobby, 22) == Standing(ADA, "ada", None, once=False)
    assert store.standing(lobby, 2) == store.standing(lobby, 21) == Standing(BOB, "bob", None, once=False)
    assert store.standing(lobby, 42) is store.standing(lobby, 0) is None


@pytest.mark.parametrize("indexed", [True, False])
def test_it_is_found_by_its_words_and_by_who_said_it(store: SqliteStore, lobby: RoomRecord, indexed: bool) -> None:
    talk(store, lobby, *ids(1, 600), owner=BOB)
    talk(store, lobby, "00300")
    while indexed and store.index():
        pass
    assert found(store, "00300", lobby) == ["00300", "00300"]
    assert found(store, "00300", lobby, by="bob") == found(store, "00300", lobby, by="ada") == ["00300"]
    assert found(store, "003", lobby, by="bob") == [*reversed(ids(300, 399))]
    store.append(lobby, [by(ADA, edit(299, "anew"), delete(300))], 0)
    assert found(store, "00299", lobby) == []
    assert (found(store, "00300", lobby), found(store, "anew", lobby)) == (["00300"], ["anew"])


def test_it_is_there_again(path: Path) -> None:
    with closing(SqliteStore(path, flush=False)) as store:
        lobby = store.add_room("lobby", "lobby")
        talk(store, lobby, *ids(1, 300))
        before = everything(store, lobby)
    with closing(SqliteStore(path, flush=False)) as store:
        (lobby,) = store.rooms()
        assert everything(store, lobby) == before
        assert talk(store, lobby, *ids(290, 310)) == [*range(301, 311)]


@pytest.mark.parametrize("read", [texts, lambda store, room: sorted(found(store, "0", room))], ids=["page", "search"])
def test_who_reads_while_it_is_unpacked_misses_nothing(
    store: SqliteStore, lobby: RoomRecord, path: Path, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    """It is in one table before and in the other one after: all that is read at a time is of one moment."""
    look = bursts.page

    def look_too_late(*where: Any, **how: Any) -> list[Message]:
        store.append(lobby, [by(BOB, react(5))], 0)
        return look(*where, **how)

    talk(store, lobby, *ids(1, 20))
    while store.index():
        pass
    monkeypatch.setattr(bursts, "page", look_too_late)
    assert read(store, lobby) == ids(1, 20)
    assert stored(path)[0] == []


# Changed, erased


def test_one_message_of_it_is_edited_and_another_one_deleted(store: SqliteStore, lobby: RoomRecord) -> None:
    talk(store, lobby, *ids(1, 60))
    store.append(lobby, [by(ADA, edit(20, "anew"), delete(21), react(22))], 0)
    said = page_of(store, lobby, BOB)[:60]
    assert [event.message for event in messages(said)] == [*ids(1, 19), "anew", *ids(22, 60)]
    assert isinstance(said[20], Deleted)
    assert seqs(said) == [*range(1, 61)]
    repeats = store.append(lobby, [by(ADA, say("00020", "00020"), say("00021", "00021"), say("00022", "x"))], 0).repeats
    assert [type(repeat) for _, repeat in repeats] == [Stored, Stored, IdConflict]


def test_it_is_pruned_from_its_middle_on_and_its_ids_stay(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    for now in (10, 20, 30):
        talk(store, lobby, *ids(now, now + 9), now=now)
    store.prune(20, 0)
    assert (lobby.first, texts(store, lobby)) == (11, ids(20, 39))
    assert stored(path) == ([(11, 20), (21, 30)], [*range(1, 11)])
    store.prune(FAR, 0)
    assert (lobby.first, texts(store, lobby)) == (31, [])
    for id in ids(10, 39):
        assert store.append(lobby, [by(ADA, say(id, id))], 40).repeats == [
            (0, Stored(id, "lobby", int(id) - 9, int(id) // 10 * 10))
        ]
        assert store.append(lobby, [by(ADA, say(id, "x"))], 40).repeats == [(0, IdConflict(id))]


def test_what_was_pruned_or_deleted_of_it_is_in_no_file_once_the_store_is_closed(path: Path) -> None:
    with closing(SqliteStore(path, flush=False)) as store:
        lobby = store.add_room("lobby", "lobby")
        for now in (10, 20):
            words = [say(id, f"secret{id}" + "x" * 2_000) for id in ids(now, now + 9)]
            store.append(lobby, [by(ADA, *words)], now)
        store.append(lobby, [by(ADA, delete(11), edit(12, "harmless"))], 20)
        store.prune(20, 0)
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    assert [id for id in ids(10, 29) if f"secret{id}".encode() in kept] == ids(22, 29)


def test_a_room_that_is_dropped_takes_its_bursts_along(store: SqliteStore, lobby: RoomRecord, path: Path) -> None:
    den = store.add_room("den", "den")
    talk(store, den, *ids(1, 300))
    store.drop_room(den)
    assert stored(path)[0] == []
    assert talk(store, store.add_room("den", "den"), *ids(1, 9)) == [], "the ids stay"


# The file


def test_a_backup_with_a_burst_too_few_has_holes(store: SqliteStore, lobby: RoomRecord, tmp_path: Path) -> None:
    talk(store, lobby, *ids(1, 20))
    talk(store, lobby, "00021")
    talk(store, lobby, *ids(22, 30))
    store.backup(tmp_path / "copy.db")
    assert "1 rooms, 30 messages" in verify(tmp_path / "copy.db")[0]
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db, db:
        db.execute("DELETE FROM burst WHERE first = 22")
    with pytest.raises(StoreUnusable, match="missing in lobby"):
        verify(tmp_path / "copy.db")


def test_a_burst_of_another_kind_by_an_earlier_chatroom_is_read_and_unpacked(
    store: SqliteStore, lobby: RoomRecord
) -> None:
    talk(store, lobby, *ids(1, 20))
    with store._database.transaction() as db:
        db.execute("UPDATE burst SET kind = 'action'")
    before = everything(store, lobby)
    assert {message.kind for message in before} == {"action"}
    store.append(lobby, [by(BOB, react(5))], 0)
    assert everything(store, lobby) == before


def test_a_backup_of_a_version_without_bursts_is_whole_and_opened(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("".join(MIGRATIONS[:3]) + f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 3;")
        db.execute("INSERT INTO room (name, folded, epoch, last) VALUES ('lobby', 'lobby', 'e', 1)")
        db.execute(ADD_PLAIN, (1, 1, 0, ADA, "00005", "ada", "hi", "text"))
    assert "1 rooms, 1 messages and changes, version 3" in verify(path)[0]
    with closing(SqliteStore(path, flush=False)) as store:
        (lobby,) = store.rooms()
        assert talk(store, lobby, *ids(6, 20)) == [*range(2, 17)]
        assert store.append(lobby, [by(ADA, say("00005"))], 0).repeats == [(0, Stored("00005", "lobby", 1, 0))]
    assert stored(path) == ([(2, 16)], [1])
