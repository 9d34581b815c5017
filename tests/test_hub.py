"""The hub: who may come in under which name, who comes back, and which rooms there are."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatroom.errors import Refusal, StoreFailed
from chatroom.messages import Error, Hello, Join, Joined, Left, RoomInfo, Seen
from chatroom.server import hub as hub_module
from chatroom.server.directory import LOBBY
from chatroom.server.hub import SESSION_DAYS, Hub
from chatroom.server.member import Member
from chatroom.server.room import Room
from chatroom.server.store import Reader, Store
from chatroom.server.store.sqlite import SqliteStore
from tests.support.rooms import Aside, Clock, Gate, Later, Person, ShakyStore, at_once, hush, only, shown
from tests.support.stores import everything

DAY = 24 * 60 * 60 * 1_000


class Office:
    """A hub and all that it stands on."""

    def __init__(self, store: Store, *, max_clients: int = 10) -> None:
        self.store = store
        self.clock = Clock()
        self.hub = Hub(store, Later(), max_clients=max_clients, clock=self.clock)

    def enter(self, username: str, session: str | None = None, **hello: Any) -> tuple[Person, str]:
        """Somebody new, and the session."""
        person = Person("")

        def welcome(owner: int, username: str) -> Member:
            person.member = Member(owner, username, person.outbox)
            return person.member

        admission = self.hub.enter(
            Hello(protocol=1, username=username, session=session, **hello), "192.168.1.7", welcome
        )
        assert admission.member is person.member
        return person, admission.session

    def person(self, username: str, *rooms: str) -> Person:
        """Somebody who is in these rooms, and has heard what comes with it."""
        person, _ = self.enter(username)
        for room in rooms:
            self.join(person, room)
        hush(person)
        return person

    def join(self, person: Person, room: str) -> None:
        self.hub.directory.join(person.member, Join(room=room))

    def sees(self, person: Person, room: str, seq: int) -> None:
        self.hub.directory.see(person.member, Seen(room=room, seq=seq))

    def position(self, person: Person, room: str) -> int:
        """How far it has read the room, as it is told when it joins again."""
        hush(person)
        self.join(person, room)
        return int(person.hears()[0].seen)

    def leave(self, person: Person, room: str) -> None:
        self.hub.directory.leave(person.member, self.find(room), "left")

    def find(self, name: str) -> Room:
        """As somebody sees it who is in no room."""
        return self.hub.directory.find(Person("guest").member, name)

    def rooms(self) -> list[RoomInfo]:
        return self.hub.directory.rooms(Person("guest").member)

    def names(self) -> list[str]:
        return [room.room for room in self.rooms()]

    def refuses(self, username: str, session: str | None = None, **hello: Any) -> str:
        """The code by which it refuses this one, and changes nothing."""
        with pytest.raises(Refusal) as refused:
            self.enter(username, session, **hello)
        return refused.value.code


@pytest.fixture
def office() -> Office:
    return Office(ShakyStore())


# Names


def test_who_comes_in_has_the_name_as_it_is_normalised(office: Office) -> None:
    ada, _ = office.enter("Ａda")
    assert ada.member.username == "Ada"
    assert ada.member.role == "guest"


@pytest.mark.parametrize("username", ["ada", "ADA", "Ａｄａ"])
def test_a_name_is_taken_however_it_is_written(office: Office, username: str) -> None:
    office.enter("Ada")
    assert office.refuses(username) == "name_taken"


@pytest.mark.parametrize("username", ["", "@ada", "a b", "x" * 33])
def test_a_bad_name_is_refused(office: Office, username: str) -> None:
    assert office.refuses(username) == "bad_name"


@pytest.mark.parametrize("username", ["ada", "x" * 32, "ß" * 32, "𝓐" * 32])
def test_a_free_name_is_suggested_with_a_taken_one(office: Office, username: str) -> None:
    office.enter(username)
    for number in "23":
        with pytest.raises(Refusal, match=rf"is taken; (\S+-{number}) is free") as refused:
            office.enter(username)
        office.enter(refused.value.text.split()[-3])


def test_a_name_is_free_again_once_its_holder_has_gone(office: Office) -> None:
    ada, _ = office.enter("ada")
    office.hub.go(ada.member, "left")
    office.hub.go(ada.member, "left")
    office.enter("ada")


def test_who_takes_a_freed_name_is_somebody_else(office: Office) -> None:
    ada, _ = office.enter("ada")
    office.hub.go(ada.member, "left")
    eve, _ = office.enter("ada")
    assert eve.member.owner != ada.member.owner


def test_of_many_who_ask_for_one_name_at_once_one_gets_it(office: Office) -> None:
    let_in: list[Person] = []
    refused: list[str] = []

    def try_it() -> None:
        try:
            let_in.append(office.enter("ada")[0])
        except Refusal as refusal:
            refused.append(refusal.code)

    at_once(*[try_it] * 8)
    assert len(let_in) == 1
    assert refused == ["name_taken"] * 7


def test_nobody_has_a_password_here(office: Office) -> None:
    assert office.refuses("ada", password="secret") == "auth_failed"


def test_a_full_house_lets_nobody_in_but_those_who_take_their_own_place() -> None:
    office = Office(ShakyStore(), max_clients=2)
    _, session = office.enter("ada")
    office.enter("bob")
    assert office.refuses("cem") == "full"
    assert office.refuses("bob") == "name_taken"
    again, _ = office.enter("ada", session)
    assert office.refuses("cem") == "full"
    office.hub.go(again.member, "left")
    office.enter("cem")


def test_a_store_that_fails_lets_nobody_in_and_keeps_no_name(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise StoreFailed("The disk is full; nothing was stored.")

    with monkeypatch.context() as broken:
        broken.setattr(office.store.people, "add_guest", fail)
        with pytest.raises(StoreFailed):
            office.enter("ada")
    office.enter("ada")


# Sessions


def test_a_session_is_a_secret_that_cannot_be_guessed_and_is_not_kept(office: Office) -> None:
    sessions = {office.enter(f"p{number}")[1] for number in range(10)}
    assert len(sessions) == 10
    assert min(map(len, sessions)) >= 32
    kept = repr(vars(office.store))
    assert not any(session in kept for session in sessions)


def test_a_session_brings_the_same_guest_back(office: Office) -> None:
    ada, session = office.enter("ada")
    office.hub.go(ada.member, "left")
    again, same = office.enter("ada", session)
    assert (again.member.owner, same) == (ada.member.owner, session)
    assert again.member is not ada.member


def test_a_session_may_come_back_under_another_name(office: Office) -> None:
    ada, session = office.enter("ada")
    countess, _ = office.enter("countess", session)
    assert countess.member.owner == ada.member.owner
    office.enter("ada")
    assert office.refuses("ada", session) == "name_taken"


@pytest.mark.parametrize("session", ["", "guessed", "x" * 10_000])
def test_an_unknown_session_is_refused(office: Office, session: str) -> None:
    assert office.refuses("ada", session) == "auth_failed"
    office.enter("ada")


def test_a_session_takes_its_name_over_from_its_old_connection(office: Office) -> None:
    bob = office.person("bob", LOBBY)
    ada, session = office.enter("ada")
    office.join(ada, LOBBY)
    hush(bob)
    again, _ = office.enter("ada", session)
    last = ada.last_word()
    assert isinstance(last, Error)
    assert (last.code, last.fatal) == ("replaced", True)
    assert ada.member.has_ended()
    assert ada.member.seats() == []
    assert bob.hears() == [Left(LOBBY, "ada", "replaced")]
    assert not again.member.has_ended()


def test_the_end_of_a_replaced_connection_takes_nothing_from_the_new_one(office: Office) -> None:
    ada, session = office.enter("ada")
    again, _ = office.enter("ada", session)
    office.join(again, LOBBY)
    office.hub.go(ada.member, "the line was closed")
    assert office.refuses("ada") == "name_taken"
    assert office.find(LOBBY).members() == ("ada",)


def test_the_same_message_said_again_over_a_new_connection_is_stored_once(office: Office) -> None:
    ada, session = office.enter("ada")
    office.join(ada, LOBBY)
    room = office.find(LOBBY)
    ada.says_with(room, ("1", "hello"))
    again, _ = office.enter("ada", session)
    office.join(again, LOBBY)
    again.says_with(room, ("1", "hello"), ("2", "bye"))
    assert [message.id for message in everything(office.store, room.record)] == ["1", "2"]


def test_a_session_that_is_not_used_for_30_days_ends(office: Office) -> None:
    ada, session = office.enter("ada")
    office.hub.go(ada.member, "left")
    office.clock.now += SESSION_DAYS * DAY
    office.hub.tidy_sessions()
    again, _ = office.enter("ada", session)
    office.hub.go(again.member, "left")
    office.clock.now += SESSION_DAYS * DAY + 1
    office.hub.tidy_sessions()
    assert office.refuses("ada", session) == "auth_failed"


def test_a_session_does_not_end_while_its_guest_is_here(office: Office) -> None:
    _, session = office.enter("ada")
    office.clock.now += SESSION_DAYS * DAY + 1
    office.hub.tidy_sessions()
    office.enter("ada", session)


# Rooms


def test_the_lobby_always_exists(office: Office) -> None:
    assert office.names() == [LOBBY]
    ada = office.person("ada", LOBBY)
    office.leave(ada, LOBBY)
    assert office.names() == [LOBBY]


def test_a_room_exists_from_its_first_join_under_the_name_it_then_got(office: Office) -> None:
    with pytest.raises(Refusal, match="no room den") as refused:
        office.find("den")
    assert refused.value.code == "no_such_room"
    office.person("ada", "Den")
    office.person("bob", "ＤＥＮ")
    assert office.names() == ["Den", LOBBY]
    assert office.find("dEn").members() == ("ada", "bob")


def test_rooms_are_listed_with_their_members_and_newest_number(office: Office) -> None:
    ada, _ = office.person("ada", "den", LOBBY), office.person("bob", LOBBY)
    ada.says(office.find("den"), "one", "two")
    office.find("den").set_topic(ada.member, "plans")
    assert office.rooms() == [RoomInfo("den", "plans", 1, 2), RoomInfo(LOBBY, "", 2, 0)]


@pytest.mark.parametrize("name", ["", "a/b", "x" * 51])
def test_a_bad_name_makes_no_room(office: Office, name: str) -> None:
    ada = office.person("ada")
    for ask in (lambda: office.join(ada, name), lambda: office.find(name)):
        with pytest.raises(Refusal) as refused:
            ask()
        assert refused.value.code == "bad_name"
    assert office.names() == [LOBBY]


def test_one_must_be_in_a_room_to_do_something_there(office: Office) -> None:
    ada, bob = office.person("ada", "den"), office.person("bob")
    assert office.hub.directory.joined(ada.member, "DEN") is office.find("den")
    with pytest.raises(Refusal, match="not in den") as refused:
        office.hub.directory.joined(bob.member, "den")
    assert refused.value.code == "not_joined"


def test_a_room_without_history_vanishes_with_its_last_member(office: Office) -> None:
    ada, bob = office.person("ada", "den"), office.person("bob", "den")
    office.leave(ada, "den")
    assert office.names() == ["den", LOBBY]
    office.leave(bob, "den")
    assert office.names() == [LOBBY]
    assert [record.name for record in office.store.rooms()] == [LOBBY]


def test_a_room_with_history_stays_though_nobody_is_there(office: Office) -> None:
    ada = office.person("ada", "den")
    ada.says(office.find("den"), "hello")
    office.hub.go(ada.member, "left")
    assert office.rooms()[0] == RoomInfo("den", "", 0, 1)
    office.clock.now += DAY
    office.hub.directory.prune(1)
    assert office.rooms()[0] == RoomInfo("den", "", 0, 1), "its numbers must go on"


def test_a_room_that_is_made_again_has_another_history(office: Office) -> None:
    epochs = set()
    for _ in range(3):
        ada = office.person("ada", "den")
        epochs.add(office.find("den").record.epoch)
        office.hub.go(ada.member, "left")
    assert len(epochs) == 3


def test_a_room_does_not_vanish_under_somebody_who_is_coming_in(office: Office) -> None:
    """However the two race: whoever has joined is in the room that is there."""
    for den in (f"den{number}" for number in range(20)):
        ada, bob = office.person("ada", den), office.person("bob")
        at_once(partial(office.hub.go, ada.member, "left"), partial(office.join, bob, den))
        room = office.find(den)
        assert room.members() == ("bob",)
        hush(bob)
        bob.says(room, "hello")
        assert shown(bob.hears()) == [(1, "hello")]
        office.hub.go(bob.member, "left")


def test_a_room_that_could_not_be_dropped_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "chat.db", flush=False)
    office = Office(store)
    ada = office.person("ada", "den")

    def fail(*_: object) -> None:
        raise StoreFailed("The disk is full; nothing was stored.")

    with monkeypatch.context() as broken:
        broken.setattr(store, "drop_room", fail)
        office.leave(ada, "den")
    for _ in range(2):
        office.join(ada, "den")
        office.leave(ada, "den")
        assert office.names() == [LOBBY]
    store.close()


def test_a_room_that_could_not_be_dropped_can_be_used(office: Office) -> None:
    ada = office.person("ada", "den")
    store = office.store
    assert isinstance(store, ShakyStore)
    store.fails = True
    office.leave(ada, "den")
    store.fails = False
    office.join(ada, "den")
    ada.says(office.find("den"), "hello")
    assert len(shown(ada.hears())) == 1


def test_one_can_be_in_so_many_rooms_and_no_more(office: Office) -> None:
    ada = office.person("ada", *(f"room{number}" for number in range(100)))
    with pytest.raises(Refusal) as refused:
        office.join(ada, "another")
    assert refused.value.code == "full"
    assert len(office.names()) == 100 + 1
    office.join(ada, "room7")
    office.leave(ada, "room7")
    office.join(ada, "another")


def test_who_goes_leaves_all_rooms_and_everybody_there_is_told_why(office: Office) -> None:
    ada, bob = office.person("ada", LOBBY, "den"), office.person("bob", LOBBY, "den")
    hush(ada)
    office.hub.go(bob.member, "the line was closed")
    left = sorted(ada.hears(), key=lambda event: str(event.room))
    assert left == [Left("den", "bob", "the line was closed"), Left(LOBBY, "bob", "the line was closed")]


# What was read


@pytest.fixture
def read(office: Office) -> Person:
    """Somebody in the lobby, where ten messages were said."""
    ada = office.person("ada", LOBBY)
    ada.says(office.find(LOBBY), *map(str, range(10)))
    return ada


def test_a_position_comes_back_with_the_next_join_written_or_not(office: Office, read: Person) -> None:
    assert office.position(read, LOBBY) == 0
    office.sees(read, "LOBBY", 4)
    assert office.position(read, LOBBY) == 4
    office.hub.directory.keep_seen()
    assert office.position(read, LOBBY) == 4
    office.sees(read, LOBBY, 6)
    assert office.position(read, LOBBY) == 6


def test_a_position_never_goes_back_nor_beyond_what_was_handed_out(office: Office, read: Person) -> None:
    found = []
    for seq in (3, 1, 0, 99, 5):
        office.sees(read, LOBBY, seq)
        found.append(office.position(read, LOBBY))
    assert found == [3, 3, 3, 10, 10]


def test_a_position_does_not_go_back_to_what_was_written_before(office: Office, read: Person) -> None:
    office.sees(read, LOBBY, 8)
    office.hub.directory.keep_seen()
    office.leave(read, LOBBY)
    office.join(read, LOBBY)
    office.sees(read, LOBBY, 2)
    office.hub.directory.keep_seen()
    assert office.position(read, LOBBY) == 8


def test_who_is_not_in_a_room_has_read_nothing_there(office: Office, read: Person) -> None:
    bob = office.person("bob")
    with pytest.raises(Refusal) as refused:
        office.sees(bob, LOBBY, 3)
    assert refused.value.code == "not_joined"
    assert office.position(bob, LOBBY) == 0


def test_a_session_finds_its_positions_again_and_who_takes_the_name_does_not(office: Office) -> None:
    ada, session = office.enter("ada")
    office.join(ada, LOBBY)
    ada.says(office.find(LOBBY), "one", "two")
    office.sees(ada, LOBBY, 2)
    office.hub.go(ada.member, "left")
    eve, _ = office.enter("ada")
    assert office.position(eve, LOBBY) == 0
    office.hub.go(eve.member, "left")
    again, _ = office.enter("countess", session)
    assert office.position(again, LOBBY) == 2


def test_positions_cost_the_store_one_write_for_all_of_them(office: Office, read: Person) -> None:
    office.join(read, "den")
    read.says(office.find("den"), "one")
    for _ in range(3):
        for seq in range(1, 11):
            office.sees(read, LOBBY, seq)
            office.sees(read, "den", seq)
    assert isinstance(office.store, ShakyStore)
    assert office.store.kept == []
    office.hub.directory.keep_seen()
    office.hub.directory.keep_seen()
    office.sees(read, LOBBY, 10)
    office.hub.directory.keep_seen()
    assert office.store.kept == [{LOBBY: 10, "den": 1}], "and what is no news costs nothing"


def test_positions_that_could_not_be_written_are_written_later(office: Office, read: Person) -> None:
    assert isinstance(office.store, ShakyStore)
    office.sees(read, LOBBY, 4)
    office.store.fails = True
    with pytest.raises(StoreFailed):
        office.hub.directory.keep_seen()
    assert office.position(read, LOBBY) == 4
    office.store.fails = False
    office.hub.directory.keep_seen()
    assert office.store.kept == [{LOBBY: 4}]


def test_what_is_read_while_positions_are_written_is_written_the_next_time(office: Office, read: Person) -> None:
    assert isinstance(office.store, ShakyStore)
    office.sees(read, LOBBY, 4)
    office.store.after_keeping = Gate()
    writing = Aside(office.hub.directory.keep_seen)
    office.store.after_keeping.wait_until_reached()
    office.sees(read, LOBBY, 5)
    assert office.position(read, LOBBY) == 5
    office.store.after_keeping.open()
    writing.finish()
    assert office.position(read, LOBBY) == 5
    office.hub.directory.keep_seen()
    assert office.store.kept == [{LOBBY: 4}, {LOBBY: 5}]


def test_a_room_that_is_made_again_was_read_by_nobody(office: Office) -> None:
    ada = office.person("ada", "den")
    office.sees(ada, "den", 9)
    office.leave(ada, "den")
    assert office.position(ada, "den") == 0
    office.hub.directory.keep_seen()
    assert isinstance(office.store, ShakyStore)
    assert office.store.kept == []


def test_positions_end_with_the_session(office: Office, read: Person) -> None:
    office.sees(read, LOBBY, 4)
    office.hub.directory.keep_seen()
    office.hub.go(read.member, "left")
    office.clock.now += SESSION_DAYS * DAY + 1
    office.hub.tidy_sessions()
    again, _ = office.enter("ada")
    office.hub.go(again.member, "left")
    reader = Reader(read.member.owner, office.find(LOBBY).record)
    assert office.store.seen(reader) == 0


# After a restart


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def before(path: Path) -> Iterator[Office]:
    office = Office(SqliteStore(path, flush=False))
    yield office
    office.store.close()


def test_rooms_with_history_are_there_again_and_empty_ones_are_not(before: Office, path: Path) -> None:
    ada = before.person("ada", "den", "attic")
    ada.says(before.find("den"), "hello")
    before.store.close()
    after = Office(SqliteStore(path, flush=False))
    assert after.rooms() == [RoomInfo("den", "", 0, 1), RoomInfo(LOBBY, "", 0, 0)]
    assert [record.name for record in after.store.rooms()] == [LOBBY, "den"]
    after.store.close()


def test_the_lobby_keeps_its_history_and_its_epoch(before: Office, path: Path) -> None:
    ada = before.person("ada", LOBBY)
    ada.says(before.find(LOBBY), "hello")
    epoch = before.find(LOBBY).record.epoch
    before.store.close()
    after = Office(SqliteStore(path, flush=False))
    bob, _ = after.enter("bob")
    after.join(bob, LOBBY)
    greeting, *rest = bob.hears()
    assert (greeting.epoch, shown(rest)) == (epoch, [(1, "hello")])
    after.store.close()


def test_who_comes_back_finds_what_it_had_read(before: Office, path: Path) -> None:
    ada, session = before.enter("ada")
    before.join(ada, LOBBY)
    ada.says(before.find(LOBBY), "one", "two", "three")
    before.sees(ada, LOBBY, 2)
    before.hub.directory.keep_seen()
    before.store.close()
    after = Office(SqliteStore(path, flush=False))
    again, _ = after.enter("ada", session)
    assert after.position(again, LOBBY) == 2
    after.store.close()


# Housekeeping


def test_pruning_erases_what_is_older_than_it_may_be(office: Office) -> None:
    ada = office.person("ada", LOBBY)
    room = office.find(LOBBY)
    ada.says(room, "old")
    office.clock.now += 500
    ada.says(room, "new")
    office.clock.now += 500
    assert len(everything(office.store, room.record)) == 2
    office.hub.directory.prune(999)
    assert shown(everything(office.store, room.record)) == [(2, "new")]


def test_settling_waits_for_every_room_but_not_beyond_its_deadline(office: Office) -> None:
    ada = office.person("ada", LOBBY, "den")
    gate = office.store.before_append = Gate()  # type: ignore[attr-defined]
    slow = Aside(ada.says, office.find("den"), "slow")
    gate.wait_until_reached()
    office.hub.directory.settle(time.monotonic() + 0.01)
    settling = Aside(office.hub.directory.settle, time.monotonic() + 20)
    assert settling.still_waits()
    gate.open()
    settling.finish()
    slow.finish()
    assert len(shown(ada.hears())) == 1


def test_nobody_hears_of_somebody_who_is_elsewhere(office: Office) -> None:
    ada, bob = office.person("ada", LOBBY), office.person("bob", "den")
    hush(ada)
    bob.says(office.find("den"), "hello")
    office.leave(bob, "den")
    assert ada.hears() == []
    office.join(bob, LOBBY)
    assert only(Joined, ada.hears()) == [Joined(LOBBY, "bob")]


def test_two_who_expel_each_other_in_the_same_moment_are_both_gone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is busy with that until it is done."""
    monkeypatch.setattr(hub_module, "BUSY_SECONDS", 0.05)
    ada, bob, eve = (office.person(name, LOBBY) for name in ("ada", "bob", "eve"))
    kicked = Error(code="kicked", text="You were kicked.", fatal=True)
    both_are_busy = threading.Barrier(2)

    def expel(one: Person, other: Person) -> None:
        with one.member.busy:
            both_are_busy.wait()
            office.hub.expel(other.member, kicked)

    at_once(partial(expel, ada, bob), partial(expel, bob, ada))
    assert sorted(left.username for left in only(Left, eve.hears())) == ["ada", "bob"]
    assert ada.last_word() == bob.last_word() == kicked
