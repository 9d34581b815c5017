"""What time it is, by both clocks of the computer, and whether it slept since somebody last looked.

Knows clocks. Knows nothing of who waits, or for what. One clock may be set by hand; the other never goes back, but on
some systems stands still while the computer sleeps. Whichever went on further tells how much time has passed.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

LOOK_SECONDS = 2.0
"""Who has to notice that the computer slept waits no longer than this between two looks."""

ASLEEP_SECONDS = 15.0
"""If so much time passed between two looks, the computer slept. Had it only been busy, no harm is done."""


class Moment(NamedTuple):
    """Now, in seconds: by the clock that never goes back, and since 1970."""

    monotonic: float
    wall: float

    def until(self, later: "Moment") -> float:
        """How many seconds passed."""
        return max(later.monotonic - self.monotonic, later.wall - self.wall)


Clock = Callable[[], Moment]


def now() -> Moment:
    """The computer's own clock."""
    return Moment(time.monotonic(), time.time())


class Watch:
    """Looks at the clock again and again. Used by one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = clock()

    def asleep_since(self) -> Moment | None:
        """When the computer fell asleep, if it slept since the last look."""
        before, self._looked = self._looked, self._clock()
        return before if before.until(self._looked) > ASLEEP_SECONDS else None
