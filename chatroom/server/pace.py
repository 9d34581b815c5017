"""How often those who wait for the interpreter knock at its door: the more there are, the more seldom.

CPython runs one thread at a time, and each that waits for its turn knocks every 5 ms. When all lines of a large crowd
break at once, thousands have something to do, and the knocking alone takes more time than there is: of six thousand
the last had gone after half a minute, of ten thousand after a minute, or never. Nobody waits longer for it: a thread
gives its turn away whenever it sends or reads. Knows nothing of what they do.
"""

import sys

KNOCK_SECONDS = 5e-5
"""From one knock to the next, of all together: each of a hundred knocks every 5 ms, each of 10,000 twice a second."""


class Pace:
    """The process's. Told now and then how many there are."""

    def __init__(self) -> None:
        self._usual = sys.getswitchinterval()

    def keep(self, number: int) -> None:
        sys.setswitchinterval(max(self._usual, number * KNOCK_SECONDS))

    def end(self) -> None:
        """As it was before."""
        sys.setswitchinterval(self._usual)
