"""A chat as simply as it can be said: lists of what was said, of who is where, and of what each was to be sent.

Knows PROTOCOL.md's rules of who sees what. Knows no stores, no bytes, no threads and no server: everything happens at
once, and nothing is kept from being looked at. What people ask for is in ``model_requests``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from chatroom import messages
from chatroom.messages import (
    Deleted,
    Edited,
    Error,
    Event,
    Farewell,
    Join,
    Joined,
    Kind,
    Left,
    Live,
    Message,
    Numbered,
    Reacted,
    Role,
    Skip,
    Topic,
)

How = Literal["live", "replayed", "history"]


@dataclass(eq=False)
class Identity:
    """Somebody, whether here or not: a guest's session, or an account."""

    name: str
    role: Role | None = None
    """None: no account."""

    @property
    def rank(self) -> Role:
        return self.role or "guest"


@dataclass(eq=False)
class Entry:
    """One number of a room."""

    seq: int
    time: int
    author: Identity
    what: Literal["said", "edited", "deleted", "reacted"]
    text: str
    """What was said or is said now, or the emoji."""
    readers: frozenset[Identity] | None
    """None: all who may be in the room."""
    id: str = ""
    kind: Kind = "text"
    reply_to: int | None = None
    to: list[str] | None = None
    once: bool = False
    target: int = 0
    on: bool = True
    waiting: set[Identity] = field(default_factory=set)
    """Who is still to be shown what is shown once."""
    is_erased: bool = False
    is_withdrawn: bool = False
    """It is an edit of what was erased."""

    def is_for(self, reader: Identity) -> bool:
        return self.readers is None or reader in self.readers

    def is_seen_by(self, reader: Identity, how: How) -> bool:
        if not self.is_for(reader) or self.is_withdrawn:
            return False
        if self.once and not self.is_erased and how != "live":
            return how == "replayed" and reader in self.waiting
        return True

    def seen_by(self, reader: Identity, room: str, how: How, id: str | None = None) -> Numbered:
        """As it is sent to this reader, who knows the room by that name. The `id` is who asked for a change's."""
        if not self.is_seen_by(reader, how):
            return Skip(room, self.seq)
        common: dict[str, Any] = {"room": room, "seq": self.seq, "time": self.time, "username": self.author.name}
        common["replayed"] = how != "live"
        if self.what == "said" and not self.is_erased:
            extras = {"kind": self.kind, "reply_to": self.reply_to, "to": self.to, "once": self.once}
            return Message(message=self.text, id=self.id, **common, **extras)  # type: ignore[arg-type]
        target = self.seq if self.is_erased else self.target
        match self.what:
            case "edited":
                return Edited(message=self.text, target=target, id=id, **common)
            case "reacted":
                return Reacted(emoji=self.text, on=self.on, target=target, id=id, **common)
        return Deleted(target=target, id=id, **common)


@dataclass(eq=False)
class Room:
    """What was said in it, from the first word on; what is older than `first` is not held any more."""

    name: str
    founder: Identity | None = None
    pair: frozenset[Identity] | None = None
    entries: list[Entry] = field(default_factory=list)
    seats: "list[Seat]" = field(default_factory=list)
    topic: str = ""
    first: int = 1
    is_private: bool = False
    invited: set[Identity] = field(default_factory=set)
    epoch: str = ""
    """Whatever the first who was told it was told."""

    @property
    def last(self) -> int:
        return len(self.entries)

    @property
    def time(self) -> int:
        return self.entries[-1].time if self.entries else 0

    def people(self) -> set[Identity]:
        return {seat.guest.who for seat in self.seats}

    def members(self) -> list[str]:
        return sorted(identity.name for identity in self.people())

    def is_open_to(self, identity: Identity) -> bool:
        if self.pair:
            return identity in self.pair
        return not self.is_private or identity in self.invited

    def held(self) -> list[Entry]:
        return self.entries[self.first - 1 :]

    def standing(self, seq: int) -> Entry | None:
        """The message of that number, if there still is one."""
        found = [entry for entry in self.held() if entry.seq == seq and entry.what == "said" and not entry.is_erased]
        return found[0] if found else None

    def erase(self, entry: Entry) -> None:
        """The text is gone, and so is what edits made of it."""
        entry.is_erased = True
        entry.waiting.clear()
        for other in self.entries:
            if other.what == "edited" and other.target == entry.seq:
                other.is_withdrawn = True


@dataclass(eq=False)
class Guest:
    """Somebody who is here, by one connection."""

    who: Identity
    address: str
    seats: "list[Seat]" = field(default_factory=list)
    is_stalled: bool = False
    """It does not read: it is told what is its alone, but what is for all waits."""
    expected: list[Event] = field(default_factory=list)
    """What it is to be sent, until somebody has looked."""
    last_word: Error | Farewell | None = None

    def seat_in(self, room: Room) -> "Seat | None":
        return next((seat for seat in self.seats if seat.room is room), None)

    def seat_called(self, name: str) -> "Seat | None":
        return next((seat for seat in self.seats if seat.name == name), None)


@dataclass(eq=False)
class Seat:
    """A guest's place in a room, and how far it has been told of it."""

    guest: Guest
    room: Room
    name: str
    read: int
    sent: int = 0
    members: list[str] = field(default_factory=list)
    topic: str = ""
    is_behind: bool = True

    def tell(self, *events: Event) -> None:
        self.guest.expected += events

    def know_room(self) -> None:
        self.members, self.topic = self.room.members(), self.room.topic


