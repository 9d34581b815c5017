"""What a message, or anything else that happened, says: lines of spans, each with a tone that tells what it is.

Knows marks, sentences and how a time is written. Knows nothing of colours, widths and screens (a Painter does), nor
what time it is now: the same event always gives the same lines. Whatever came over the network passes `visible` here.
"""

import functools
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from chatroom.client.events import Back, Ended, Gap, Offline, Reset, Unsayable
from chatroom.messages import Deleted, Edited, Joined, Kind, Left, Message, Notice, Reacted, RoomInfo, Topic
from chatroom.text import fold, stands_in, visible

FULL = "%Y-%m-%d %H:%M:%S"
SHORT = "%H:%M"
LINE_MARK = " ⏎ "
"""Stands for a newline where a message must stay on one line."""

_WIDE_ENOUGH = 60
_MANY = 12
_FEW = 3
_EXCERPT = 60
_QUOTED = 40
_LAST = (1 << 63) - 1
_DIGITS = string.digits + string.ascii_lowercase
_MARKS = {"*": "info", "+": "good", "-": "dim", "!": "bad"}
_SENDING = ("sending …", "…")
_NOT_SENT = ("not sent", "!")


class Span(NamedTuple):
    """Some text in one tone: "" (plain text), dim, time, good, info, bad, mention, room, mark, or person."""

    tone: str
    text: str
    who: str = ""
    """For a person: the name whose colour it is."""


class Line(NamedTuple):
    """What is told at once. The head stays on the first screen line, and what follows hangs below the body."""

    head: tuple[Span, ...]
    body: tuple[Span, ...] = ()
    """May hold newlines."""
    is_dim: bool = False
    """Old, or not yet stored."""


ONCE = "(to be seen once)"


class Look(NamedTuple):
    """How lines shall be made."""

    time_format: str = ""
    """For strftime; without one it is as long as the screen allows."""
    username: str = ""
    """One's own name."""

    def at(self, columns: int) -> "Look":
        """The look for a screen of this width."""
        automatic = FULL if columns >= _WIDE_ENOUGH else SHORT
        return self._replace(time_format=self.time_format or automatic)


def in_one(line: Line) -> str:
    """The line for a pipe: one line whatever it holds, and nothing but text."""
    return "".join([span.text for span in line.head + line.body]).replace("\n", LINE_MARK)


# ----------------------------------------------------------------------------------------------------- times


def moment(ms: int, time_format: str = "") -> str:
    """A time from the network, by this place's clock. No number is too strange for it, and no format."""
    time_format = time_format or FULL
    try:
        return visible(_local(ms).strftime(time_format))
    except (ValueError, OverflowError, OSError):
        return visible(re.sub("%[-#]?(.)", lambda field: "????" if field[1] == "Y" else "??", time_format))


def day_of(ms: int) -> str:
    """The day on which this was, to be compared with another."""
    return moment(ms, "%Y-%m-%d")


def _local(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, UTC).astimezone()


def day(ms: int) -> Line:
    """`── Tuesday, 24 November 2026 ──`, before the first message of a day."""
    return _across(Span("time", moment(ms, "%A, %d %B %Y").replace(" 0", " ")))


def new_since(ms: int) -> Line:
    """`── new since 10:42 ──`, between what was seen before and what was not."""
    return _across(Span("info", f"new since {moment(ms, SHORT)}"))


def room_header(name: str, topic: str) -> Line:
    """`── ops · topic ──`, above the lines of another room."""
    about = (Span("mark", " · "), Span("", visible(topic))) if topic else ()
    return _across(Span("room", visible(name)), *about)


def _across(*spans: Span) -> Line:
    return Line((Span("mark", "── "),), (*spans, Span("mark", " ──")))


# -------------------------------------------------------------------------------------------------- messages


def message(
    said: Message,
    look: Look,
    *,
    room_tag: bool = False,
    mention: bool = False,
    handle: str = "",
    reply_to: Message | None = None,
) -> Line:
    """`[2021-10-26 13:07:08] ada: hello`; dim, when it is not new. With its handle and its room where they are asked
    for, and with what it replies to, if that is known; if not, with the handle of that."""
    head = (
        Span("time", f"[{moment(said.time, look.time_format)}] "),
        *([Span("dim", f"{handle} ")] if handle else ()),
        *([Span("room", f"#{visible(said.room)} ")] if room_tag else ()),
        *([Span("mention", "» ")] if mention else ()),
        *(_whisperer(said, look) if said.to is not None else _speaker(said.username, said.kind)),
    )
    words = ONCE if said.once else _lines_of(said.message)
    text = Span("dim" if said.once else "mention" if mention else "", words)
    return Line(head, (*_quote(said, reply_to), text), said.replayed)


