"""The commands that say something: to a room, to one person, to some; to be kept, or to be seen once.

Knows who is to hear it. Knows nothing of what becomes of it; what it asks of a conversation, `Chat` does. Called by the
thread in which lines are typed.
"""

from chatroom.client import render
from chatroom.client.chat import Chat
from chatroom.client.command import Command, first_word, name_of
from chatroom.client.recall import with_message


def _me(chat: Chat, argument: str) -> None:
    chat.say(argument, "action")


def _reply(chat: Chat, argument: str) -> None:
    handle, text = first_word(argument)
    with_message(chat, handle, lambda view, said: chat.say(text, reply_to=said.seq))


def _msg(chat: Chat, argument: str) -> None:
    name, text = first_word(argument)
    chat.say(text, room=f"@{name_of(name)}")


def _whisper(chat: Chat, argument: str) -> None:
    names, text = first_word(argument)
    chat.say(text, to=[name_of(name) for name in names.split(",") if name])


def _once(chat: Chat, argument: str) -> None:
    """To somebody, to this room; or, without a word, shows what one was sent so."""
    if not argument:
        _show_once(chat)
        return
    name, text = first_word(argument)
    if not name.startswith("@"):
        chat.say(argument, once=True)
    elif text:
        chat.say(text, room=name, once=True)
    else:
        chat.tell("!", f"Type it so: /once {name} TEXT")


def _show_once(chat: Chat) -> None:
    """Where nothing is redrawn it cannot be hidden again, and is shown only on this word."""
    waiting = chat.to_be_seen_once()
    if waiting is None:
        chat.tell("*", "Nothing waits here to be seen once.")
    elif chat.manner.plain:
        view, said = waiting
        chat.screen.show([render.revealed(said, chat.look())])
        chat.saw_once(view, said)


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


COMMANDS = (
    Command("say", "TEXT", "say any text, also q or /this", Chat.say, more="Two slashes do it too: //this"),
    Command("me", "TEXT", "say what you do: /me waves", _me),
    Command(
        "reply", "HANDLE TEXT", "answer a certain line: /reply 3f hello", _reply,
        more="/handles shows the lines with their handles.",
    ),
    Command("edit", "[TEXT]", "write in your editor", _edit, more="It is $VISUAL or $EDITOR."),
    Command("retry", "", "send again what was refused", _retry),
    Command("discard", "", "forget what was refused", _discard),
)  # fmt: skip

PRIVATE = (
    Command(
        "msg", "NAME TEXT", "tell one person, also who is away", _msg, "person",
        "/go @NAME goes to where you two talk.",
    ),
    Command(
        "w", "NAME[,NAME...] TEXT", "whisper to some people in this room", _whisper, "people",
        "Nobody else sees it: /w bob,eve hello",
    ),
    Command(
        "once", "[@NAME] [TEXT]", "say what can be seen only once", _once, "direct",
        "Without @NAME, whoever is in this room sees it. It is shown until a key is pressed, and kept nowhere."
        " /once alone shows what waits for you.",
    ),
)  # fmt: skip
