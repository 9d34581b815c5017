"""What is shown once, below the conversation, until a key is pressed: page by page, if it is long.

Knows lines and pages, and nothing of clocks and keys: it is told when it was long enough to be seen that a key hides
it. Used by one thread at a time.
"""

from collections.abc import Sequence

_WAITS = "[view once] shown as soon as nothing is typed"
_OPENS = "[view once]"
_HIDES = "[view once] press any key to hide"
_GOES_ON = "[view once] press any key to see more"

_AROUND = 4
"""Rows of the screen that are not for it: its own title, the prompt, the bar, and one to spare."""


class Glimpse:
    """Nothing at first."""

    def __init__(self) -> None:
        self.is_ripe = False
        """Whether a key turns the page now."""
        self._lines: tuple[str, ...] = ()
        self._is_open = False
        self._place = 0
        self._page = 1
        self._number = 0
        """How many pages were opened."""

    def offer(self, lines: Sequence[str], *, is_free: bool) -> int:
        """This is to be seen, or nothing is any more; it opens where the screen `is_free`. The number to ripen it by,
        if a page opens now; else 0."""
        if tuple(lines) != self._lines:
            self._lines, self._is_open, self._place, self.is_ripe = tuple(lines), False, 0, False
        if not self._lines or self._is_open or not is_free:
            return 0
        self._is_open = True
        self._number += 1
        return self._number

    def lines(self, rows: int) -> list[str]:
        """The page, for a screen with so many rows."""
        if not self._is_open:
            return [_WAITS] if self._lines else []
        self._page = max(1, rows - _AROUND)
        is_last = self._place + self._page >= len(self._lines)
        title = (_HIDES if is_last else _GOES_ON) if self.is_ripe else _OPENS
        return [title, *self._lines[self._place : self._place + self._page]]

    def ripen(self, number: int) -> None:
        """The page of that number was there long enough."""
        self.is_ripe = self._is_open and number == self._number

    def turn_page(self) -> bool:
        """A key was pressed. Whether all was seen; then nothing of it is left here."""
        self._place += self._page
        self._is_open = self.is_ripe = False
        if self._place < len(self._lines):
            return False
        self._lines, self._place = (), 0
        return True
