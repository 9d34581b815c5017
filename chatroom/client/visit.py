"""One room, as one client has it: whether the user wants to be in it, whether the server has us in it, what is open.

Pure: knows no connection. The wish and the fact agree sooner or later; how far the room was shown is the Position's.
"""

from concurrent.futures import Future

from chatroom.client.position import Position
from chatroom.messages import DEFAULT_RECENT, Join, Message, Room
from chatroom.text import fold


class Visit:
    def __init__(self, name: str) -> None:
        self.name = name
        self.wanted = False
        self.position = Position()
        self.waiting: list[Future[Room]] = []
        """What is answered once we are in."""
        self.stale = False
        """Whether comings and goings were passed over, because the listener was too slow."""
        self._resumes = False
        self._recent = DEFAULT_RECENT
        self._on_errand = False
        self.is_in_doubt = False
        """Whether its name may be somebody else's by now, who must not get what was said to the one before."""
        self.part()

    def part(self) -> None:
        """The server has us in it no more."""
        self.entering = False
        self.entered: int | None = None
        """The newest number when we came in; None while we are not in."""
        self.live = False
        self.filling = False
        """Whether a page of history is under way, to fill a hole."""
        self.position.restart()

    def is_direct(self) -> bool:
        """Whether it is one other person's and ours."""
        return fold(self.name).startswith("@")

    def doubt(self) -> None:
        """The connection is lost. A room without history tells nothing: it is made anew for the same two."""
        self.is_in_doubt = self.is_direct() and bool(self.position.shown and self.position.epoch)

    # ------------------------------------------------------------------------------------------------ the wish

    def want(self, request: Join, answer: Future[Room]) -> None:
        self.wanted = True
        self.waiting.append(answer)
        self._recent = request.recent
        if request.since is not None and not self._resumes:
            self.position = Position(request.since, request.epoch)
            self._resumes = True

    def want_no_more(self) -> None:
        """What was shown is not shown again, should the user come back; what is said meanwhile is not made up for."""
        self.wanted = self._resumes = False

    def be_called_in(self, message: Message) -> None:
        """Somebody talks to us there: from this message on we want to hear it."""
        self.wanted = self._resumes = True
        self.position = Position(message.seq - 1, self.position.epoch)

    def entry(self) -> Join:
        """What to ask, to get in. On an errand, only to say something, we do not look at what others said."""
        self.entering = True
        self._on_errand = not self.wanted
        if self._on_errand:
            return Join(room=self.name, recent=0)
        if self._resumes:
            return Join(room=self.name, since=self.position.shown, epoch=self.position.epoch)
        return Join(room=self.name, recent=self._recent)

    def is_idle(self) -> bool:
        """Whether we are not in, nor on the way."""
        return self.entered is None and not self.entering

    def is_errand(self) -> bool:
        """Whether we are in only to say something."""
        return self._on_errand and not self.wanted and self.entered is not None

    # ------------------------------------------------------------------------------------------------ the fact

    def is_taken_in(self) -> bool:
        """Whether a room that comes unasked means that the server takes us in, because somebody talks to us there."""
        return self.is_direct() and self.entered is None and not self.wanted

    def enter(self, room: Room) -> None:
        """The server has let us in."""
        self.name = room.room
        self.entering = False
        self.live = False
        self.is_in_doubt = False
        self.entered = max(room.last, room.since)

    def resume(self) -> None:
        """From now on, an outage is made up for."""
        self._resumes = True

    def is_settled(self) -> bool:
        """Whether we are in, and nothing is under way that changes what is known."""
        return self.entered is not None and not (self.entering or self.filling)

    def is_level(self) -> bool:
        """Whether everything that was said has been shown."""
        return self.live and not self.position.has_hole()
