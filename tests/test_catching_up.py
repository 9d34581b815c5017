"""Coming into a room, and catching up with it: nothing is lost and nothing comes twice, however slow one is."""

import threading
from functools import partial

import pytest

from chatroom import messages
from chatroom.messages import Event, Joined, Left, Live, Message, Topic
from chatroom.server import room as room_module
from chatroom.server.paging import FEED_WEIGHT, MESSAGE_WEIGHT, PAGE, PAGES, as_fit
from chatroom.wire import NATIVE
from tests.support.rooms import Aside, House, Person, at_once, decoded, hush, numbers, only, shown
from tests.support.stores import fill


@pytest.fixture
def house() -> House:
    return House()


# Members that refuse


def test_a_member_that_refuses_falls_behind_and_is_fed_whole_and_in_order(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.hears()
    ada.says(house.room, "one")
    bob.outbox.space = 0
    for text in ("two", "three", "four"):
        ada.says(house.room, text)
    assert shown(ada.hears()) == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]
    house.later.run()
    assert shown(bob.hears()) == [(1, "one")]
    assert bob.member.is_behind()

    bob.outbox.space = None
    bob.member.feed()
    *missed, live = bob.hears()
    assert shown(missed) == [(2, "two"), (3, "three"), (4, "four")]
    assert all(message.replayed for message in missed)
    assert live == Live("lobby", 4)
    assert not bob.member.is_behind()

    ada.says(house.room, "five")
    [live_again] = bob.hears()
    assert (live_again.seq, live_again.replayed) == (5, False)


