"""What the system under a server may be told to do to it: its clock jumps, and no thread starts.

Knows a folder through which a test and the server's process agree; and which functions of Python the server asks.
"""

import threading
import time
from contextlib import suppress
from pathlib import Path


class Whims:
    """One side sets them, the other is ruled by them. Any thread may call any method."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._clock = folder / "clock"
        self._no_threads = folder / "no-threads"
        self.shift_clock(0)

    def shift_clock(self, seconds: int) -> None:
        """From now on the wall clock is off by so much."""
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._clock)

    def forbid_threads(self) -> None:
        self._no_threads.touch()

    def allow_threads(self) -> None:
        self._no_threads.unlink()

    def rule(self) -> None:
        """Over this process, from now on."""
        tell, start = time.time_ns, threading.Thread.start
        shift = 0

        def shifted() -> int:
            nonlocal shift
            with suppress(OSError):  # where descriptors have run out, it is off by as much as before
                shift = int(self._clock.read_text()) * 1_000_000_000
            return tell() + shift

        def limited(thread: threading.Thread) -> None:
            if self._no_threads.exists():
                raise RuntimeError("can't start new thread")
            start(thread)

        time.time_ns = shifted
        threading.Thread.start = limited  # type: ignore[method-assign, assignment]
