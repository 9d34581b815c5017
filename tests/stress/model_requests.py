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
from tests.stress.model import Entry, Guest, Identity, Room, Seat
from tests.stress.model_chat import Chat, Refused, error, require

LEAST: dict[type, Role] = {
    SetTopic: "moderator",
    Kick: "moderator",
    Mute: "moderator",
    Unmute: "moderator",
    Ban: "moderator",
    Unban: "admin",
    SetRole: "admin",
}


def ask(chat: Chat, guest: Guest, request: Any) -> None:
    """Has it done, and the guest told what came of it."""
    try:
        chat.require_rank(guest, LEAST.get(type(request), "guest"))
        answer = HANDLERS[type(request)](chat, guest, request)
    except Refused as refused:
        answer = error(str(refused), request.id)
    if isinstance(answer, Farewell):
        chat.go(guest, answer.reason)
        guest.last_word = answer
    elif answer:
        guest.expected.append(answer)


# ------------------------------------------------------------------------------------- joining, leaving


def _join(chat: Chat, guest: Guest, request: Join) -> None:
    name = request.room
    room = _direct_to_join(chat, guest, name[1:]) if name.startswith("@") else _room_to_join(chat, guest, name)
    chat.rooms.sit(guest, room, chat.name_for(guest.who, room), request)


def _room_to_join(chat: Chat, guest: Guest, name: str) -> Room:
    room = chat.rooms.called(name) or chat.rooms.open(Room(name, founder=guest.who))
    require(room.is_open_to(guest.who), "forbidden")
    return room


def _direct_to_join(chat: Chat, guest: Guest, name: str) -> Room:
    if room := chat.direct(guest, name):
        return room
    person = chat.person(name)
    require(person is not guest.who, "bad_request")
    return chat.rooms.open(Room("", pair=frozenset((guest.who, person))))


def _leave(chat: Chat, guest: Guest, request: Leave) -> Event:
    room, seat = chat.joined(guest, request.room)
    chat.rooms.leave(guest, room, "left")
    return Left(seat.name, guest.who.name, "left", request.id)


# ------------------------------------------------------------------------------------------------ saying


def _say(chat: Chat, guest: Guest, request: Say) -> Event | None:
    room, seat = chat.joined(guest, request.room)
    is_muted = chat.is_muted(guest.who, room)
    if not is_muted:
        _take_in_partner(chat, guest.who, room)
    if before := chat.said.get((guest.who, request.id)):
        return _said_before(seat, request, *before)
    require(not is_muted, "muted")
    if request.reply_to is not None:
        chat.standing(guest, request.room, request.reply_to)
    to, readers = _audience(chat, guest, room, request)
    waiting = set(readers or ()) - {guest.who} if request.once else set()
    entry = Entry(
        room.last + 1, max(chat.now, room.time), guest.who, "said", request.message, readers, request.id,
        request.kind, request.reply_to, to, request.once, waiting=waiting,
    )  # fmt: skip
    chat.said[guest.who, request.id] = (room, request.message, entry)
    chat.rooms.add(room, entry)
    return None


def _said_before(seat: Seat, request: Say, room: Room, text: str, entry: Entry) -> Event:
    require((seat.room, request.message) == (room, text), "id_conflict")
    return Stored(request.id, seat.name, entry.seq, entry.time)


def _take_in_partner(chat: Chat, who: Identity, room: Room) -> None:
    if room.pair:
        partner = chat.partner(who, room)
        for other in chat.here.get(partner, []):
            if not other.seat_in(room):
                chat.rooms.sit(other, room, chat.name_for(partner, room), Join(room=""))


Audience = tuple[list[str] | None, frozenset[Identity] | None]
"""Whom a say names, and who may read it; None: all."""


def _audience(chat: Chat, guest: Guest, room: Room, request: Say) -> Audience:
    if request.to is None and not request.once:
        return None, None
    named = list(dict.fromkeys(map(chat.person, request.to or ())))
    readers = frozenset(named) if request.to is not None else room.pair or frozenset(room.people())
    require(readers - {guest.who} if request.once else readers, "bad_request")
    to = None if request.to is None else [person.name for person in named]
    return to, readers | {guest.who}


# ---------------------------------------------------------------------------------------------- changing


