"""What a /command is, and what many of them do: split their words, find a person's room, find the line that is meant.

Knows conversations and handles. Knows no single command.
"""

from collections.abc import Callable
from typing import NamedTuple

from chatroom.client import render
from chatroom.client.chat import Chat
from chatroom.client.views import View
from chatroom.messages import History, Message


class Command(NamedTuple):
    """`arguments` is what stands in the help; in brackets what may be left out. `takes` is what Tab offers for it."""

    name: str
    arguments: str
    help: str
    handler: Callable[[Chat, str], None]
    takes: str = ""
    more: str = ""
    """What `/help NAME` adds."""

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()

    def needs_more_than(self, argument: str) -> bool:
        return bool(self.arguments) and not self.arguments.startswith("[") and not argument


def split(argument: str) -> tuple[str, str]:
    """The first word, and the rest."""
    word, rest = (*argument.split(maxsplit=1), "", "")[:2]
    return word, rest.strip()


def with_message(chat: Chat, handle: str, then: Callable[[View, Message], object]) -> None:
    """Goes on with the message of that handle; one that is not known here is asked for."""
    view = chat.here()
    seq = render.seq_of(handle)
    if view is None:
        return
    if said := view.message(seq):
        then(view, said)
    elif seq:
        page = chat.client.history(view.name, before=seq + 1, limit=1)
        chat.ask(page, lambda answer: _found(chat, view, answer, seq, then))
    else:
        _not_found(chat, view, handle)


def _found(chat: Chat, view: View, page: History, seq: int, then: Callable[[View, Message], object]) -> None:
    if page.said() and page.said()[0].seq == seq:
        then(view, page.said()[0])
    else:
        _not_found(chat, view, render.handle_of(seq))


def _not_found(chat: Chat, view: View, handle: str) -> None:
    chat.tell("!", f"No line of {view.name} is named {handle}; /handles shows by what each line is named.")
