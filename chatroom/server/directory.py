"""Which rooms there are and what each is called: joining, leaving, direct and private rooms, how far all are read.

Knows rooms, the store, and that a direct room bears another name for each of its two people. Knows no sockets and no
roles. Its lock stands beside the hub's: neither is taken while the other is held.
"""

import threading
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

from chatroom import text
from chatroom.errors import Refusal, StoreFailed
from chatroom.messages import Join, RoomInfo, Seen
from chatroom.server.member import Member, Person, Seat
from chatroom.server.reading import Reading
from chatroom.server.room import Room, no_such_room
from chatroom.server.store import Reader, RoomRecord, Store

LOBBY = "lobby"


class Who(Protocol):
    """What the directory asks of the hub."""

    def person(self, name: str) -> Person: ...
    def members_of(self, owner: int) -> list[Member]: ...


class Directory:
    """Any thread may call any method."""

    def __init__(
        self,
        store: Store,
        who: Who,
        later: Callable[[Callable[[], object]], None],
        *,
        rooms_each: int,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._who = who
        self._later = later
        self._rooms_each = rooms_each
        self._clock = clock
        self._lock = threading.Lock()
        self._rooms: dict[str, Room] = {}
        self._directs: defaultdict[int, set[Room]] = defaultdict(set)
        """For each owner its direct rooms."""
        self._invited: dict[Room, set[int]] = {}
        """Of each private room the owners who may come in."""
        self._reading = Reading(store)
        self._load()

    def _load(self) -> None:
        for record in self._store.rooms():
            # One without history is left over from a server that was killed.
            if record.last or record.private or record.folded == LOBBY or not self._drop(record):
                self._open(record)
        if LOBBY not in self._rooms:
            self._open(self._store.add_room(LOBBY, LOBBY))

    def _open(self, record: RoomRecord) -> Room:
        room = self._rooms[record.folded] = Room(record, self._store, self._clock, self._later)
        for owner in record.pair or ():
            self._directs[owner].add(room)
        if record.private:
            self._invited[room] = self._store.invited(record)
        return room

    def _close(self, room: Room) -> None:
        del self._rooms[room.record.folded]
        self._invited.pop(room, None)
        for owner in room.record.pair or ():
            self._directs[owner].discard(room)
            if not self._directs[owner]:
                del self._directs[owner]

    # --------------------------------------------------------------------------------------------- finding

    def find(self, member: Member, name: str) -> Room:
        """The room that this member knows by that name, and may know of; or `bad_name`, or `no_such_room`."""
        direct = is_direct(name)
        room = self._direct_room(member, direct_name(name)) if direct else self._rooms.get(_key_of(name))
        if room is None or not self.is_open_to(member, room):
            raise no_such_room(name)
        return room

    def joined(self, member: Member, name: str) -> Room:
        """The room of that name if the member is in it, or else the Refusal."""
        if is_direct(name):
            seat = self._direct_seat(member, direct_name(name))
        else:
            room = self._rooms.get(_key_of(name))
            seat = member.seat_in(room) if room else None
        if seat is None:
            called = self.name_for(member, self.find(member, name))
            raise Refusal("not_joined", f"You are not in {called}; join it first.")
        return self._rooms[seat.room.record.folded]

    def seated(self, member: Member, name: str) -> tuple[Room, Seat]:
        """The same, with the member's place in it."""
        room = self.joined(member, name)
        seat = member.seat_in(room)
        if seat is None:
            raise Refusal("not_joined", "You were taken out of this room a moment ago; join it again.")
        return room, seat

    def _direct_seat(self, member: Member, username: str) -> Seat | None:
        folded = text.fold(username)
        return next(
            (seat for seat in member.seats() if is_direct(seat.name) and text.fold(seat.name[1:]) == folded), None
        )

    def _direct_room(self, member: Member, username: str) -> Room | None:
        """The one that is there with whom the name stands for now; else the newest with one who had that name."""
        folded = text.fold(username)
        with self._lock:
            own = sorted(self._directs.get(member.owner, ()), key=lambda room: (-room.record.time, -room.record.key))
        try:
            partner = self._who.person(username).owner
        except Refusal:
            return next((room for room in own if text.fold(self._partner_name(member, room)) == folded), None)
        return self._rooms.get(_pair_key(member.owner, partner))

    def _partner_name(self, member: Member, room: Room) -> str:
        partner = _partner(member, room.record)
        here = self._who.members_of(partner)
        return here[0].username if here else self._store.people.name_of(partner)

    def name_for(self, member: Member, room: Room) -> str:
        """What the member calls the room."""
        return f"@{self._partner_name(member, room)}" if room.record.pair else room.record.name

    def is_open_to(self, member: Member, room: Room) -> bool:
        """Whether the member may come in, and may know that the room is there."""
        if room.record.pair:
            return member.owner in room.record.pair
        return not room.record.private or member.owner in self._invited.get(room, ())

    def readable(self, member: Member) -> list[Room]:
        """Every room whose history the member may read."""
        return [room for room in self.every_room() if self.is_open_to(member, room)]

    def rooms(self, member: Member) -> list[RoomInfo]:
        return sorted(self._describe(member), key=lambda info: text.fold(info.room))

    def _describe(self, member: Member) -> Iterator[RoomInfo]:
        for room in self.readable(member):
            last, unread = room.last(), 0
            if room.record.pair:
                unread = max(0, last - self._reading.position(Reader(member.owner, room.record)))
            yield RoomInfo(
                self.name_for(member, room), room.topic(), len(room.members()), last, unread, room.record.private
            )

    # --------------------------------------------------------------------------------- joining and leaving

    def join(self, member: Member, request: Join) -> None:
        """Takes the member into the room, which answers; it is made if it is not there."""
        if is_direct(request.room):
            room = self._claim_direct(member, direct_name(request.room))
        else:
            room = self._claim(member, text.room_name(request.room))
        try:
            self._seat(member, room, request)
        finally:
            self._let_go(room)

    def take_in_partner(self, member: Member, room: Room) -> None:
        """Whoever is talked to in a direct room hears it, also without having asked for it."""
        if room.record.pair is None:
            return
        for other in self._who.members_of(_partner(member, room.record)):
            if other.seat_in(room) is None and not other.has_ended():
                with self._lock:
                    room.claims += 1
                try:
                    self._seat(other, room, Join(room=room.record.name))
                finally:
                    self._let_go(room)

    def _seat(self, member: Member, room: Room, request: Join) -> None:
        name = self.name_for(member, room)
        same = member.seat_called(name)
        if same and same.room is not room:  # with somebody else, who had that name before
            self.leave(member, self._rooms[same.room.record.folded], "left")
        room.join(member, request, name=name, seen=self._reading.position(Reader(member.owner, room.record)))

    def _claim(self, member: Member, name: str) -> Room:
        """The room, which from now on will not go away until it is let go."""
        folded = text.fold(name)
        with self._lock:
            room = self._rooms.get(folded)
            if room and not self.is_open_to(member, room):
                raise Refusal(
                    "forbidden", f"The room {room.record.name} is for those who were invited; ask one of them."
                )
            self._check_count(member, room)
            room = room or self._open(self._store.add_room(name, folded, founder=member.owner))
            room.claims += 1
        return room

    def _claim_direct(self, member: Member, username: str) -> Room:
        room = self._direct_room(member, username)
        partner = _partner(member, room.record) if room and room.record.pair else self._who.person(username).owner
        if partner == member.owner:
            raise Refusal("bad_request", "This is your own name; nobody else is there to talk to.")
        low, high = sorted((member.owner, partner))
        key = _pair_key(low, high)
        with self._lock:
            room = self._rooms.get(key)
            self._check_count(member, room)
            room = room or self._open(self._store.add_room(key, key, pair=(low, high)))
            room.claims += 1
        return room

    def _check_count(self, member: Member, room: Room | None) -> None:
        if len(member.seats()) >= self._rooms_each and not (room and member.seat_in(room)):
            raise Refusal("full", f"You are in {self._rooms_each} rooms, which is as many as can be; leave one first.")

    def leave(self, member: Member, room: Room, reason: str) -> None:
        with self._lock:
            room.claims += 1
        try:
            room.leave(member, reason)
        finally:
            self._let_go(room)

    def leave_all(self, member: Member, reason: str) -> None:
        for seat in member.seats():
            self.leave(member, self._rooms[seat.room.record.folded], reason)

    def _let_go(self, room: Room) -> None:
        """A room without history, members, and anybody on the way in goes away."""
        with self._lock:
            room.claims -= 1
            keeps = room.members() or room.record.folded == LOBBY or room.record.private
            if room.claims or keeps or not room.retire():
                return
            if self._drop(room.record):
                self._close(room)
            else:
                room.reopen()

    def _drop(self, record: RoomRecord) -> bool:
        try:
            self._store.drop_room(record)
        except StoreFailed:
            return False  # it stays as an empty room, until somebody leaves it again
        return True

    # --------------------------------------------------------------------------------------------- private

    def set_access(self, room: Room, *, private: bool) -> None:
        """Who is in a room that becomes private is invited."""
        if room.record.folded == LOBBY or room.record.pair:
            raise Refusal("forbidden", "This room is as it is: the lobby is open to all, a direct room to its two.")
        owners = set(room.owners())
        with self._lock:
            self._store.invite(room.record, owners)
            self._store.set_access(room.record, private=private)
            if private:
                self._invited[room] = self._store.invited(room.record)
            else:
                self._invited.pop(room, None)

    def invite(self, room: Room, owner: int) -> None:
        with self._lock:
            self._store.invite(room.record, [owner])
            if room in self._invited:
                self._invited[room].add(owner)

    # --------------------------------------------------------------------------------------------- reading

    def see(self, member: Member, request: Seen) -> None:
        """The member has read the room up to there, but not beyond what was handed out. It is kept later."""
        room, seat = self.seated(member, request.room)
        seq = min(request.seq, room.last())
        room.see_once(member, seq)
        if seq > seat.seen:
            seat.seen = seq
            self._reading.note(Reader(member.owner, room.record), seq)

    def keep_seen(self) -> None:
        """Writes down how far everybody has read. Called by one thread at a time."""
        self._reading.write()

    # ---------------------------------------------------------------------------------------- housekeeping

    def every_room(self) -> list[Room]:
        with self._lock:
            return list(self._rooms.values())

    def settle(self, deadline: float) -> None:
        """Waits until all that was said is handed out, but not beyond the deadline of the monotonic clock."""
        for room in self.every_room():
            room.settle(timeout=max(0.0, deadline - time.monotonic()))

    def prune(self, history_ms: int | None) -> None:
        """Erases what is older than it may be: than this, or than its room says."""
        now = self._clock()
        self._store.prune(None if history_ms is None else now - history_ms, now)


def is_direct(name: str) -> bool:
    return unicodedata.normalize("NFKC", name[:1]) == "@"


def direct_name(name: str) -> str:
    """Of a direct room's name, the username, or `bad_name`."""
    return text.username(name[1:])


def _pair_key(one: int, other: int) -> str:
    """No name of a room: those hold no `@`."""
    return f"@{min(one, other)}:{max(one, other)}"


def _partner(member: Member, record: RoomRecord) -> int:
    assert record.pair
    low, high = record.pair
    return high if member.owner == low else low


@lru_cache(maxsize=1_024)
def _key_of(room: str) -> str:
    """By what a room is found; asked for each batch that is said."""
    return text.fold(text.room_name(room))
