"""The /commands: one table, by groups, and how a line finds its command. Here are those for sounds and for help.

Knows names, and what may hold a secret. Knows nothing of keys and screens; what it asks of a conversation, `Chat` does.
Called by the thread in which lines are typed; answers come in another.
"""

from chatroom.client import moderating, own_name, places, recall, saying, tables
from chatroom.client.chat import Chat
from chatroom.client.command import Command, first_word
from chatroom.client.complete import nearest
from chatroom.client.wishes import Wish, seconds_of

_SECRET = frozenset(("register", "password", "once"))
"""Whatever begins so may hold what nobody else may see, also where it is no command."""


def do(chat: Chat, line: str) -> None:
    """Does what a line asks that begins with a slash, or tells why it does not."""
    word, argument = first_word(line[1:])
    command = COMMANDS.get(ALIASES.get(word.lower(), word.lower()))
    if command is None:
        chat.tell("!", f"There is no /{word}; nothing was sent. {_hint(word)}")
    elif command.lacks(argument):
        chat.tell("!", f"Type it so: {command.usage}")
    else:
        command.handler(chat, argument.strip())


def decline(chat: Chat, line: str) -> None:
    """A blank stood before the slash."""
    word = line[1:].split(maxsplit=1)[0] if line[1:].strip() else ""
    hint = f"Did you mean /{word.lower()}?" if word.lower() in COMMANDS else _hint(word)
    chat.tell("!", f"Nothing was sent: a command begins with its slash, without a blank before. {hint}")


def is_secret(line: str) -> bool:
    """Whether the line may hold a password, or what is to be seen once: it is not kept anywhere."""
    word, _ = first_word(line.strip().removeprefix("/"))
    return line.lstrip().startswith("/") and word.lower() in _SECRET


def _hint(word: str) -> str:
    other = nearest(word.lower(), COMMANDS)
    return f"Did you mean /{other}? Two slashes send one." if other else "/help shows what there is; // sends a slash."


# ---------------------------------------------------------------------------------------------------- attention


def _mute(chat: Chat, argument: str) -> None:
    """Of the sounds; somebody who is named is silenced."""
    notifier = chat.attention.notifier
    seconds = seconds_of(argument) if argument else None
    if seconds:
        notifier.mute_for(seconds)
        chat.tell("*", f"Sounds are off for {argument}. /mute switches them on.")
    elif argument and moderating.is_about_somebody(chat, argument):
        moderating.silence(chat, argument)
    elif argument:
        chat.tell("!", "Type it so: /mute, or for a while: /mute 1h, /mute 30m; to silence somebody: /silence NAME")
    elif notifier.is_muted():
        notifier.unmute()
        chat.tell("*", "Sounds are on.")
    else:
        notifier.mute()
        chat.tell("*", "Sounds are off. /mute switches them on.")


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
    "To say something": saying.COMMANDS,
    "In private": saying.PRIVATE,
    "Rooms": places.COMMANDS,
    "What was said": recall.COMMANDS,
    "Your name": own_name.COMMANDS,
    "To keep order": moderating.COMMANDS,
    "Sounds": (
        Command(
            "mute", "[TIME]", "sounds off, or on again; /mute 1h: for an hour", _mute, "person",
            "/mute NAME silences somebody, as /silence NAME does.",
        ),
        Command("notify", "[all|mentions|none]", "what makes a sound in this room", _notify),
    ),
    "And": (
        Command(
            "help", "[COMMAND]", "show this, or more of one command", _help, "command",
            "Whoever knows IRC may also type /part, /names, /list and /exit.",
        ),
        Command("quit", "", "leave; a q alone does the same", _quit),
    ),
}  # fmt: skip

COMMANDS = {command.name: command for group in GROUPS.values() for command in group}

ALIASES = {
    "part": "leave", "names": "who", "list": "rooms", "exit": "quit", "bye": "quit",
    "query": "msg", "whisper": "w", "unsilence": "unmute", "find": "search",
}  # fmt: skip
"""What people type who know other chats."""
