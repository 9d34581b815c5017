"""The real hub, rooms and stores against the model: whatever people do, each is sent exactly what the model says.

After every step all that anybody was sent is compared, event by event, and so are the store and the model. The first
line that differs tells which promise was broken.
"""

import tempfile
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from chatroom import messages
from chatroom.errors import Refusal
from chatroom.messages import (
    AnyRequest,
    Bye,
    Delete,
    Edit,
    Error,
    Event,
    Join,
    Leave,
    Notice,
    Ping,
    Pong,
    Request,
    Say,
)
from chatroom.server.store import RoomRecord, Store
from chatroom.server.store.memory import MemoryStore
from chatroom.server.store.sqlite import SqliteStore
from tests.stress import deeds, model
from tests.stress.deeds import ADDRESSES, HOUR, NAMES, STAFF, aim, few, place
from tests.stress.model import Entry, Guest, Identity
from tests.stress.model_chat import Chat, Refused
from tests.stress.model_requests import ask
from tests.stress.scale import scaled
from tests.support.desks import Office, Visitor
from tests.support.stores import FAR

T = TypeVar("T")
R = TypeVar("R", bound=Request)


def comparable(event: Event) -> Event:
    """Without what is worded for people: the model knows no wording."""
    if isinstance(event, Error):
        return replace(event, text="", registered=False)
    return replace(event, text="") if isinstance(event, Notice) else event


class Person:
    """A guest of the model, and the visitor who is the same one in the real house."""

    def __init__(self, guest: Guest, visitor: Visitor) -> None:
        self.guest = guest
        self.visitor = visitor

    def compare(self) -> None:
        heard = [comparable(event) for event in self.visitor.hears() if not isinstance(event, Pong)]
        expected, self.guest.expected = self.guest.expected, []
        assert heard == [self._with_epoch(*pair) for pair in zip_longest(expected, heard) if pair[0]]
        last = self.visitor.last_word()
        assert (last and comparable(last)) == self.guest.last_word

    def _with_epoch(self, expected: Event, heard: Event | None) -> Event:
        """The first who is told a room's epoch is right, and from then on it is that one."""
        if isinstance(expected, messages.Room) and isinstance(heard, messages.Room) and not expected.epoch:
            seat = self.guest.seat_called(heard.room)
            if seat and not seat.room.epoch:
                seat.room.epoch = heard.epoch
            return replace(expected, epoch=heard.epoch)
        return expected