def _edit(chat: Chat, guest: Guest, request: Edit) -> None:
    room, entry = chat.standing(guest, request.room, request.seq)
    require(not chat.is_muted(guest.who, room), "muted")
    require(entry.author is guest.who and not entry.once, "forbidden")
    entry.text = request.message
    _change(chat, guest, room, entry, request.id, what="edited", text=request.message)


def _delete(chat: Chat, guest: Guest, request: Delete) -> None:
    room, entry = chat.standing(guest, request.room, request.seq)
    if entry.author is not guest.who:
        chat.require_rank(guest, "moderator")
        require(chat.outranks(guest, entry.author), "forbidden")
    room.erase(entry)
    _change(chat, guest, room, entry, request.id, what="deleted", text="")


def _react(chat: Chat, guest: Guest, request: React) -> None:
    room, entry = chat.standing(guest, request.room, request.seq)
    require(not chat.is_muted(guest.who, room), "muted")
    require(not entry.once, "forbidden")
    _change(chat, guest, room, entry, request.id, what="reacted", text=request.emoji, on=request.on)


def _change(chat: Chat, guest: Guest, room: Room, target: Entry, id: str | None, **how: Any) -> None:
    time = max(chat.now, room.time)
    change = Entry(room.last + 1, time, guest.who, readers=target.readers, target=target.seq, **how)
    chat.rooms.add(room, change, guest, id)


# ----------------------------------------------------------------------------------------------- looking


def _history(chat: Chat, guest: Guest, request: AskHistory) -> Event:
    require(request.before is None or request.after is None, "bad_request")
    room, seat = chat.joined(guest, request.room)
    before, after = request.before or room.last + 1, request.after or 0
    if request.before == 0:
        before = 0
    between = [entry for entry in room.held() if after < entry.seq < before]
    page = between[: request.limit] if request.after is not None else between[-request.limit :]
    shown = [entry.seen_by(guest.who, seat.name, "history") for entry in page]
    return History(room=seat.name, messages=shown, more=len(page) < len(between), id=request.id)


def _search(chat: Chat, guest: Guest, request: Search) -> Event:
    rooms = chat.readable(guest) if request.room is None else [chat.find(guest, request.room)]
    found = [
        (entry, entry.seen_by(guest.who, chat.name_for(guest.who, room), "history"))
        for room in rooms
        for entry in room.held()
        if entry.what == "said" and entry.is_for(guest.who) and not (entry.is_erased or entry.once)
        if request.from_ in (None, entry.author.name) and _has_words(entry.text, request.query.split())
    ]
    found.sort(key=lambda each: (-each[0].time, -each[0].seq))
    shown: Sequence[Any] = [event for _, event in found[: request.limit]]
    return Found(list(shown), more=len(shown) < len(found), id=request.id)


def _who(chat: Chat, guest: Guest, request: Who) -> Event:
    room = chat.find(guest, request.room)
    return Members(chat.name_for(guest.who, room), room.members(), request.id)


def _list_rooms(chat: Chat, guest: Guest, request: AskRooms) -> Event:
    infos = [_info(chat, guest.who, room) for room in chat.readable(guest)]
    return Rooms(sorted(infos, key=lambda info: info.room), request.id)


def _info(chat: Chat, who: Identity, room: Room) -> RoomInfo:
    unread = max(0, room.last - chat.rooms.positions.get((who, room), 0)) if room.pair else 0
    return RoomInfo(chat.name_for(who, room), room.topic, len(room.members()), room.last, unread, room.is_private)


def _seen(chat: Chat, guest: Guest, request: Seen) -> None:
    room, seat = chat.joined(guest, request.room)
    read = min(request.seq, room.last)
    for entry in room.held():
        if entry.seq <= read and guest.who in entry.waiting:
            entry.waiting.remove(guest.who)
            if not entry.waiting:
                room.erase(entry)
    if read > seat.read:
        seat.read = read
        key = (guest.who, room)
        chat.rooms.positions[key] = max(read, chat.rooms.positions.get(key, 0))


# ----------------------------------------------------------------------------------------- keeping order


def _set_topic(chat: Chat, guest: Guest, request: SetTopic) -> Event:
    room, seat = chat.joined(guest, request.room)
    room.topic = request.topic
    by = guest.who.name
    chat.rooms.hand_out(room, lambda other: None if other is seat else Topic(other.name, request.topic, by))
    return Topic(seat.name, request.topic, by, request.id)