def pending(text: str, kind: Kind, look: Look, *, refusal: str = "") -> Line:
    """What was typed and has no receipt yet: where the time will be it says that it is being sent; or that it was not,
    and at its end why."""
    words, tone = (_NOT_SENT, "bad") if refusal else (_SENDING, "time")
    why = (Span("bad", f" ({visible(refusal)})"),) if refusal else ()
    head = (*_in_place_of_time(words, tone, look), *_speaker(look.username, kind))
    return Line(head, (Span("", _lines_of(text)), *why), not refusal)


def _in_place_of_time(words: Sequence[str], tone: str, look: Look) -> Iterator[Span]:
    """The longest of these words that fits, in a stamp as wide as one with a time."""
    width = len(moment(0, look.time_format))
    word = next((word for word in words if len(word) <= width), words[-1])
    text = word.rstrip("…!")
    parts = (f"[{text}", word.removeprefix(text), " " * (width - len(word)) + "] ")
    return (Span(tone, part) for part in parts if part)


def _speaker(name: str, kind: Kind) -> tuple[Span, ...]:
    return (Span("mark", "* "), *_person(name), Span("", " ")) if kind == "action" else (*_person(name), Span("", ": "))


def _whisperer(said: Message, look: Look) -> tuple[Span, ...]:
    """`ada whispers to you, bob: `"""
    names = ["you" if name == look.username else visible(name) for name in said.to or ()]
    return (*_person(said.username), Span("dim", f" whispers to {', '.join(names)}: "))


def revealed(said: Message) -> Line:
    """What is to be seen once, as long as it is seen."""
    head = (Span("good", "[view once] "), *_person(said.username), Span("", ": "))
    return Line(head, (Span("", _lines_of(said.message)), Span("dim", "  (the next key hides it)")))


def change(event: Edited | Deleted | Reacted, original: Message | None, look: Look) -> Line:
    """`[13:07] ada corrected 3f: new text`: with the beginning of what it was, where that is known."""
    head = (Span("time", f"[{moment(event.time, look.time_format)}] "), *_person(event.username), Span("dim", " "))
    body: tuple[Span, ...] = (Span("dim", "(deleted)"),)
    what: tuple[Span, ...] = (Span("dim", handle_of(event.target)),)
    if original and not original.once:
        what = (
            Span("dim", f"{handle_of(event.target)} “"),
            *_beginning_of(original.message, _EXCERPT, "dim"),
            Span("dim", "”"),
        )
    match event:
        case Edited(message=text):
            body = (Span("dim", "corrected "), *what, Span("", ": "), Span("", _lines_of(text)))
        case Deleted() if event.target != event.seq:
            body = (Span("dim", "deleted the message "), Span("dim", handle_of(event.target)))
        case Reacted(emoji=emoji, on=on):
            body = (
                Span("dim", "reacts " if on else "takes back "),
                Span("", visible(emoji)),
                Span("dim", " to "),
                *what,
            )
    return Line(head, body, event.replayed)


def _person(name: str) -> tuple[Span, ...]:
    return (Span("person", visible(name), name),)


def _lines_of(text: str) -> str:
    return "\n".join([visible(line) for line in text.split("\n")])


def _quote(said: Message, original: Message | None) -> tuple[Span, ...]:
    """`↪ bob: first words…`, on a line of its own."""
    if original:
        words = _beginning_of(original.message, _QUOTED, "dim")
        return (Span("mark", "↪ "), *_person(original.username), Span("dim", ": "), *words, Span("", "\n"))
    if said.reply_to is not None:
        return Span("mark", "↪ "), Span("dim", handle_of(said.reply_to)), Span("", "\n")
    return ()


def _beginning_of(text: str, length: int, tone: str = "") -> tuple[Span, ...]:
    """Its first whole words, but for a word that is too long itself."""
    shown = visible(text)
    beginning = "".join(islice(_graphemes(shown), length))
    if beginning == shown:
        return (Span(tone, shown),)
    return Span(tone, beginning.rpartition(" ")[0] or beginning), Span("mark", "…")


def _graphemes(text: str) -> Iterable[str]:
    if text.isascii():
        return text
    from wcwidth import iter_graphemes  # loading it takes its time, and most text does without

    return iter_graphemes(text)


def handle_of(seq: int) -> str:
    """The number of a message as something short to type: in base 36."""
    rest, handle = divmod(max(seq, 0), len(_DIGITS))
    digits = _DIGITS[handle]
    while rest:
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def seq_of(handle: str) -> int | None:
    """The number that was meant, if it is a number that a message can have."""
    seq = int(handle, len(_DIGITS)) if re.fullmatch("[0-9A-Za-z]{1,13}", handle) else _LAST + 1
    return seq if seq <= _LAST else None


def is_mention(text: str, username: str, words: Sequence[str] = ()) -> bool:
    """Whether the name, or one of the words, stands in the text as a whole word, in whatever case and width."""
    shown = fold(visible(text))
    return any(stands_in(shown, word) for word in _folded((username, *words)))


