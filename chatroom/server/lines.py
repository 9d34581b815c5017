"""The log as lines on standard output, written by a thread of its own.

Knows that whoever reads the output may have stopped reading: then lines are dropped, and nobody in the server waits.
"""

import contextlib
import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator

WAITING = 10_000
"""So many lines wait for a slow reader."""


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write, name="chatroom lines", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(self.format(record))

    def _write(self) -> None:
        # Not through sys.stdout: its lock, held by a write that never ends, would spoil the end of the process.
        descriptor = sys.__stdout__.fileno() if sys.__stdout__ else None
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError):
                if descriptor is not None:
                    os.write(descriptor, f"{line}\n".encode())

    def close(self) -> None:
        """Waits a moment for the last lines."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(timeout=0.5)
        super().close()


@contextlib.contextmanager
def logging_lines(level: str) -> Iterator[None]:
    """What chatroom logs is printed from here on, from this level upwards."""
    handler = _Lines()
    log = logging.getLogger("chatroom")
    log.setLevel(level.upper())
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
