"""How much one client may do: a token bucket, and the numbers of everything that a stranger can make grow.

Knows arithmetic. The clock is an argument, and nobody is made to wait here.
"""

from dataclasses import dataclass
from typing import TypedDict

HELLO_SECONDS = 10
"""So long a connection may take to say hello, however many bytes it sends."""

FAREWELL_SECONDS = 2
"""So long a connection that is being ended may take to read its last words."""

BURST_SECONDS = 2
"""What the rate allows in so many seconds may also come at once."""

ROOMS_EACH = 100
"""In so many rooms one client may be at a time."""

STRANGERS = 1_000
"""So many connections may be open that have not been welcomed yet."""

PER_ADDRESS = 256
"""So many connections one address may have; this computer itself any number."""

HANDSHAKES = 4
"""So many handshakes may be computed at once."""

WAITING = 256
"""So many KiB may wait for one client that does not read."""

MEMORY = 1_024
"""So many MiB may wait for all of them together."""


class LimitOptions(TypedDict, total=False):
    """What an operator may choose beside the rate and the number of clients; see Caps."""

    burst: int | None
    per_address: int | None
    strangers: int
    rooms_each: int
    handshakes: int
    waiting: int
    memory: int


@dataclass(frozen=True)
class Caps:
    """Everything that has an end, and where.

    `rate` is how many messages a second one client may say, 0 for any number, and `burst` how many at once: None for
    those of two seconds. `per_address` None stands for the default, which spares this computer itself. `waiting` is
    in KiB, for one client that does not read; `memory` in MiB, for all of them together.
    """

    rate: float = 10
    burst: int | None = None
    max_clients: int = 10_000
    per_address: int | None = None
    strangers: int = STRANGERS
    rooms_each: int = ROOMS_EACH
    handshakes: int = HANDSHAKES
    waiting: int = WAITING
    memory: int = MEMORY

    def bucket(self, now: float) -> "Bucket":
        """A new client's."""
        return Bucket(self.rate, self.rate * BURST_SECONDS if self.burst is None else self.burst, now)


class Bucket:
    """`rate` tokens a second flow in, at most `burst` are kept; `rate` 0 gives whatever is asked."""

    __slots__ = ("_burst", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._tokens = max(1.0, burst)
        self._filled = now

    def take(self, wanted: int, now: float) -> int:
        """How many tokens the asker gets now: as many as wanted, or as there are."""
        if not self._rate:
            return wanted
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        given = min(wanted, int(self._tokens))
        self._tokens -= given
        return given

    def seconds_to_next(self) -> float:
        """How long it takes from the last `take` until a whole token is there."""
        return max(0.0, 1 - self._tokens) / self._rate
