"""What is asked of a server and what comes back, over any number of connections: the client without its machinery.

Pure: no sockets, no threads, no clock, no disk. What is to be sent, told, answered and crossed off is collected in
`Doings`, for whoever has those. Knows the rooms, what was said and has no receipt, and what else is open. After an
outage it takes everything up again from there.

A receipt is believed when it is `stored`, or a message with our id under our name that is newer than our coming in:
the name was ours by then. An older one may be of anybody who had the name while we were away.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chatroom.client.asking import SEEN, UNREPEATABLE, Asking
from chatroom.client.doings import Asked
from chatroom.client.events import ClientEvent, Gap, Receipt, Reset, Unsayable
from chatroom.client.refusals import passes
from chatroom.client.visit import Visit
from chatroom.errors import Refusal
from chatroom.messages import (
    AnyEvent,
    AskHistory,
    AskRooms,
    Delete,
    Deleted,
    Edit,
    Edited,
    Error,
    Found,
    History,
    Join,
    Joined,
    Leave,
    Left,
    Live,
    Members,
    Message,
    Notice,
    Numbered,
    Ok,
    Ping,
    Pong,
    React,
    Reacted,
    Register,
    Registered,
    Request,
    Room,
    Rooms,
    Say,
    Search,
    SetTopic,
    Skip,
    Stored,
    Topic,
    Who,
)
from chatroom.text import fold, visible

Answering = Members | Rooms | Topic | Found | Registered | Ok | Pong | Edited | Deleted | Reacted

_ANSWER_TO: dict[type, type | tuple[type, ...]] = {
    Room: Join,
    Left: Leave,
    Members: Who,
    Rooms: AskRooms,
    History: AskHistory,
    Topic: SetTopic,
    Found: Search,
    Edited: Edit,
    Deleted: Delete,
    Reacted: React,
    Registered: Register,
    Ok: (Edit, Delete, React, *UNREPEATABLE),
    Pong: Ping,
    Error: Request,
}
"""Whatever its id is, nothing else is an answer."""

_NOT_IN = frozenset(("not_joined", "no_such_room"))

_ANOTHER = "{} may be somebody else by now, and was not told this; say it again if it is for them."


class Dialogue(Asking):
    """Used by one thread at a time."""

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

    def _show(self, news: Iterable[Numbered | Gap | Reset]) -> None:
        for item in news:
            if isinstance(item, Skip):
                continue  # its number is accounted for, and that is all it was for
            self.tell(item)
            if self._absence and getattr(item, "username", None) != self.username:  # one's own words are not new
                self._absence = self._absence.plus(item)

    def _on_message(self, event: Message) -> None:
        visit = self._visits.get(fold(event.room))
        if visit and event.username == self.username:
            if visit.entered is not None and event.seq > visit.entered:
                self._on_receipt(event)
        elif visit and visit.is_direct() and not (visit.wanted or event.replayed):
            visit.be_called_in(event)
            self._enter(visit)
        self._on_numbered(event)

    def _on_change(self, event: Edited | Deleted | Reacted) -> None:
        """It is an answer only to whom it is by: others see the id too, or may have guessed it."""
        if event.username == self.username:
            self._on_answer(event)
        self._on_numbered(event)

    def _on_numbered(self, event: Numbered) -> None:
        """Where the user's own join is still under way, its answer comes first: it tells all of this again."""
        visit = self._visits.get(fold(event.room))
        if visit is None or visit.entered is None or visit.entering or not visit.wanted:
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
        """The answer to a join. Unasked, it is the word that some of what follows is no longer held, or that somebody
        talks to us in a direct room. Where we want to be in any case, the answer to our own join tells more."""
        asked = self._take_asked(event)
        visit = self._visit(asked.request.room if asked else event.room)
        if asked:
            self._arrive(visit, event)
            if self._is_entered_again(visit):
                visit.entering = True  # by what is wanted now: only that answer tells from where the room is shown
            else:
                self._come_in(visit, event, resumed=asked.request.since is not None)
        elif visit.is_taken_in():
            visit.wanted = True
            self._arrive(visit, event)
            self._come_in(visit, event, resumed=False)
        elif visit.entered is not None:
            if event.epoch != visit.position.epoch:
                visit.enter(event)
            self._begin(visit, event, resumed=True)

    def _arrive(self, visit: Visit, event: Room) -> None:
        """It is known again who hears what is said there."""
        held = self._unsent_in(visit) if visit.is_in_doubt else []
        is_another = event.epoch != visit.position.epoch
        visit.enter(event)
        if is_another:
            self._refuse_all(held, Refusal("no_such_user", _ANOTHER.format(visit.name)))
        else:
            self._doings.sends += held

    def _come_in(self, visit: Visit, event: Room, *, resumed: bool) -> None:
        self._doings.settles += [(answer, event) for answer in visit.waiting]
        visit.waiting.clear()
        self._begin(visit, event, resumed=resumed)

    def _is_entered_again(self, visit: Visit) -> bool:
        """Whether another join is under way, as after an errand into a room where the user then wants to be."""
        joins = (asked.request for asked in self._asked.values() if isinstance(asked.request, Join))
        return any(fold(join.room) == fold(visit.name) for join in joins)

    def _begin(self, visit: Visit, event: Room, *, resumed: bool) -> None:
        if visit.wanted:
            self._show(visit.position.begin(event, resumed=resumed))
            visit.resume()
            self.tell(event)

    def _on_live(self, event: Live) -> None:
        visit = self._visit(event.room)
        if visit.entered is None:
            return
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
        """After an outage, a join that came after it may have been asked before it."""
        visit = self._visit(asked.request.room)
        visit.part()
        if asked.answer:
            self._settle(asked, event)
            self.tell(event)
        if visit.wanted and not self._is_entered_again(visit):
            self._enter(visit)

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

    def _on_answer(self, event: Answering) -> None:
        asked = self._take_asked(event)
        if asked:
            self._settle(asked, event)

    def _on_history(self, event: History) -> None:
        asked = self._take_asked(event)
        if asked and asked.answer:
            self._settle(asked, event)
        elif asked:
            self._fill(asked, event.messages, more=event.more)

    def _fill(self, asked: Asked, page: Sequence[Numbered], *, more: bool) -> None:
        """A page with nothing new has no other behind it, whatever it says."""
        visit = self._visit(asked.request.room)
        visit.filling = False
        goes_on = more and page and page[-1].seq > (visit.position.shown or 0)
        self._show(visit.position.fill(visit.name, page, 0 if goes_on else asked.until))

    def _take_asked(self, event: AnyEvent) -> Asked | None:
        """What this answers; it is open no more."""
        id = getattr(event, "id", None) or ""
        asked = self._asked.get(id)
        return self._asked.pop(id) if asked and isinstance(asked.request, _ANSWER_TO[type(event)]) else None

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
            self._refuse_all([say], refusal)

    def _refuse_all(self, says: Sequence[Say], refusal: Refusal) -> None:
        for say in says:
            self.tell(Unsayable(say.room, say.message, refusal, say.id))
            self._settle_say(say, refusal)

    def _on_request_refused(self, asked: Asked, refusal: Refusal) -> None:
        """Who asked to leave a room and is not in it has got what was asked for; and who asked twice to delete
        something that is no more."""
        request = asked.request
        if isinstance(request, Leave) and refusal.code in _NOT_IN:
            self._leave(asked, Left(request.room, self.username, "left", request.id))
        elif isinstance(request, Delete) and asked.again and refusal.code == "no_such_message":
            self._settle(asked, _deleted(request, self.username))
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
        if visit.is_in_doubt:
            self._refuse_all(self._unsent_in(visit), refusal)


def _deleted(request: Delete, username: str) -> Deleted:
    """As a deleted message stands in the history."""
    return Deleted(room=request.room, seq=request.seq, time=0, username=username, target=request.seq, id=request.id)


_HANDLERS: dict[type, Callable[[Dialogue, Any], None]] = {
    Message: Dialogue._on_message,
    Edited: Dialogue._on_change,
    Deleted: Dialogue._on_change,
    Reacted: Dialogue._on_change,
    Skip: Dialogue._on_numbered,
    Stored: Dialogue._on_receipt,
    Room: Dialogue._on_room,
    Live: Dialogue._on_live,
    Joined: Dialogue._on_news,
    Left: Dialogue._on_left,
    Topic: Dialogue._on_topic,
    **dict.fromkeys((Members, Rooms, Found, Registered, Ok, Pong), Dialogue._on_answer),
    History: Dialogue._on_history,
    Notice: Dialogue._tell_unless_overflowing,
    Error: Dialogue._on_error,
}