Telling = Callable[[Seat], Event | None]
"""What somebody in that seat is told; None: nothing."""


class Rooms:
    """All rooms, and who is sent what of them."""

    def __init__(self) -> None:
        self.all: list[Room] = [Room("lobby")]
        self.positions: dict[tuple[Identity, Room], int] = {}
        self.kept_positions: dict[tuple[Identity, Room], int] = {}

    def called(self, name: str) -> Room | None:
        """Not a direct one."""
        return next((room for room in self.all if room.name == name and not room.pair), None)

    def open(self, room: Room) -> Room:
        self.all.append(room)
        return room

    def end_if_unused(self, room: Room) -> None:
        if not (room.seats or room.entries or room.is_private or room.name == "lobby"):
            self.all.remove(room)

    # ----------------------------------------------------------------------------------------- handing out

    def hand_out(self, room: Room, telling: Telling) -> None:
        """To everybody who is level. Whoever is stalled falls behind."""
        for seat in room.seats:
            if not seat.is_behind and seat.guest.is_stalled:
                seat.is_behind = True
            elif not seat.is_behind:
                event = telling(seat)
                seat.tell(*[event] if event else [])
                seat.sent = room.last
                seat.know_room()

    def add(self, room: Room, entry: Entry, asker: Guest | None = None, id: str | None = None) -> None:
        room.entries.append(entry)
        self.hand_out(
            room, lambda seat: entry.seen_by(seat.guest.who, seat.name, "live", id if seat.guest is asker else None)
        )

    def feed(self, seat: Seat) -> None:
        """All that it is behind with, then the sum of what else has changed."""
        room, reader = seat.room, seat.guest.who
        if seat.guest.is_stalled or not seat.is_behind:
            return
        if seat.sent < room.first - 1:
            seat.sent = room.first - 1
            seat.know_room()
            seat.tell(self.greeting(seat, gap=True))
        seat.tell(*(entry.seen_by(reader, seat.name, "replayed") for entry in room.entries[seat.sent :]))
        seat.tell(*self._missed(seat), Live(seat.name, room.last))
        seat.sent, seat.is_behind = room.last, False
        seat.know_room()

    def _missed(self, seat: Seat) -> Iterator[Event]:
        before, now = set(seat.members), set(seat.room.members())
        yield from (Left(seat.name, name, "") for name in sorted(before - now))
        yield from (Joined(seat.name, name) for name in sorted(now - before))
        if seat.topic != seat.room.topic:
            yield Topic(seat.name, seat.room.topic, "")

    def greeting(self, seat: Seat, *, gap: bool = False, reset: bool = False, id: str | None = None) -> messages.Room:
        room = seat.room
        return messages.Room(
            room=seat.name,
            epoch=room.epoch,
            topic=seat.topic,
            members=seat.members,
            first=room.first if room.held() else 0,
            last=room.last if room.held() else 0,
            since=seat.sent,
            gap=gap,
            reset=reset,
            seen=seat.read,
            id=id,
        )

    # ----------------------------------------------------------------------------------- coming and going

    def sit(self, guest: Guest, room: Room, name: str, request: Join) -> None:
        """The guest joins, or joins again."""
        same = guest.seat_called(name)
        if same and same.room is not room:  # with another one who had that name
            self.leave(guest, same.room, "left")
        if again := guest.seat_in(room):
            self._remove(again)
        elif guest.who not in room.people():
            seat = Seat(guest, room, name, 0)
            self._announce_with(seat, room)
        seat = self._new_seat(guest, room, name)
        gap, reset = self._begin(seat, request)
        seat.tell(self.greeting(seat, gap=gap, reset=reset, id=request.id))
        self.feed(seat)

    def _announce_with(self, seat: Seat, room: Room) -> None:
        """Everybody else is told, and already counts the newcomer."""
        room.seats.append(seat)
        self.hand_out(room, lambda other: Joined(other.name, seat.guest.who.name))
        room.seats.remove(seat)

    def _new_seat(self, guest: Guest, room: Room, name: str) -> Seat:
        seat = Seat(guest, room, name, self.positions.get((guest.who, room), 0))
        room.seats.append(seat)
        guest.seats.append(seat)
        seat.know_room()
        return seat

    @staticmethod
    def _begin(seat: Seat, request: Join) -> tuple[bool, bool]:
        """Puts the seat where the stream begins. Whether something before that is gone, or is another history."""
        room, since = seat.room, request.since
        is_other = request.epoch is not None and (request.epoch != room.epoch or (since or 0) > room.last)
        if since is None or is_other:
            seat.sent = max(room.last - request.recent, room.first - 1, 0)
            return False, is_other
        seat.sent = max(min(since, room.last), room.first - 1)
        return seat.sent > since, False

    @staticmethod
    def _remove(seat: Seat) -> None:
        seat.room.seats.remove(seat)
        seat.guest.seats.remove(seat)

    def leave(self, guest: Guest, room: Room, reason: str) -> None:
        if seat := guest.seat_in(room):
            self._remove(seat)
            if guest.who not in room.people():
                self.hand_out(room, lambda other: Left(other.name, guest.who.name, reason))
            self.end_if_unused(room)

    def leave_all(self, guest: Guest, reason: str) -> None:
        for seat in list(guest.seats):
            self.leave(guest, seat.room, reason)
