"""What is told of anything but messages: who comes and goes, what became of the connection, which rooms there are.

Knows sentences. Knows nothing of screens, nor what time it is now: the same event always gives the same lines.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chatroom.client import changes
from chatroom.client.events import Back, Ended, Gap, Offline, Reset, Unsayable
from chatroom.client.render import Line, Span, beginning_of, crowd, listed, moment, person, status, told, trouble
from chatroom.client.views import is_direct
from chatroom.messages import Deleted, Edited, Joined, Left, Notice, Reacted, RoomInfo, Topic
from chatroom.text import visible

_MANY = 12
_EXCERPT = 60


def _left(event: Left) -> Line:
    reason = " ({reason})" if event.reason not in ("", "left", "bye") else ""
    sentence = f"{{who}} left {{room}}{reason}."
    return told("-", sentence, who=person(event.username), room=event.room, reason=event.reason)


def _topic(event: Topic) -> Line:
    who = person(event.username) if event.username else (Span("", "Somebody"),)
    if not event.topic:
        return told("*", "{who} cleared the topic of {room}.", who=who, room=event.room)
    sentence = "{who} set the topic of {room}: {topic}" if event.username else "The topic of {room}: {topic}"
    return told("*", sentence, who=who, room=event.room, topic=event.topic)


def _gap(event: Gap) -> Line:
    sentence = f"The server no longer has messages {event.first} to {event.last} of {{room}}."
    return told("!", sentence, room=event.room)


def _unsayable(event: Unsayable) -> Line:
    text = beginning_of(event.text, _EXCERPT)
    return told("!", "Not said in {room}: {text} ({why})", room=event.room, text=text, why=str(event.error))


def _back(event: Back) -> Line:
    return status("+", f"back after {round(event.seconds)} s: {event.new} new, {event.missing} missing")


_HAPPENINGS: dict[type, Callable[[Any], Line]] = {
    **dict.fromkeys((Edited, Deleted, Reacted), changes.in_a_sentence),
    Joined: lambda event: told("+", "{who} joined {room}.", who=person(event.username), room=event.room),
    Left: _left,
    Topic: _topic,
    Notice: lambda event: status("*", event.text),
    Back: _back,
    Reset: lambda event: told("*", "The history of {room} starts anew.", room=event.room),
    Gap: _gap,
    Unsayable: _unsayable,
    Ended: lambda event: trouble(event.reason),
}


def happening(event: object, *, now: int) -> list[Line]:
    """What is to be told of anything but a message; `now` in milliseconds. Of some things nothing is."""
    if isinstance(event, Offline):
        return [trouble(f"link lost {moment(now, '%H:%M:%S')}, trying again ...")]
    tell = _HAPPENINGS.get(type(event))
    return [tell(event)] if tell else []


def comings(room: str, joined: Sequence[str], left: Sequence[str]) -> Line:
    """`[+] bob, eve and 3 others joined lobby; joe left.`: what happened in a while, in one line."""
    came = "{joined} joined {room}; {left} left." if left else "{joined} joined {room}."
    mark, sentence = ("+", came) if joined else ("-", "{left} left {room}.")
    return told(mark, sentence, joined=crowd(joined), left=crowd(left), room=room)


def people(names: Sequence[str]) -> tuple[Span, ...]:
    """`ada, bob and carol`, or how many they are."""
    if len(names) > _MANY:
        return (Span("", f"{len(names)} people"),)
    return listed([person(name) for name in names])


def whereabouts(room: str, topic: str, others: Sequence[str]) -> list[Line]:
    """What one who comes into a room is told."""
    if is_direct(room):
        later = "" if others else ", who is away and can read it later"
        return [told("*", f"What you say here is for {{who}} alone{later}.", who=person(room.removeprefix("@")))]
    sentence = "You are in {room}, with {others}." if others else "You are in {room}; nobody else is here yet."
    here = told("*", sentence, room=room, others=people(others))
    return [here, told("*", "Topic: {topic}", topic=topic)] if topic else [here]


def said_elsewhere(room: str, text: str) -> Line:
    """`[+] Said in @bob: hello … /go @bob goes there.`"""
    words = (Span("", ": "), *beginning_of(text, _EXCERPT)) if text else ()
    return told("+", "Said in {room}{words} (/go {room} goes there)", room=room, words=words)


def members(room: str, names: Sequence[str]) -> Line:
    """`[*] In lobby: ada, bob`, each in their colour."""
    spans = [span for name in names for span in (Span("", ", "), *person(name))]
    return told("*", "In {room}: {names}", room=room, names=tuple(spans[1:]))


def rooms(infos: Iterable[RoomInfo]) -> list[Line]:
    """`[*] lobby (2 here): the topic`, one line each."""
    return [
        told(
            "*",
            f"{{room}} ({_state_of(info)}){': {topic}' if info.topic else ''}",
            room=(Span("room", visible(info.room)),),
            topic=info.topic,
        )
        for info in infos
    ]


def _state_of(info: RoomInfo) -> str:
    parts = f"{info.members} here", info.private and "private", info.unread and f"{info.unread} new"
    return ", ".join([part for part in parts if part])
