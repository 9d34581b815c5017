"""What people may ask for in the model of a chat, and what comes of it: a table of requests.

Knows PROTOCOL.md's rules of who may do what. Knows no server: what is refused is refused by its code alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from chatroom.messages import (
    AskHistory,
    AskRooms,
    Ban,
    Bye,
    Delete,
    Edit,
    Error,
    Event,
    Farewell,
    Found,
    History,
    Invite,
    Join,
    Kick,
    Leave,
    Left,
    Members,
    Mute,
    Notice,
    Ok,
    React,
    Role,
    RoomInfo,
    Rooms,
    Say,
    Search,
    Seen,
    SetAccess,
    SetRole,
    SetTopic,
    Stored,
    Topic,
    Unban,
    Unmute,
    Who,
)
from tests.stress import model
from tests.stress.model import Entry, Guest, Identity, Room, Seat

RANKS: list[Role] = ["guest", "member", "moderator", "admin"]
LEAST: dict[type, Role] = dict.fromkeys((SetTopic, Kick, Mute, Unmute, Ban), "moderator") | dict.fromkeys(
    (Unban, SetRole), "admin"
)


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
        require(not any(self._holds(self.bans.get(what, 0)) for what in (name, address)), "banned")
        holder = self._called(name)
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

    def _holds(self, until: int | None) -> bool:
        """None is for ever."""
        return until is None or self.now < until

    def _called(self, name: str) -> Identity | None:
        """Who is here by that name, or has registered it."""
        known = [identity for identity in self.identities if identity.name == name]
        return next((identity for identity in known if identity in self.here or identity.role), None)

    def person(self, name: str) -> Identity:
        person = self._called(name.removeprefix("@"))
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

    def _expel(self, guest: Guest, code: str) -> None:
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

    # -------------------------------------------------------------------------------------------- asking

    def ask(self, guest: Guest, request: Any) -> None:
        try:
            require(RANKS.index(guest.who.rank) >= RANKS.index(LEAST.get(type(request), "guest")), "forbidden")
            answer = HANDLERS[type(request)](self, guest, request)
        except Refused as refused:
            answer = error(str(refused), request.id)
        if isinstance(answer, Farewell):
            self.go(guest, answer.reason)
            guest.last_word = answer
        elif answer:
            guest.expected.append(answer)

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
        if current := self._called(name):
            named = [room for room in named if room.pair == {guest.who, current}]
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
        return any(self._holds(self.mutes.get((who, place), 0)) for place in (room, None))

    # ------------------------------------------------------------------------------------- joining, leaving

    def join(self, guest: Guest, request: Join) -> None:
        name = request.room
        room = self._direct_to_join(guest, name[1:]) if name.startswith("@") else self._room_to_join(guest, name)
        self.rooms.sit(guest, room, self.name_for(guest.who, room), request)

    def _room_to_join(self, guest: Guest, name: str) -> Room:
        room = self.rooms.called(name) or self.rooms.open(Room(name, founder=guest.who))
        require(room.is_open_to(guest.who), "forbidden")
        return room

    def _direct_to_join(self, guest: Guest, name: str) -> Room:
        if room := self.direct(guest, name):
            return room
        person = self.person(name)
        require(person is not guest.who, "bad_request")
        return self.rooms.open(Room("", pair=frozenset((guest.who, person))))

    def leave(self, guest: Guest, request: Leave) -> Event:
        room, seat = self.joined(guest, request.room)
        self.rooms.leave(guest, room, "left")
        return Left(seat.name, guest.who.name, "left", request.id)

    # ------------------------------------------------------------------------------------------------ saying

    def say(self, guest: Guest, request: Say) -> Event | None:
        room, seat = self.joined(guest, request.room)
        is_muted = self.is_muted(guest.who, room)
        if not is_muted:
            self._take_in_partner(guest.who, room)
        if before := self.said.get((guest.who, request.id)):
            return self._said_before(seat, request, *before)
        require(not is_muted, "muted")
        if request.reply_to is not None:
            self.standing(guest, request.room, request.reply_to)
        to, readers = self._audience(guest, room, request)
        waiting = set(readers or ()) - {guest.who} if request.once else set()
        entry = Entry(
            room.last + 1, max(self.now, room.time), guest.who, "said", request.message, readers, request.id,
            request.kind, request.reply_to, to, request.once, waiting=waiting,
        )  # fmt: skip
        self.said[guest.who, request.id] = (room, request.message, entry)
        self.rooms.add(room, entry)
        return None

    def _said_before(self, seat: Seat, request: Say, room: Room, text: str, entry: Entry) -> Event:
        require((seat.room, request.message) == (room, text), "id_conflict")
        return Stored(request.id, seat.name, entry.seq, entry.time)

    def _take_in_partner(self, who: Identity, room: Room) -> None:
        if room.pair:
            partner = self.partner(who, room)
            for other in self.here.get(partner, []):
                if not other.seat_in(room):
                    self.rooms.sit(other, room, self.name_for(partner, room), Join(room=""))

    def _audience(self, guest: Guest, room: Room, request: Say) -> tuple[list[str] | None, frozenset[Identity] | None]:
        """Whom it names, and who may read it."""
        if request.to is None and not request.once:
            return None, None
        named = list(dict.fromkeys(map(self.person, request.to or ())))
        readers = frozenset(named) if request.to is not None else room.pair or frozenset(room.people())
        require(readers if request.to is not None and not request.once else readers - {guest.who}, "bad_request")
        to = None if request.to is None else [person.name for person in named]
        return to, readers | {guest.who}

    # ---------------------------------------------------------------------------------------------- changing

    def edit(self, guest: Guest, request: Edit) -> None:
        room, entry = self.standing(guest, request.room, request.seq)
        require(not self.is_muted(guest.who, room), "muted")
        require(entry.author is guest.who and not entry.once, "forbidden")
        entry.text = request.message
        self._change(guest, room, entry, request.id, what="edited", text=request.message)

    def delete(self, guest: Guest, request: Delete) -> None:
        room, entry = self.standing(guest, request.room, request.seq)
        is_ruled = RANKS.index(guest.who.rank) >= RANKS.index("moderator") and self._outranks(guest, entry.author)
        require(entry.author is guest.who or is_ruled, "forbidden")
        room.erase(entry)
        self._change(guest, room, entry, request.id, what="deleted", text="")

    def react(self, guest: Guest, request: React) -> None:
        room, entry = self.standing(guest, request.room, request.seq)
        require(not self.is_muted(guest.who, room), "muted")
        require(not entry.once, "forbidden")
        self._change(guest, room, entry, request.id, what="reacted", text=request.emoji, on=request.on)

    def _change(self, guest: Guest, room: Room, target: Entry, id: str | None, **how: Any) -> None:
        time = max(self.now, room.time)
        change = Entry(room.last + 1, time, guest.who, readers=target.readers, target=target.seq, **how)
        self.rooms.add(room, change, guest, id)

    # ----------------------------------------------------------------------------------------------- looking

    def history(self, guest: Guest, request: AskHistory) -> Event:
        require(request.before is None or request.after is None, "bad_request")
        room, seat = self.joined(guest, request.room)
        before, after = request.before or room.last + 1, request.after or 0
        if request.before == 0:
            before = 0
        between = [entry for entry in room.held() if after < entry.seq < before]
        page = between[: request.limit] if request.after is not None else between[-request.limit :]
        shown = [entry.seen_by(guest.who, seat.name, "history") for entry in page]
        return History(room=seat.name, messages=shown, more=len(page) < len(between), id=request.id)

    def search(self, guest: Guest, request: Search) -> Event:
        rooms = self.readable(guest) if request.room is None else [self.find(guest, request.room)]
        found = [
            (entry, entry.seen_by(guest.who, self.name_for(guest.who, room), "history"))
            for room in rooms
            for entry in room.held()
            if entry.what == "said" and entry.is_for(guest.who) and not (entry.is_erased or entry.once)
            if request.from_ in (None, entry.author.name) and _has_words(entry.text, request.query.split())
        ]
        found.sort(key=lambda each: (-each[0].time, -each[0].seq))
        shown: Sequence[Any] = [event for _, event in found[: request.limit]]
        return Found(list(shown), more=len(shown) < len(found), id=request.id)

    def who(self, guest: Guest, request: Who) -> Event:
        room = self.find(guest, request.room)
        return Members(self.name_for(guest.who, room), room.members(), request.id)

    def list_rooms(self, guest: Guest, request: AskRooms) -> Event:
        infos = [self._info(guest.who, room) for room in self.readable(guest)]
        return Rooms(sorted(infos, key=lambda info: info.room), request.id)

    def _info(self, who: Identity, room: Room) -> RoomInfo:
        unread = max(0, room.last - self.rooms.positions.get((who, room), 0)) if room.pair else 0
        return RoomInfo(
            self.name_for(who, room), room.topic, len(room.members()), room.last, unread, room.is_private
        )

    def seen(self, guest: Guest, request: Seen) -> None:
        room, seat = self.joined(guest, request.room)
        read = min(request.seq, room.last)
        for entry in room.held():
            if entry.seq <= read and guest.who in entry.waiting:
                entry.waiting.remove(guest.who)
                if not entry.waiting:
                    room.erase(entry)
        if read > seat.read:
            seat.read = read
            key = (guest.who, room)
            self.rooms.positions[key] = max(read, self.rooms.positions.get(key, 0))

    # ----------------------------------------------------------------------------------------- keeping order

    def set_topic(self, guest: Guest, request: SetTopic) -> Event:
        room, seat = self.joined(guest, request.room)
        room.topic = request.topic
        by = guest.who.name
        self.rooms.hand_out(room, lambda other: None if other is seat else Topic(other.name, request.topic, by))
        return Topic(seat.name, request.topic, by, request.id)

    def _outranks(self, guest: Guest, other: Identity) -> bool:
        return RANKS.index(guest.who.rank) > RANKS.index(other.rank)

    def _target(self, guest: Guest, name: str) -> Identity:
        person = self.person(name)
        require(self._outranks(guest, person), "forbidden")
        return person

    def _shared(self, guest: Guest, name: str | None) -> Room | None:
        """Any room that is not two people's own; None: everywhere."""
        room = None if name is None else self.find(guest, name)
        require(room is None or not room.pair, "forbidden")
        return room

    def _notify(self, who: Identity) -> None:
        for guest in self.here.get(who, []):
            guest.expected.append(Notice(""))

    def kick(self, guest: Guest, request: Kick) -> Event:
        target, room = self._target(guest, request.username), self._shared(guest, request.room)
        kicked = [other for other in self.here.get(target, []) if room is None or other.seat_in(room)]
        require(kicked, "no_such_user")
        why = f"kicked by {guest.who.name}"
        for other in kicked:
            if room:
                self.rooms.leave(other, room, why)
                other.expected.append(Left(room.name, target.name, why))
            else:
                self._expel(other, "kicked")
        return Ok(request.id)

    def mute(self, guest: Guest, request: Mute) -> Event:
        target, room = self._target(guest, request.username), self._shared(guest, request.room)
        self.mutes[target, room] = self._until(request.seconds)
        self._notify(target)
        return Ok(request.id)

    def unmute(self, guest: Guest, request: Unmute) -> Event:
        target, room = self._target(guest, request.username), self._shared(guest, request.room)
        require(self._holds(self.mutes.pop((target, room), 0)), "no_such_user")
        self._notify(target)
        return Ok(request.id)

    def _until(self, seconds: int | None) -> int | None:
        return None if seconds is None else self.now + seconds * 1_000

    def ban(self, guest: Guest, request: Ban) -> Event:
        named = self._called(request.username) if request.username else None
        require(request.username is None or self._outranks(guest, named or Identity("")), "forbidden")
        require(request.username or request.address, "bad_request")
        for what in filter(None, (request.username, request.address)):
            self.bans[what] = self._until(request.seconds)
            for other in self.everybody():
                if what in (other.who.name, other.address) and self._outranks(guest, other.who):
                    self._expel(other, "banned")
        return Ok(request.id)

    def unban(self, guest: Guest, request: Unban) -> Event:
        named = [what for what in (request.username, request.address) if what]
        require(named, "bad_request")
        lifted = [self._holds(self.bans.pop(what, 0)) for what in named]
        require(any(lifted), "no_such_user")
        return Ok(request.id)

    def set_role(self, guest: Guest, request: SetRole) -> Event:
        target = self._target(guest, request.username)
        require(target.role, "no_such_user")
        target.role = request.role
        self._notify(target)
        return Ok(request.id)

    def _own(self, guest: Guest, name: str) -> Room:
        room, _ = self.joined(guest, name)
        is_moderator = RANKS.index(guest.who.rank) >= RANKS.index("moderator")
        require(not room.pair and (room.founder is guest.who or is_moderator), "forbidden")
        return room

    def set_access(self, guest: Guest, request: SetAccess) -> Event:
        room = self._own(guest, request.room)
        require(room.name != "lobby", "forbidden")
        room.invited |= room.people()
        room.is_private = request.private
        return Ok(request.id)

    def invite(self, guest: Guest, request: Invite) -> Event:
        room, person = self._own(guest, request.room), self.person(request.username)
        room.invited.add(person)
        self._notify(person)
        return Ok(request.id)


def _has_words(text: str, words: Sequence[str]) -> bool:
    """All of them; the last may be a beginning."""
    said = text.split()
    return bool(words) and set(words[:-1]) <= set(said) and any(word.startswith(words[-1]) for word in said)


HANDLERS: dict[type, Callable[[Chat, Guest, Any], Event | None]] = {
    Join: Chat.join,
    Leave: Chat.leave,
    Say: Chat.say,
    Edit: Chat.edit,
    Delete: Chat.delete,
    React: Chat.react,
    AskHistory: Chat.history,
    Search: Chat.search,
    Who: Chat.who,
    AskRooms: Chat.list_rooms,
    Seen: Chat.seen,
    SetTopic: Chat.set_topic,
    Kick: Chat.kick,
    Mute: Chat.mute,
    Unmute: Chat.unmute,
    Ban: Chat.ban,
    Unban: Chat.unban,
    SetRole: Chat.set_role,
    SetAccess: Chat.set_access,
    Invite: Chat.invite,
    Bye: lambda chat, guest, request: Farewell("bye", id=request.id),
}
