"""The commands for what was said: seeing it again, finding it, and changing it.

Knows handles, pages and searches. Knows nothing of how a line is drawn; what it asks of a conversation, `Chat` does.
Called by the thread in which lines are typed; answers come in another.
"""

import re
from collections.abc import Callable

from msgspec.structs import replace

from chatroom.client import changes, emoji, render
from chatroom.client.chat import Chat
from chatroom.client.command import Command, first_word, name_of
from chatroom.client.render import Line
from chatroom.client.views import View
from chatroom.messages import Deleted, Found, History, Message

PAGE = 20
"""So many older messages /history shows, unless it is told how many."""
LONGEST_PAGE = 200


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
    lines = [line for event in page.messages for line in _line_in_page(chat, view, event)]
    more = "; /history shows what was before that" if page.more else ", from the first one kept"
    chat.screen.show([*lines, render.status("*", f"That was {len(lines)} older of {view.name}{more}.")])


def _line_in_page(chat: Chat, view: View, event: object) -> list[Line]:
    """Messages as they read now. What became of them since needs no lines of its own."""
    match event:
        case Message():
            return [chat.line_of(view, replace(event, replayed=True))]
        case Deleted() if event.target == event.seq:
            handle = render.handle_of(event.seq) if chat.manner.handles else ""
            return [changes.erased(event, chat.look(), handle=handle, room=chat.tag_of(view))]
    return []


def _handles(chat: Chat, argument: str) -> None:
    count = _count(argument or str(PAGE))
    if not count:
        chat.tell("!", f"How many? A number from 1 to {LONGEST_PAGE}.")
    elif view := chat.here():
        lines = [chat.line_of(view, said, handle=True) for said in view.latest(count)]
        chat.screen.show(lines or [render.status("*", f"Nothing was said in {view.name} yet.")])


def _show(chat: Chat, argument: str) -> None:
    with_message(chat, argument, lambda view, said: chat.screen.show([chat.line_of(view, said, handle=True)]))


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
    match page.messages:
        case [Message() as said] if said.seq == seq:
            then(view, said)
        case [Deleted(target=target)] if target == seq:
            chat.tell("!", f"What {render.handle_of(seq)} named was deleted.")
        case _:
            _not_found(chat, view, render.handle_of(seq))


def _not_found(chat: Chat, view: View, handle: str) -> None:
    chat.tell("!", f"No line of {view.name} is named {handle}; /handles shows by what each line is named.")


# ----------------------------------------------------------------------------------------------------- finding


def _search(chat: Chat, argument: str) -> None:
    """Where and whose, if it is said, is told by the words that say so."""
    words = argument.split()
    limits = {word[:3]: word[3:] for word in words if re.match("in:.", word)}
    limits |= {word[:5]: word[5:] for word in words if re.match("from:.", word)}
    query = " ".join(word for word in words if not re.match("(in|from):.", word))
    if not query:
        chat.tell("!", "Type it so: /search WORDS, and after them in:ROOM or from:NAME, if you like.")
        return
    room = limits["in:"].removeprefix("#") if "in:" in limits else None
    author = name_of(limits["from:"]) if "from:" in limits else None
    chat.ask(chat.client.search(query, room=room, author=author), lambda found: _show_found(chat, found))


def _show_found(chat: Chat, found: Found) -> None:
    """The newest last, as everywhere; each can be named by its handle in its room."""
    for said in found.messages:
        if view := chat.view(said.room):
            view.remember([said])
    lines = [
        render.message(
            replace(said, replayed=True, reply_to=None), chat.look(), room_tag=True, handle=render.handle_of(said.seq)
        )
        for said in reversed(found.messages)
    ]
    more = ", the newest ones; more words find fewer" if found.more else ""
    summary = f"That was {len(lines)} found{more}." if lines else "Nothing was found that holds all these words."
    chat.screen.show([*lines, render.status("*", summary)])


# ---------------------------------------------------------------------------------------------------- changing


def _correct(chat: Chat, argument: str) -> None:
    handle, text = first_word(argument)
    text = emoji.expand(text)
    with_message(chat, handle, lambda view, said: chat.ask(chat.client.edit(view.name, said.seq, text)))


def _delete(chat: Chat, argument: str) -> None:
    with_message(chat, argument, lambda view, said: chat.ask(chat.client.delete(view.name, said.seq)))


def _react(chat: Chat, argument: str) -> None:
    _set_reaction(chat, argument, on=True)


def _unreact(chat: Chat, argument: str) -> None:
    _set_reaction(chat, argument, on=False)


def _set_reaction(chat: Chat, argument: str, *, on: bool) -> None:
    handle, word = first_word(argument)
    picture = _picture(word)
    with_message(chat, handle, lambda view, said: chat.ask(chat.client.react(view.name, said.seq, picture, on=on)))


def _picture(word: str) -> str:
    """The emoji of that name, with or without its colons; or what was typed."""
    name = f":{word.strip(':')}:"
    picture = emoji.expand(name)
    return word if picture == name else picture


COMMANDS = (
    Command("history", "[COUNT]", "show older messages", _history, more=f"At most {LONGEST_PAGE} at a time."),
    Command("handles", "[COUNT]", "show the newest lines with their handles", _handles),
    Command("show", "HANDLE", "show one line again", _show),
    Command(
        "search", "WORDS", "find what was said; also in:ROOM, from:NAME", _search,
        more="All words must occur. It looks in every room that you may read, unless you say in which.",
    ),
    Command(
        "correct", "HANDLE TEXT", "say otherwise what you said", _correct,
        more="/handles shows the lines with their handles. Everybody sees that it was corrected.",
    ),
    Command("delete", "HANDLE", "take back what you said", _delete, more="A moderator may delete what others said."),
    Command("react", "HANDLE EMOJI", "react to a line: /react 3f :+1:", _react),
    Command("unreact", "HANDLE EMOJI", "take that back", _unreact),
)  # fmt: skip
