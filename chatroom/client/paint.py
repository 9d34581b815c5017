"""What lines look like on a terminal: in the colours of a theme, or in plain words, and as wide as the screen is.

Knows escape sequences. Knows nothing of messages and events, and nothing of what the terminal can do: it is told.
"""

import functools
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from colorama import Fore, Style

from chatroom.client.render import Line, Span
from chatroom.client.wrap import Row, isolate, wrap
from chatroom.text import USERNAME_LENGTH, fold

PALETTE = (131, 130, 64, 28, 30, 31, 27, 63, 98, 133, 163, 161)
"""Of the 256 colours, a dozen with a contrast of at least 3.9 to black and to white: readable on dark and on light."""


class Theme(NamedTuple):
    """Escape sequences: one for each tone, and those that names are coloured with."""

    tones: Mapping[str, str]
    people: tuple[str, ...] = ("",)


def _of_256(number: int) -> str:
    return f"\x1b[38;5;{number}m"


THEMES: dict[str, Theme] = {
    "calm": Theme(
        {
            "": "",
            "dim": Style.DIM,
            "time": Style.DIM,
            "mark": Style.DIM,
            "good": _of_256(28),
            "info": _of_256(31),
            "bad": _of_256(196),
            "mention": Style.BRIGHT + _of_256(163),
            "room": _of_256(30),
        },
        tuple(map(_of_256, PALETTE)),
    ),
    "contrast": Theme(
        {
            "": "",
            "dim": "",
            "time": "",
            "mark": "",
            "good": Style.BRIGHT + Fore.GREEN,
            "info": Style.BRIGHT + Fore.CYAN,
            "bad": Style.BRIGHT + Fore.RED,
            "mention": Style.BRIGHT + Fore.MAGENTA,
            "room": Style.BRIGHT,
        },
        # Without blue, which is lost on black, and yellow, which is lost on white.
        tuple(Style.BRIGHT + colour for colour in (Fore.GREEN, Fore.MAGENTA, Fore.CYAN, Fore.RED)),
    ),
}
_NO_COLOUR = Theme(dict.fromkeys(THEMES["calm"].tones, ""))

WORDS = {
    "[*]": "info:",
    "[+]": "info:",
    "[-]": "info:",
    "[!]": "trouble:",
    "!": "not sent",
    "»": "mention:",
    "*": "action:",
    "↪": "reply to",
    "──": "--",
    "·": "-",
    "…": "...",
}
"""What is said in the place of each mark to those who cannot see it, or whose console has no such characters."""

_FROM_OTHERS = ("", "person", "room")


class Painter:
    """Draws lines in one theme. Without colour there are no escape sequences; plain, there are words for marks, and
    nothing hangs. Any thread may call it."""

    def __init__(self, theme: str, *, colour: bool, plain: bool) -> None:
        self._theme = THEMES[theme] if colour else _NO_COLOUR
        self._plain = plain

    def draw(self, lines: Iterable[Line], columns: int) -> list[str]:
        """The lines of the screen, each by itself: styles end where it ends. With 0 columns nothing is wrapped."""
        return [self._draw(row, is_dim=line.is_dim) for line in lines for row in self._rows(line, columns)]

    def _rows(self, line: Line, columns: int) -> list[Row]:
        """Most lines are short and ASCII: with them there is nothing to do."""
        if self._plain:
            line = _in_words(line)
        spans = line.head + line.body
        text = "".join([span.text for span in spans])
        if text.isascii() and "\n" not in text and len(text) <= (columns or len(text)):
            return [spans]
        rows = wrap(line, columns, hang=not self._plain)
        return rows if self._plain else [*map(isolate, rows)]

    def _draw(self, row: Row, *, is_dim: bool) -> str:
        styled = [(self._style(span, is_dim=is_dim), span.text) for span in row]
        return "".join([f"{style}{text}{Style.RESET_ALL}" if style and text else text for style, text in styled])

    def _style(self, span: Span, *, is_dim: bool) -> str:
        tones, people = self._theme
        style = people[_number_of(span.who) % len(people)] if span.tone == "person" else tones[span.tone]
        return tones["dim"] + style if is_dim and style != tones["dim"] else style


@functools.lru_cache(maxsize=1024)
def _number_of(name: str) -> int:
    """The same in every process, and however the name is written."""
    return zlib.crc32(fold(name[:USERNAME_LENGTH]).encode(errors="replace"))


def _in_words(line: Line) -> Line:
    return line._replace(
        head=tuple(_in_word(span, is_head=True) for span in line.head),
        body=tuple(_in_word(span, is_head=False) for span in line.body),
    )


def _in_word(span: Span, *, is_head: bool) -> Span:
    """The body's marks have a tone of their own; what stands there in other tones may come from others."""
    if span.tone in _FROM_OTHERS or not (is_head or span.tone == "mark"):
        return span
    mark = span.text.strip()
    return span._replace(text=span.text.replace(mark, WORDS[mark])) if mark in WORDS else span
