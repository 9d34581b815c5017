"""The commands of those who keep order: out of a room, silent, banned, and who may do so.

Knows whom they concern, where and how long. Knows nothing of who may: the server does. What it asks of a conversation,
`Chat` does. Called by the thread in which lines are typed; answers come in another.
"""

from collections.abc import Callable
from typing import NamedTuple, get_args

from chatroom.client.chat import Chat
from chatroom.client.command import Command, duration, first_word, is_address, name_of
from chatroom.messages import Role
from chatroom.text import fold

_EVERYWHERE = "everywhere"
_ROLES: dict[str, Role] = {role: role for role in get_args(Role)}


class _Aim(NamedTuple):
    """Who is meant, and where; and what follows."""

    name: str
    room: str | None
    where: str
    rest: str


def _aim(chat: Chat, argument: str) -> _Aim | None:
    """In the room that is looked at, unless the second word says that it is everywhere."""
    name, rest = first_word(argument)
    word, after = first_word(rest)
    if word.lower() == _EVERYWHERE:
        return _Aim(name_of(name), None, _EVERYWHERE, after)
    view = chat.here()
    return _Aim(name_of(name), view.name, f"in {view.name}", rest) if view else None


def _done(chat: Chat, sentence: str) -> Callable[[object], None]:
    return lambda _: chat.tell("+", sentence)


def _length(argument: str, rest: str) -> str:
    """` for 1h`, as it was typed; nothing, if no time was."""
    typed = argument.removesuffix(rest).strip()
    return f" for {typed}" if typed else ""


def _kick(chat: Chat, argument: str) -> None:
    if aim := _aim(chat, argument):
        asked = chat.client.kick(aim.name, room=aim.room, reason=aim.rest)
        chat.ask(asked, _done(chat, f"{aim.name} is out of {aim.room or 'this server'}."))


def silence(chat: Chat, argument: str) -> None:
    if aim := _aim(chat, argument):
        seconds, reason = duration(aim.rest)
        asked = chat.client.mute(aim.name, room=aim.room, seconds=seconds, reason=reason)
        length = _length(aim.rest, reason)
        chat.ask(asked, _done(chat, f"{aim.name} is silent {aim.where}{length}. /unmute {aim.name} ends that."))


def is_about_somebody(chat: Chat, argument: str) -> bool:
    """Whether it begins with the name of somebody who is known here."""
    word, _ = first_word(argument)
    people = {fold(name) for view in chat.views() for name in view.people()}
    return word.startswith("@") or fold(word) in people


def _unmute(chat: Chat, argument: str) -> None:
    if aim := _aim(chat, argument):
        asked = chat.client.unmute(aim.name, room=aim.room)
        chat.ask(asked, _done(chat, f"{aim.name} may speak {aim.where} again."))


def _ban(chat: Chat, argument: str) -> None:
    word, rest = first_word(argument)
    seconds, reason = duration(rest)
    who = name_of(word)
    if is_address(word):
        asked = chat.client.ban(address=word, seconds=seconds, reason=reason)
    else:
        asked = chat.client.ban(who, seconds=seconds, reason=reason)
    chat.ask(asked, _done(chat, f"{who} is banned{_length(rest, reason)}."))


def _unban(chat: Chat, argument: str) -> None:
    who = name_of(argument)
    asked = chat.client.unban(address=who) if is_address(argument) else chat.client.unban(who)
    chat.ask(asked, _done(chat, f"{who} may come in again."))


def _role(chat: Chat, argument: str) -> None:
    name, word = first_word(argument)
    role = _ROLES.get(word.lower())
    if role is None:
        chat.tell("!", f"Type it so: /role NAME ROLE; a role is one of {', '.join(_ROLES)}.")
        return
    chat.ask(chat.client.give_role(name_of(name), role), _done(chat, f"{name_of(name)} has the role {role} now."))


COMMANDS = (
    Command(
        "kick", "NAME [REASON]", "put somebody out of this room", _kick, "person",
        "/kick NAME everywhere puts out of the server. They may come back; /ban keeps them out.",
    ),
    Command(
        "silence", "NAME [TIME] [REASON]", "nobody hears them here: /silence bob 1h", silence, "person",
        "/mute NAME does the same. /silence NAME everywhere silences in all rooms.",
    ),
    Command("unmute", "NAME", "let somebody speak again", _unmute, "person", "/unmute NAME everywhere, in all rooms."),
    Command(
        "ban", "NAME|ADDRESS [TIME] [REASON]", "keep somebody out: /ban bob 7d", _ban, "person",
        "Without a time it is for ever. A name that looks like an address begins with @.",
    ),
    Command("unban", "NAME|ADDRESS", "let somebody in again", _unban, "person"),
    Command("role", "NAME ROLE", "what somebody may do", _role, "person", f"A role is one of {', '.join(_ROLES)}."),
)  # fmt: skip
