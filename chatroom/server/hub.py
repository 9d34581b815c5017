"""Which rooms and people there are: coming in, going, and finding a room by its name.

Knows members, rooms and the store. Knows no sockets. The hub's lock comes first in the lock order. It is held for
look-ups and the store's small writes, never while something is handed out.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from chatroom import text
from chatroom.errors import Refusal, StoreFailed
from chatroom.messages import Error, Hello, Join, RoomInfo, Seen
from chatroom.server.limits import ROOMS_EACH
from chatroom.server.member import Member
from chatroom.server.reading import Reading
from chatroom.server.room import Room, no_such_room
from chatroom.server.store import Reader, RoomRecord, Store

LOBBY = "lobby"
SESSION_DAYS = 30
_DAY_MS = 24 * 60 * 60 * 1_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Admission(NamedTuple):
    """Who came in, and the secret to come back with."""

    member: Member
    session: str


class Hub:
    """Any thread may call any method."""

    def __init__(
        self,
        store: Store,
        later: Callable[[Callable[[], object]], None],
        *,
        max_clients: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.clock = clock
        self._store = store
        self._later = later
        self._max_clients = max_clients
        self._lock = threading.Lock()
        self._by_name: dict[str, Member] = {}
        self._by_owner: dict[int, Member] = {}
        self._rooms: dict[str, Room] = {}
        self._reading = Reading(store)
        self._load_rooms()

    # ---------------------------------------------------------------------------------------------- people

    def enter(self, hello: Hello, welcome: Callable[[int, str], Member]) -> Admission:
        """Lets somebody in, or raises the Refusal. A session takes its name over from its old connection."""
        username = text.username(hello.username)
        if hello.password is not None:
            raise Refusal("auth_failed", f"{username} is not registered here; leave the password out.")
        with self._lock:
            owner = self._owner_of(hello.session)
            old = self._by_owner.get(owner) if owner else None
            self._check_place(username, old)
            session = hello.session if owner and hello.session else secrets.token_urlsafe(32)
            if not owner:
                owner = self._store.add_guest(username, _hash(session), self.clock())
            member = welcome(owner, username)
            if old:
                self._forget(old)
            self._by_name[text.fold(username)] = self._by_owner[owner] = member
        if old:
            old.stop()
            with old.busy:  # what it is at now is its last
                self._leave_rooms(old, "replaced")
            # Gone before it is told so: whoever knows of it finds it in no room.
            old.end(Error(code="replaced", text="You came in by another connection; this one ends.", fatal=True))
        return Admission(member, session)

    def _owner_of(self, session: str | None) -> int | None:
        if session is None:
            return None
        owner = self._store.guest(_hash(session), self.clock())
        if owner is None:
            raise Refusal("auth_failed", "This session has ended; come in without it.")
        return owner

    def _check_place(self, username: str, old: Member | None) -> None:
        holder = self._by_name.get(text.fold(username))
        if holder and holder is not old:
            raise Refusal("name_taken", f"The name {username} is taken; {self._free_name(username)} is free.")
        if not old and len(self._by_name) >= self._max_clients:
            raise Refusal("full", f"The server is full: it has room for {self._max_clients} people. Try again later.")

    def _free_name(self, username: str) -> str:
        number = 2
        while text.fold(name := f"{username[: text.USERNAME_LENGTH - 8]}-{number}") in self._by_name:
            number += 1
        return name

    def go(self, member: Member, reason: str) -> None:
        """Takes the member out of every room and gives its name back. May be called again."""
        with self._lock:
            self._forget(member)
        self._leave_rooms(member, reason)

    def _forget(self, member: Member) -> None:
        if self._by_owner.get(member.owner) is member:
            del self._by_owner[member.owner], self._by_name[text.fold(member.username)]

    def _leave_rooms(self, member: Member, reason: str) -> None:
        for seat in member.seats():
            self.leave(member, self._rooms[seat.room.record.folded], reason)

    # ----------------------------------------------------------------------------------------------- rooms

    def _load_rooms(self) -> None:
        for record in self._store.rooms():
            # One without history is left over from a server that was killed.
            if record.last or record.folded == LOBBY or not self._drop(record):
                self._open(record)
        if LOBBY not in self._rooms:
            self._open(self._store.add_room(LOBBY, LOBBY))

    def _open(self, record: RoomRecord) -> Room:
        room = self._rooms[record.folded] = Room(record, self._store, self.clock, self._later)
        return room

    def find(self, name: str) -> Room:
        """The room of that name, or `bad_name`, or `no_such_room`."""
        room = self._rooms.get(_key_of(name))
        if room is None:
            raise no_such_room(name)
        return room

    def joined(self, member: Member, name: str) -> Room:
        """The room of that name if the member is in it, or else the Refusal."""
        room = self.find(name)
        if member.seat_in(room) is None:
            raise Refusal("not_joined", f"You are not in {room.record.name}; join it first.")
        return room

    def join(self, member: Member, request: Join) -> None:
        """Takes the member into the room, which answers; it is made if it is not there."""
        room = self._claim(member, text.room_name(request.room))
        try:
            room.join(member, request, self._reading.position(Reader(member.owner, room.record)))
        finally:
            self._let_go(room)

    def _claim(self, member: Member, name: str) -> Room:
        """The room, which from now on will not go away until it is let go."""
        folded = text.fold(name)
        with self._lock:
            room = self._rooms.get(folded)
            if len(member.seats()) >= ROOMS_EACH and not (room and member.seat_in(room)):
                raise Refusal("full", f"You are in {ROOMS_EACH} rooms, which is as many as can be; leave one first.")
            room = room or self._open(self._store.add_room(name, folded))
            room.claims += 1
        return room

    def leave(self, member: Member, room: Room, reason: str) -> None:
        with self._lock:
            room.claims += 1
        room.leave(member, reason)
        self._let_go(room)

    def _let_go(self, room: Room) -> None:
        """A room without history, members, and anybody on the way in goes away."""
        with self._lock:
            room.claims -= 1
            if room.claims or room.members() or room.record.folded == LOBBY or not room.retire():
                return
            if self._drop(room.record):
                del self._rooms[room.record.folded]
            else:
                room.reopen()

    def _drop(self, record: RoomRecord) -> bool:
        try:
            self._store.drop_room(record)
        except StoreFailed:
            return False  # it stays as an empty room, until somebody leaves it again
        return True

    def see(self, member: Member, request: Seen) -> None:
        """The member has read the room up to there, but not beyond what was handed out. It is kept later."""
        room = self.joined(member, request.room)
        seat, seq = member.seat_in(room), min(request.seq, room.last())
        if seat and seq > seat.seen:
            seat.seen = seq
            self._reading.note(Reader(member.owner, room.record), seq)

    def rooms(self) -> list[RoomInfo]:
        with self._lock:
            rooms = sorted(self._rooms.items())
        return [RoomInfo(room.record.name, room.topic(), len(room.members()), room.last()) for _, room in rooms]

    # ------------------------------------------------------------------------------------------ housekeeping

    def settle(self, deadline: float) -> None:
        """Waits until all that was said is handed out, but not beyond the deadline of the monotonic clock."""
        with self._lock:
            rooms = list(self._rooms.values())
        for room in rooms:
            room.settle(timeout=max(0.0, deadline - time.monotonic()))

    def prune(self, history_ms: int) -> None:
        """Erases what is older than it may be."""
        self._store.prune(self.clock() - history_ms)

    def keep_seen(self) -> None:
        """Writes down how far everybody has read. Called by one thread at a time."""
        self._reading.write()

    def tidy_guests(self) -> None:
        """Ends the sessions that nobody used for long; who is here uses theirs."""
        now = self.clock()
        with self._lock:
            present = list(self._by_owner)
        self._store.touch_guests(present, now)
        self._store.forget_guests(now - SESSION_DAYS * _DAY_MS)


@lru_cache(maxsize=1_024)
def _key_of(room: str) -> str:
    """By what a room is found; asked for each batch that is said."""
    return text.fold(text.room_name(room))


def _hash(session: str) -> bytes:
    return hashlib.sha256(session.encode()).digest()
