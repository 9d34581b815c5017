"""How wide text is on a screen, where a line is cut to fit, and how text from right to left is kept in its place.

Knows graphemes, links, scripts and columns. Knows nothing of colours, marks and terminals: spans go in, and spans come
out. What it is given holds no control characters but newlines.
"""

import functools
import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from chatroom.client.render import Line, Span

Row = tuple[Span, ...]
"""What stands on one line of the screen."""

_NARROW = 4
"""So far the rows below the first one are indented, where the head is too wide to hang them below the body."""
_LINEAR = 2
"""And where nothing shall hang: no text can pretend to be a line of its own."""

_BLANK = " \u1680\u2000-\u2006\u2008-\u200a\u205f\u3000"
_OPENING = "(<\\[{\"'“‘«「『（【《〈［"
_LINK = rf"[{_OPENING}]{{0,3}}(?<!\w)(?:https?://|ftp://|mailto:|www\.)\S+"
# Between Chinese and Japanese letters a line may be cut anywhere, but what closes or prolongs stays with its letter.
_LETTER = "\u3006\u3007\u3040-\u3098\u309f-\u30fa\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER += "\U00020000-\U0003ffff"
_LETTERS = rf"[{_OPENING}]{{0,3}}[{_LETTER}](?:[々ーゝゞヽヾ]|[^\w\s{_OPENING}])*"
_TOKEN = re.compile(
    rf"(?P<newline>\n)|(?P<blank>[{_BLANK}]+)|(?P<link>{_LINK})"
    rf"|(?P<word>{_LETTERS}|(?:(?!{_LINK}|{_LETTERS})[^{_BLANK}\n])+)",
    re.IGNORECASE,
)

_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_LEFT_TO_RIGHT_MARK, _ISOLATE, _END_OF_ISOLATE = "\u200e", "\u2068", "\u2069"


def width(text: str) -> int:
    """How many columns it takes, on the least able terminal: one that draws the parts of an emoji side by side."""
    return len(text) if text.isascii() else sum(map(_width_of, _graphemes(text)))


@functools.lru_cache(maxsize=4096)
def _width_of(grapheme: str) -> int:
    import wcwidth  # loading it takes its time, and most text does without

    return max(wcwidth.width(grapheme, control_codes="ignore"), sum(max(wcwidth.wcwidth(c), 0) for c in grapheme))


def _graphemes(text: str) -> Iterator[str]:
    import wcwidth

    return wcwidth.iter_graphemes(text)


# -------------------------------------------------------------------------------------------------- wrapping


