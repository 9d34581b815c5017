"""What concerns people, not words: registering, kicking, muting, banning, roles, and rooms for some.

Knows ranks, and what the one whom it concerns is told. That somebody may ask such a thing at all was checked before.
Called by the asking member's own thread.
"""

from collections.abc import Callable
from typing import Any

from chatroom import text
from chatroom.durations import in_words
from chatroom.errors import Refusal
from chatroom.messages import (
    Ban,
    ChangePassword,
    Error,
    Event,
    Invite,
    Kick,
    Left,
    Mute,
    Notice,
    Ok,
    Register,
    Registered,
    Role,
    SetAccess,
    SetRole,
    Unban,
    Unmute,
)
from chatroom.server import rights
from chatroom.server.hub import Hub
from chatroom.server.member import Member, Person
from chatroom.server.moderation import EVERYWHERE, address_called, sentence
from chatroom.server.room import Room

REASON_LENGTH = 200

# ------------------------------------------------------------------------------------------------ one's own name


def _register(hub: Hub, member: Member, request: Register) -> Event:
    account = hub.accounts.register(member.owner, member.username, request.password, hub.clock())
    for connection in hub.members_of(member.owner):
        connection.role = account.role
    return Registered(account.username, account.role, request.id)


def _password(hub: Hub, member: Member, request: ChangePassword) -> Event:
    """Whoever came in by another session has to come again, by the new password."""
    hub.accounts.change(member.owner, request.old, request.new, member.address, member.token)
    for connection in hub.members_of(member.owner):
        if connection.token != member.token:
            connection.end(_REVOKED)
    return Ok(request.id)


_REVOKED = Error(
    code="auth_failed", text="Your password was changed elsewhere; come in again with the new one.", fatal=True
)


# ---------------------------------------------------------------------------------------------------- others


def _target(hub: Hub, member: Member, name: str) -> Person:
    """Whom it concerns, if the member is of a higher rank."""
    person = hub.person(name)
    rights.require_above(member.role, person.role)
    return person


def _reason(raw: str) -> str:
    if len(raw) > REASON_LENGTH:
        raise Refusal("too_long", f"A reason has at most {REASON_LENGTH} characters; this one has {len(raw)}.")
    return text.topic(raw)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _tell(hub: Hub, owner: int, sentence: str) -> None:
    for connection in hub.members_of(owner):
        connection.answer(Notice(sentence))


def _shared_room(hub: Hub, member: Member, name: str) -> Room:
    """A room in which somebody can have a higher rank: any but a direct one."""
    room = hub.directory.find(member, name)
    _refuse_direct(room)
    return room


def _refuse_direct(room: Room) -> None:
    if room.record.pair:
        raise Refusal("forbidden", "A direct room is its two people's alone; nobody rules it.")


def _kick(hub: Hub, member: Member, request: Kick) -> Event:
    person, reason = _target(hub, member, request.username), _reason(request.reason)
    room = None if request.room is None else _shared_room(hub, member, request.room)
    where = room.record.name if room else "this server"
    kicked = [connection for connection in hub.members_of(person.owner) if room is None or connection.seat_in(room)]
    if not kicked:
        raise Refusal("no_such_user", f"{person.username} is not in {where} now.")
    why = f"kicked by {member.username}{_because(reason)}"
    hub.moderation.note(member.username, "kick", person.username, f"{where}{_because(reason)}")
    for connection in kicked:
        if room:
            hub.directory.leave(connection, room, why)
            connection.answer(Left(room.record.name, connection.username, why))
        else:
            hub.expel(connection, Error(code="kicked", text=f"You were {why}.", fatal=True))
    return Ok(request.id)


def _where(hub: Hub, member: Member, name: str | None) -> tuple[int, str]:
    """The key of a room, and its name with a preposition; without one, everywhere."""
    if name is None:
        return EVERYWHERE, "everywhere"
    room = _shared_room(hub, member, name)
    return room.record.key, f"in {room.record.name}"


def _mute(hub: Hub, member: Member, request: Mute) -> Event:
    person, reason = _target(hub, member, request.username), _reason(request.reason)
    key, where = _where(hub, member, request.room)
    length = f" for {in_words(request.seconds)}" if request.seconds else ""
    hub.moderation.note(member.username, "mute", person.username, f"{where}{length}{_because(reason)}")
    hub.moderation.mute(person.owner, key, request.seconds)
    _tell(hub, person.owner, f"{member.username} muted you {where}{length}{_because(reason)}.")
    return Ok(request.id)


def _unmute(hub: Hub, member: Member, request: Unmute) -> Event:
    person = _target(hub, member, request.username)
    key, where = _where(hub, member, request.room)
    if not hub.moderation.is_muted_there(person.owner, key):
        raise Refusal("no_such_user", f"{person.username} is not muted {where}.")
    hub.moderation.note(member.username, "unmute", person.username, where)
    hub.moderation.unmute(person.owner, key)
    _tell(hub, person.owner, f"{member.username} lets you speak again {where}.")
    return Ok(request.id)


