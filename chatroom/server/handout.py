"""One batch of a room, as each seat is to see it: encoded once for all who see the same.

Knows who may read what, who asked for what, and by what name each member knows the room. Knows no locks, no store and
no outbox.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from chatroom.messages import Change, Entry, Event, Skip
from chatroom.server.batch import News
from chatroom.server.member import Member, Seat
from chatroom.wire import Packet

Readers = Mapping[int, frozenset[int]]
"""For each seq that is not for all: the owners who may read it."""

E = TypeVar("E", bound=Event)


class Handout:
    """Made for one batch, and used by the thread that hands it out."""

    def __init__(
        self, said: Sequence[Entry], news: Sequence[News], readers: Readers, askers: Mapping[str, Member]
    ) -> None:
        self._said = said
        self._news = news
        self._readers = readers
        self._askers = askers
        is_same = not (readers or askers or any(item.besides for item in news))
        self.for_all = Packet([*said, *(item.event for item in news)]) if is_same else None
        """The packet of everybody, where all see the same."""
        self._made: dict[tuple[object, ...], Packet] = {}

    def is_empty(self) -> bool:
        """Whether there is nothing to tell anybody: all that was said had been said before."""
        return not (self._said or self._news)

    def for_seat(self, seat: Seat) -> Packet:
        """What this seat gets, its room by the name that its member knows it by."""
        hidden = tuple([seq for seq, owners in self._readers.items() if seat.member.owner not in owners])
        asked = tuple([id for id, asker in self._askers.items() if asker is seat.member])
        spared = tuple([item.besides is seat.member for item in self._news])
        key = (seat.name, hidden, asked, spared)
        packet = self._made.get(key)
        if packet is None:
            said = [self._as_seen(event, seat, hidden, asked) for event in self._said]
            news = [renamed(item.event, seat) for item, spare in zip(self._news, spared, strict=True) if not spare]
            packet = self._made[key] = Packet([*said, *news])
        return packet

    def _as_seen(self, event: Entry, seat: Seat, hidden: Sequence[int], asked: Sequence[str]) -> Event:
        if event.seq in hidden:
            return Skip(seat.name, event.seq)
        if isinstance(event, Change) and event.id and event.id not in asked:
            event = replace(event, id=None)  # only to who asked is it the answer
        return renamed(event, seat)


def renamed(event: E, seat: Seat) -> E:
    """The event, in a room by the name that this seat's member knows it by."""
    return replace(event, room=seat.name) if event.room != seat.name else event  # type: ignore[attr-defined]
