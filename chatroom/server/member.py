"""Someone present, by any door, and the seats they have in rooms.

Knows who it is, what they are owed and how far they have been sent a room. Knows nothing of sockets: an outbox takes
the bytes; nothing of other members: a room is where things are posted, settled and fed from.
"""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from chatroom.messages import Error, Event, Farewell, Role
from chatroom.server.store import RoomRecord, Words
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

    def post(self, member: "Member", texts: Sequence[str], ids: Sequence[str]) -> int: ...
    def post_words(self, member: "Member", words: Sequence[Words]) -> int: ...
    def settle(self, ticket: int) -> None: ...
    def feed(self, seat: "Seat") -> None: ...
    def wait_until_level(self, seat: "Seat") -> None: ...
    def wake(self) -> None: ...


class Person(NamedTuple):
    """Somebody who is here or registered: the identity that a name stands for just now."""

    owner: int
    username: str
    role: Role


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

    __slots__ = (
        "feeding", "is_behind", "known_members", "known_topic", "left", "member", "name", "room", "seen", "sent",
    )  # fmt: skip

    def __init__(self, member: "Member", room: RoomLike, name: str = "", seen: int = 0) -> None:
        self.member = member
        self.room = room
        self.name = name or room.record.name
        """The room's name as this member knows it: a direct room bears the other one's."""
        self.feeding = threading.Lock()
        """Held by the one thread that feeds it."""
        self.is_behind = True
        self.left = False
        self.sent = 0
        self.seen = seen
        """How far the member has read the room, as it says itself."""
        self.known_members: tuple[str, ...] = ()
        self.known_topic = ""


def _ignore(error: Error) -> None:
    """Nobody counts."""


class Member:
    """Any thread may call any method but `post`, `post_words` and `settle`, which are its own thread's."""

    __slots__ = (
        "_dialect", "_ended", "_lock", "_outbox", "_posted", "_seats", "address", "busy", "last_word", "on_refused",
        "owner", "role", "seating", "token", "username",
    )  # fmt: skip

    def __init__(self, owner: int, username: str, outbox: OutboxLike, dialect: Dialect = NATIVE) -> None:
        self.owner = owner
        self.username = username
        self.role: Role = "guest"
        self.address = ""
        """From where it comes."""
        self.token = b""
        """The hash of its session."""
        self._outbox = outbox
        self._dialect = dialect
        self._posted: dict[RoomLike, int] = {}
        self._seats: dict[RoomLike, Seat] = {}
        self._lock = threading.Lock()
        self.busy = threading.Lock()
        """Held by its own thread while it does what was asked."""
        self.seating = threading.Lock()
        """Held by whoever takes it into a room, or out of one."""
        self.last_word: Event | None = None
        """What it was told before it was ended."""
        self.on_refused: Callable[[Error], object] = _ignore
        """Called with each error that it is told."""
        self._ended = False

    # ------------------------------------------------------------------------------------- what it is owed

    def deliver(self, packet: Packet) -> bool:
        """Takes the packet whole, or refuses it whole because too much is waiting. Never blocks."""
        return self._outbox.put(packet.encoded(self._dialect))

    def answer(self, *events: Event) -> None:
        for event in events:
            if isinstance(event, Error):
                self.on_refused(event)
        self._outbox.answer(self._dialect.encode(events))

    def let_go(self) -> None:
        """The connection is gone, and told nothing more."""
        self.on_refused = _ignore

    def has_room(self) -> bool:
        return self._outbox.has_room()

    def stop(self) -> None:
        """Does nothing more of what this member asks; it is still sent what others say."""
        self._ended = True
        for seat in self.seats():
            seat.room.wake()

    def end(self, last: Event) -> None:
        """Says this as the last thing, and does nothing more for this member."""
        if self.last_word is None and isinstance(last, Error):
            self.on_refused(last)
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

    def seat_called(self, name: str) -> Seat | None:
        """The seat in the room that this member knows by that name."""
        return next((seat for seat in self.seats() if seat.name == name), None)

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

    def post(self, room: RoomLike, texts: Sequence[str], ids: Sequence[str]) -> None:
        self._posted[room] = room.post(self, texts, ids)

    def post_words(self, room: RoomLike, words: Sequence[Words]) -> None:
        self._posted[room] = room.post_words(self, words)

    def settle(self) -> None:
        """Waits until all that this member said is handed out, and it has been sent all that it is owed."""
        while self._posted:
            room, ticket = self._posted.popitem()
            room.settle(ticket)
        for seat in self.seats():
            seat.room.wait_until_level(seat)
