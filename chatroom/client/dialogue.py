"""What is asked of a server and what comes back, over any number of connections: the client without its machinery.

Pure: no sockets, no threads, no clock, no disk. What is to be sent, told, answered and crossed off is collected in
`Doings`, for whoever has those. Knows the rooms, what was said and has no receipt, and what else is open. After an
outage it takes everything up again from there.

A receipt is believed when it is `stored`, or a message with our id under our name that is newer than our coming in:
the name was ours by then. An older one may be of anybody who had the name while we were away.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

from msgspec.structs import replace

from chatroom.client.doings import Absence, Answer, Asked, Doings
from chatroom.client.events import Back, ClientEvent, Gap, Offline, Online, Receipt, Reset, Unsayable
from chatroom.client.refusals import passes
from chatroom.client.visit import Visit
from chatroom.errors import Refusal
from chatroom.messages import (
    AnyEvent,
    AskHistory,
    Error,
    History,
    Join,
    Joined,
    Leave,
    Left,
    Live,
    Members,
    Message,
    Notice,
    Pong,
    Request,
    Room,
    Rooms,
    Say,
    Seen,
    Stored,
    Topic,
)
from chatroom.text import fold, visible

PAGE = 200
"""So many messages at a time are asked for to fill a hole."""

SEEN = "?seen"
"""The id with which every read position is told: nobody waits for what becomes of one."""

_NOT_IN = frozenset(("not_joined", "no_such_room"))


class Dialogue:
    """Used by one thread at a time."""

    def __init__(self, username: str, unsent: Iterable[Say] = ()) -> None:
        self.username = username
        self.unsent = {say.id: say for say in unsent}
        self.is_stalled = False
        """Whether what is unsent waits for `retry`, because the server could not take it just now."""
        self.stalls = 0
        """How many times in a row that happened."""
        self.overflowing = False
        """Whether the listener is too slow: what is numbered is asked for later, the rest is passed over."""
        self._doings = Doings()
        self._online = False
        self._receipts: dict[str, Future[Receipt]] = {}
        self._asked: dict[str, Asked] = {}
        self._ids = (f"?{number}" for number in count(1))
        self._visits: dict[str, Visit] = {}
        self._absence: Absence | None = None

    def take_doings(self) -> Doings:
        doings, self._doings = self._doings, Doings()
        return doings

    def joined(self) -> list[str]:
        return [visit.name for visit in self._visits.values() if visit.wanted]

    # ------------------------------------------------------------------------------------------ what the user asks

    def say(self, say: Say, receipt: Future[Receipt]) -> None:
        self.unsent[say.id] = say
        self._receipts[say.id] = receipt
        if self._online and not self.is_stalled:
            self._doings.sends.append(say)

    def knows(self, id: str) -> bool:
        """Whether something is under way with this id."""
        return id == SEEN or id in self.unsent or id in self._asked

    def seen(self, room: str, seq: int) -> None:
        """The user has read the room up to there. If it cannot be told now, it is not told: a later one will be."""
        visit = self._visits.get(fold(room))
        if self._online and visit and visit.wanted and visit.entered is not None:
            self._doings.sends.append(Seen(id=SEEN, room=visit.name, seq=seq))

    def ask(self, request: Request, answer: Answer) -> None:
        self._send(Asked(request, answer))

    def join(self, request: Join, answer: Future[Room]) -> None:
        visit = self._visit(request.room)
        visit.want(request, answer)
        if self._online:
            self._enter(visit)

    def leave(self, request: Leave, answer: Future[Left]) -> None:
        self._visit(request.room).want_no_more()
        self.ask(request, answer)

    def tell(self, event: ClientEvent) -> None:
        self._doings.tells.append(event)

    def give_up(self) -> list[Answer]:
        """Everything that waits for an answer, and will have none."""
        waiting = [answer for visit in self._visits.values() for answer in visit.waiting]
        asked = [asked.answer for asked in self._asked.values() if asked.answer]
        return [*self._receipts.values(), *waiting, *asked]

    # ---------------------------------------------------------------------------------------------- coming and going

    def online(self, username: str, away: float | None) -> None:
        """The server has let us in; after so many seconds of absence, if it is not the first time."""
        self.username = username
        self._online = True
        if away is not None:
            absence = self._absence or Absence()
            self._absence = absence._replace(seconds=absence.seconds + away)
        self.tell(Online())
        again = [asked for asked in self._asked.values() if asked.answer]
        self._asked.clear()
        for visit in self._visits.values():
            visit.part()
        self.retry()
        for asked in again:
            self._send(asked)
        self._look_whether_back()

    def offline(self, event: Offline) -> None:
        self._online = self.is_stalled = False
        self.tell(event)

    def retry(self) -> None:
        """Goes into the rooms where we should be, and says what is unsent, in order."""
        self.is_stalled = False
        errands = {fold(say.room) for say in self.unsent.values()}
        for say in self.unsent.values():
            self._visit(say.room)
        for key, visit in self._visits.items():
            if (visit.wanted or key in errands) and visit.is_idle():
                self._enter(visit)
        self._doings.sends += self.unsent.values()
        self.catch_up()

    def _stall(self) -> None:
        self.stalls += not self.is_stalled
        self.is_stalled = True

    def _enter(self, visit: Visit) -> None:
        self._send(Asked(visit.entry()))

    def _send(self, asked: Asked) -> None:
        id = next(id for id in self._ids if not self.knows(id))
        self._asked[id] = asked = asked._replace(request=replace(asked.request, id=id))
        if self._online:
            self._doings.sends.append(asked.request)

    def _visit(self, room: str) -> Visit:
        key = fold(room)
        visit = self._visits.get(key)
        if visit is None:
            visit = self._visits[key] = Visit(room)
        return visit

    # --------------------------------------------------------------------------------------- what the server tells

    def receive(self, event: AnyEvent) -> None:
        handle = _HANDLERS.get(type(event))
        if handle:
            handle(self, event)

    def end_batch(self) -> None:
        """After the events that were read at a time: what follows from them all."""
        self.catch_up()
        self._end_errands()
        self._look_whether_back()

    def catch_up(self) -> None:
        """Asks for what is missing, if the listener has room for it."""
        if self._online and not (self.overflowing or self.is_stalled):
            for visit in self._visits.values():
                if visit.wanted and visit.is_settled():
                    self._catch_up_with(visit)

    def _catch_up_with(self, visit: Visit) -> None:
        position = visit.position
        if position.has_hole():
            visit.filling = True
            request = AskHistory(room=visit.name, after=position.shown, limit=PAGE)
            self._send(Asked(request, until=position.heard()))
        elif visit.stale and visit.live:
            visit.stale = False
            self._enter(visit)  # who comes in is told who is there

    def _end_errands(self) -> None:
        for key, visit in self._visits.items():
            if visit.is_errand() and not any(fold(say.room) == key for say in self.unsent.values()):
                visit.part()
                self._send(Asked(Leave(room=visit.name)))

    def _look_whether_back(self) -> None:
        if self._absence and all(visit.is_level() for visit in self._visits.values() if visit.wanted):
            self.tell(Back(*self._absence))
            self._absence = None

    def _show(self, news: Iterable[Message | Gap | Reset]) -> None:
        for item in news:
            self.tell(item)
            if self._absence and getattr(item, "username", None) != self.username:  # one's own words are not new
                self._absence = self._absence.plus(item)

    def _on_message(self, event: Message) -> None:
        visit = self._visits.get(fold(event.room))
        if visit is None or visit.entered is None:
            return
        if event.seq > visit.entered and event.username == self.username:
            self._on_receipt(event)
        if not visit.wanted:
            return
        if self.overflowing:
            visit.position.note(event.seq)
        else:
            self._show(visit.position.take(event))

    def _on_receipt(self, event: Message | Stored) -> None:
        said = self.unsent.get(event.id)
        if said and fold(said.room) == fold(event.room):
            self.stalls = 0
            self._settle_say(said, Receipt(event.room, event.seq, event.time, said.id))

    def _settle_say(self, say: Say, result: Receipt | Refusal) -> None:
        del self.unsent[say.id]
        self._doings.done.append(say.id)
        receipt = self._receipts.pop(say.id, None)
        if receipt:
            self._doings.settles.append((receipt, result))

    def _on_room(self, event: Room) -> None:
        """The answer to a join; or, unasked, the word that some of what follows is no longer held."""
        asked = self._take_asked(event)
        visit = self._visit(asked.request.room if asked else event.room)
        if asked:
            visit.enter(event)
            self._doings.settles += [(answer, event) for answer in visit.waiting]
            visit.waiting.clear()
        if visit.wanted:
            resumed = asked is None or asked.request.since is not None
            self._show(visit.position.begin(event, resumed=resumed))
            visit.resume()
            self.tell(event)

    def _on_live(self, event: Live) -> None:
        visit = self._visit(event.room)
        visit.live = True
        if visit.wanted:
            visit.position.note(event.seq)
            self.tell(event)

    def _on_left(self, event: Left) -> None:
        asked = self._take_asked(event)
        if asked:
            self._leave(asked, event)
        elif event.username == self.username:
            visit = self._visit(event.room)
            visit.want_no_more()
            visit.part()
            self.tell(event)
        else:
            self._on_news(event)

    def _leave(self, asked: Asked, event: Left) -> None:
        self._visit(asked.request.room).part()
        if asked.answer:
            self._settle(asked, event)
            self.tell(event)

    def _on_topic(self, event: Topic) -> None:
        self._on_answer(event)
        self._on_news(event)

    def _on_news(self, event: Joined | Left | Topic) -> None:
        """What is not numbered."""
        visit = self._visit(event.room)
        if visit.wanted:
            visit.stale |= self.overflowing
            self._tell_unless_overflowing(event)

    def _tell_unless_overflowing(self, event: ClientEvent) -> None:
        if not self.overflowing:
            self.tell(event)

    def _on_answer(self, event: Members | Rooms | Pong | Topic) -> None:
        asked = self._take_asked(event)
        if asked:
            self._settle(asked, event)

    def _on_history(self, event: History) -> None:
        asked = self._take_asked(event)
        if asked and asked.answer:
            self._settle(asked, event)
        elif asked:
            self._fill(asked, event.messages, more=event.more)

    def _fill(self, asked: Asked, page: Sequence[Message], *, more: bool) -> None:
        """A page with nothing new has no other behind it, whatever it says."""
        visit = self._visit(asked.request.room)
        visit.filling = False
        goes_on = more and page and page[-1].seq > (visit.position.shown or 0)
        self._show(visit.position.fill(visit.name, page, 0 if goes_on else asked.until))

    def _take_asked(self, event: AnyEvent) -> Asked | None:
        return self._asked.pop(getattr(event, "id", None) or "", None)

    def _settle(self, asked: Asked, result: object) -> None:
        if asked.answer:
            self._doings.settles.append((asked.answer, result))

    # --------------------------------------------------------------------------------------------- what it refuses

    def _on_error(self, event: Error) -> None:
        refusal = Refusal(event.code, visible(event.text))
        said = self.unsent.get(event.id or "")
        asked = self._take_asked(event)
        if said:
            self._on_say_refused(said, refusal)
        elif asked and asked.answer:
            self._on_request_refused(asked, refusal)
        elif asked:
            self._on_own_refused(asked, refusal)
        elif event.id != SEEN:
            self._tell_unless_overflowing(Notice(refusal.text))

    def _on_say_refused(self, say: Say, refusal: Refusal) -> None:
        """Who is not in the room may be so only because the server could not take us in just now."""
        may_come_in = refusal.code in _NOT_IN and self.is_stalled
        if passes(refusal) or may_come_in:
            self._stall()
        else:
            self.tell(Unsayable(say.room, say.message, refusal, say.id))
            self._settle_say(say, refusal)

    def _on_request_refused(self, asked: Asked, refusal: Refusal) -> None:
        """Who asked to leave a room and is not in it has got what was asked for."""
        if isinstance(asked.request, Leave) and refusal.code in _NOT_IN:
            self._leave(asked, Left(asked.request.room, self.username, "left", asked.request.id))
        else:
            self._settle(asked, refusal)

    def _on_own_refused(self, asked: Asked, refusal: Refusal) -> None:
        """What nobody waits for directly: a join, a page that fills a hole, the end of an errand."""
        visit = self._visit(asked.request.room)
        if isinstance(asked.request, Join):
            visit.entering = False
        else:
            visit.filling = False
        if passes(refusal):
            self._stall()
        elif isinstance(asked.request, Join):
            self._on_join_refused(visit, refusal)
        elif isinstance(asked.request, AskHistory):
            self._show(visit.position.fill(visit.name, (), asked.until))

    def _on_join_refused(self, visit: Visit, refusal: Refusal) -> None:
        if visit.wanted and not visit.waiting:
            self.tell(Left(visit.name, self.username, refusal.text))
        self._doings.settles += [(answer, refusal) for answer in visit.waiting]
        visit.waiting.clear()
        visit.want_no_more()


_HANDLERS: dict[type, Callable[[Dialogue, Any], None]] = {
    Message: Dialogue._on_message,
    Stored: Dialogue._on_receipt,
    Room: Dialogue._on_room,
    Live: Dialogue._on_live,
    Joined: Dialogue._on_news,
    Left: Dialogue._on_left,
    Topic: Dialogue._on_topic,
    Members: Dialogue._on_answer,
    Rooms: Dialogue._on_answer,
    History: Dialogue._on_history,
    Pong: Dialogue._on_answer,
    Notice: Dialogue._tell_unless_overflowing,
    Error: Dialogue._on_error,
}
