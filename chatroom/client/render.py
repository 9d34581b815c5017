"""What a message says: lines of spans, each with a tone that tells what it is; and what all lines are made of.

Knows marks, sentences and how a time is written. Knows nothing of colours, widths and screens (a Painter does), nor
what time it is now: the same event always gives the same lines. Whatever came over the network passes `visible` here.
"""

import functools
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from chatroom.messages import Kind, Message
from chatroom.text import fold, stands_in, visible

FULL = "%Y-%m-%d %H:%M:%S"
SHORT = "%H:%M"
LINE_MARK = " ⏎ "
"""Stands for a newline where a message must stay on one line."""

ONCE = "(view once)"
"""Stands for the text of a message that is to be seen once."""

_WIDE_ENOUGH = 60
_FEW = 3
QUOTED = 40
"""So much of a message is quoted at most."""
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
        *stamp(said.time, look, handle=handle, room=said.room if room_tag else ""),
        *([Span("mention", "» ")] if mention else ()),
        *_speaker(said.username, said.kind, said.to, look),
    )
    text = Span("dim", ONCE) if said.once else Span("mention" if mention else "", lines_of(said.message))
    return Line(head, (*_quote(said, reply_to), text), said.replayed)


def redacted(said: Message) -> Message:
    """The message as it may be remembered and told: what is to be seen once has no text."""
    return replace(said, message=ONCE) if said.once else said


def revealed(said: Message, look: Look) -> Line:
    """What is to be seen once, as it is seen."""
    return message(replace(said, once=False, reply_to=None, replayed=False), look)


def stamp(time: int, look: Look, *, handle: str = "", room: str = "") -> tuple[Span, ...]:
    """What stands before a line of the conversation: when it was, and its handle and its room, where they are given."""
    return (
        Span("time", f"[{moment(time, look.time_format)}] "),
        *([Span("dim", f"{handle} ")] if handle else ()),
        *([Span("room", f"#{visible(room)} ")] if room else ()),
    )


def pending(text: str, kind: Kind, look: Look, *, to: Sequence[str] | None = None, refusal: str = "") -> Line:
    """What was typed and has no receipt yet: where the time will be it says that it is being sent; or that it was not,
    and at its end why."""
    words, tone = (_NOT_SENT, "bad") if refusal else (_SENDING, "time")
    why = (Span("bad", f" ({visible(refusal)})"),) if refusal else ()
    head = (*_in_place_of_time(words, tone, look), *_speaker(look.username, kind, to, look))
    return Line(head, (Span("", lines_of(text)), *why), not refusal)


def _in_place_of_time(words: Sequence[str], tone: str, look: Look) -> Iterator[Span]:
    """The longest of these words that fits, in a stamp as wide as one with a time."""
    width = len(moment(0, look.time_format))
    word = next((word for word in words if len(word) <= width), words[-1])
    text = word.rstrip("…!")
    parts = (f"[{text}", word.removeprefix(text), " " * (width - len(word)) + "] ")
    return (Span(tone, part) for part in parts if part)


def _speaker(name: str, kind: Kind, to: Sequence[str] | None, look: Look) -> tuple[Span, ...]:
    if to is not None:
        return (*person(name), Span("info", " whispers"), *_listeners(to, look), Span("", ": "))
    return (Span("mark", "* "), *person(name), Span("", " ")) if kind == "action" else (*person(name), Span("", ": "))


def _listeners(names: Sequence[str], look: Look) -> tuple[Span, ...]:
    """` to you, bob`: who hears a whisper, oneself first."""
    own = fold(look.username)
    others = [name for name in names if fold(name) != own]
    you = [(Span("", "you"),)] if len(others) < len(names) else []
    listed = [*you, *map(person, others[:_FEW])]
    if len(others) > _FEW:
        listed.append((Span("", f"{len(others) - _FEW} others"),))
    spans = [span for part in listed for span in (Span("", ", "), *part)]
    return (Span("", " to "), *spans[1:]) if spans else ()


def person(name: str) -> tuple[Span, ...]:
    return (Span("person", visible(name), name),)


def lines_of(text: str) -> str:
    return "\n".join([visible(line) for line in text.split("\n")])


def _quote(said: Message, original: Message | None) -> tuple[Span, ...]:
    """`↪ bob: first words…`, on a line of its own."""
    if original:
        words = beginning_of(original.message, QUOTED, "dim")
        return (Span("mark", "↪ "), *person(original.username), Span("dim", ": "), *words, Span("", "\n"))
    if said.reply_to is not None:
        return Span("mark", "↪ "), Span("dim", handle_of(said.reply_to)), Span("", "\n")
    return ()


def beginning_of(text: str, length: int, tone: str = "") -> tuple[Span, ...]:
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


# ------------------------------------------------------------------------------------------ all other lines


def status(mark: str, text: str) -> Line:
    """`[+] text`, with a mark of `* + - !`: for information, good news, a farewell, trouble."""
    return _marked(mark, (Span("", visible(text)),))


def trouble(text: str) -> Line:
    """`[!] text`."""
    return status("!", text)


def _marked(mark: str, body: tuple[Span, ...]) -> Line:
    return Line((Span(_MARKS[mark], f"[{mark}]"), Span("", " ")), body)


def told(mark: str, sentence: str, **fields: str | tuple[Span, ...]) -> Line:
    """The sentence with its fields put in. Each keeps a span for itself: a name that is written from right to left
    does not turn the sentence around."""
    body: list[Span] = []
    for words, field, _, _ in string.Formatter().parse(sentence):
        value = fields[field] if field else ()
        body += (Span("", words), *([Span("", visible(value))] if isinstance(value, str) else value))
    return _marked(mark, tuple(span for span in body if span.text))


def crowd(names: Sequence[str]) -> tuple[Span, ...]:
    """The first few, and how many others there are."""
    named = names if len(names) <= _FEW else names[: _FEW - 1]
    others = [(Span("", f"{len(names) - len(named)} others"),)] if len(named) < len(names) else []
    return listed([*map(person, named), *others])


def listed(parts: Sequence[tuple[Span, ...]]) -> tuple[Span, ...]:
    """The parts with a comma after each but the last two, between which there is an "and"."""
    commas = [", "] * (len(parts) - 2) + [" and "] * (len(parts) > 1) + [""]
    return tuple(span for part, comma in zip(parts, commas, strict=False) for span in (*part, Span("", comma)))
