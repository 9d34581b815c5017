"""What the store in memory holds of one room: much that was said in one go as bytes, and everything else as it stands.

Of a flood each object that is kept is new memory, which no cache knows; bytes are a third of it, and the objects that
they are made of are used again for what comes next. To change one message of a burst it is unpacked first.

Knows numbers, and who may read what stands there. Knows nothing of what was said before, and no locks.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from chatroom.messages import Deleted, Edited, Entry, Message
from chatroom.server.store import Talk
from chatroom.server.store.spoken import Run, packed, unpacked
from chatroom.server.store.windows import window


class Private(NamedTuple):
    """Who may read a number, and of a view-once message, who waits to be shown it."""

    readers: frozenset[int]
    waiting: set[int]
    once: bool


class Burst(Struct, frozen=True, gc=False):
    """What somebody said in one go, all of it for all."""

    run: Run
    owner: int
    username: str
    texts: bytes
    """As JSON."""

    def events(self, room: str) -> list[Message]:
        talk = Talk(self.owner, self.username, unpacked(self.texts), unpacked(self.run.ids))
        return talk.messages(room, self.run.first, self.run.time)


class Single(Struct, gc=False):
    """One event, as it stands now."""

    event: Entry
    owner: int

    def events(self, room: str) -> list[Entry]:
        return [self.event]


Piece = Burst | Single


class History:
    """Its numbers have no hole."""

    __slots__ = ("_gone", "_pieces", "_room", "invited", "private")

    def __init__(self, room: str) -> None:
        self._room = room
        self._pieces: list[Piece] = []
        self.private: dict[int, Private] = {}
        self.invited: set[int] = set()
        self._gone: list[int] = []
        """Erased just now; what edits made of these is still to be taken back."""

    # --------------------------------------------------------------------------------------------- what comes

    def add(self, event: Entry, owner: int) -> None:
        self._pieces.append(Single(event, owner))

    def add_talk(self, run: Run, talk: Talk) -> None:
        self._pieces.append(Burst(run, talk.owner, talk.username, packed(talk.texts)))

    def put(self, event: Entry) -> None:
        """In the place of what stands under its number."""
        self._single(event.seq).event = event

    def _single(self, seq: int) -> Single:
        place = self._place(seq)
        piece = self._pieces[place]
        if isinstance(piece, Single):
            return piece
        singles = [Single(event, piece.owner) for event in piece.events(self._room)]
        self._pieces[place : place + 1] = singles
        return singles[seq - _first(piece)]

    def _place(self, seq: int) -> int:
        """Of the piece that has this number, if any has; -1 before all."""
        return bisect_right(self._pieces, seq, key=_first) - 1

    # --------------------------------------------------------------------------------------------- what stands

    def at(self, seq: int) -> tuple[Entry, int] | None:
        """What stands under this number, and its owner."""
        place = self._place(seq)
        if place < 0:
            return None
        piece = self._pieces[place]
        events, at = piece.events(self._room), seq - _first(piece)
        return (events[at], piece.owner) if at < len(events) else None

    def page(self, after: int, before: int, limit: int, *, newest: bool) -> list[Entry]:
        """Of the events with after < seq < before the oldest or the newest, in order."""
        places = range(max(0, self._place(after + 1)), bisect_left(self._pieces, before, key=_first))
        chosen = reversed(places) if newest else places
        pieces = (self._pieces[place].events(self._room) for place in chosen)
        return window(pieces, after, before, limit, newest=newest)

    def newest_first(self) -> Iterator[Entry]:
        """All of it, as it stands now; others may add to it meanwhile."""
        pieces = self._pieces[::-1]
        return (event for piece in pieces for event in reversed(piece.events(self._room)))

    # ---------------------------------------------------------------------------------------------- what goes

    def erase(self, message: Message) -> None:
        """Its number is left, and nobody waits for it any more."""
        seq = message.seq
        if rule := self.private.get(seq):
            rule.waiting.clear()
        self._gone.append(seq)
        self.put(Deleted(room=message.room, seq=seq, time=message.time, username=message.username, target=seq))

    def withdraw(self) -> None:
        """What edits made of a text that is gone is gone too: its number is left, and nobody reads it."""
        for target in self._gone:
            for place in range(self._place(target) + 1, len(self._pieces)):
                piece = self._pieces[place]
                if isinstance(piece, Single) and isinstance(event := piece.event, Edited) and event.target == target:
                    piece.event = replace(event, message="")
                    self.private[event.seq] = Private(frozenset(), set(), once=False)
        self._gone.clear()

    def first_since(self, time: int, otherwise: int) -> int:
        """The first number that is as new as that, if one is."""
        place = bisect_left(self._pieces, time, key=_time)
        return _first(self._pieces[place]) if place < len(self._pieces) else otherwise

    def forget(self, first: int) -> None:
        """All numbers below this one."""
        if self.at(first):
            self._single(first)  # what stands before it in a burst goes
        del self._pieces[: bisect_left(self._pieces, first, key=_first)]
        if self.private:
            self.private = {seq: private for seq, private in self.private.items() if seq >= first}


def _first(piece: Piece) -> int:
    return piece.run.first if isinstance(piece, Burst) else piece.event.seq


def _time(piece: Piece) -> int:
    return piece.run.time if isinstance(piece, Burst) else piece.event.time
