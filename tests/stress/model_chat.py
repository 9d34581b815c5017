"""The model of a chat as a whole: who is here, what each room is called by whom, who is banned and muted, for how long.

Knows PROTOCOL.md's rules of names and identities. Knows no requests; those stand in ``model_requests``.
"""

from chatroom.messages import Error, Notice, Role
from tests.stress import model
from tests.stress.model import Entry, Guest, Identity, Room, Seat

RANKS: list[Role] = ["guest", "member", "moderator", "admin"]


class Refused(Exception):
    """The request is not done, for the reason that this code names."""


def require(condition: object, code: str) -> None:
    if not condition:
        raise Refused(code)


def error(code: str, id: str | None = None, *, fatal: bool = False) -> Error:
    return Error(code=code, text="", fatal=fatal, id=id)


class Chat:
    """Who is here, and all that they do. `now` is the clock."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.rooms = model.Rooms()
        self.here: dict[Identity, list[Guest]] = {}
        self.identities: list[Identity] = []
        self.said: dict[tuple[Identity, str], tuple[Room, str, Entry]] = {}
        """By whom and with which id, for ever."""
        self.bans: dict[str, int | None] = {}
        self.mutes: dict[tuple[Identity, Room | None], int | None] = {}

    # --------------------------------------------------------------------------------------- people at the door

    def enter(self, name: str, address: str, who: Identity | None = None) -> Guest:
        """A new guest, or one who comes back; the old connection of a guest who does is ended."""
        require(not any(self.holds(self.bans.get(what, 0)) for what in (name, address)), "banned")
        holder = self.called(name)
        require(holder is None or holder is who, "name_taken")
        if who is None:
            who = Identity(name)
            self.identities.append(who)
        replaced = self.here.get(who, []) if who.role is None else []
        for old in list(replaced):
            self._forget(old)
        guest = Guest(who, address)
        self.here.setdefault(who, []).append(guest)
        for old in replaced:
            self._part(old, "replaced")
        return guest

    def holds(self, until: int | None) -> bool:
        """None is for ever."""
        return until is None or self.now < until

    def called(self, name: str) -> Identity | None:
        """Who is here by that name, or has registered it."""
        known = [identity for identity in self.identities if identity.name == name]
        return next((identity for identity in known if identity in self.here or identity.role), None)

    def person(self, name: str) -> Identity:
        person = self.called(name.removeprefix("@"))
        if person is None:
            raise Refused("no_such_user")
        return person

    def go(self, guest: Guest, reason: str) -> None:
        self._forget(guest)
        self.rooms.leave_all(guest, reason)

    def _forget(self, guest: Guest) -> None:
        connections = self.here[guest.who]
        self.here[guest.who] = [other for other in connections if other is not guest]
        if not self.here[guest.who]:
            del self.here[guest.who]

    def _part(self, guest: Guest, code: str) -> None:
        self.rooms.leave_all(guest, code.replace("_", " "))
        guest.last_word = error(code, fatal=True)

    def expel(self, guest: Guest, code: str) -> None:
        self._forget(guest)
        self._part(guest, code)

    def everybody(self) -> list[Guest]:
        return [guest for connections in self.here.values() for guest in connections]

    def restart(self, *, gracefully: bool) -> None:
        """Nobody is here any more. How far was read is forgotten, unless it was written down."""
        self.here.clear()
        if gracefully:
            self.keep_positions()
        self.rooms.positions = dict(self.rooms.kept_positions)
        for room in list(self.rooms.all):
            room.seats.clear()
            self.rooms.end_if_unused(room)

    def keep_positions(self) -> None:
        self.rooms.kept_positions = dict(self.rooms.positions)

    def prune(self, age: int) -> None:
        for room in self.rooms.all:
            young = [entry.seq for entry in room.held() if entry.time >= self.now - age]
            room.first = young[0] if young else room.last + 1

    # ------------------------------------------------------------------------------------------- finding rooms

    def find(self, guest: Guest, name: str) -> Room:
        room = self.direct(guest, name[1:]) if name.startswith("@") else self.rooms.called(name)
        if room is None or not room.is_open_to(guest.who):
            raise Refused("no_such_room")
        return room

    def direct(self, guest: Guest, name: str) -> Room | None:
        """With whom the name stands for now, or else the newest with somebody who had it."""
        own = [room for room in self.rooms.all if room.pair and guest.who in room.pair]
        named = [room for room in own if self.partner(guest.who, room).name == name]
        if current := self.called(name):
            named = [room for room in named if room.pair == frozenset((guest.who, current))]
        return max(named, key=lambda room: (room.time, self.rooms.all.index(room)), default=None)

    @staticmethod
    def partner(who: Identity, room: Room) -> Identity:
        [partner] = (room.pair or frozenset()) - {who}
        return partner

    def name_for(self, who: Identity, room: Room) -> str:
        return f"@{self.partner(who, room).name}" if room.pair else room.name

    def joined(self, guest: Guest, name: str) -> tuple[Room, Seat]:
        seat = guest.seat_called(name)
        if seat is None:
            self.find(guest, name)
            raise Refused("not_joined")
        return seat.room, seat

    def readable(self, guest: Guest) -> list[Room]:
        return [room for room in self.rooms.all if room.is_open_to(guest.who)]

    def standing(self, guest: Guest, name: str, seq: int) -> tuple[Room, Entry]:
        room, _ = self.joined(guest, name)
        entry = room.standing(seq)
        if entry is None or not entry.is_for(guest.who):
            raise Refused("no_such_message")
        return room, entry

    def is_muted(self, who: Identity, room: Room) -> bool:
        return any(self.holds(self.mutes.get((who, place), 0)) for place in (room, None))

    def outranks(self, guest: Guest, other: Identity) -> bool:
        return RANKS.index(guest.who.rank) > RANKS.index(other.rank)

    def require_rank(self, guest: Guest, least: Role) -> None:
        require(RANKS.index(guest.who.rank) >= RANKS.index(least), "forbidden")

    def until(self, seconds: int | None) -> int | None:
        return None if seconds is None else self.now + seconds * 1_000

    def notify(self, who: Identity) -> None:
        for guest in self.here.get(who, []):
            guest.expected.append(Notice(""))
