"""The /commands: one table, by groups, and what each of them does.

Knows commands, their arguments and what they answer. Knows nothing of keys and screens; what it asks of a
conversation, `Chat` does. Called by the thread in which lines are typed; answers come in another.
"""

import re

from msgspec.structs import replace

from chatroom.client import render, tables
from chatroom.client.changing import CHANGES, FINDING, PRIVATE
from chatroom.client.chat import Chat
from chatroom.client.command import Command, with_message
from chatroom.client.complete import nearest
from chatroom.client.ruling import NAME, RULES, silence
from chatroom.client.views import View
from chatroom.client.wishes import Wish, seconds_of
from chatroom.messages import History, RoomInfo, Rooms
from chatroom.text import fold

PAGE = 20
"""So many older messages /history shows, unless it is told how many."""
LONGEST_PAGE = 200

_SECRET = frozenset(("register", "password", "once"))
"""Whatever begins so may hold what is not to be kept, also where it is no command."""


def do(chat: Chat, line: str) -> None:
    """Does what a line asks that begins with a slash, or tells why it does not."""
    word, argument = (*line[1:].split(maxsplit=1), "", "")[:2]
    command = COMMANDS.get(ALIASES.get(word.lower(), word.lower()))
    if command is None:
        chat.tell("!", f"There is no /{word}; nothing was sent. {_hint(word)}")
    elif command.needs_more_than(argument):
        chat.tell("!", f"Type it so: {command.usage}")
    else:
        command.handler(chat, argument.strip())


def decline(chat: Chat, line: str) -> None:
    """A blank stood before the slash."""
    word = line[1:].split(maxsplit=1)[0] if line[1:].strip() else ""
    hint = f"Did you mean /{word.lower()}?" if word.lower() in COMMANDS else _hint(word)
    chat.tell("!", f"Nothing was sent: a command begins with its slash, without a blank before. {hint}")


def is_secret(line: str) -> bool:
    """Whether the line may hold a password: it is not kept anywhere."""
    word = (*line.strip().removeprefix("/").split(maxsplit=1), "")[0]
    return line.lstrip().startswith("/") and word.lower() in _SECRET


def _hint(word: str) -> str:
    other = nearest(word.lower(), COMMANDS)
    return f"Did you mean /{other}? Two slashes send one." if other else "/help shows what there is; // sends a slash."


# ------------------------------------------------------------------------------------------------------ saying


def _me(chat: Chat, argument: str) -> None:
    chat.say(argument, "action")


def _reply(chat: Chat, argument: str) -> None:
    handle, text = (*argument.split(maxsplit=1), "")[:2]
    if not text:
        chat.tell("!", "Type it so: /reply HANDLE TEXT. /handles shows by what each line is named.")
        return
    with_message(chat, handle, lambda view, said: chat.say(text, reply_to=said.seq))


def _edit(chat: Chat, argument: str) -> None:
    chat.screen.edit(argument)


def _retry(chat: Chat, argument: str) -> None:
    if not chat.outgoing.has_refused():
        chat.tell("*", "Nothing waits to be sent again.")
    for words in chat.outgoing.take_refused():
        chat.send(words._replace(refusal=""))


def _discard(chat: Chat, argument: str) -> None:
    count = len(chat.outgoing.take_refused())
    chat.tell("*", f"{count} discarded." if count else "Nothing is there to be discarded.")
    chat.screen.refresh()


# ------------------------------------------------------------------------------------------------------- rooms


def _join(chat: Chat, argument: str) -> None:
    chat.enter(argument.removeprefix("#"))


def _go(chat: Chat, argument: str) -> None:
    """To a room that one is in, also by the beginning of its name."""
    name = argument.removeprefix("#")
    begins = [view.name for view in chat.views() if fold(view.name).startswith(fold(name))]
    chat.enter(begins[0] if len(begins) == 1 else name)


