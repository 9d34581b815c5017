"""Where a stack trace goes when this program is at fault: into a file, for whoever mends it, and onto no screen.

Knows files and traces. Knows nothing of people. A trace tells places in the code and the error's own words, and no
variable's value: what was said in a room stays out of logs.
"""

import contextlib
import os
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

LONGEST = 1024 * 1024
"""A file that has grown to so many bytes starts anew."""


def default_file() -> Path:
    """In the system's own place for logs."""
    return platformdirs.user_log_path("chatroom", appauthor=False) / "client.log"


class Log:
    """The log of one run. Any thread may call its methods."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_needed = False
        """Whether anything was at fault."""
        self.is_kept = True
        """Whether all of it could be written."""
        self._lock = threading.Lock()

    def keep(self, error: BaseException) -> None:
        """Adds the error's trace to the file, if that can be written."""
        trace = "".join(traceback.format_exception(error))
        entry = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{trace}\n"
        with self._lock:
            self.is_needed = True
            try:
                self._write(entry)
            except OSError:
                self.is_kept = False

    def _write(self, entry: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_full = self.path.exists() and self.path.stat().st_size >= LONGEST
        with open(self.path, "w" if is_full else "a", encoding="utf-8", opener=_private) as file:
            file.write(entry)

    @contextlib.contextmanager
    def of_threads(self) -> Iterator[None]:
        """Meanwhile what goes wrong in other threads is kept too, and printed nowhere."""
        before = threading.excepthook
        threading.excepthook = self._keep_of_thread
        try:
            yield
        finally:
            threading.excepthook = before

    def _keep_of_thread(self, fault: threading.ExceptHookArgs) -> None:
        if fault.exc_value and not isinstance(fault.exc_value, SystemExit):
            self.keep(fault.exc_value)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