@functools.lru_cache(maxsize=16)
def _folded(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, map(fold, words)))


# ---------------------------------------------------------------------------------------------- all the rest


def status(mark: str, text: str) -> Line:
    """`[+] text`, with a mark of `* + - !`: for information, good news, a farewell, trouble."""
    return _marked(mark, (Span("", visible(text)),))


def trouble(text: str) -> Line:
    """`[!] text`."""
    return status("!", text)


def _marked(mark: str, body: tuple[Span, ...]) -> Line:
    return Line((Span(_MARKS[mark], f"[{mark}]"), Span("", " ")), body)


def _told(mark: str, sentence: str, **fields: str | tuple[Span, ...]) -> Line:
    """The sentence with its fields put in. Each keeps a span for itself: a name that is written from right to left
    does not turn the sentence around."""
    body: list[Span] = []
    for words, field, _, _ in string.Formatter().parse(sentence):
        value = fields[field] if field else ()
        body += (Span("", words), *([Span("", visible(value))] if isinstance(value, str) else value))
    return _marked(mark, tuple(span for span in body if span.text))


def _left(event: Left) -> Line:
    reason = " ({reason})" if event.reason not in ("", "left", "bye") else ""
    sentence = f"{{who}} left {{room}}{reason}."
    return _told("-", sentence, who=_person(event.username), room=event.room, reason=event.reason)


def _topic(event: Topic) -> Line:
    who = _person(event.username) if event.username else (Span("", "Somebody"),)
    if not event.topic:
        return _told("*", "{who} cleared the topic of {room}.", who=who, room=event.room)
    sentence = "{who} set the topic of {room}: {topic}" if event.username else "The topic of {room}: {topic}"
    return _told("*", sentence, who=who, room=event.room, topic=event.topic)


def _gap(event: Gap) -> Line:
    sentence = f"The server no longer has messages {event.first} to {event.last} of {{room}}."
    return _told("!", sentence, room=event.room)


def _unsayable(event: Unsayable) -> Line:
    text = _beginning_of(event.text, _EXCERPT)
    return _told("!", "Not said in {room}: {text} ({why})", room=event.room, text=text, why=str(event.error))


def _back(event: Back) -> Line:
    return status("+", f"back after {round(event.seconds)} s: {event.new} new, {event.missing} missing")


_HAPPENINGS: dict[type, Callable[[Any], Line]] = {
    Joined: lambda event: _told("+", "{who} joined {room}.", who=_person(event.username), room=event.room),
    Left: _left,
    Topic: _topic,
    Notice: lambda event: status("*", event.text),
    Back: _back,
    Reset: lambda event: _told("*", "The history of {room} starts anew.", room=event.room),
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
    return _told(mark, sentence, joined=_crowd(joined), left=_crowd(left), room=room)


def _crowd(names: Sequence[str]) -> tuple[Span, ...]:
    """The first few, and how many others there are."""
    named = names if len(names) <= _FEW else names[: _FEW - 1]
    others = [(Span("", f"{len(names) - len(named)} others"),)] if len(named) < len(names) else []
    return _listed([*map(_person, named), *others])


def people(names: Sequence[str]) -> tuple[Span, ...]:
    """`ada, bob and carol`, or how many they are."""
    if len(names) > _MANY:
        return (Span("", f"{len(names)} people"),)
    return _listed([_person(name) for name in names])


def _listed(parts: Sequence[tuple[Span, ...]]) -> tuple[Span, ...]:
    """The parts with a comma after each but the last two, between which there is an "and"."""
    commas = [", "] * (len(parts) - 2) + [" and "] * (len(parts) > 1) + [""]
    return tuple(span for part, comma in zip(parts, commas, strict=False) for span in (*part, Span("", comma)))


def whereabouts(room: str, topic: str, others: Sequence[str]) -> list[Line]:
    """What one who comes into a room is told."""
    sentence = "You are in {room}, with {others}." if others else "You are in {room}; nobody else is here yet."
    here = _told("*", sentence, room=room, others=people(others))
    return [here, _told("*", "Topic: {topic}", topic=topic)] if topic else [here]


def members(room: str, names: Sequence[str]) -> Line:
    """`[*] In lobby: ada, bob`, each in their colour."""
    spans = [span for name in names for span in (Span("", ", "), *_person(name))]
    return _told("*", "In {room}: {names}", room=room, names=tuple(spans[1:]))


def rooms(infos: Iterable[RoomInfo]) -> list[Line]:
    """`[*] lobby (2 here): the topic`, one line each."""
    return [
        _told(
            "*",
            f"{{room}} ({info.members} here){': {topic}' if info.topic else ''}",
            room=(Span("room", visible(info.room)),),
            topic=info.topic,
        )
        for info in infos
    ]
