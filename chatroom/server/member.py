"""Someone present, by any door, and the seats they have in rooms.

Knows who it is, what they are owed and how far they have been sent a room. Knows nothing of sockets: an outbox takes
the bytes; nothing of other members: a room is where things are posted, settled and fed from.
"""

import threading
from collections.abc import Sequence
from typing import Protocol

from chatroom.messages import Error, Event, Farewell, Say
from chatroom.server.store import RoomRecord
from chatroom.wire import NATIVE, Dialect, Packet


class OutboxLike(Protocol):
    """What a member needs of an outbox; see Outbox."""

    def put(self, data: bytes) -> bool: ...
    def answer(self, data: bytes) -> None: ...
    def finish(self, last: bytes) -> None: ...
    def has_room(self) -> bool: ...


class RoomLike(Protocol):
    """What a member needs of a room; see Room."""

    record: RoomRecord

    def post(self, member: "Member", says: Sequence[Say]) -> int: ...
    def settle(self, ticket: int) -> None: ...
    def feed(self, seat: "Seat") -> None: ...
    def wait_until_level(self, seat: "Seat") -> None: ...
    def wake(self) -> None: ...


def reason(last_word: Event | None) -> str:
    """Why somebody is gone, in words for those who stay."""
    match last_word:
        case Error(code=code):
            return code.replace("_", " ")
        case Farewell(reason=text):
            return text.rstrip(".")
    return "the line was closed"


class Seat:
    """One member's place in one room.

    A seat is level when it has been sent all that the room handed out, and gets what follows live. It is behind when
    it has been sent the room up to `sent`, and gets what follows from the store until it is level.
    """

    __slots__ = ("feeding", "is_behind", "known_members", "known_topic", "left", "member", "room", "seen", "sent")

    def __init__(self, member: "Member", room: RoomLike, seen: int = 0) -> None:
        self.member = member
        self.room = room
        self.feeding = threading.Lock()
        """Held by the one thread that feeds it."""
        self.is_behind = True
        self.left = False
        self.sent = 0
        self.seen = seen
        """How far the member has read the room, as it says itself."""
        self.known_members: tuple[str, ...] = ()
        self.known_topic = ""


class Member:
    """Any thread may call any method but `post` and `settle`, which are its own thread's."""

    __slots__ = (
        "_dialect", "_ended", "_lock", "_outbox", "_posted", "_seats", "busy", "last_word", "owner", "role", "username",
    )  # fmt: skip

    def __init__(self, owner: int, username: str, outbox: OutboxLike, dialect: Dialect = NATIVE) -> None:
        self.owner = owner
        self.username = username
        self.role = "guest"
        self._outbox = outbox
        self._dialect = dialect
        self._posted: dict[RoomLike, int] = {}
        self._seats: dict[RoomLike, Seat] = {}
        self._lock = threading.Lock()
        self.busy = threading.Lock()
        """Held by its own thread while it does what was asked."""
        self.last_word: Event | None = None
        """What it was told before it was ended."""
        self._ended = False

    # ------------------------------------------------------------------------------------- what it is owed

    def deliver(self, packet: Packet) -> bool:
        """Takes the packet whole, or refuses it whole because too much is waiting. Never blocks."""
        return self._outbox.put(packet.encoded(self._dialect))

    def answer(self, *events: Event) -> None:
        self._outbox.answer(self._dialect.encode(events))

    def has_room(self) -> bool:
        return self._outbox.has_room()

    def stop(self) -> None:
        """Does nothing more of what this member asks; it is still sent what others say."""
        self._ended = True
        for seat in self.seats():
            seat.room.wake()

    def end(self, last: Event) -> None:
        """Says this as the last thing, and does nothing more for this member."""
        self.last_word = self.last_word or last
        self._outbox.finish(self._dialect.encode([last]))
        self.stop()

    # ------------------------------------------------------------------------------------------- its seats

    def sit_down(self, seat: Seat) -> None:
        with self._lock:
            self._seats[seat.room] = seat

    def stand_up(self, seat: Seat) -> None:
        with self._lock:
            if self._seats.get(seat.room) is seat:
                del self._seats[seat.room]

    def seat_in(self, room: RoomLike) -> Seat | None:
        return self._seats.get(room)

    def seats(self) -> list[Seat]:
        with self._lock:
            return list(self._seats.values())

    def has_ended(self) -> bool:
        """Whether nothing more of what this member asks will be done."""
        return self._ended

    def is_behind(self) -> bool:
        return any(seat.is_behind for seat in self.seats())

    def feed(self) -> None:
        """Sends what its seats are behind with, as much as its outbox takes."""
        for seat in self.seats():
            if seat.is_behind:
                seat.room.feed(seat)

    # ---------------------------------------------------------------------------- what it has under way

    def post(self, room: RoomLike, says: Sequence[Say]) -> None:
        self._posted[room] = room.post(self, says)

    def settle(self) -> None:
        """Waits until all that this member said is handed out, and it has been sent all that it is owed."""
        while self._posted:
            room, ticket = self._posted.popitem()
            room.settle(ticket)
        for seat in self.seats():
            seat.room.wait_until_level(seat)