class House(RuleBasedStateMachine):
    """What people do, in both houses at once."""

    is_kept = False
    """Whether the store outlives the server."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="chatroom-stress-")
        self.office = Office(self._open_store())
        self.clock = self.office.clock
        self.chat = Chat(self.clock.now)
        self.people: list[Person] = []
        self.sessions: dict[Identity, str] = {}
        self.owners: dict[Identity, int] = {}
        self.sent: dict[Identity, bytes] = {}
        """What they were sent by connections that are no more."""
        self.words: dict[str, Entry] = {}
        """Each text's own word, and where it was said."""
        self.spoken: list[tuple[Identity, Say]] = []
        self.numbers = count()

    def _open_store(self) -> Store:
        path = Path(self._folder.name, "chat.db")
        return SqliteStore(path, flush=False) if self.is_kept else MemoryStore()

    # --------------------------------------------------------------------------------------- coming and going

    @initialize()
    def open(self) -> None:
        for name in NAMES:
            person = self._enter(name, ADDRESSES[0], None)
            assert person
            if role := STAFF.get(name):
                person.guest.who.role = role  # type: ignore[assignment]
                self.office.register(person.visitor, role)  # type: ignore[arg-type]
            self._ask(person, Join(room="lobby"))
        for who, room in enumerate(("den", "@ada", "@ada", "den", "lobby")):
            self._ask(self.people[who], Join(room=room))
            self._say(who, room, 0, "tea")
            self._say(who, "lobby", 0, "tea milk")

    def _enter(self, name: str, address: str, who: Identity | None) -> Person | None:
        """The same at both doors; None if it was refused at both."""
        session = self.sessions[who] if who else None
        try:
            guest, refused = self.chat.enter(name, address, who), ""
        except Refused as refusal:
            guest, refused = None, str(refusal)
        try:
            visitor = Visitor(self.office, name, address, session=session)
        except Refusal as refusal:
            visitor, said = None, refusal.code
        else:
            said = ""
        assert said == refused
        if not (guest and visitor):
            return None
        person = Person(guest, visitor)
        self.people.append(person)
        self.sessions[guest.who] = visitor.session
        assert self.owners.setdefault(guest.who, visitor.member.owner) == visitor.member.owner
        return person

    @rule(name=st.none() | deeds.name, whose=place, address=st.sampled_from(ADDRESSES))
    def comes(self, name: str | None, whose: int, address: str) -> None:
        """By a name, or back by a session; that also while the old connection is there."""
        who = None if name else _one_of(self.chat.identities, whose)
        self._enter(name or _one_of(self.chat.identities, whose).name, address, who)

    @precondition(lambda self: self.people)
    @rule(who=place, namesake=st.none() | st.sampled_from(ADDRESSES))
    def is_cut_off(self, who: int, namesake: str | None) -> None:
        """And perhaps somebody else comes by the same name."""
        person = _one_of(self.people, who)
        self.chat.go(person.guest, "left")
        person.visitor.leaves()
        self.compare()
        self._forget(person)
        other = self._enter(person.guest.who.name, namesake, None) if namesake else None
        if other:
            self._ask(other, Join(room="lobby"))

    def _forget(self, person: Person) -> None:
        self.people.remove(person)
        who = person.guest.who
        self.sent[who] = self.sent.get(who, b"") + person.visitor.all_bytes()

    # ------------------------------------------------------------------------------------------------- asking

    def _readers(self) -> list[Person]:
        """Those who may ask something: who does not read does not speak either."""
        return [person for person in self.people if not person.guest.is_stalled]

    def _ask(self, person: Person, request: AnyRequest) -> None:
        ask(self.chat, person.guest, request)
        person.visitor.desk.serve([request, Ping()])

    def _asked(self, who: int, request: AnyRequest, aim: int = 0) -> None:
        if readers := self._readers():
            person = _one_of(readers, who)
            self._ask(person, _aimed(request, person.guest, aim))

    @rule(
        who=place, room=deeds.room, recent=st.integers(0, 6), since=st.none() | few, is_known=st.booleans(), id=deeds.id
    )
    def joins(self, who: int, room: str, recent: int, since: int | None, is_known: bool, id: str | None) -> None:
        """For the first time, or again, or after an outage; perhaps in another history."""
        called = self.chat.rooms.called(room)
        epoch = (called.epoch if called and is_known else "another") if since is not None else None
        self._asked(who, Join(id=id, room=room, recent=recent, since=since, epoch=epoch))

    @rule(
        who=place, room=deeds.room, aim=aim, common=st.lists(st.sampled_from(["tea", "milk", "sugar"]), max_size=2),
        kind=st.sampled_from(["text", "action"]), reply_to=st.none() | few,
        to=st.none() | st.lists(deeds.name, max_size=2), once=st.booleans(),
    )  # fmt: skip
    def says(self, who: int, room: str, aim: int, common: list[str], **how: Any) -> None:
        self._say(who, room, aim, " ".join(common), **how)

    @rule(who=place, room=deeds.room, aim=aim)
    def says_to_all(self, who: int, room: str, aim: int) -> None:
        self._say(who, room, aim, "tea")

    def _say(self, who: int, room: str, aim: int, common: str, **how: Any) -> None:
        if readers := self._readers():
            person, number = _one_of(readers, who), len(self.spoken)
            text = f"{common} word{number}x".strip()
            say = _aimed(Say(id=f"id{number}", room=room, message=text, **how), person.guest, aim)
            self.spoken.append((person.guest.who, say))
            self._ask(person, say)
            self._remember(person.guest.who, f"word{number}x", say.id)

    def _remember(self, who: Identity, word: str, id: str) -> None:
        if said := self.chat.said.get((who, id)):
            self.words[word] = said[2]

    @precondition(lambda self: self.spoken)
    @rule(who=place, which=place, room=st.none() | deeds.room, is_same=st.sampled_from([True, True, True, False]))
    def says_again(self, who: int, which: int, room: str | None, is_same: bool) -> None:
        """With the same id: what it said before, or something else."""
        owner, say = _one_of(self.spoken, which)
        again = replace(say, room=room or say.room, message=say.message if is_same else "milk")
        mine = [person for person in self._readers() if person.guest.who is owner]
        if mine:
            self._ask(_one_of(mine, who), again)
            self._remember(owner, say.message.split()[-1], say.id)

    @rule(who=place, room=deeds.room, aim=aim, seq=deeds.seq, id=deeds.id)
    def edits(self, who: int, room: str, aim: int, seq: int, id: str | None) -> None:
        if readers := self._readers():
            person, word = _one_of(readers, who), f"edit{next(self.numbers)}x"
            edit = _aimed(Edit(id=id, room=room, seq=seq, message=f"tea {word}"), person.guest, aim)
            self._ask(person, edit)
            if seat := person.guest.seat_called(edit.room):
                self.words.update((word, entry) for entry in seat.room.entries if entry.text.endswith(word))

    @rule(who=place, aim=aim, request=st.one_of(deeds.LOOKS))
    def looks(self, who: int, aim: int, request: AnyRequest) -> None:
        self._asked(who, request, aim)

    @rule(who=place, aim=aim, request=st.one_of(deeds.CHANGES))
    def changes(self, who: int, aim: int, request: AnyRequest) -> None:
        self._asked(who, request, aim)

    @rule(who=place, aim=aim, request=st.one_of(deeds.ROOM_ORDERS))
    def rules_a_room(self, who: int, aim: int, request: AnyRequest) -> None:
        self._asked(who, request, aim)

    @rule(who=place, aim=aim, is_staff=st.sampled_from([True, True, False]), request=st.one_of(deeds.ORDERS))
    def keeps_order(self, who: int, aim: int, is_staff: bool, request: AnyRequest) -> None:
        rulers = [person for person in self._readers() if person.guest.who.role or not is_staff]
        if rulers:
            person = _one_of(rulers, who)
            self._ask(person, _aimed(request, person.guest, aim))

    @rule(who=place, aim=aim, id=deeds.id, room=deeds.room, for_good=st.sampled_from([True, False, False, False]))
    def leaves(self, who: int, aim: int, id: str | None, room: str, for_good: bool) -> None:
        self._asked(who, Bye(id=id) if for_good else Leave(id=id, room=room), aim)

    # ------------------------------------------------------------------------------------------- what happens

    @rule(who=place, is_stalled=st.booleans())
    def stops_reading_or_reads_on(self, who: int, is_stalled: bool) -> None:
        others = [person for person in self.people if person.guest.is_stalled != is_stalled]
        if others:
            person = _one_of(others, who)
            person.guest.is_stalled, person.visitor.outbox.space = is_stalled, 0 if is_stalled else None
            for seat in list(person.guest.seats):
                self.chat.rooms.feed(seat)
            person.visitor.member.feed()

    @rule(passed=st.integers(-2 * HOUR, 3 * HOUR) | st.integers(0, 5_000), age=st.none() | st.integers(0, 3 * HOUR))
    def time_passes(self, passed: int, age: int | None) -> None:
        """The clock may also be set back. The keeper writes down how far all have read, or erases what is older."""
        self.clock.now = self.chat.now = max(1, self.clock.now + passed)
        if age is None:
            self.office.hub.directory.keep_seen()
            self.chat.keep_positions()
        else:
            self.office.hub.directory.prune(age)
            self.chat.prune(age)

    @precondition(lambda self: self.is_kept)
    @rule(gracefully=st.booleans())
    def restarts(self, gracefully: bool) -> None:
        """The server stops, or dies; its people come back to where they were, as clients do."""
        before = [(person.guest, list(person.guest.seats)) for person in self.people]
        for person in list(self.people):
            self._forget(person)
        if gracefully:
            self.office.hub.directory.keep_seen()
        self.office.store.close()
        self.office = Office(self._open_store(), self.clock)
        self.chat.restart(gracefully=gracefully)
        for guest, seats in before:
            self._come_back(guest, seats)

    def _come_back(self, guest: Guest, seats: list[model.Seat]) -> None:
        person = self._enter(guest.who.name, guest.address, guest.who)
        if person:
            for seat in seats:
                self._ask(person, Join(room=seat.name, since=seat.sent, epoch=seat.room.epoch))

    # ---------------------------------------------------------------------------------------------- comparing

    @invariant()
    def compare(self) -> None:
        """What everybody was sent is what the model says, once and in order."""
        for person in list(self.people):
            person.compare()
            if person.guest.last_word:
                self._forget(person)

    @invariant()
    def the_store_holds_what_was_said(self) -> None:
        """Every number, without a hole, as each may see it."""
        records = {record.epoch: record for record in self.office.store.rooms()}
        for room in self.chat.rooms.all:
            if room.epoch in records:
                for who in self.chat.identities:
                    self._compare_room(room, records[room.epoch], who)

    def _compare_room(self, room: model.Room, record: RoomRecord, who: Identity) -> None:
        assert (record.first, record.last, record.topic) == (room.first, room.last, room.topic)
        reader = self.owners[who]
        for history in (False, True):
            page = self.office.store.page(record, 0, FAR, FAR, reader=reader, history=history)
            how: model.How = "history" if history else "replayed"
            assert page == [entry.seen_by(who, record.name, how) for entry in room.held()]

    def teardown(self) -> None:
        for person in list(self.people):
            self._forget(person)
        self.office.store.close()
        self._folder.cleanup()
        for word, entry in self.words.items():
            for who, sent in self.sent.items():
                assert entry.is_for(who) or word.encode() not in sent, (word, who)


def _aimed(request: R, guest: Guest, aim: int) -> R:
    """In a room in which the guest is, about a message that stands there; half of the time about its own."""
    if not aim or not guest.seats or getattr(request, "room", None) is None:
        return request
    seat = _one_of(guest.seats, aim)
    standing = [entry for entry in seat.room.held() if seat.room.standing(entry.seq)]
    own = [entry for entry in standing if entry.author is guest.who]
    among = own if aim % 2 and isinstance(request, Edit | Delete) else standing
    given = {name: getattr(request, name) for name in ("seq", "reply_to") if getattr(request, name, None)}
    numbers = {name: _one_of(among, number).seq for name, number in given.items()} if among else {}
    return replace(request, room=seat.name, **numbers)


def _one_of(some: list[T], number: int) -> T:
    return some[number % len(some)]


class HouseInMemory(House):
    """Everything is forgotten with the server."""


class HouseInAFile(House):
    """The server stops and starts again on the same file."""

    is_kept = True


thorough = settings(
    max_examples=scaled(60, 600),
    stateful_step_count=scaled(40, 80),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestInMemory = HouseInMemory.TestCase
TestInMemory.settings = thorough
TestInAFile = HouseInAFile.TestCase
TestInAFile.settings = thorough
