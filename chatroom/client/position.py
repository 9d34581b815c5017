"""How far one room has been shown, and what waits behind a hole.

Each number is shown once, in order, or said to be gone. Pure: knows numbers and messages; knows nothing of who asks
the server for what is missing, or when.
"""

from collections.abc import Sequence

from chatroom.client.events import Gap, Reset
from chatroom.messages import Numbered, Room

HELD = 1_000
"""So many messages wait behind a hole; what comes beyond them is asked for later."""


class Position:
    """A place in the history called `epoch`: everything up to `shown` has been shown; None before it is known."""

    __slots__ = ("_heard", "_held", "epoch", "shown")

    def __init__(self, shown: int | None = None, epoch: str | None = None) -> None:
        self.shown = shown
        self.epoch = epoch
        self._heard = shown or 0
        self._held: dict[int, Numbered] = {}

    def has_hole(self) -> bool:
        """Whether something is known to exist that has not been shown."""
        return self.shown is not None and self.shown < self._heard

    def heard(self) -> int:
        """The newest number that is known to exist."""
        return self._heard

    def note(self, seq: int) -> None:
        """A message of this number exists."""
        self._heard = max(self._heard, seq)

    def restart(self) -> None:
        """The server will send everything after `shown` again."""
        self._held.clear()
        self._heard = self.shown or 0

    def begin(self, room: Room, *, resumed: bool) -> list[Reset | Gap]:
        """The server starts to send the room; `resumed`, if it was asked to go on from here."""
        news: list[Reset | Gap] = []
        if room.reset or self.epoch not in (None, room.epoch) or self._is_ahead_of(room):
            news.append(Reset(room.room))
            self.shown = room.since
        elif self.shown is None:
            self.shown = room.since
        elif room.since > self.shown:
            if resumed:
                news.append(Gap(room.room, self.shown + 1, room.since))
            self.shown = room.since
        self.epoch = room.epoch
        self.restart()
        return news

    def _is_ahead_of(self, room: Room) -> bool:
        """Whether more was shown than the server has: then its numbers have started over somewhere."""
        return self.shown is not None and max(room.last, room.since) < self.shown

    def take(self, message: Numbered) -> list[Numbered]:
        """What can be shown now that this message came; none of it if it was shown before, or is behind a hole."""
        seq = message.seq
        if self.shown is None or seq <= self.shown:
            return []
        self.note(seq)
        if seq > self.shown + 1:
            if len(self._held) < HELD:
                self._held[seq] = message
            return []
        self.shown = seq
        return [message, *self._next_held(seq)]

    def fill(self, room: str, page: Sequence[Numbered], until: int) -> list[Numbered | Gap]:
        """Takes a page of history that was asked for. What it leaves out, up to its end and up to `until`, is gone."""
        shown: list[Numbered | Gap] = []
        for message in page:
            shown += self._give_up(room, message.seq - 1)
            shown += self.take(message)
        return shown + self._give_up(room, until)

    def _give_up(self, room: str, until: int) -> list[Numbered | Gap]:
        """Steps over every number up to `until` that never came."""
        stepped: list[Numbered | Gap] = []
        while self.shown is not None and self.shown < until:
            nearest = min(min(self._held, default=until + 1), until + 1)
            stepped.append(Gap(room, self.shown + 1, nearest - 1))
            self.shown = nearest - 1
            stepped += self._next_held(self.shown)
        return stepped

    def _next_held(self, shown: int) -> list[Numbered]:
        follows = []
        while message := self._held.pop(shown + 1, None):
            follows.append(message)
            self.shown = shown = message.seq
        return follows
