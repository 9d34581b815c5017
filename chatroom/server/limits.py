"""How much one client may do: a token bucket, and the numbers of everything that a stranger can make grow.

Knows arithmetic. The clock is an argument, and nobody is made to wait here.
"""

HELLO_SECONDS = 10
"""So long a connection may take to say hello, however many bytes it sends."""

FAREWELL_SECONDS = 2
"""So long a connection that is being ended may take to read its last words."""

BURST_SECONDS = 2
"""What the rate allows in so many seconds may also come at once."""

ROOMS_EACH = 100
"""In so many rooms one client may be at a time."""

STRANGERS = 1_000
"""So many connections may be open beyond the places for members."""


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
