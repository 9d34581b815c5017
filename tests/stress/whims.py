"""What the system under a server may be told to do to it: its clock jumps, and no thread starts.

Knows a folder through which a test and the server's process agree; and which functions of Python the server asks.
"""

import mmap
import threading
import time
from pathlib import Path

WIDTH = 12


def _written(seconds: int) -> bytes:
    """Always as long, so that it can be written over while it is read."""
    return b"%+0*d" % (WIDTH, seconds)


class Whims:
    """One side sets them, the other is ruled by them. Any thread may call any method."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._clock = folder / "clock"
        self._no_threads = folder / "no-threads"
        if not self._clock.exists():
            self._clock.write_bytes(_written(0))

    def shift_clock(self, seconds: int) -> None:
        """From now on the wall clock is off by so much."""
        with self._clock.open("r+b", buffering=0) as clock:
            clock.write(_written(seconds))

    def forbid_threads(self) -> None:
        self._no_threads.touch()

    def allow_threads(self) -> None:
        self._no_threads.unlink()

    def rule(self) -> None:
        """Over this process, from now on. To look at the clock takes no descriptor, for they may have run out."""
        tell, start = time.time_ns, threading.Thread.start
        with self._clock.open("rb") as file:
            clock = mmap.mmap(file.fileno(), WIDTH, access=mmap.ACCESS_READ)

        def shifted() -> int:
            return tell() + int(clock[:]) * 1_000_000_000

        def limited(thread: threading.Thread) -> None:
            if self._no_threads.exists():
                raise RuntimeError("can't start new thread")
            start(thread)

        time.time_ns = shifted
        threading.Thread.start = limited  # type: ignore[method-assign, assignment]
