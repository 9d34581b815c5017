"""The heart: what is said in a room is numbered, stored and handed out to everybody in one order.

Knows members, seats and a store. Knows no sockets, no bytes and no rights.

Two roles pass from thread to thread. Whoever posts first stores a batch, and then hands it out while the next poster
may already store the next: the lock for handing out is taken before the one for storing is let go, so batches leave
in the order in which they were stored. Everybody else only adds to what is pending and goes on. The store's order is
taken as it comes: what does not follow on what was handed out before is not handed out, and every seat is fed from
the store instead. Lock order: a member's seating, topics, storing, floor, then a member's own; the agenda's is held
with no other.
"""

import bisect
import logging
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from chatroom import messages
from chatroom.errors import Refusal, StoreFailed
from chatroom.messages import Event, Join, Joined, Left, Live, Message, Numbered, Ok, Topic
from chatroom.server.agenda import Agenda
from chatroom.server.batch import Batch, News
from chatroom.server.facts import facts
from chatroom.server.figures import Tally
from chatroom.server.handout import Handout, renamed
from chatroom.server.member import Member, Seat
from chatroom.server.paging import FEED_WEIGHT, PAGE, PAGES, as_fit
from chatroom.server.store import Appended, Reader, RoomRecord, Store, Words
from chatroom.wire import Packet

log = logging.getLogger(__name__)

TURNS = 8
"""So many batches one thread stores and hands out for others before it goes back to its own client."""


class Standing(NamedTuple):
    """How far a room has been handed out: the newest message, who is there, and the topic."""

    seq: int
    members: tuple[str, ...]
    topic: str


