"""The /commands for talk that is not for all, and for what was said already: whispers, corrections, reactions, search.

Knows what each asks of the server. Knows nothing of keys and screens.
"""

import secrets

from chatroom.client import render
from chatroom.client.chat import Chat
from chatroom.client.command import Command, split, with_message
from chatroom.client.emoji import expand
from chatroom.client.outgoing import Words
from chatroom.messages import Found


def _says(chat: Chat, words: Words) -> None:
    """Also in a direct room where one is not yet: whoever writes there wants to hear the answer."""
    if not chat.view(words.room):
        chat.ask(chat.client.join(words.room))
    chat.send(words._replace(id=secrets.token_hex(8), text=expand(words.text)))


def _msg(chat: Chat, argument: str) -> None:
    name, text = split(argument)
    room = f"@{name.removeprefix('@')}"
    if not text:
        chat.enter(room)
        return
    _says(chat, Words("", room, text, "text"))
    if room != chat.room:
        chat.tell("*", f"To {room}: {text}")


def _whisper(chat: Chat, argument: str) -> None:
    names, text = split(argument)
    if not text:
        chat.tell("!", "Type it so: /w bob TEXT, or /w bob,eve TEXT")
    elif here := chat.here():
        _says(chat, Words("", here.name, text, "text", to=tuple(filter(None, names.split(",")))))


def _once(chat: Chat, argument: str) -> None:
    """Says something to be seen once; or, without words, shows what waits to be seen."""
    if not argument:
        if not chat.once.reveal():
            chat.tell("*", "Nothing waits to be seen once.")
        chat.screen.refresh()
        return
    word, text = split(argument)
    room, text = (word, text) if word.startswith("@") else (chat.room, argument)
    if text and room:
        _says(chat, Words("", room, text, "text", once=True))
    else:
        chat.tell("!", "Type it so: /once @bob TEXT, or /once TEXT for all who are here")


def _correct(chat: Chat, argument: str) -> None:
    handle, text = split(argument)
    if not text:
        chat.tell("!", "Type it so: /correct HANDLE TEXT. /handles shows by what each line is named.")
        return
    with_message(chat, handle, lambda view, said: chat.ask(chat.client.edit(view.name, said.seq, expand(text))))


def _delete(chat: Chat, argument: str) -> None:
    with_message(chat, argument, lambda view, said: chat.ask(chat.client.delete(view.name, said.seq)))


def _react(chat: Chat, argument: str, *, on: bool = True) -> None:
    handle, emoji = split(argument)
    if not emoji:
        chat.tell("!", "Type it so: /react HANDLE :thumbs_up:")
        return
    shown = expand(emoji)
    with_message(chat, handle, lambda view, said: chat.ask(chat.client.react(view.name, said.seq, shown, on=on)))


def _unreact(chat: Chat, argument: str) -> None:
    _react(chat, argument, on=False)


def _search(chat: Chat, argument: str) -> None:
    """`in:ROOM` and `from:NAME` may stand among the words."""
    words = argument.split()
    limits = dict(word.split(":", 1) for word in words if word.startswith(("in:", "from:")))
    query = " ".join(word for word in words if not word.startswith(("in:", "from:")))
    found = chat.client.search(query, room=limits.get("in"), author=limits.get("from"))
    chat.ask(found, lambda answer: _show_found(chat, argument, answer))


def _show_found(chat: Chat, query: str, found: Found) -> None:
    look = chat.look()
    lines = [render.message(said, look, room_tag=True) for said in reversed(found.messages)]
    more = ", the newest" if found.more else ""
    count = len(found.messages)
    told = f"{count} found{more}: {query}" if count else f"Nothing that you may read holds all of this: {query}"
    chat.screen.show([*lines, render.status("*", told)])


PRIVATE = (
    Command("msg", "NAME [TEXT]", "say something to one person; alone, go and talk there", _msg, "person"),
    Command("w", "NAME[,NAME] TEXT", "whisper in this room: only they see it", _whisper, "person"),
    Command(
        "once", "[[@NAME] TEXT]", "say what can be seen once; alone, see what waits", _once,
        more="What was sent to you so is shown until the next key, and then erased everywhere.",
    ),
)  # fmt: skip

CHANGES = (
    Command("correct", "HANDLE TEXT", "say otherwise what you said", _correct),
    Command("delete", "HANDLE", "take back what you said", _delete),
    Command("react", "HANDLE EMOJI", "react to a line: /react 3f :thumbs_up:", _react),
    Command("unreact", "HANDLE EMOJI", "take a reaction back", _unreact),
)

FINDING = Command(
    "search", "WORDS", "find what was said, here or elsewhere", _search,
    more="in:ROOM and from:NAME among the words look only there, and only at what that person said.",
)  # fmt: skip
