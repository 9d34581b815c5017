"""What a message, or anything else that happened, looks like: lines of styled text, for a terminal or for a pipe.

Knows colours, marks and how a time is written. Knows nothing of screens, threads, or what time it is now: the same
event always gives the same lines. Whatever came over the network passes `visible` here.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from colorama import Fore, Style

from chatroom.client.events import Back, Ended, Gap, Offline, Reset, Unsayable
from chatroom.messages import Joined, Left, Message, Notice, RoomInfo, Topic
from chatroom.text import USERNAME_LENGTH, fold, visible

Span = tuple[str, str]
"""The escape sequence that switches a style on, and the text in that style."""
Line = tuple[Span, ...]

PALETTE = (131, 130, 64, 28, 30, 31, 27, 63, 98, 133, 163, 161)
"""Of the 256 colours, a dozen with a contrast of at least 3.9 to black and to white: readable on dark and on light."""

LINE_MARK = " ⏎ "
"""Stands for a newline where a message must stay on one line."""

_MARKS = {"*": Fore.CYAN, "+": Fore.GREEN, "-": Style.DIM, "!": Fore.RED}
_NO_TIME = "????-??-?? ??:??:??"
_MANY = 12
_EXCERPT = 60


def plain(line: Line) -> str:
    """The line without any colour."""
    return "".join(text for _, text in line)


def coloured(line: Line) -> str:
    return "".join(f"{style}{text}{Style.RESET_ALL}" if style else text for style, text in line)


def person(name: str) -> str:
    """The colour of a name: the same in every process, and however the name is written."""
    number = zlib.crc32(fold(name[:USERNAME_LENGTH]).encode(errors="replace"))
    return f"\x1b[38;5;{PALETTE[number % len(PALETTE)]}m"


def moment(ms: int) -> str:
    """A time from the network, by this place's clock. No number is too strange for it."""
    try:
        return datetime.fromtimestamp(ms / 1_000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return _NO_TIME


# -------------------------------------------------------------------------------------------------- messages


def message(said: Message, *, elsewhere: bool = False) -> list[Line]:
    """`[2021-10-26 13:07:08] ada: hello`, further lines indented; with its room where that is not the one looked at."""
    first, *others = _texts(said)
    stamp = f"[{moment(said.time)}] "
    tone = Style.DIM if said.replayed else ""
    tag: Line = ((Style.DIM, f"#{visible(said.room)} "),) if elsewhere else ()
    head = ((Style.DIM, stamp), *tag, *_speaker(said, tone), (tone, first))
    return [head, *(((tone, " " * len(stamp) + line),) for line in others)]


def message_in_one(said: Message) -> Line:
    """The same for a pipe: one line, whatever the message holds."""
    return (("", f"[{moment(said.time)}] "), *_speaker(said, ""), ("", LINE_MARK.join(_texts(said))))


def _texts(said: Message) -> list[str]:
    return [visible(line) for line in said.message.split("\n")]


def _speaker(said: Message, tone: str) -> Line:
    name = (tone + person(said.username), visible(said.username))
    return ((tone, "* "), name, (tone, " ")) if said.kind == "action" else (name, (tone, ": "))


# ---------------------------------------------------------------------------------------------- all the rest


def status(mark: str, text: str) -> Line:
    """`[+] text`, with a mark of `* + - !`: for information, good news, a farewell, trouble."""
    return ((_MARKS[mark], f"[{mark}]"), ("", " " + visible(text)))


def trouble(text: str) -> Line:
    return status("!", text)


def _left(event: Left) -> Line:
    reason = f" ({event.reason})" if event.reason not in ("", "left") else ""
    return status("-", f"{event.username} left {event.room}{reason}.")


def _topic(event: Topic) -> Line:
    if not event.topic:
        return status("*", f"{event.username or 'Somebody'} cleared the topic of {event.room}.")
    who = f"{event.username} set the" if event.username else "The"
    return status("*", f"{who} topic of {event.room}: {event.topic}")


def _gap(event: Gap) -> Line:
    return trouble(f"The server no longer has messages {event.first} to {event.last} of {event.room}.")


def _unsayable(event: Unsayable) -> Line:
    excerpt = event.text if len(event.text) <= _EXCERPT else event.text[:_EXCERPT] + "…"
    return trouble(f"Not said in {event.room}: {excerpt} ({event.error})")


def _back(event: Back) -> Line:
    return status("+", f"back after {round(event.seconds)} s: {event.new} new, {event.missing} missing")


_HAPPENINGS: dict[type, Callable[[Any], Line]] = {
    Joined: lambda event: status("+", f"{event.username} joined {event.room}."),
    Left: _left,
    Topic: _topic,
    Notice: lambda event: status("*", event.text),
    Back: _back,
    Reset: lambda event: status("*", f"The history of {event.room} starts anew."),
    Gap: _gap,
    Unsayable: _unsayable,
    Ended: lambda event: trouble(event.reason),
}


def happening(event: object, *, now: int) -> list[Line]:
    """What is to be told of anything but a message; `now` in milliseconds. Of some things nothing is."""
    if isinstance(event, Offline):
        return [trouble(f"link lost {moment(now)[-8:]}, trying again ...")]
    tell = _HAPPENINGS.get(type(event))
    return [tell(event)] if tell else []


def people(names: Sequence[str]) -> str:
    """`ada, bob and carol`, or how many they are."""
    if len(names) > _MANY:
        return f"{len(names)} people"
    *others, last = names or ["nobody"]
    return f"{', '.join(others)} and {last}" if others else last


def whereabouts(room: str, topic: str, others: Sequence[str]) -> list[Line]:
    """What one who comes into a room is told."""
    here = status("*", f"You are in {room}" + (f", with {people(others)}." if others else "; nobody else is here yet."))
    return [here, status("*", f"Topic: {topic}")] if topic else [here]


def members(room: str, names: Sequence[str]) -> Line:
    """`[*] In lobby: ada, bob`, each in their colour."""
    spans = [span for name in names for span in (("", ", "), (person(name), visible(name)))]
    return (*status("*", f"In {room}: "), *spans[1:])


def rooms(infos: Iterable[RoomInfo]) -> list[Line]:
    """`[*] lobby (2 here): the topic`, one line each."""
    return [
        status("*", f"{info.room} ({info.members} here)" + (f": {info.topic}" if info.topic else "")) for info in infos
    ]
