"""Whoever a terminal works for: what a terminal asks of it, and tells it.

Knows lines and the words for keys. Knows nothing of chats, nor of how a terminal does its part.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from prompt_toolkit.history import History

from chatroom.client.complete import Word


class Partner(Protocol):
    """Whoever the typed lines are for. Called by the terminal's own thread."""

    @property
    def room(self) -> str:
        """Where what is typed goes to."""

    def prompt(self) -> str:
        """What stands before the line being typed."""

    def unstored(self) -> Sequence[str]:
        """Lines that stand above the prompt until they are printed."""

    def glimpse(self) -> Sequence[str]:
        """Lines to be shown below until a key is pressed, and nowhere else; often none."""

    def glimpsed(self) -> None:
        """They were seen."""

    def bar(self) -> str:
        """What stands below the prompt, if anything."""

    def typed(self, text: str, pasted: bool) -> None:
        """A line was typed; or it began with a paste."""

    def interrupted(self) -> None:
        """Ctrl-C was typed, and no text."""

    def go_to(self, number: int) -> None:
        """To the room of that number."""

    def go_on(self) -> None:
        """To the next room with something unread."""

    def complete(self, before: str) -> Iterable[Word]:
        """What the text before the cursor may become."""

    def history(self) -> History:
        """What was typed before, in this room."""

    def tick(self) -> None:
        """A second has passed."""