class Room:
    """Any thread may call any public method."""

    def __init__(
        self,
        record: RoomRecord,
        store: Store,
        clock: Callable[[], int],
        later: Callable[[Callable[[], object]], None],
    ) -> None:
        self.record = record
        self.claims = 0
        """How many members are in it or about to be. The directory's, under its lock."""
        self.tally = Tally()
        self._store = store
        self._clock = clock
        self._later = later

        self._agenda = Agenda()
        self._storing = threading.Lock()

        self._floor = threading.Lock()
        self._level: set[Seat] = set()
        self._handed = record.last
        self._members: tuple[str, ...] = ()
        self._topic = record.topic
        self._once = store.unseen_once(record)
        """The oldest view-once message that somebody still waits for; or 0."""

        self._topics = threading.Lock()

    # ------------------------------------------------------------------------------------------- posting

    def post(self, member: Member, texts: Sequence[str], ids: Sequence[str]) -> int:
        """Has it stored and handed out, perhaps by another thread. Returns a ticket to `settle`."""
        return self._post(lambda batch: batch.add_talk(member, texts, ids))

    def post_words(self, member: Member, words: Sequence[Words]) -> int:
        """The same for what is not for all, or changes what was said."""
        return self._post(lambda batch: batch.add_words(member, words))

    def _post(self, put: Callable[[Batch], object]) -> int:
        ticket = self._agenda.add(put)
        if ticket is None:
            raise no_such_room(self.record.name)
        self._work()
        return ticket

    def announce(self, news: News) -> int:
        """Has the news handed out, in one order with everything else."""
        ticket = self._agenda.add_news(news)
        self._work()
        return ticket

    def settle(self, ticket: int | None = None, timeout: float | None = None) -> None:
        """Waits until what the ticket was given for has been handed out; without one, until all has."""
        self._agenda.settle(ticket, timeout)

    def wait_until_level(self, seat: Seat) -> None:
        """Waits until the seat has been sent all that was handed out, or its member has ended."""
        self._agenda.wait_for(lambda: not seat.is_behind or seat.left or seat.member.has_ended())

    def wake(self) -> None:
        """Has those who wait look again."""
        self._agenda.wake()

    def retire(self) -> bool:
        """Ends a room that has no history and gets none any more; whether it could be ended."""
        return self._agenda.close(unless=lambda: self.record.last > 0)

    def reopen(self) -> None:
        """Takes back what `retire` did."""
        self._agenda.reopen()

    def _work(self) -> None:
        """Be the postman, if nobody is. Whoever posts while somebody is may go: that one looks again after
        letting go of the role, so nothing is left lying."""
        for _ in range(TURNS):
            if self._agenda.is_empty() or not self._storing.acquire(blocking=False):
                return
            self._take_turn()
        self._later(self._work)

    def _take_turn(self) -> None:
        """Stores one batch and hands it out. Called with `_storing` held, which is let go on the way."""
        batch = self._agenda.take()
        try:
            appended, failure = self._keep_and_take_the_floor(batch)
            try:
                self._hand_out(appended, batch)
                batch.answer(appended, failure, self._name_for)
            finally:
                self._floor.release()
        finally:
            self._agenda.finish(batch)

    def _keep_and_take_the_floor(self, batch: Batch) -> tuple[Appended, StoreFailed | None]:
        try:
            kept = self._keep(batch)
            self._floor.acquire()
        finally:
            self._storing.release()
        return kept

    def _keep(self, batch: Batch) -> tuple[Appended, StoreFailed | None]:
        """A store that fails adds nothing, and says so to those who spoke: saying it again is always safe."""
        if not batch.said:
            return Appended(()), None
        try:
            with self.tally.store:
                return self._store.append(self.record, batch.said, self._clock()), None
        except StoreFailed as failure:
            return Appended(()), failure
        except Exception:  # a bug in a store; whoever spoke must not wait for ever
            log.exception("The store did not do what it should.", extra=facts("store_bug", room=self.record.name))
            return Appended(()), StoreFailed("The server could not store this; say it again later.")

    # --------------------------------------------------------------------------------------- handing out

    def _hand_out(self, appended: Appended, batch: Batch) -> None:
        """Gives everybody who is level what is new. Called with the floor.

        It holds from before it is shown: whoever is shown something may ask for it at once.
        """
        said, news, before = appended.events, batch.news, self._standing()
        follows = not said or said[0].seq == before.seq + 1
        if said:
            self._handed = said[-1].seq
        if appended.readers:
            self._note_once(said)
        for item in news:
            self._note(item.event)
        for seat in self._deliver(Handout(said if follows else (), news, appended.readers, batch.askers)):
            self._fall_behind(seat, before)
            seat.member.answer(*(Ok(id) for id, asker in batch.askers.items() if asker is seat.member))
        self.tally.messages += len(said)
        self.tally.deliveries += len(said) * len(self._level)
        if not follows:
            for seat in tuple(self._level):
                self._fall_behind(seat, self._standing()._replace(seq=before.seq))

    def _standing(self) -> Standing:
        return Standing(self._handed, self._members, self._topic)

    def _deliver(self, handout: Handout) -> list[Seat]:
        """The seats whose members did not take it."""
        if handout.is_empty():
            return []
        for_all = None if self.record.pair else handout.for_all
        if for_all:
            return [seat for seat in self._level if not seat.member.deliver(for_all)]
        return [seat for seat in self._level if not seat.member.deliver(handout.for_seat(seat))]

    def _name_for(self, member: Member) -> str:
        seat = member.seat_in(self)
        return seat.name if seat else self.record.name

    def _fall_behind(self, seat: Seat, sent: Standing) -> None:
        self._level.discard(seat)
        seat.sent, seat.known_members, seat.known_topic = sent
        seat.is_behind = True
        self._later(seat.member.feed)

    def _note(self, event: Joined | Left | Topic) -> None:
        if isinstance(event, Joined):
            place = bisect.bisect(self._members, event.username)
            self._members = (*self._members[:place], event.username, *self._members[place:])
        elif isinstance(event, Left):
            place = bisect.bisect_left(self._members, event.username)
            self._members = self._members[:place] + self._members[place + 1 :]
        else:
            self._topic = event.topic

    # ------------------------------------------------------------------------------- coming, and catching up

    def join(self, member: Member, request: Join, *, name: str = "", seen: int = 0) -> None:
        """Answers with the room, what was asked for of its history, and `live`. The member knows it by this `name`,
        and has read it up to `seen`."""
        with member.seating:
            if again := member.seat_in(self):
                self._clear(again)
            else:
                self._agree(self._agenda.come(member.owner, News(Joined(self.record.name, member.username))))
            seat = Seat(member, self, name, seen)
            with self._floor:
                greeting = self._greet(seat, request)
                member.answer(greeting)
                member.sit_down(seat)
        self.feed(seat)

    def leave(self, member: Member, reason: str) -> bool:
        """Whether the member was here. From now on it is sent nothing more of this room."""
        with member.seating:
            seat = member.seat_in(self)
            if seat is None:
                return False
            self._clear(seat)
            self._agree(self._agenda.go(member.owner, News(Left(self.record.name, member.username, reason))))
        return True

    def _agree(self, ticket: int) -> None:
        """Has it handed out, and waits for that."""
        self._work()
        self.settle(ticket)

    def _clear(self, seat: Seat) -> None:
        with seat.feeding, self._floor:
            seat.left = True
            self._level.discard(seat)
            seat.member.stand_up(seat)

    def _greet(self, seat: Seat, request: Join) -> messages.Room:
        unknown_history = request.epoch is not None and request.epoch != self.record.epoch
        ahead_of_us = request.epoch is not None and (request.since or 0) > self._handed
        reset = unknown_history or ahead_of_us
        since = request.since
        if since is None or reset:
            since = max(self._handed - request.recent, 0)
            return self._place(seat, max(since, self.record.first - 1), reset=reset, id=request.id)
        since = min(since, self._handed)
        begins = max(since, self.record.first - 1)
        return self._place(seat, begins, gap=begins > since, id=request.id)

    def _place(
        self, seat: Seat, since: int, *, gap: bool = False, reset: bool = False, id: str | None = None
    ) -> messages.Room:
        """Lets the seat begin after `since`. Called with the floor."""
        seat.sent = since
        seat.known_members, seat.known_topic = self._members, self._topic
        first = self.record.first
        holds_any = first <= self._handed
        return messages.Room(
            room=seat.name,
            epoch=self.record.epoch,
            topic=self._topic,
            members=list(self._members),
            first=first if holds_any else 0,
            last=self._handed if holds_any else 0,
            since=since,
            gap=gap,
            reset=reset,
            seen=seat.seen,
            id=id,
        )

    def feed(self, seat: Seat) -> None:
        """Sends the seat what it is behind with, until it is level or its member takes no more for now."""
        with seat.feeding:
            for _ in range(PAGES):
                if seat.left or not seat.is_behind or seat.member.has_ended() or not seat.member.has_room():
                    return
                if seat.sent < self._handed:
                    if not self._feed_page(seat):
                        return
                elif self._rejoin(seat):
                    return
        self._later(seat.member.feed)

    def _feed_page(self, seat: Seat) -> bool:
        """Whether the member took a page, and may take another."""
        until = self._handed
        try:
            page = as_fit(self._page(seat, seat.sent, until + 1, PAGE), FEED_WEIGHT)
        except StoreFailed:
            return False  # the keeper has it tried again
        begins = page[0].seq - 1 if page else until
        if begins > seat.sent:  # what lies between is no longer held
            with self._floor:
                seat.member.answer(self._place(seat, begins, gap=True))
        if page and not seat.member.deliver(Packet(page)):
            return False
        seat.sent = page[-1].seq if page else begins
        return True

    def _rejoin(self, seat: Seat) -> bool:
        """Takes the seat back into the live stream, if it still is level now that nobody is handing out."""
        with self._floor:
            if seat.sent < self._handed:
                return False
            seat.member.answer(*self._missed_news(seat), Live(seat.name, self._handed))
            seat.is_behind = False
            seat.known_members = ()  # one for each seat would be a square of people
            self._level.add(seat)
        self.wake()
        return True

    def _missed_news(self, seat: Seat) -> list[Event]:
        """What became of presence and topic while the seat was fed."""
        name, before, now = seat.name, seat.known_members, self._members
        news: list[Event] = []
        if before is not now:
            news += [Left(name, username, "") for username in sorted(set(before) - set(now))]
            news += [Joined(name, username) for username in sorted(set(now) - set(before))]
        if seat.known_topic != self._topic:
            news.append(Topic(name, self._topic, ""))
        return news

    # -------------------------------------------------------------------------------------------- looking

    def members(self) -> tuple[str, ...]:
        return self._members

    def topic(self) -> str:
        return self._topic

    def last(self) -> int:
        """The newest seq that was handed out."""
        return self._handed

    def owners(self) -> frozenset[int]:
        """Who is here, whatever their names."""
        return self._agenda.owners()

    def history(self, seat: Seat, after: int, before: int, limit: int, *, newest: bool) -> list[Numbered]:
        """Of what was handed out, up to `limit` events with after < seq < before."""
        return self._page(seat, after, min(before, self._handed + 1), limit, newest=newest, history=True)

    def _page(
        self, seat: Seat, after: int, before: int, limit: int, *, newest: bool = False, history: bool = False
    ) -> list[Numbered]:
        owner = seat.member.owner
        page = self._store.page(self.record, after, before, limit, reader=owner, newest=newest, history=history)
        return [renamed(event, seat) for event in page] if self.record.pair else page

    def set_topic(self, member: Member, topic: str) -> Topic:
        event = Topic(self.record.name, topic, member.username)
        with self._topics:  # the one that is stored last is handed out last
            self._store.set_topic(self.record, topic)
            ticket = self.announce(News(event, besides=member))
        self.settle(ticket)
        return replace(event, room=self._name_for(member))

    # ------------------------------------------------------------------------------------ what is shown once

    def _note_once(self, said: Sequence[Event]) -> None:
        shown_once = [event.seq for event in said if isinstance(event, Message) and event.once]
        if shown_once and not self._once:
            self._once = shown_once[0]

    def see_once(self, member: Member, seq: int) -> None:
        """The member was shown what is view-once, up to there; what all were shown is erased."""
        if self._once and seq >= self._once:
            self._store.seen_once(Reader(member.owner, self.record), seq)
            with self._floor:  # nothing is handed out meanwhile
                self._once = self._store.unseen_once(self.record)


def no_such_room(name: str) -> Refusal:
    return Refusal("no_such_room", f"There is no room {name}; join it to make it.")
