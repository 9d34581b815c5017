"""What is asked and said, and waits for its answer or its receipt; and where we are, or should be.

Knows requests, visits and what becomes of them over outages. Pure: knows no sockets, threads or files, and nothing of
what the server tells.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from itertools import count

from msgspec.structs import replace

from chatroom.client.doings import Absence, Answer, Asked, Doings
from chatroom.client.events import Back, ClientEvent, Offline, Online, Receipt
from chatroom.client.visit import Visit
from chatroom.errors import ConnectionFailed
from chatroom.messages import (
    AskHistory,
    Ban,
    ChangePassword,
    Invite,
    Join,
    Kick,
    Leave,
    Left,
    Mute,
    Register,
    Request,
    Room,
    Say,
    Seen,
    SetAccess,
    SetRole,
    Unban,
    Unmute,
)
from chatroom.text import fold

PAGE = 200
"""So many messages at a time are asked for to fill a hole."""

SEEN = "?seen"
"""The id with which every read position is told: nobody waits for what becomes of one."""

UNREPEATABLE = (Kick, Mute, Unmute, Ban, Unban, SetRole, SetAccess, Invite, Register, ChangePassword)
"""What acts on somebody, or on a password, is of the moment: it is asked over the connection that there is, or not."""


class Asking:
    """Used by one thread at a time. Its other half is the Dialogue."""

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
        if self._online and not self.is_stalled and not self._is_held(say):
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
        if isinstance(request, UNREPEATABLE) and not self._online:
            self._doings.settles.append((answer, ConnectionFailed("There is no connection; ask again when there is.")))
        else:
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
        again = [asked._replace(again=True) for asked in self._asked.values() if asked.answer]
        self._asked.clear()
        for visit in self._visits.values():
            visit.part()
        self.retry()
        for asked in again:
            self._send(asked)
        self._look_whether_back()

    def offline(self, event: Offline) -> None:
        """What must not be done twice may have been done; whoever asked for it has to look."""
        self._online = self.is_stalled = False
        lost = ConnectionFailed("The connection was lost before there was an answer; look whether it was done.")
        for id, asked in list(self._asked.items()):
            if asked.answer and isinstance(asked.request, UNREPEATABLE):
                del self._asked[id]
                self._doings.settles.append((asked.answer, lost))
        for visit in self._visits.values():
            visit.doubt()
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
        self._doings.sends += [say for say in self.unsent.values() if not self._is_held(say)]
        self.catch_up()

    def _is_held(self, say: Say) -> bool:
        """Whether it waits until it is known again who would hear it."""
        visit = self._visits.get(fold(say.room))
        return visit is not None and visit.is_in_doubt and visit.entering

    def _unsent_in(self, visit: Visit) -> list[Say]:
        return [say for say in self.unsent.values() if fold(say.room) == fold(visit.name)]

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

    # ------------------------------------------------------------------------------------------ what follows from it

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
        for visit in self._visits.values():
            if visit.is_errand() and not self._unsent_in(visit):
                visit.part()
                self._send(Asked(Leave(room=visit.name)))

    def _look_whether_back(self) -> None:
        if self._absence and all(visit.is_level() for visit in self._visits.values() if visit.wanted):
            self.tell(Back(*self._absence))
            self._absence = None