def _leave(chat: Chat, argument: str) -> None:
    view = chat.view(argument.removeprefix("#"))
    if view is None:
        chat.tell("!", f"You are not in {argument or 'any room'}.")
        return
    chat.ask(chat.client.leave(view.name))


def _who(chat: Chat, argument: str) -> None:
    room = argument.removeprefix("#") or (chat.here() and chat.room)
    if room:
        chat.ask(chat.client.who(room), lambda answer: chat.screen.show([render.members(answer.room, answer.members)]))


def _rooms(chat: Chat, argument: str) -> None:
    chat.ask(chat.client.rooms(), lambda answer: _show_rooms(chat, answer))


def _show_rooms(chat: Chat, answer: Rooms) -> None:
    keys = {fold(view.name): f"Alt-{number}" for number, view in enumerate(chat.views(), 1) if number < 10}
    chat.screen.show(render.rooms([_with_key(info, keys.get(fold(info.room), "")) for info in answer.rooms]))


def _with_key(info: RoomInfo, key: str) -> RoomInfo:
    """A room that one is in shows the key that goes there."""
    return replace(info, topic=" · ".join(filter(None, (key, info.topic))))


def _topic(chat: Chat, argument: str) -> None:
    view = chat.here()
    if view and argument:
        chat.ask(chat.client.topic(view.name, argument))
    elif view:
        chat.tell("*", f"Topic of {view.name}: {view.topic}" if view.topic else f"{view.name} has no topic.")


# ------------------------------------------------------------------------------------------------- what was said


def _history(chat: Chat, argument: str) -> None:
    count = _count(argument or str(PAGE))
    if not count:
        chat.tell("!", f"How many? A number from 1 to {LONGEST_PAGE}.")
    elif view := chat.here():
        page = chat.client.history(view.name, before=view.oldest, limit=count)
        chat.ask(page, lambda answer: _show_page(chat, view, answer))


def _count(argument: str) -> int:
    """How many that is, or 0 for what is no such number."""
    number = int(argument) if re.fullmatch("[0-9]{1,3}", argument) else 0
    return number if number <= LONGEST_PAGE else 0


def _show_page(chat: Chat, view: View, page: History) -> None:
    """Older messages, then a line that says where they end, since they stand below newer ones."""
    if not page.messages:
        chat.tell("*", f"Nothing older is kept of {view.name}.")
        return
    view.oldest = page.messages[0].seq
    view.remember(page.said())
    lines = [chat.line_of(view, replace(said, replayed=True)) for said in page.said()]
    more = "; /history shows what was before that" if page.more else ", from the first one kept"
    chat.screen.show([*lines, render.status("*", f"That was {len(page.messages)} older of {view.name}{more}.")])


def _handles(chat: Chat, argument: str) -> None:
    count = _count(argument or str(PAGE))
    if not count:
        chat.tell("!", f"How many? A number from 1 to {LONGEST_PAGE}.")
    elif view := chat.here():
        lines = [chat.line_of(view, said, handle=True) for said in view.newest(count)]
        chat.screen.show(lines or [render.status("*", f"Nothing was said in {view.name} yet.")])


def _show(chat: Chat, argument: str) -> None:
    with_message(chat, argument, lambda view, said: chat.screen.show([chat.line_of(view, said, handle=True)]))


# ---------------------------------------------------------------------------------------------------- attention


def _mute(chat: Chat, argument: str) -> None:
    notifier = chat.attention.notifier
    seconds = seconds_of(argument) if argument else None
    if seconds:
        notifier.mute_for(seconds)
        chat.tell("*", f"Sounds are off for {argument}. /mute switches them on.")
    elif argument and _is_person(chat, argument.split(maxsplit=1)[0]):
        silence(chat, argument)
    elif argument:
        chat.tell("!", "Type it so: /mute, or for a while: /mute 1h; a moderator also /mute NAME [TIME] [REASON]")
    elif notifier.is_muted():
        notifier.unmute()
        chat.tell("*", "Sounds are on.")
    else:
        notifier.mute()
        chat.tell("*", "Sounds are off. /mute switches them on.")


