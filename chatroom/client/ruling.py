"""The /commands for names and people: registering, and what moderators and admins do.

Knows what each asks of the server. Passwords are asked by themselves, never taken from the line that is typed.
"""

import re
from collections.abc import Callable
from typing import get_args

from chatroom import durations
from chatroom.client.chat import Chat
from chatroom.client.command import Command, split
from chatroom.messages import Role

_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


def _done(chat: Chat, sentence: str) -> Callable[[object], None]:
    return lambda _: chat.tell("*", sentence)


def _register(chat: Chat, argument: str) -> None:
    name = chat.client.username

    def register(password: str) -> None:
        chat.ask(chat.client.register(password), _done(chat, f"The name {name} is yours: it needs the password now."))

    _ask_new(chat, register)


def _password(chat: Chat, argument: str) -> None:
    def change(old: str) -> None:
        _ask_new(chat, lambda new: chat.ask(chat.client.change_password(old, new), _done(chat, "It is changed.")))

    chat.screen.ask_secret("Your password until now: ", change)


def _ask_new(chat: Chat, then: Callable[[str], None]) -> None:
    """Twice, since nobody sees what is typed."""

    def again(first: str) -> None:
        def compare(second: str) -> None:
            then(first) if first == second else chat.tell("!", "The two passwords differ; nothing was changed.")

        chat.screen.ask_secret("The same again: ", compare)

    chat.screen.ask_secret("New password: ", again)


def _kick(chat: Chat, argument: str) -> None:
    name, reason = split(argument)
    if here := chat.here():
        kicked = chat.client.kick(name, room=here.name, reason=reason)
        chat.ask(kicked, _done(chat, f"{name} is out of {here.name}."))


def _length(words: str) -> tuple[int | None, str]:
    """A time at the beginning, in seconds, and the rest."""
    word, rest = split(words)
    seconds = durations.seconds(word)
    return (seconds, rest) if seconds else (None, words)


def silence(chat: Chat, argument: str) -> None:
    """`/mute NAME [TIME] [REASON]`, in the room that is looked at."""
    name, words = split(argument)
    seconds, reason = _length(words)
    if here := chat.here():
        muted = chat.client.mute(name, room=here.name, seconds=seconds, reason=reason)
        chat.ask(muted, _done(chat, f"{name} cannot speak in {here.name}. /unmute {name} ends it."))


def _unmute(chat: Chat, argument: str) -> None:
    if here := chat.here():
        chat.ask(chat.client.unmute(argument, room=here.name), _done(chat, f"{argument} may speak again."))


def _ban(chat: Chat, argument: str) -> None:
    whom, words = split(argument)
    seconds, reason = _length(words)
    if _ADDRESS.fullmatch(whom):
        banned = chat.client.ban(address=whom, seconds=seconds, reason=reason)
    else:
        banned = chat.client.ban(whom, seconds=seconds, reason=reason)
    chat.ask(banned, _done(chat, f"{whom} is banned. /unban {whom} ends it."))


def _unban(chat: Chat, argument: str) -> None:
    is_address = _ADDRESS.fullmatch(argument)
    lifted = chat.client.unban(address=argument) if is_address else chat.client.unban(argument)
    chat.ask(lifted, _done(chat, f"{argument} may come in again."))


def _role(chat: Chat, argument: str) -> None:
    name, role = split(argument)
    if known := next((each for each in get_args(Role) if each == role), None):
        chat.ask(chat.client.give_role(name, known), _done(chat, f"{name} is {role} now."))
    else:
        chat.tell("!", "Type it so: /role NAME member, or moderator, or admin")


def _room(chat: Chat, argument: str) -> None:
    if argument not in ("private", "open"):
        chat.tell("!", "Type it so: /room private, or /room open")
    elif here := chat.here():
        told = f"{here.name} is for the invited now: /invite NAME" if argument == "private" else f"{here.name} is open."
        chat.ask(chat.client.set_private(here.name, private=argument == "private"), _done(chat, told))


def _invite(chat: Chat, argument: str) -> None:
    if here := chat.here():
        chat.ask(chat.client.invite(here.name, argument), _done(chat, f"{argument} may come into {here.name}."))


NAME = (
    Command("register", "", "protect your name with a password, which is asked", _register),
    Command("password", "", "change your password", _password),
)

RULES = (
    Command("kick", "NAME [REASON]", "out of this room", _kick, "person"),
    Command("unmute", "NAME", "let somebody speak again; /mute NAME [TIME] silences", _unmute, "person"),
    Command("ban", "NAME|ADDRESS [TIME] [REASON]", "keep somebody out of the server", _ban, "person"),
    Command("unban", "NAME|ADDRESS", "lift a ban", _unban),
    Command("role", "NAME ROLE", "make somebody member, moderator or admin", _role, "person"),
    Command("room", "private|open", "who may come into this room", _room),
    Command("invite", "NAME", "let somebody into this private room", _invite, "person"),
)