def _ban(hub: Hub, member: Member, request: Ban) -> Event:
    if request.username is not None:
        rights.require_above(member.role, _role_behind(hub, request.username))
    ban_all(hub, member.username, request.username, request.address, request.seconds, request.reason, spare=member)
    return Ok(request.id)


def _role_behind(hub: Hub, name: str) -> Role:
    """A name may be banned that nobody has just now."""
    try:
        return hub.person(name).role
    except Refusal:
        return "guest"


def ban_all(
    hub: Hub, by: str, username: str | None, address: str | None, seconds: int | None, reason: str,
    spare: Member | None = None,
) -> None:  # fmt: skip
    """Bans the name and the address, and ends who is here by them; but not who bans, nor anybody of that rank."""
    reason = _reason(reason)
    for what, is_address in _named(username, address):
        ban = hub.moderation.ban(what, is_address=is_address, by=by, seconds=seconds, reason=reason)
        for other in hub.all_members():
            is_meant = what == (other.address if is_address else text.fold(other.username))
            is_spared = spare and (other is spare or rights.RANK[other.role] >= rights.RANK[spare.role])
            if is_meant and not is_spared:
                hub.expel(other, Error(code="banned", text=sentence(ban), fatal=True))


def _named(username: str | None, address: str | None) -> list[tuple[str, bool]]:
    """What a ban is about, as it is compared; and whether it is an address."""
    if username is None and address is None:
        raise Refusal("bad_request", "Say whom: a username, an address, or both.")
    names = [] if username is None else [(text.fold(text.username(username.removeprefix("@"))), False)]
    return names if address is None else [*names, (address_called(address), True)]


def _unban(hub: Hub, member: Member, request: Unban) -> Event:
    unban_all(hub, member.username, request.username, request.address)
    return Ok(request.id)


def unban_all(hub: Hub, by: str, username: str | None, address: str | None) -> None:
    named = _named(username, address)
    if not any([hub.moderation.unban(what, by=by) for what, _ in named]):  # noqa: C419 (each of them is lifted)
        raise Refusal("no_such_user", f"{' and '.join(what for what, _ in named)}: there is no such ban.")


def _role(hub: Hub, member: Member, request: SetRole) -> Event:
    person = _target(hub, member, request.username)
    if hub.store.people.account_of(person.owner) is None:
        raise Refusal("no_such_user", f"{person.username} is not registered; only an account has a role.")
    give_role(hub, member.username, person.owner, person.username, request.role)
    return Ok(request.id)


def give_role(hub: Hub, by: str, owner: int, username: str, role: Role) -> None:
    """At once, on every connection."""
    hub.moderation.note(by, "role", username, role)
    hub.accounts.set_role(owner, role)
    for connection in hub.members_of(owner):
        connection.role = role
    _tell(hub, owner, f"You are {_ARTICLES[role]} now; {by} made you one.")


_ARTICLES = {"guest": "a guest", "member": "a member", "moderator": "a moderator", "admin": "an admin"}


# ---------------------------------------------------------------------------------------------- rooms for some


def _own_room(hub: Hub, member: Member, name: str) -> Room:
    """A room that the member is in, and rules: as its founder, or as a moderator."""
    room = hub.directory.joined(member, name)
    _refuse_direct(room)
    if room.record.founder != member.owner:
        rights.require_for_others(member.role, SetAccess)
    return room


def _note_for_others(hub: Hub, member: Member, what: str, target: str, room: Room) -> None:
    """What founders do in their own rooms is no moderator's act; or else any guest could fill the log."""
    if room.record.founder != member.owner:
        hub.moderation.note(member.username, what, target, room.record.name)


def _access(hub: Hub, member: Member, request: SetAccess) -> Event:
    room = _own_room(hub, member, request.room)
    _note_for_others(hub, member, "private" if request.private else "open", "", room)
    hub.directory.set_access(room, private=request.private)
    return Ok(request.id)


def _invite(hub: Hub, member: Member, request: Invite) -> Event:
    room, person = _own_room(hub, member, request.room), hub.person(request.username)
    _note_for_others(hub, member, "invite", person.username, room)
    hub.directory.invite(room, person.owner)
    _tell(hub, person.owner, f"{member.username} invites you to the room {room.record.name}; join it to come in.")
    return Ok(request.id)


HANDLERS: dict[type, Callable[[Hub, Member, Any], Event | None]] = {
    Register: _register,
    ChangePassword: _password,
    Kick: _kick,
    Mute: _mute,
    Unmute: _unmute,
    Ban: _ban,
    Unban: _unban,
    SetRole: _role,
    SetAccess: _access,
    Invite: _invite,
}
