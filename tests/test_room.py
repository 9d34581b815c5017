"""The room: one order for everybody, and nothing shown that is not stored, whatever fails."""

import threading
from collections.abc import Sequence
from functools import partial

import pytest

from chatroom import messages
from chatroom.errors import Refusal
from chatroom.messages import Error, Joined, Left, Live, Message, Stored, Topic
from chatroom.server.agenda import PENDING
from chatroom.server.batch import SAY_WEIGHT
from chatroom.server.room import TURNS
from chatroom.server.store import Appended, RoomRecord, Speech, Talk
from tests.support.rooms import Aside, Gate, House, Person, ShakyStore, at_once, hush, numbers, only, shown
from tests.support.stores import ADA, ids, said, seqs


@pytest.fixture
def house() -> House:
    return House()


# Posting


def test_everybody_is_shown_what_is_said_its_author_too(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.hears()
    ada.says_with(house.room, ("first", "hello"))
    expected = [Message("lobby", 1, 1_000, "ada", "hello", "first")]
    assert ada.hears() == bob.hears() == expected
    assert house.room.last() == 1


def test_what_is_said_at_once_is_stored_at_once_and_handed_out_as_the_same_bytes(house: House) -> None:
    people = [house.person(f"p{number}") for number in range(5)]
    hush(*people)
    stored: list[RoomRecord] = []
    house.store.before_append = stored.append
    people[0].says(house.room, "one", "two", "three")
    assert len(stored) == 1
    assert [shown(person.hears()) for person in people] == [[(1, "one"), (2, "two"), (3, "three")]] * 5
    last = [person.outbox.taken[-1] for person in people]
    assert all(packet is last[0] for packet in last)


def test_nothing_is_shown_before_it_is_stored(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.hears()
    house.store.before_append = lambda room: heard.extend(ada.hears() + bob.hears())
    heard: list[object] = []
    ada.says(house.room, "hello")
    assert heard == []
    assert numbers(bob.hears()) == [1]


def test_each_message_has_the_time_at_which_it_was_stored(house: House) -> None:
    ada = house.person("ada")
    for house.clock.now in (5_000, 4_000, 6_000):
        ada.says(house.room, "hello")
    assert [message.time for message in only(Message, ada.hears())] == [5_000, 5_000, 6_000]


def test_a_repeat_is_answered_to_the_one_who_said_it_and_to_nobody_else(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.says_with(house.room, ("1", "hello"))
    hush(ada, bob)
    ada.says_with(house.room, ("1", "hello"), ("1", "something else"))
    assert bob.hears() == []
    stored, conflict = ada.hears()
    assert stored == Stored("1", "lobby", 1, 1_000)
    assert (conflict.code, conflict.id, conflict.fatal) == ("id_conflict", "1", False)


def test_many_speak_at_once_and_everybody_hears_one_order_without_a_hole(house: House) -> None:
    speakers = [house.person(f"p{number}") for number in range(6)]
    listener = house.person("listener")
    hush(*speakers)

    def speak(person: Person) -> None:
        for number in range(30):
            person.says(house.room, str(2 * number), str(2 * number + 1))

    with house.later.running():
        at_once(*(partial(speak, person) for person in speakers))
        house.room.settle()
    heard = listener.hears()
    assert numbers(heard) == list(range(1, 361))
    assert all(person.hears() == heard for person in speakers)
    for person in speakers:
        own = [message for message in only(Message, heard) if message.username == person.member.username]
        assert [message.message for message in own] == list(map(str, range(60))), "in the order in which it was said"


def test_one_thread_stores_no_more_than_a_few_batches_for_others(house: House) -> None:
    """Else a flood of others would keep a client's thread from its own client for ever."""
    ada, bob = house.person("ada"), house.person("bob")
    turns = 0

    def bob_speaks_too(room: RoomRecord) -> None:
        nonlocal turns
        turns += 1
        if turns < 2 * TURNS:
            bob.says(house.room, "and again")

    house.store.before_append = bob_speaks_too
    ada.says(house.room, "hello")
    assert turns == TURNS
    assert house.later.run() >= 1
    assert turns == 2 * TURNS
    house.room.settle(timeout=0)
    assert numbers(bob.hears()) == list(range(1, 2 * TURNS + 1))


def test_whoever_posts_while_somebody_stores_does_not_wait(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    gate = house.store.before_append = Gate()
    slow = Aside(ada.says, house.room, "slow")
    gate.wait_until_reached()
    bob.says(house.room, "quick")
    bob.says(house.room, "quicker")
    assert shown(bob.hears()) == []
    gate.open()
    slow.finish()
    assert shown(bob.hears()) == [(1, "slow"), (2, "quick"), (3, "quicker")]


def test_settling_waits_until_what_one_said_is_handed_out_though_by_another(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    gate = house.store.before_append = Gate()
    slow = Aside(ada.says, house.room, "slow")
    gate.wait_until_reached()
    bob.says(house.room, "quick")
    waiting = Aside(bob.member.settle)
    assert waiting.still_waits()
    gate.open()
    waiting.finish()
    assert numbers(bob.hears()) == [1, 2]
    slow.finish()


def test_settling_gives_up_in_time(house: House) -> None:
    ada = house.person("ada")
    gate = house.store.before_append = Gate()
    slow = Aside(ada.says, house.room, "slow")
    gate.wait_until_reached()
    house.room.settle(timeout=0.01)
    assert numbers(ada.hears()) == []
    gate.open()
    slow.finish()


def test_one_batch_is_stored_while_the_one_before_is_handed_out_and_the_order_holds(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    gate, put = Gate(), bob.outbox.put

    def put_slowly(data: bytes) -> bool:
        gate()
        return put(data)

    bob.outbox.put = put_slowly  # type: ignore[method-assign]
    first = Aside(ada.says, house.room, "one")
    gate.wait_until_reached()
    stored = threading.Event()
    house.store.before_append = lambda room: stored.set()
    second = Aside(bob.says, house.room, "two")
    assert stored.wait(timeout=20)
    assert shown(bob.hears()) == []
    gate.open()
    first.finish()
    second.finish()
    assert shown(bob.hears()) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    "texts", [["x" * 4_000] * (PENDING // 4_000 + 1), ["x"] * (PENDING // SAY_WEIGHT + 1)], ids=["much", "many"]
)
def test_whoever_says_more_than_can_be_pending_waits(house: House, texts: Sequence[str]) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    gate = house.store.before_append = Gate()
    slow = Aside(ada.says, house.room, "slow")
    gate.wait_until_reached()
    bob.says(house.room, *texts)
    flooding = Aside(bob.says, house.room, "more")
    assert flooding.still_waits()
    gate.open()
    flooding.finish()
    slow.finish()
    house.room.settle(timeout=20)
    assert shown(bob.hears())[-1] == (len(texts) + 2, "more")


# Presence and topics, live and missed


def test_everybody_learns_who_comes_and_goes(house: House) -> None:
    ada = house.person("ada")
    bob = house.person("bob")
    assert ada.hears() == [Joined("lobby", "bob")]
    assert house.room.members() == ("ada", "bob")
    assert house.room.leave(bob.member, "left")
    assert ada.hears() == [Left("lobby", "bob", "left")]
    assert bob.hears() == [], "the answer is for whoever asked"
    assert house.room.members() == ("ada",)
    assert not house.room.leave(bob.member, "left")
    assert ada.hears() == []


def test_whoever_has_left_is_sent_nothing_more(house: House) -> None:
    ada, bob, cem = house.person("ada"), house.person("bob"), house.person("cem")
    hush(bob, cem)
    cem.outbox.space = 0
    ada.says(house.room, "one")
    bob.hears()
    seat = cem.member.seat_in(house.room)
    house.room.leave(bob.member, "left")
    house.room.leave(cem.member, "left")
    cem.outbox.space = None
    ada.says(house.room, "two")
    cem.member.feed()
    assert seat
    house.room.feed(seat)  # by somebody who was just about to
    house.later.run()
    assert bob.hears() == []
    assert cem.hears() == []


def test_members_are_listed_in_order(house: House) -> None:
    for name in ("cem", "ada", "bob"):
        house.person(name)
    [greeting] = only(messages.Room, Person("Abe").joins(house.room))
    assert greeting.members == ["Abe", "ada", "bob", "cem"]


def test_a_topic_is_told_to_all_but_answered_to_the_one_who_set_it(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.hears()
    topic = Topic("lobby", "plans", "ada")
    assert house.room.set_topic(ada.member, "plans") == topic
    assert bob.hears() == [topic]
    assert ada.hears() == []
    [greeting] = only(messages.Room, Person("cem").joins(house.room))
    assert greeting.topic == "plans"


# A store that fails, or orders differently


def test_a_store_that_fails_is_told_to_exactly_those_who_said_something(house: House) -> None:
    ada, bob, cem = house.person("ada"), house.person("bob"), house.person("cem")
    hush(ada, bob, cem)
    house.store.fails = True
    ada.says_with(house.room, ("a1", "one"), ("a2", "two"))
    bob.says_with(house.room, ("b1", "three"))
    errors = ada.hears()
    assert [(error.code, error.id, error.fatal) for error in errors] == [
        ("store_failed", "a1", False),
        ("store_failed", "a2", False),
    ]
    assert all(error.text == "The disk is full; nothing was stored." for error in errors)
    assert [error.id for error in only(Error, bob.hears())] == ["b1"]
    assert cem.hears() == []
    assert house.room.last() == 0


def test_after_a_failure_the_same_id_is_stored_and_the_numbers_have_no_hole(house: House) -> None:
    ada = house.person("ada")
    ada.says_with(house.room, ("1", "one"))
    house.store.fails = True
    ada.says_with(house.room, ("2", "two"))
    house.store.fails = False
    ada.says_with(house.room, ("2", "two"), ("3", "three"))
    assert shown(ada.hears()) == [(1, "one"), (2, "two"), (3, "three")]


def test_a_store_that_fails_keeps_nobody_from_coming_and_going(house: House) -> None:
    ada = house.person("ada")
    house.store.fails = True
    ada.says(house.room, "one")
    bob = house.person("bob")
    house.room.leave(bob.member, "left")
    ada.member.settle()
    assert ada.hears()[1:] == [Joined("lobby", "bob"), Left("lobby", "bob", "left")]


def test_an_error_nobody_thought_of_does_not_stop_the_room(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()

    def break_down(room: RoomRecord) -> None:
        raise ZeroDivisionError

    house.store.before_append = break_down
    ada.hears()
    ada.says(house.room, "one")
    assert [error.code for error in only(Error, ada.hears())] == ["store_failed"]
    house.store.before_append = lambda room: None
    ada.says(house.room, "two")
    ada.member.settle()
    assert shown(bob.hears()) == [(1, "two")]


class SharedStore(ShakyStore):
    """Other servers append to it, too: each time something is appended here, something came before it."""

    def __init__(self) -> None:
        super().__init__()
        self.others = 0

    def append(self, room: RoomRecord, said: Sequence[Speech], now: int) -> Appended:
        for _ in range(self.others):
            super().append(room, [Talk(ADA, "far", ["far"], [str(room.last)])], now)
        return super().append(room, said, now)


def test_what_another_server_appended_is_shown_to_everybody_in_the_stores_order(house: House) -> None:
    house.store = SharedStore()
    house.room = house.open(house.store.add_room("lobby", "lobby"))
    ada, bob = house.person("ada"), house.person("bob")
    ada.hears()
    ada.says(house.room, "one")
    house.store.others = 2
    ada.says(house.room, "two")
    house.later.run()
    expected = [(1, "one"), (2, "far"), (3, "far"), (4, "two")]
    for person in (ada, bob):
        heard = person.hears()
        assert shown(heard) == expected
        assert heard[-1] == Live("lobby", 4)
    house.store.others = 0
    ada.says(house.room, "three")
    assert shown(ada.hears()) == shown(bob.hears()) == [(5, "three")], "and goes on live"


def test_news_that_comes_with_what_does_not_follow_on_is_told_once(house: House) -> None:
    house.store = SharedStore()
    house.room = house.open(house.store.add_room("lobby", "lobby"))
    ada, bob = house.person("ada"), house.person("bob")
    cem = Person("cem")
    ada.hears()
    house.store.others = 1
    gate = house.store.before_append = Gate()
    slow = Aside(ada.says, house.room, "one")
    gate.wait_until_reached()
    ada.says(house.room, "two")
    coming = Aside(cem.joins, house.room)
    gate.open()
    slow.finish()
    coming.finish()
    house.later.run()
    heard = bob.hears()
    assert [text for _, text in shown(heard)] == ["far", "one", "far", "two"]
    assert only(Joined, heard) == [Joined("lobby", "cem")]


# The end of a room


def test_a_room_without_history_can_be_ended_and_then_takes_nothing_more(house: House) -> None:
    ada = house.person("ada")
    assert house.room.retire()
    with pytest.raises(Refusal, match="There is no room lobby"):
        ada.says(house.room, "hello")


def test_a_room_with_history_stays(house: House) -> None:
    ada = house.person("ada")
    ada.says(house.room, "hello")
    assert not house.room.retire()
    ada.says(house.room, "hello")
    assert numbers(ada.hears()) == [1, 2]


def test_history_shows_only_what_was_handed_out(house: House) -> None:
    """Who asks for a page must not get there first what everybody is about to be shown."""
    ada, bob = house.person("ada"), house.person("bob")
    ada.says(house.room, "one", "two", "three")
    seat = ada.member.seat_in(house.room)
    assert seat
    assert seqs(house.room.history(seat, 0, 99, 2, newest=True)) == [2, 3]
    assert seqs(house.room.history(seat, 1, 3, 9, newest=False)) == [2]
    store = house.store
    store.append(house.room.record, [said(*ids(1, 2))], 0)
    assert seqs(house.room.history(seat, 0, 99, 9, newest=True)) == [1, 2, 3]
    assert numbers(bob.hears()) == [1, 2, 3]
