"""What a typed line does: it is said, or it is one of the /commands of this table.

Knows commands, their arguments and what they answer. Knows nothing of keys and screens; what it asks of a
conversation, `Chat` does. Called by the thread in which lines are typed; answers come in another.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from chatroom.client import render
from chatroom.client.chat import Chat, View
from chatroom.messages import History
from chatroom.text import fold, visible

QUIT = "q"
PAGE = 20
"""So many older messages /history shows, unless it is told how many."""
LONGEST_PAGE = 200


class Typist:
    """Whoever sits at the keyboard: takes the lines of a terminal, for one conversation."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    @property
    def room(self) -> str:
        return self._chat.room

    def typed(self, text: str, pasted: bool = False) -> None:
        """Does what the line asks. What was pasted is said as it is, unless it is a single line with a command."""
        line = text.strip()
        if pasted and ("\n" in line or line == QUIT):
            self._chat.say(text.strip("\n"))
        elif line == QUIT:
            self._chat.leave()
        elif line.startswith("/"):
            self._do(line)
        elif line:
            self._chat.say(text.rstrip())

    def _do(self, line: str) -> None:
        word, argument = (*line[1:].split(maxsplit=1), "", "")[:2]
        command = COMMANDS.get(word.lower())
        if command is None:
            self._chat.tell("!", f"There is no /{word}; nothing was said. /help shows what there is.")
        elif command.needs_more_than(argument):
            self._chat.tell("!", f"Type it so: {command.usage}")
        else:
            command.handler(self._chat, argument)

    def complete(self, before: str) -> list[str]:
        """The words that the text before the cursor may end with: commands at its start, people anywhere."""
        word = before.rpartition(" ")[2]
        if before.startswith("/") and word == before:
            return [f"/{name}" for name in COMMANDS if name.startswith(word[1:].lower())]
        view = self._chat.view()
        people = view.people() if view and word else []
        return [visible(name) for name in people if fold(name).startswith(fold(word))]


# ------------------------------------------------------------------------------------------------ the commands


class Command(NamedTuple):
    """`arguments` is what stands in the help; in brackets what may be left out."""

    name: str
    arguments: str
    help: str
    handler: Callable[[Chat, str], None]

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()

    def needs_more_than(self, argument: str) -> bool:
        return bool(self.arguments) and not self.arguments.startswith("[") and not argument


def _join(chat: Chat, argument: str) -> None:
    chat.enter(argument.removeprefix("#"))


def _leave(chat: Chat, argument: str) -> None:
    view = chat.view(argument.removeprefix("#"))
    if view is None:
        chat.tell("!", f"You are not in {argument or 'any room'}.")
        return
    chat.ask(chat.client.leave(view.name))


def _me(chat: Chat, argument: str) -> None:
    chat.say(argument, "action")


def _who(chat: Chat, argument: str) -> None:
    room = argument.removeprefix("#") or (chat.here() and chat.room)
    if room:
        chat.ask(chat.client.who(room), lambda answer: chat.show([render.members(answer.room, answer.members)]))


def _rooms(chat: Chat, argument: str) -> None:
    chat.ask(chat.client.rooms(), lambda answer: chat.show(render.rooms(answer.rooms)))


def _history(chat: Chat, argument: str) -> None:
    count = _count(argument or str(PAGE))
    if not count:
        chat.tell("!", f"How many? A number from 1 to {LONGEST_PAGE}.")
    elif view := chat.here():
        page = chat.client.history(view.name, before=view.oldest, limit=count)
        chat.ask(page, lambda answer: _show_page(chat, view, answer))


def _count(argument: str) -> int:
    """How many messages that is, or 0 for what is no such number."""
    number = int(argument) if re.fullmatch("[0-9]{1,3}", argument) else 0
    return number if number <= LONGEST_PAGE else 0


def _show_page(chat: Chat, view: View, page: History) -> None:
    """Older messages, then a line that says where they end, since they stand below newer ones."""
    if not page.messages:
        chat.tell("*", f"Nothing older is kept of {view.name}.")
        return
    view.oldest = page.messages[0].seq
    lines = [line for message in page.messages for line in render.message(replace(message, replayed=True))]
    more = "; /history shows what was before that" if page.more else ", from the first one kept"
    chat.show([*lines, render.status("*", f"That was {len(page.messages)} older of {view.name}{more}.")])


def _topic(chat: Chat, argument: str) -> None:
    view = chat.here()
    if view and argument:
        chat.ask(chat.client.topic(view.name, argument))
    elif view:
        chat.tell("*", f"Topic of {view.name}: {view.topic}" if view.topic else f"{view.name} has no topic.")


def _mute(chat: Chat, argument: str) -> None:
    chat.notifier.muted = not chat.notifier.muted
    chat.tell("*", "Sounds are off. /mute switches them on." if chat.notifier.muted else "Sounds are on.")


def _quit(chat: Chat, argument: str) -> None:
    chat.leave()


def _help(chat: Chat, argument: str) -> None:
    width = max(len(command.usage) for command in COMMANDS.values())
    chat.show([(("", f"    {command.usage:{width}}  {command.help}"),) for command in COMMANDS.values()])


COMMANDS = {
    command.name: command
    for command in (
        Command("join", "ROOM", "go to a room; it is made if it is not there", _join),
        Command("leave", "[ROOM]", "leave this room, or another", _leave),
        Command("me", "TEXT", "say what you do: /me waves", _me),
        Command("say", "TEXT", "say any text, also q or /this", Chat.say),
        Command("who", "[ROOM]", "who is here, or in another room", _who),
        Command("rooms", "", "which rooms there are", _rooms),
        Command("history", "[COUNT]", "show older messages", _history),
        Command("topic", "[TEXT]", "show what this room is about, or set it", _topic),
        Command("mute", "", "sounds off, or on again", _mute),
        Command("help", "", "show this", _help),
        Command("quit", "", "leave; a q alone does the same", _quit),
    )
}