def wrap(line: Line, columns: int, *, hang: bool = True) -> list[Row]:
    """The rows that the line takes on a screen of so many columns; 0: as wide as it likes. The text hangs below the
    body's start, unless it shall not, or little room would be left."""
    spans = line.head + line.body
    text = _Text("".join([span.text for span in spans]))
    columns = columns or sys.maxsize
    head = width("".join([span.text for span in line.head]))
    narrow = min(_NARROW if hang else _LINEAR, columns // 4)
    flow = _Flow(text, columns, head if hang and head <= columns // 2 else narrow, narrow)
    for token in _TOKEN.finditer(text.outline):
        flow.take(token.lastgroup or "", token.start(), token.end())
    return [*_cut(spans, text.offsets, flow.rows())]


class _Text:
    """A text as graphemes, and what stands before each: how many columns and how many characters."""

    def __init__(self, text: str) -> None:
        self.columns: Sequence[int]
        self.offsets: Sequence[int]
        if text.isascii():
            self.outline = text
            self.columns = self.offsets = range(len(text) + 1)
            return
        graphemes = [*_graphemes(text)]
        self.outline = "".join(map(_outline_of, graphemes))
        """One character for each grapheme."""
        self.columns = [0, *accumulate(map(_width_of, graphemes))]
        self.offsets = [0, *accumulate(map(len, graphemes))]


def _outline_of(grapheme: str) -> str:
    """A blank that is joined to something is not left out like a blank, but it ends a link like one."""
    if len(grapheme) == 1:
        return grapheme
    return "\u00a0" if any(map(str.isspace, grapheme)) else grapheme[0]


class _Flow:
    """Rows being filled: of each the indent, where it begins, and where it ends, counted in graphemes. Blanks at a
    row's end, or where it is cut, are no part of it."""

    def __init__(self, text: _Text, columns: int, hanging: int, narrow: int) -> None:
        self._text = text
        self._columns = columns
        self._hanging = hanging
        self._narrow = narrow
        self._rows: list[tuple[int, int, int]] = []
        self._indent = self._start = self._end = 0

    def rows(self) -> list[tuple[int, int, int]]:
        """All of them, at the end."""
        return [*self._rows, (self._indent, self._start, self._end)]

    def take(self, kind: str, start: int, end: int) -> None:
        """The next word, link, newline, or blank."""
        if kind == "newline":
            self._rows.append((self._indent, self._start, self._end))
            self._begin(end, self._hanging)
        elif kind == "blank":
            return
        elif self._fits(end):
            self._end = end
        elif kind == "link":
            self._take_long_link(start, end)
        else:
            self._take_long_word(start, end)

    def _take_long_link(self, start: int, end: int) -> None:
        """Whole, on a row with as much room as there can be; if that is too little, the terminal goes on below."""
        self._break(start, self._hanging)
        if not self._fits(end):
            self._indent = min(self._indent, self._narrow)
        self._end = end

    def _take_long_word(self, start: int, end: int) -> None:
        """Whole on a row of its own, or, if it is too long for that too, cut."""
        if self._hanging + self._width(start, end) <= self._columns:
            self._break(start, self._hanging)
            self._end = end
            return
        for cell in range(start, end):
            if not self._fits(cell + 1):
                self._break(cell, self._hanging)
            self._end = cell + 1

    def _break(self, start: int, indent: int) -> None:
        if self._end > self._start:
            self._rows.append((self._indent, self._start, self._end))
            self._begin(start, indent)
        else:
            self._begin(start, self._indent)

    def _begin(self, start: int, indent: int) -> None:
        self._indent, self._start, self._end = indent, start, start

    def _fits(self, end: int) -> bool:
        return self._indent + self._width(self._start, end) <= self._columns

    def _width(self, start: int, end: int) -> int:
        return self._text.columns[end] - self._text.columns[start]


def _cut(spans: Row, offsets: Sequence[int], rows: list[tuple[int, int, int]]) -> Iterator[Row]:
    """The spans, as far as they reach into each row."""
    starts = [0, *accumulate(len(span.text) for span in spans)]
    for indent, first, last in rows:
        start, end = offsets[first], offsets[last]
        margin = (Span("", " " * indent),) if indent and start < end else ()
        yield (*margin, *_between(spans, starts, start, end))


def _between(spans: Row, starts: Sequence[int], start: int, end: int) -> Iterator[Span]:
    index = bisect_right(starts, start) - 1
    while starts[index] < end:
        text = spans[index].text[max(start - starts[index], 0) : end - starts[index]]
        if text:
            yield spans[index]._replace(text=text)
        index += 1


# ---------------------------------------------------------------------------------------------- right to left


def isolate(row: Row) -> Row:
    """The same row, in which text from right to left turns around nothing but itself."""
    if not any(_has_right_to_left(span.text) for span in row):
        return row
    isolated = (
        span._replace(text=f"{_ISOLATE}{span.text}{_END_OF_ISOLATE}") if _has_right_to_left(span.text) else span
        for span in row
    )
    return (Span("", _LEFT_TO_RIGHT_MARK), *isolated)


def _has_right_to_left(text: str) -> bool:
    return not (text.isascii() or _RIGHT_TO_LEFT.isdisjoint(map(unicodedata.bidirectional, text)))
