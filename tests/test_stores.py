"""What every store promises; each of them is put to the same tests."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatroom.errors import StartError, StoreFailed
from chatroom.messages import Message, Say, Stored
from chatroom.server.store import FAR, IdConflict, Reader, RoomRecord, Store, Talk, open_store
from chatroom.server.store.memory import HELD, MemoryStore
from tests.support.stores import (
    ADA,
    BOB,
    EVE,
    STORES,
    by,
    everything,
    fill,
    ids,
    messages,
    once,
    opened,
    said,
    say,
    seqs,
)  # fmt: skip


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as store:
        yield store


@pytest.fixture
def lobby(store: Store) -> RoomRecord:
    return store.add_room("lobby", "lobby")


@pytest.fixture
def den(store: Store) -> RoomRecord:
    return store.add_room("den", "den")


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "sqlite", "sqlite:", "redis://localhost", "chat.db"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(StartError, match="names no store"):
        open_store(url)


# Rooms


def test_a_new_room_is_empty_and_has_a_history_of_its_own(store: Store) -> None:
    one, other = store.add_room("Lobby", "lobby"), store.add_room("den", "den")
    assert (one.name, one.folded, one.topic, one.first, one.last) == ("Lobby", "lobby", "", 1, 0)
    assert one.epoch != other.epoch
    assert len(one.epoch) >= 16
    assert one.key != other.key
    assert store.rooms() == [one, other]
    assert everything(store, one) == []


def test_a_room_that_is_made_again_has_another_history(store: Store, den: RoomRecord) -> None:
    store.drop_room(den)
    assert store.rooms() == []
    again = store.add_room("den", "den")
    assert again.epoch != den.epoch
    assert again.key != den.key


def test_a_room_keeps_who_made_it_and_between_whom_it_is(store: Store) -> None:
    den = store.add_room("den", "den", founder=ADA)
    direct = store.add_room("@", f"@{ADA}:{BOB}", pair=(ADA, BOB))
    assert (den.founder, den.pair, den.private, den.keeps) == (ADA, None, False, None)
    assert (direct.founder, direct.pair) == (0, (ADA, BOB))


def test_a_private_room_knows_who_was_invited(store: Store, lobby: RoomRecord, den: RoomRecord) -> None:
    store.set_access(den, private=True)
    store.invite(den, [ADA, BOB])
    store.invite(den, [BOB, EVE])
    assert (lobby.private, den.private) == (False, True)
    assert (store.invited(lobby), store.invited(den)) == (set(), {ADA, BOB, EVE})
    store.set_access(den, private=False)
    assert not den.private


def test_a_room_keeps_its_topic(store: Store, lobby: RoomRecord) -> None:
    store.set_topic(lobby, "plans")
    assert [room.topic for room in store.rooms()] == ["plans"]


# Numbers and times


def test_what_is_said_comes_back_numbered_in_order(store: Store, lobby: RoomRecord) -> None:
    hello = Say(id="a", room="lobby", message="hello", kind="action", reply_to=None)
    answer = Say(id="a", room="lobby", message="oh", reply_to=1)
    appended = store.append(lobby, [by(ADA, hello), by(BOB, answer)], 77)
    assert list(appended.events) == [
        Message("lobby", 1, 77, "ada", "hello", "a", "action"),
        Message("lobby", 2, 77, "bob", "oh", "a", "text", 1),
    ]
    assert not appended.repeats
    assert (lobby.first, lobby.last, lobby.time) == (1, 2, 77)


def test_history_gives_what_was_said_and_says_that_it_is_a_replay(store: Store, lobby: RoomRecord) -> None:
    hello = Say(id="a", room="lobby", message="zwölf\n\t𝄞 'x' \"y\" %s ;--", kind="action", reply_to=0)
    store.append(lobby, [by(ADA, hello)], 77)
    replay = Message("lobby", 1, 77, "ada", hello.message, "a", "action", 0, replayed=True)
    assert everything(store, lobby) == [replay]


def test_each_room_has_numbers_of_its_own_without_a_hole(store: Store, lobby: RoomRecord, den: RoomRecord) -> None:
    for first in (1, 4, 7):
        assert seqs(store.append(lobby, [said(*ids(first, first + 2))], 0).events) == [
            first,
            first + 1,
            first + 2,
        ]
        store.append(den, [said(f"den {first}")], 0)
    assert seqs(everything(store, lobby)) == list(range(1, 10))
    assert seqs(everything(store, den)) == [1, 2, 3]


def test_times_never_go_backwards_in_a_room_however_the_clock_jumps(store: Store, lobby: RoomRecord) -> None:
    for number, now in enumerate((50, 20, 70, 0, -5, 80)):
        store.append(lobby, [said(str(number))], now)
    assert [message.time for message in everything(store, lobby)] == [50, 50, 70, 70, 70, 80]


def test_what_was_said_before_leaves_the_time_of_a_room_as_it_is(store: Store, lobby: RoomRecord) -> None:
    for now in (50, 90):
        store.append(lobby, [said("1")], now)
    assert lobby.time == 50


def test_nothing_said_is_nothing_added(store: Store, lobby: RoomRecord) -> None:
    assert not any(store.append(lobby, [], 1))
    assert lobby.last == 0


# Repeats


def test_a_repeat_adds_nothing_and_names_the_first(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [said("a", "b")], 5)
    appended = store.append(lobby, [said("b")], 9)
    assert list(appended.events) == []
    assert list(appended.repeats) == [(0, Stored("b", "lobby", 2, 5))]
    assert lobby.last == 2


def test_a_repeat_within_one_batch_is_found(store: Store, lobby: RoomRecord) -> None:
    appended = store.append(lobby, [said("a", "a"), said("x", owner=BOB), said("a", "b")], 5)
    assert [(message.id, message.seq) for message in appended.events] == [("a", 1), ("x", 2), ("b", 3)]
    assert list(appended.repeats) == [(0, Stored("a", "lobby", 1, 5)), (2, Stored("a", "lobby", 1, 5))]
    assert seqs(everything(store, lobby)) == [1, 2, 3]


def test_repeats_leave_no_hole_among_what_is_new(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [said("a", "b")], 0)
    appended = store.append(lobby, [said("a", "c", "b", "d"), said("a", "e")], 0)
    assert [(message.id, message.seq) for message in appended.events] == [("c", 3), ("d", 4), ("e", 5)]
    assert [place for place, _ in appended.repeats] == [0, 0, 1]


def test_what_was_said_in_one_go_is_known_one_by_one(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [by(ADA, say("a", "one"), say("b", "two"))], 3)
    again = store.append(lobby, [by(ADA, say("b", "two"), say("a", "one"), say("b", "one"))], 4)
    assert list(again.repeats) == [
        (0, Stored("b", "lobby", 2, 3)),
        (0, Stored("a", "lobby", 1, 3)),
        (0, IdConflict("b")),
    ]


def test_an_id_is_its_owners_own(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [said("a", owner=ADA, username="ada")], 0)
    taken_over = store.append(lobby, [said("a", owner=BOB, username="ada")], 0)
    assert seqs(taken_over.events) == [2], "it belongs to the owner, not to the name"
    renamed = store.append(lobby, [said("a", owner=ADA, username="countess")], 0)
    assert list(renamed.repeats) == [(0, Stored("a", "lobby", 1, 0))]


def test_the_same_id_with_another_text_or_room_is_a_conflict(store: Store, lobby: RoomRecord, den: RoomRecord) -> None:
    store.append(lobby, [said("a")], 0)
    other_text = store.append(lobby, [by(ADA, say("a", "something else"))], 0)
    other_room = store.append(den, [said("a")], 0)
    assert list(other_text.repeats) == list(other_room.repeats) == [(0, IdConflict("a"))]
    assert not other_text.events
    assert not other_room.events
    assert (lobby.last, den.last) == (1, 0)


def test_a_conflict_within_one_batch_is_found(store: Store, lobby: RoomRecord) -> None:
    appended = store.append(lobby, [by(ADA, say("a", "one"), say("a", "two"), say("a", "one"))], 3)
    assert [message.message for message in messages(appended.events)] == ["one"]
    assert list(appended.repeats) == [(0, IdConflict("a")), (0, Stored("a", "lobby", 1, 3))]


def test_a_room_that_was_made_again_does_not_take_repeats_for_those_of_the_old_one(store: Store) -> None:
    old = store.add_room("den", "den")
    store.drop_room(old)
    new = store.add_room("den", "den")
    assert seqs(store.append(new, [said("a")], 0).events) == [1]


sayings = st.tuples(st.sampled_from([ADA, BOB]), st.sampled_from("abcdef"), st.sampled_from(["one", "two"]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(sayings, max_size=5), max_size=6))
def test_any_sayings_are_kept_once_each_and_numbered_without_a_hole(
    store: Store, batches: list[list[tuple[int, str, str]]]
) -> None:
    """The store against a model of it: a dictionary."""
    room = store.add_room("room", f"room {len(store.rooms())}")
    known: dict[tuple[int, str], tuple[int, str]] = {}
    for batch in batches:
        added: list[tuple[int, str]] = []
        repeats: list[int | str] = []
        for owner, letter, text in batch:
            id = f"{letter} {room.key}"  # each example has a room and ids of its own
            seq, first_text = known.setdefault((owner, id), (len(known) + 1, text))
            if len(known) > room.last + len(added):
                added.append((seq, text))
            else:
                repeats.append(seq if text == first_text else id)
        appended = store.append(room, [Talk(o, "x", [text], [f"{letter} {room.key}"]) for o, letter, text in batch], 0)
        assert [(message.seq, message.message) for message in messages(appended.events)] == added
        assert [r.seq if isinstance(r, Stored) else r.id for _, r in appended.repeats] == repeats
    assert [(message.seq, message.message) for message in everything(store, room)] == list(known.values())


def test_many_threads_say_things_at_once_and_the_store_gives_each_a_number(store: Store, lobby: RoomRecord) -> None:
    start = threading.Barrier(8)
    given_out: list[int] = []

    def speak(owner: int) -> None:
        start.wait()
        for number in range(20):
            given_out.extend(seqs(store.append(lobby, [said(f"{number}", f"{number}", owner=owner)], 0).events))
            store.page(lobby, 0, FAR, 10, reader=ADA)

    threads = [threading.Thread(target=speak, args=(owner,)) for owner in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given_out) == seqs(everything(store, lobby)) == list(range(1, 161))


# Pages


@pytest.mark.parametrize(
    ("after", "before", "limit", "newest", "expected"),
    [
        (0, FAR, 100, False, range(1, 11)),
        (0, FAR, 100, True, range(1, 11)),
        (0, FAR, 3, False, [1, 2, 3]),
        (0, FAR, 3, True, [8, 9, 10]),
        (4, FAR, 3, False, [5, 6, 7]),
        (4, FAR, 3, True, [8, 9, 10]),
        (0, 4, 100, False, [1, 2, 3]),
        (0, 9, 3, True, [6, 7, 8]),
        (4, 7, 100, False, [5, 6]),
        (4, 7, 1, False, [5]),
        (4, 7, 1, True, [6]),
        (4, 5, 100, False, []),
        (7, 4, 100, False, []),
        (7, 4, 100, True, []),
        (10, FAR, 100, False, []),
        (FAR, FAR, 100, True, []),
        (0, 0, 100, True, []),
        (0, 1, 100, False, []),
        (9, FAR, 100, False, [10]),
        (0, 11, 1, True, [10]),
    ],
)
def test_a_page_is_a_window_from_its_oldest_or_its_newest_side(
    store: Store, lobby: RoomRecord, after: int, before: int, limit: int, newest: bool, expected: list[int]
) -> None:
    fill(store, lobby, 1, 10)
    assert seqs(store.page(lobby, after, before, limit, newest=newest, reader=ADA)) == list(expected)


def test_a_page_holds_one_room_alone(store: Store, lobby: RoomRecord, den: RoomRecord) -> None:
    fill(store, lobby, 1, 3)
    store.append(den, [said("x")], 0)
    assert [message.id for message in everything(store, den)] == ["x"]


# Pruning


@pytest.fixture
def aged(store: Store, lobby: RoomRecord) -> RoomRecord:
    """A room with ten messages, said at the times 10, 20 ... 100."""
    for number in range(1, 11):
        fill(store, lobby, number, number, number * 10)
    return lobby


def test_pruning_erases_what_is_older_and_nothing_else(store: Store, aged: RoomRecord) -> None:
    store.prune(40, 0)
    assert seqs(everything(store, aged)) == [4, 5, 6, 7, 8, 9, 10]
    assert (aged.first, aged.last) == (4, 10)
    store.prune(40, 0)
    assert aged.first == 4
    assert seqs(store.page(aged, 0, FAR, 2, reader=ADA)) == [4, 5]
    assert seqs(store.page(aged, 0, 6, 9, newest=True, reader=ADA)) == [4, 5]


def test_numbers_go_on_after_everything_was_pruned(store: Store, aged: RoomRecord) -> None:
    store.prune(1_000, 0)
    assert everything(store, aged) == []
    assert (aged.first, aged.last) == (11, 10)
    assert seqs(store.append(aged, [said("new")], 1_000).events) == [11]
    assert seqs(everything(store, aged)) == [11]
    assert (aged.first, aged.last) == (11, 11)


def test_pruning_keeps_the_ids(store: Store, aged: RoomRecord, den: RoomRecord) -> None:
    store.prune(1_000, 0)
    repeated = store.append(aged, [said("3")], 1_000)
    conflict = store.append(aged, [by(ADA, say("4", "something else"))], 1_000)
    elsewhere = store.append(den, [said("5")], 1_000)
    assert list(repeated.repeats) == [(0, Stored("3", "lobby", 3, 30))]
    assert list(conflict.repeats) == [(0, IdConflict("4"))]
    assert list(elsewhere.repeats) == [(0, IdConflict("5"))]
    assert not (*repeated.events, *conflict.events, *elsewhere.events)


def test_pruning_a_room_without_history_changes_nothing(store: Store, lobby: RoomRecord) -> None:
    store.prune(1_000, 0)
    assert (lobby.first, lobby.last) == (1, 0)
    fill(store, lobby, 1, 1)
    assert seqs(everything(store, lobby)) == [1]


def test_memory_is_bounded_and_the_newest_are_held() -> None:
    store = MemoryStore()
    lobby = store.add_room("lobby", "lobby")
    total = HELD * 5 // 4 + 1
    for first in range(1, total + 1, 5_000):
        fill(store, lobby, first, min(first + 4_999, total))
    assert lobby.last == total
    assert lobby.first == total - HELD + 1
    assert seqs(store.page(lobby, 0, FAR, 2, reader=ADA)) == [lobby.first, lobby.first + 1]
    assert seqs(store.page(lobby, 0, FAR, 1, newest=True, reader=ADA)) == [total]
    assert [place for place, _ in store.append(lobby, [said("1")], 0).repeats] == [0], "all ids are held"


def test_without_a_time_only_rooms_with_one_of_their_own_are_pruned(store: Store, aged: RoomRecord) -> None:
    store.prune(None, 1_000)
    assert aged.first == 1
    store.set_keeps(aged, 50)
    store.prune(None, 100)
    assert aged.first == 5, "what was said at 50 is just young enough"


def test_a_room_may_keep_its_history_longer_or_for_ever(store: Store, aged: RoomRecord, den: RoomRecord) -> None:
    store.append(den, [said("den")], 10)
    store.set_keeps(aged, 0)
    store.prune(1_000, 1_000)
    assert (aged.first, den.first) == (1, 2)
    store.set_keeps(aged, 930)
    store.prune(1_000, 1_000)
    assert aged.first == 7
    store.set_keeps(aged, None)
    store.prune(90, 1_000)
    assert aged.first == 9


def test_nobody_waits_for_a_view_once_message_that_was_pruned(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [by(ADA, once("a", "burns", BOB))], 10)
    store.append(lobby, [by(ADA, once("b", "burns", BOB))], 20)
    store.prune(20, 0)
    assert store.unseen_once(lobby) == 2
    assert store.standing(lobby, 1) is None
    store.seen_once(Reader(BOB, lobby), 1)
    assert store.standing(lobby, 2)


def test_a_store_in_memory_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="in memory"):
        MemoryStore().backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


# Read positions


def test_what_was_never_read_was_read_up_to_nothing(store: Store, lobby: RoomRecord) -> None:
    assert store.seen(Reader(ADA, lobby)) == 0
    store.keep_seen({})
    assert store.seen(Reader(ADA, lobby)) == 0


def test_each_owner_has_a_position_in_each_room(store: Store, lobby: RoomRecord, den: RoomRecord) -> None:
    positions = {Reader(ADA, lobby): 7, Reader(BOB, lobby): 8, Reader(ADA, den): 9}
    store.keep_seen(positions)
    assert {reader: store.seen(reader) for reader in positions} == positions
    assert store.seen(Reader(BOB, den)) == 0


def test_a_position_goes_on_and_never_back(store: Store, lobby: RoomRecord) -> None:
    reader = Reader(ADA, lobby)
    found = []
    for seq in (5, 3, 5, 9, 0):
        store.keep_seen({reader: seq})
        found.append(store.seen(reader))
    assert found == [5, 5, 5, 9, 9]


def test_positions_go_with_their_room(store: Store, lobby: RoomRecord, den: RoomRecord) -> None:
    store.keep_seen({Reader(ADA, lobby): 7, Reader(ADA, den): 9})
    store.drop_room(den)
    assert store.seen(Reader(ADA, den)) == 0
    assert store.seen(Reader(ADA, lobby)) == 7


def test_pruning_keeps_the_positions(store: Store, aged: RoomRecord) -> None:
    store.keep_seen({Reader(ADA, aged): 7})
    store.prune(1_000, 0)
    assert store.seen(Reader(ADA, aged)) == 7


def test_positions_go_with_the_session_of_their_owner(store: Store, lobby: RoomRecord) -> None:
    idle, active = store.people.add_guest("idle", b"I" * 32, 100), store.people.add_guest("active", b"A" * 32, 200)
    store.keep_seen({Reader(idle, lobby): 7, Reader(active, lobby): 8})
    store.people.forget_sessions(100)
    assert store.seen(Reader(idle, lobby)) == 7
    store.people.forget_sessions(150)
    assert [store.seen(Reader(owner, lobby)) for owner in (idle, active)] == [0, 8]


# Guests


def test_a_guest_comes_back_with_its_token(store: Store) -> None:
    ada, bob = store.people.add_guest("ada", b"A" * 32, 1), store.people.add_guest("bob", b"B" * 32, 1)
    assert ada != bob
    assert (store.people.owner_of(b"A" * 32, 2), store.people.owner_of(b"B" * 32, 2)) == (ada, bob)


def test_an_unknown_token_belongs_to_nobody(store: Store) -> None:
    store.people.add_guest("ada", b"A" * 32, 1)
    assert store.people.owner_of(b"a" * 32, 2) is None
    assert store.people.owner_of(b"", 2) is None


def test_who_takes_a_freed_name_is_somebody_else(store: Store) -> None:
    one = store.people.add_guest("ada", b"A" * 32, 1)
    store.people.forget_sessions(100)
    assert store.people.add_guest("ada", b"B" * 32, 101) != one


def test_sessions_end_once_they_are_unused_for_too_long(store: Store) -> None:
    idle, active = store.people.add_guest("idle", b"I" * 32, 100), store.people.add_guest("active", b"A" * 32, 100)
    store.people.forget_sessions(100)
    assert store.people.owner_of(b"I" * 32, 100) == idle, "used at that time, not before"
    here = store.people.add_guest("here", b"H" * 32, 100)
    store.people.owner_of(b"A" * 32, 200)
    store.people.touch_sessions([here], 200)
    store.people.forget_sessions(150)
    assert store.people.owner_of(b"I" * 32, 300) is None
    assert store.people.owner_of(b"A" * 32, 300) == active
    assert store.people.owner_of(b"H" * 32, 300) == here
