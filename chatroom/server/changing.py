"""What is said to some only, what becomes of what was said, and finding it again: whispers, edits, reactions, search.

Knows whose a message is, who may read it, and who may change it. Knows nothing of how it is stored or handed out.
Called by the member's own thread.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chatroom import text
from chatroom.errors import Refusal
from chatroom.messages import EVENT_FRAME, Delete, Edit, Event, Found, React, Say, Search
from chatroom.server import rights
from chatroom.server.batch import answer_to
from chatroom.server.hub import Hub
from chatroom.server.member import Member
from chatroom.server.paging import as_fit
from chatroom.server.room import Room
from chatroom.server.store import Change, Query, Standing, Whisper, Words

MOST_READERS = 100
"""To so many one can whisper."""

FOUND_WEIGHT = EVENT_FRAME - 4_096


def is_muted(hub: Hub, member: Member, room: Room) -> bool:
    return hub.moderation.is_muted(member.owner, room.record.key)


def require_voice(hub: Hub, member: Member, room: Room) -> None:
    """Whoever is muted may read, and not speak."""
    if is_muted(hub, member, room):
        raise Refusal("muted", "You are muted here for now; you can read what others say.")


# ------------------------------------------------------------------------------------------------------- saying


def words_of(hub: Hub, member: Member, room: Room, say: Say) -> Words | Event:
    """What is to be stored of a say that may carry anything; or the Refusal. What was said before stays said, though
    it could not be said now: whoever was to read it may have gone, or its author may have been muted since."""
    said = text.message(say.message)
    if said is not say.message:
        say = replace(say, message=said)
    try:
        return _allowed(hub, member, room, say)
    except Refusal:
        room.settle()  # perhaps it is about to be stored
        if repeat := hub.store.repeat(room.record, member.owner, say):
            return answer_to(repeat, hub.directory.name_for(member, room))
        raise


def _allowed(hub: Hub, member: Member, room: Room, say: Say) -> Words:
    require_voice(hub, member, room)
    if say.reply_to is not None:
        _standing(hub, member, room, say.reply_to)
    if say.to is None and not say.once:
        return say
    return _whisper(hub, member, room, say)


def _whisper(hub: Hub, member: Member, room: Room, say: Say) -> Whisper:
    if say.to is not None:
        if not 0 < len(say.to) <= MOST_READERS:
            raise Refusal("bad_request", f"A whisper is to 1 to {MOST_READERS} people.")
        people = {person.owner: person for person in map(hub.person, say.to)}
        say, readers = replace(say, to=[person.username for person in people.values()]), frozenset(people)
    else:
        readers = frozenset(room.record.pair or room.owners())
    if say.once and readers <= {member.owner}:  # it would wait for ever
        raise Refusal("bad_request", "Nobody else is here to see it; name somebody.")
    return Whisper(say, readers)


# ----------------------------------------------------------------------------------------------------- changing


def _standing(hub: Hub, member: Member, room: Room, seq: int) -> Standing:
    """The message of that number. One that the member may not read is as if there were none."""
    standing = hub.store.standing(room.record, seq) if 0 < seq <= room.last() else None
    if standing is None or not (standing.readers is None or member.owner in standing.readers):
        raise Refusal("no_such_message", f"There is no message {seq} here, or it was erased.")
    return standing


def _changeable(hub: Hub, member: Member, request: Edit | Delete | React) -> tuple[Room, Standing]:
    room = hub.directory.joined(member, request.room)
    return room, _standing(hub, member, room, request.seq)


def _edit(hub: Hub, member: Member, request: Edit) -> None:
    room, standing = _changeable(hub, member, request)
    require_voice(hub, member, room)
    if standing.owner != member.owner:
        raise Refusal("forbidden", "Only who wrote a message may edit it.")
    _refuse_once(standing)
    change = Change(request.id, "edited", request.seq, text.message(request.message))
    member.post_words(room, [change])


def _delete(hub: Hub, member: Member, request: Delete) -> None:
    room, standing = _changeable(hub, member, request)
    if standing.owner != member.owner:
        rights.require_for_others(member.role, Delete)
        rights.require_above(member.role, hub.role_of(standing.owner))
    member.post_words(room, [Change(request.id, "deleted", request.seq)])
    if standing.owner != member.owner:
        hub.moderation.note(member.username, "delete", standing.username, f"{room.record.name} {request.seq}")


def _react(hub: Hub, member: Member, request: React) -> None:
    room, standing = _changeable(hub, member, request)
    require_voice(hub, member, room)
    _refuse_once(standing)
    change = Change(request.id, "reacted", request.seq, text.emoji(request.emoji), request.on)
    member.post_words(room, [change])


def _refuse_once(standing: Standing) -> None:
    if standing.once:
        raise Refusal("forbidden", "What is to be seen only once stays as it is.")


# ------------------------------------------------------------------------------------------------------- finding


def _search(hub: Hub, member: Member, request: Search) -> Event:
    directory = hub.directory
    rooms = [directory.find(member, request.room)] if request.room is not None else directory.readable(member)
    author = None if request.from_ is None else text.fold(text.username(request.from_))
    query = Query(request.query, member.owner, [room.record for room in rooms], author, request.limit + 1)
    found = hub.store.search(query)
    names = {room.record.name: directory.name_for(member, room) for room in rooms}
    named = [replace(message, room=names[message.room]) for message in found[: request.limit]]
    shown = as_fit(named, FOUND_WEIGHT)
    return Found(shown, more=len(shown) < len(found), id=request.id)


HANDLERS: dict[type, Callable[[Hub, Member, Any], Event | None]] = {
    Edit: _edit,
    Delete: _delete,
    React: _react,
    Search: _search,
}
