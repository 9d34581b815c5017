"""The log as lines on standard output, written by a thread of its own.

Knows that whoever reads the output may have stopped reading: then lines are dropped, and nobody in the server waits.
"""

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from chatroom.server.facts import facts

WAITING = 10_000
"""So many lines wait for a slow reader."""


Format = Literal["text", "json"]


class _Text(logging.Formatter):
    """Lines for people."""

    def formatException(self, info: object) -> str:  # noqa: N802 (logging's name)
        """Where it happened and of what kind it was, without its value."""
        match info:
            case (type() as kind, BaseException(), TracebackType() as trace):
                return "".join([*traceback.format_tb(trace), kind.__qualname__])
        return ""


class _Json(_Text):
    """A JSON object a line: when, how grave, what happened, and the facts of it."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = getattr(record, "facts", None) or {"event": "trouble", "text": record.getMessage()}
        where = {"trace": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({"time": when, "level": record.levelname.lower(), **known, **where}, default=str)


_FORMATTERS: dict[Format, type[logging.Formatter]] = {"text": _Text, "json": _Json}


def in_form(text: str, form: Format) -> str:
    """A line that is no log's, as those of the log are written."""
    record = logging.makeLogRecord({"levelname": "INFO", "msg": text, **facts("started", text=text)})
    return _FORMATTERS[form]().format(record)


class _Lines(logging.Handler):
    def __init__(self, form: Format) -> None:
        super().__init__()
        self.setFormatter(_FORMATTERS[form]())
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
def logging_lines(level: str, form: Format = "text") -> Iterator[None]:
    """What chatroom logs is printed from here on, from this level upwards."""
    handler = _Lines(form)
    log = logging.getLogger("chatroom")
    log.setLevel(level.upper())
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