def _is_person(chat: Chat, name: str) -> bool:
    view = chat.view()
    return view is not None and fold(name) in map(fold, view.people())


def _notify(chat: Chat, argument: str) -> None:
    view = chat.here()
    if view is None:
        return
    wishes = chat.attention.wishes
    if argument.lower() in tuple(Wish):
        wishes.set(view.name, Wish(argument.lower()))
    elif argument:
        chat.tell("!", f"Type it so: {COMMANDS['notify'].usage}")
        return
    chat.tell("*", f"In {view.name} you are called for: {wishes.of(view.name)}.")


# --------------------------------------------------------------------------------------------------------- help


def _help(chat: Chat, argument: str) -> None:
    name = argument.removeprefix("/").lower()
    if not name:
        chat.screen.show(tables.table([(title, [(c.usage, c.help) for c in group]) for title, group in GROUPS.items()]))
    elif command := COMMANDS.get(ALIASES.get(name, name)):
        chat.screen.show(tables.table([("", [(command.usage, command.help)])]))
        if command.more:
            chat.tell("*", command.more)
    else:
        chat.tell("!", f"There is no /{name}. {_hint(name)}")


def _quit(chat: Chat, argument: str) -> None:
    chat.screen.leave()


GROUPS: dict[str, tuple[Command, ...]] = {
    "To say something": (
        Command("say", "TEXT", "say any text, also q or /this", Chat.say, more="Two slashes do it too: //this"),
        Command("me", "TEXT", "say what you do: /me waves", _me),
        Command(
            "reply", "HANDLE TEXT", "answer a certain line: /reply 3f hello", _reply,
            more="/handles shows the lines with their handles.",
        ),
        Command("edit", "[TEXT]", "write in your editor", _edit, more="It is $VISUAL or $EDITOR."),
        Command("retry", "", "send again what was refused", _retry),
        Command("discard", "", "forget what was refused", _discard),
    ),
    "To some people only": PRIVATE,
    "To say it otherwise": CHANGES,
    "Rooms": (
        Command("join", "ROOM", "go to a room; it is made if it is not there", _join, "room"),
        Command(
            "go", "ROOM", "the same; a few letters do for a room that you are in", _go, "room",
            "Alt-1 to Alt-9 go to your rooms, Alt-a to the next one in which something is unread.",
        ),
        Command("leave", "[ROOM]", "leave this room, or another", _leave, "room"),
        Command("who", "[ROOM]", "who is here, or in another room", _who, "room"),
        Command("rooms", "", "which rooms there are", _rooms),
        Command("topic", "[TEXT]", "show what this room is about, or set it", _topic),
    ),
    "What was said": (
        Command("history", "[COUNT]", "show older messages", _history, more=f"At most {LONGEST_PAGE} at a time."),
        Command("handles", "[COUNT]", "show the newest lines with their handles", _handles),
        Command("show", "HANDLE", "show one line again", _show),
        FINDING,
    ),
    "Sounds": (
        Command(
            "mute", "[TIME|NAME]", "sounds off, or on again; /mute 1h: for an hour", _mute,
            more="With a name, a moderator silences somebody in this room: /mute bob 10m too loud",
        ),
        Command("notify", "[all|mentions|none]", "what makes a sound in this room", _notify),
    ),
    "Your name": NAME,
    "For moderators": RULES,
    "And": (
        Command(
            "help", "[COMMAND]", "show this, or more of one command", _help, "command",
            "Whoever knows IRC may also type /part, /names, /list and /exit.",
        ),
        Command("quit", "", "leave; a q alone does the same", _quit),
    ),
}  # fmt: skip

COMMANDS = {command.name: command for group in GROUPS.values() for command in group}

ALIASES = {"part": "leave", "names": "who", "list": "rooms", "exit": "quit", "bye": "quit"}
"""What people type who know other chats."""