def test_what_somebody_says_again_is_offered_to_nobody_else(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.says_with(house.room, ("1", "one"))
    bob.outbox.space, bob.outbox.offered = 0, 0
    ada.says_with(house.room, ("1", "one"))
    assert bob.outbox.offered == 0
    assert not bob.member.is_behind()


def test_a_member_that_is_behind_costs_the_others_nothing(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.outbox.space, bob.outbox.offered = 0, 0
    for _ in range(50):
        ada.says(house.room, "hello")
    house.later.run()
    assert bob.outbox.offered == 1, "it is asked once, and then left alone until it is fed"
    assert bob.hears() == []
    assert numbers(ada.hears())[-1] == 50


def test_a_member_is_fed_at_its_own_pace_while_others_go_on(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.outbox.space = 0
    ada.says(house.room, *map(str, range(1, 3 * PAGE)))
    heard: list[Event] = []
    for n in range(3 * PAGE, 3 * PAGE + 10):
        bob.outbox.space = 1
        bob.member.feed()
        heard += bob.hears()
        ada.says(house.room, str(n))
        house.later.run()
    bob.outbox.space = None
    bob.member.feed()
    heard += bob.hears()
    assert shown(heard) == [(n, str(n)) for n in range(1, 3 * PAGE + 10)]
    assert numbers(ada.hears()) == list(range(1, 3 * PAGE + 10))


def test_a_thread_that_feeds_a_long_history_lets_others_have_their_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "PAGE", 2)
    fill(house.store, house.room.record, 1, 100)
    house.room = house.open(house.room.record)
    bob = Person("bob")
    first = numbers(bob.joins(house.room, since=0))
    assert first == list(range(1, 2 * PAGES + 1))
    assert house.later.run() > 1
    heard = bob.hears()
    assert numbers(heard) == list(range(len(first) + 1, 101))
    assert heard[-1] == Live("lobby", 100)


def test_no_packet_that_is_fed_is_heavier_than_it_may_be(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()
    bob.outbox.space = 0
    ada.says(house.room, *['"' * 4_000] * 200)
    bob.outbox.space, bob.outbox.taken = None, []
    bob.member.feed()
    assert max(map(len, bob.outbox.taken)) <= FEED_WEIGHT
    assert numbers(decoded(bob.outbox.taken)) == list(range(1, 201))


def test_no_message_weighs_more_in_a_frame_than_is_reckoned() -> None:
    names, words, many = {"room": "𠀀" * 50, "username": "𠀀" * 32, "id": '"' * 64}, '"\\\n\t' * 1_000, 1 << 40
    worst = Message(**names, message=words, seq=many, time=many, reply_to=many, kind="action", replayed=True)  # type: ignore[arg-type]
    reckoned = 2 * len(worst.message.encode()) + MESSAGE_WEIGHT
    assert len(NATIVE.encode([worst])) <= reckoned
    assert as_fit([worst] * 3, 2 * reckoned) == [worst] * 2
    assert as_fit([worst] * 3, 2 * reckoned - 1) == [worst]
    assert as_fit([worst] * 3, 1) == [worst], "one at least, or it would never end"
    assert as_fit([], 1) == []


def test_a_store_that_fails_while_a_member_is_fed_loses_nothing(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()
    bob.outbox.space = 0
    ada.says(house.room, "one", "two")
    bob.outbox.space = None
    house.store.fails = True
    house.later.run()
    assert bob.hears() == []
    assert bob.member.is_behind()
    house.store.fails = False
    bob.member.feed()
    assert shown(bob.hears()) == [(1, "one"), (2, "two")]


def test_what_is_said_in_the_moment_in_which_a_member_becomes_level_is_not_lost(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    hush(bob)
    bob.outbox.space = 0
    ada.says(house.room, "one")
    bob.outbox.space = None
    seat, floor = bob.member.seat_in(house.room), house.room._floor

    class Contested:
        """Somebody else always takes it first, once."""

        def __enter__(self) -> None:
            house.room._floor = floor
            ada.says(house.room, "two")
            floor.acquire()

        def __exit__(self, *_: object) -> None:
            floor.release()

    house.room._floor = Contested()  # type: ignore[assignment]
    assert seat
    house.room.feed(seat)
    assert shown(bob.hears()) == [(1, "one"), (2, "two")]
    assert not bob.member.is_behind()


def test_settling_waits_until_one_has_been_sent_what_one_is_behind_with(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()
    bob.outbox.space = 0
    ada.says(house.room, "one")
    waiting = Aside(bob.member.settle)
    assert waiting.still_waits()
    bob.outbox.space = None
    bob.member.feed()
    waiting.finish()
    assert numbers(bob.hears()) == [1]


def test_whoever_has_ended_waits_for_nothing_more(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.outbox.space = 0
    ada.says(house.room, "one")
    at_once(bob.member.settle, bob.member.stop)


# Joining


def old_room(house: House, *, last: int = 10) -> House:
    """As after a restart: a room with a history, and nobody in it."""
    fill(house.store, house.room.record, 1, last)
    house.room = house.open(house.room.record)
    return house


@pytest.mark.parametrize(
    ("asked", "since", "expected"),
    [
        ({}, 0, range(1, 11)),
        ({"recent": 3}, 7, [8, 9, 10]),
        ({"recent": 0}, 10, []),
        ({"since": 0}, 0, range(1, 11)),
        ({"since": 8}, 8, [9, 10]),
        ({"since": 10}, 10, []),
        ({"since": 8, "recent": 1}, 8, [9, 10]),
        ({"since": 99}, 10, []),
    ],
    ids=str,
)
def test_joining_gives_what_was_asked_for_of_the_history(
    house: House, asked: dict[str, int], since: int, expected: list[int]
) -> None:
    greeting, *history, live = Person("ada").joins(old_room(house).room, id="1", **asked)
    assert greeting == messages.Room(
        room="lobby",
        epoch=house.room.record.epoch,
        topic="",
        members=["ada"],
        first=1,
        last=10,
        since=since,
        gap=False,
        reset=False,
        id="1",
    )
    assert numbers(history) == list(expected)
    assert all(message.replayed for message in history)
    assert live == Live("lobby", 10)


def test_joining_gives_the_50_newest_unless_it_is_asked_otherwise(house: House) -> None:
    assert numbers(Person("ada").joins(old_room(house, last=200).room)) == list(range(151, 201))


def test_an_empty_room_has_neither_first_nor_last(house: House) -> None:
    greeting, live = Person("ada").joins(house.room)
    assert (greeting.first, greeting.last, greeting.since, greeting.gap) == (0, 0, 0, False)
    assert live == Live("lobby", 0)


def test_joining_with_the_right_epoch_resumes(house: House) -> None:
    room = old_room(house).room
    greeting, *history, _ = Person("ada").joins(room, since=8, epoch=room.record.epoch)
    assert (greeting.reset, greeting.since, numbers(history)) == (False, 8, [9, 10])


@pytest.mark.parametrize("since", [0, 8, 99, None])
def test_joining_with_another_epoch_starts_over_with_the_recent_ones(house: House, since: int | None) -> None:
    greeting, *history, _ = Person("ada").joins(old_room(house).room, since=since, epoch="another", recent=2)
    assert (greeting.reset, greeting.gap, greeting.since) == (True, False, 8)
    assert numbers(history) == [9, 10]


def test_who_knows_more_than_this_history_has_starts_over(house: House) -> None:
    """The epoch is right, but a backup was put back."""
    room = old_room(house).room
    greeting, *history, _ = Person("ada").joins(room, since=11, epoch=room.record.epoch, recent=2)
    assert (greeting.reset, numbers(history)) == (True, [9, 10])


def test_joining_again_answers_again_and_tells_nobody(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    ada.says(house.room, "one", "two")
    hush(ada, bob)
    greeting, *history, live = bob.joins(house.room, since=1)
    assert (greeting.members, numbers(history), live) == (["ada", "bob"], [2], Live("lobby", 2))
    assert ada.hears() == []
    ada.says(house.room, "three")
    assert numbers(bob.hears()) == [3], "once"


def test_joining_under_load_loses_nothing_and_repeats_nothing(house: House) -> None:
    speakers = [house.person(f"p{number}") for number in range(3)]
    comers = [Person(f"c{number}") for number in range(3)]
    heard: dict[str, list[Event]] = {}

    def speak(person: Person) -> None:
        for number in range(60):
            person.says(house.room, str(number))

    def come_and_go(person: Person) -> None:
        """As a client does: each time it resumes after what it was sent last."""
        sofar = heard[person.member.username] = []
        for _ in range(20):
            sofar += person.joins(house.room, since=(numbers(sofar) or [0])[-1])
            house.room.leave(person.member, "left")
            sofar += person.hears()

    with house.later.running():
        at_once(
            *(partial(speak, person) for person in speakers),
            *(partial(come_and_go, person) for person in comers),
        )
        house.room.settle()
    for person in comers:
        sofar = heard[person.member.username]
        sofar += person.joins(house.room, since=(numbers(sofar) or [0])[-1])
        assert numbers(sofar) == list(range(1, 181))


def test_falling_behind_under_load_loses_nothing_and_repeats_nothing(house: House) -> None:
    speakers = [house.person(f"p{number}") for number in range(3)]
    moody = house.person("moody")
    moody.hears()
    done = threading.Event()

    def speak(person: Person) -> None:
        for number in range(60):
            person.says(house.room, str(number))

    def refuse_and_recover() -> None:
        while not done.is_set():
            moody.outbox.space = 1
            moody.member.feed()
        moody.outbox.space = None

    def speak_all() -> None:
        at_once(*(partial(speak, person) for person in speakers))
        done.set()

    with house.later.running():
        at_once(speak_all, refuse_and_recover)
        house.room.settle()
    moody.member.feed()
    assert numbers(moody.hears()) == list(range(1, 181))


# Gaps


def pruned(house: House, first: int) -> House:
    """The first messages are no longer held; each was said at the time of its number."""
    for number in range(1, 11):
        fill(house.store, house.room.record, number, number, number)
    house.store.prune(first, 0)
    house.room = house.open(house.room.record)
    return house


@pytest.mark.parametrize(
    ("asked", "since", "gap"),
    [
        ({}, 5, False),
        ({"recent": 2}, 8, False),
        ({"since": 5}, 5, False),
        ({"since": 4}, 5, True),
        ({"since": 0}, 5, True),
    ],
    ids=str,
)
def test_joining_tells_of_a_gap_where_history_was_pruned(
    house: House, asked: dict[str, int], since: int, gap: bool
) -> None:
    greeting, *history, _ = Person("ada").joins(pruned(house, 6).room, **asked)
    assert (greeting.first, greeting.last, greeting.since, greeting.gap) == (6, 10, since, gap)
    assert numbers(history) == list(range(since + 1, 11))


def test_joining_a_room_of_which_nothing_is_held_any_more(house: House) -> None:
    greeting, live = Person("ada").joins(pruned(house, 11).room, since=3)
    assert (greeting.first, greeting.last, greeting.since, greeting.gap) == (0, 0, 10, True)
    assert live == Live("lobby", 10)


def test_who_is_behind_what_is_still_held_is_told_of_the_gap_before_it_goes_on(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()
    bob.outbox.space = 0
    for house.clock.now in range(1_001, 1_006):
        ada.says(house.room, "hello")
    house.store.prune(1_004, 0)
    bob.outbox.space = None
    bob.member.seats()[0].seen = 2
    bob.member.feed()
    told, *missed, live = bob.hears()
    assert (told.first, told.since, told.gap, told.reset, told.seen) == (4, 3, True, False, 2)
    assert numbers(missed) == [4, 5]
    assert live == Live("lobby", 5)


@pytest.mark.parametrize("keeps", [2, 0])
def test_what_is_pruned_in_the_moment_in_which_it_is_fed_leaves_a_gap_that_is_told(house: House, keeps: int) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()
    bob.outbox.space = 0
    for house.clock.now in range(1_001, 1_006):
        ada.says(house.room, "hello")
    house.store.before_page = lambda room: house.store.prune(1_006 - keeps, 0)
    bob.outbox.space = None
    bob.member.feed()
    told, *missed, live = bob.hears()
    assert isinstance(told, messages.Room)
    assert told.gap
    assert numbers(missed) == [1, 2, 3, 4, 5][5 - keeps :]
    assert live == Live("lobby", 5)


def test_what_is_said_in_the_moment_in_which_all_before_it_is_pruned_is_not_lost(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    hush(bob)
    bob.outbox.space = 0
    ada.says(house.room, "one", "two")

    def one_more(room: object) -> None:
        house.store.after_page = lambda room: None
        ada.says(house.room, "three")

    house.store.before_page = lambda room: house.store.prune(house.clock.now, 0)
    house.store.after_page = one_more
    house.clock.now += 1
    bob.outbox.space = None
    bob.member.feed()
    assert shown(bob.hears()) == [(3, "three")]


# What was missed besides messages


def test_presence_that_was_missed_while_behind_is_made_up(house: House) -> None:
    ada, bob, cem = house.person("ada"), house.person("bob"), house.person("cem")
    bob.hears()
    bob.outbox.space = 0
    house.room.leave(cem.member, "left")
    house.person("dan")
    house.room.leave(house.person("eve").member, "left")
    ada.says(house.room, "hello")
    bob.outbox.space = None
    bob.member.feed()
    assert bob.hears()[1:] == [Left("lobby", "cem", ""), Joined("lobby", "dan"), Live("lobby", 1)]
    assert house.room.members() == ("ada", "bob", "dan")


@pytest.mark.parametrize("behind_before", [True, False])
def test_a_topic_that_was_missed_while_behind_is_made_up(house: House, behind_before: bool) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    bob.hears()
    bob.outbox.space = 0
    if behind_before:
        ada.says(house.room, "hello")
    house.room.set_topic(ada.member, "plans")
    bob.outbox.space = None
    bob.member.feed()
    assert only(Topic, bob.hears()) == [Topic("lobby", "plans", "")]