def _target(chat: Chat, guest: Guest, name: str) -> Identity:
    person = chat.person(name)
    require(chat.outranks(guest, person), "forbidden")
    return person


def _shared(chat: Chat, guest: Guest, name: str | None) -> Room | None:
    """Any room that is not two people's own; None: everywhere."""
    room = None if name is None else chat.find(guest, name)
    require(room is None or not room.pair, "forbidden")
    return room


def _kick(chat: Chat, guest: Guest, request: Kick) -> Event:
    target, room = _target(chat, guest, request.username), _shared(chat, guest, request.room)
    kicked = [other for other in chat.here.get(target, []) if room is None or other.seat_in(room)]
    require(kicked, "no_such_user")
    why = f"kicked by {guest.who.name}"
    for other in kicked:
        if room:
            chat.rooms.leave(other, room, why)
            other.expected.append(Left(room.name, target.name, why))
        else:
            chat.expel(other, "kicked")
    return Ok(request.id)


def _mute(chat: Chat, guest: Guest, request: Mute) -> Event:
    target, room = _target(chat, guest, request.username), _shared(chat, guest, request.room)
    chat.mutes[target, room] = chat.until(request.seconds)
    chat.notify(target)
    return Ok(request.id)


def _unmute(chat: Chat, guest: Guest, request: Unmute) -> Event:
    target, room = _target(chat, guest, request.username), _shared(chat, guest, request.room)
    require(chat.holds(chat.mutes.pop((target, room), 0)), "no_such_user")
    chat.notify(target)
    return Ok(request.id)


def _ban(chat: Chat, guest: Guest, request: Ban) -> Event:
    named = chat.called(request.username) if request.username else None
    require(request.username is None or chat.outranks(guest, named or Identity("")), "forbidden")
    require(request.username or request.address, "bad_request")
    for what in filter(None, (request.username, request.address)):
        chat.bans[what] = chat.until(request.seconds)
        for other in chat.everybody():
            if what in (other.who.name, other.address) and chat.outranks(guest, other.who):
                chat.expel(other, "banned")
    return Ok(request.id)


def _unban(chat: Chat, guest: Guest, request: Unban) -> Event:
    named = [what for what in (request.username, request.address) if what]
    require(named, "bad_request")
    lifted = [chat.holds(chat.bans.pop(what, 0)) for what in named]
    require(any(lifted), "no_such_user")
    return Ok(request.id)


def _set_role(chat: Chat, guest: Guest, request: SetRole) -> Event:
    target = _target(chat, guest, request.username)
    require(target.role, "no_such_user")
    target.role = request.role
    chat.notify(target)
    return Ok(request.id)


def _own(chat: Chat, guest: Guest, name: str) -> Room:
    room, _ = chat.joined(guest, name)
    require(not room.pair, "forbidden")
    if room.founder is not guest.who:
        chat.require_rank(guest, "moderator")
    return room


def _set_access(chat: Chat, guest: Guest, request: SetAccess) -> Event:
    room = _own(chat, guest, request.room)
    require(room.name != "lobby", "forbidden")
    room.invited |= room.people()
    room.is_private = request.private
    return Ok(request.id)


def _invite(chat: Chat, guest: Guest, request: Invite) -> Event:
    room, person = _own(chat, guest, request.room), chat.person(request.username)
    room.invited.add(person)
    chat.notify(person)
    return Ok(request.id)


def _has_words(text: str, words: Sequence[str]) -> bool:
    """All of them; the last may be a beginning."""
    said = text.split()
    return bool(words) and set(words[:-1]) <= set(said) and any(word.startswith(words[-1]) for word in said)


HANDLERS: dict[type, Callable[[Chat, Guest, Any], Event | None]] = {
    Join: _join,
    Leave: _leave,
    Say: _say,
    Edit: _edit,
    Delete: _delete,
    React: _react,
    AskHistory: _history,
    Search: _search,
    Who: _who,
    AskRooms: _list_rooms,
    Seen: _seen,
    SetTopic: _set_topic,
    Kick: _kick,
    Mute: _mute,
    Unmute: _unmute,
    Ban: _ban,
    Unban: _unban,
    SetRole: _set_role,
    SetAccess: _set_access,
    Invite: _invite,
    Bye: lambda chat, guest, request: Farewell("bye", id=request.id),
}
