"""The commands for rooms: going there, leaving, who is there, and who may come in.

Knows rooms by their names. Knows nothing of how they are drawn; what it asks of a conversation, `Chat` does. Called by
the thread in which lines are typed; answers come in another.
"""

from msgspec.structs import replace

from chatroom.client import happenings
from chatroom.client.chat import Chat
from chatroom.client.command import Command, name_of
from chatroom.messages import RoomInfo, Rooms
from chatroom.text import fold


def _join(chat: Chat, argument: str) -> None:
    chat.enter(argument.removeprefix("#"))


def _go(chat: Chat, argument: str) -> None:
    """To a room that one is in, also by the beginning of its name."""
    name = argument.removeprefix("#")
    begins = [view.name for view in chat.views() if fold(view.name).startswith(fold(name))]
    is_one = fold(name) in map(fold, begins)
    chat.enter(begins[0] if len(begins) == 1 and not is_one else name)


def _leave(chat: Chat, argument: str) -> None:
    view = chat.view(argument.removeprefix("#"))
    if view is None:
        chat.tell("!", f"You are not in {argument or 'any room'}.")
        return
    chat.ask(chat.client.leave(view.name))


def _who(chat: Chat, argument: str) -> None:
    room = argument.removeprefix("#") or (chat.here() and chat.room)
    if room:
        chat.ask(
            chat.client.who(room), lambda answer: chat.screen.show([happenings.members(answer.room, answer.members)])
        )


def _rooms(chat: Chat, argument: str) -> None:
    chat.ask(chat.client.rooms(), lambda answer: _show_rooms(chat, answer))


def _show_rooms(chat: Chat, answer: Rooms) -> None:
    keys = {fold(view.name): f"Alt-{number}" for number, view in enumerate(chat.views(), 1) if number < 10}
    chat.screen.show(happenings.rooms([_with_key(info, keys.get(fold(info.room), "")) for info in answer.rooms]))


def _with_key(info: RoomInfo, key: str) -> RoomInfo:
    """A room that one is in shows the key that goes there."""
    return replace(info, topic=" · ".join(filter(None, (key, info.topic))))


def _topic(chat: Chat, argument: str) -> None:
    view = chat.here()
    if view and argument:
        chat.ask(chat.client.topic(view.name, argument))
    elif view:
        chat.tell("*", f"Topic of {view.name}: {view.topic}" if view.topic else f"{view.name} has no topic.")


_ACCESS = {
    "private": (True, "{} is private from now on: only who is invited may come in. /invite NAME invites somebody."),
    "open": (False, "{} is open to everybody from now on."),
}


def _room(chat: Chat, argument: str) -> None:
    if argument.lower() not in _ACCESS:
        chat.tell("!", "Type it so: /room private, or /room open")
    elif view := chat.here():
        private, sentence = _ACCESS[argument.lower()]
        name = view.name
        chat.ask(chat.client.set_private(name, private=private), lambda _: chat.tell("+", sentence.format(name)))


def _invite(chat: Chat, argument: str) -> None:
    name = name_of(argument)
    if view := chat.here():
        room = view.name
        chat.ask(chat.client.invite(room, name), lambda _: chat.tell("+", f"{name} is invited to {room}."))


COMMANDS = (
    Command("join", "ROOM", "go to a room; it is made if it is not there", _join, "room"),
    Command(
        "go", "ROOM", "the same; a few letters do for a room that you are in", _go, "room",
        "Alt-1 to Alt-9 go to your rooms, Alt-a to the next one in which something is unread. With one person you talk"
        " in @NAME.",
    ),
    Command("leave", "[ROOM]", "leave this room, or another", _leave, "room"),
    Command("who", "[ROOM]", "who is here, or in another room", _who, "room"),
    Command("rooms", "", "which rooms there are", _rooms),
    Command("topic", "[TEXT]", "show what this room is about, or set it", _topic),
    Command(
        "room", "private|open", "who may come into this room", _room,
        more="Whoever made the room may say so, and moderators. Who is in it stays in it.",
    ),
    Command("invite", "NAME", "let somebody into this private room", _invite, "person"),
)  # fmt: skip
