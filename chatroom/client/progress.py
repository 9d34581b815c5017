"""How far a room has been printed, how far it is known to go, and who waits for that.

Knows events and their numbers. Knows nothing of streams, nor of what is done when nothing more comes.
"""

import threading
from collections.abc import Callable

from chatroom.client.events import ClientEvent, Gap, Reset
from chatroom.messages import Live, Message, Room


class Progress:
    """Of one room. Any thread may call any method."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shown = 0
        self._live: int | None = None
        """All up to this number was said before we came in; None while we are not."""
        self.is_answered = False
        """Whether somebody else has said something."""
        self.is_over = False
        """Whether nothing follows."""

    def note(self, event: ClientEvent, *, is_answer: bool = False) -> None:
        """This was printed, or passed over."""
        with self._changed:
            self.is_answered |= is_answer
            match event:
                case Message(seq=seq) | Room(since=seq) | Gap(last=seq):
                    self._shown = seq
                case Live(seq=seq):
                    self._live = seq
                case Reset():
                    self._live = None
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing follows."""
        with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def is_level_with(self, seq: int) -> bool:
        """Whether everything is printed that was said before we came in, and all up to this number."""
        return self._live is not None and self._shown >= max(self._live, seq)

    def wait_for(self, is_done: Callable[[], bool], patience: Callable[[], float | None]) -> bool:
        """Whether it is done, or all is over, before nothing happens for longer than there is patience."""
        with self._changed:
            while not (is_done() or self.is_over):
                if not self._changed.wait(patience()):
                    return False
        return True
