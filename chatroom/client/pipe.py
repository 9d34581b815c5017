"""The client where there is no terminal: each line that comes in is said, each message goes out as one line.

Knows text streams, and when to stop. Knows nothing of colours, prompts and commands: in a pipe everything is text.
Whatever happens besides messages is told on the stream for errors.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TextIO

from chatroom.client import render
from chatroom.client.events import Ended, Receipt
from chatroom.client.session import Client
from chatroom.errors import ConnectionFailed, Refusal
from chatroom.messages import Message

PATIENCE_SECONDS = 30.0
"""Receipts come in order; so long without one is too long."""
AHEAD = 500
"""So many lines may wait for their receipts before the next one is read."""
FAREWELL_SECONDS = 5.0
"""So long what was said may take when nobody reads what comes out any more."""


class Pipe:
    """Three threads: the one that calls `run` waits, one reads and says, one prints what is told."""

    def __init__(self, client: Client, lines: Iterable[str], out: TextIO, err: TextIO) -> None:
        self._client = client
        self._lines = lines
        self._out = out
        self._err = err
        self._said: deque[Future[Receipt]] = deque()
        self._failed = False
        self._is_cut_off = False

    def run(self, room: str) -> int:
        """Says all the lines, and returns 0 once each has its receipt; or 1, and has told why."""
        # Daemons: a read that never ends must not keep the program from ending. What is said is safe without them.
        printer = threading.Thread(target=self._print, name="chatroom printer", daemon=True)
        printer.start()
        threading.Thread(target=self._read, args=(room,), name="chatroom reader", daemon=True).start()
        while printer.is_alive():
            printer.join(0.2)  # without an end to the wait, Windows would not let Ctrl-C through
        return 0 if self._is_cut_off else int(self._failed)

    def _tell(self, mark: str, text: str) -> None:
        self._err.write(render.plain(render.status(mark, text)) + "\n")
        self._err.flush()

    # ------------------------------------------------------------------------------------------- the reader

    def _read(self, room: str) -> None:
        try:
            self._client.join(room, recent=0).result()
            self._tell("+", "Connected.")
            self._say_all(room)
        except TimeoutError:
            self._fail(f"{len(self._said)} not confirmed by the server yet; what is kept is said at the next start.")
        except Refusal as refusal:
            self._fail(refusal.text)
        except ConnectionFailed:
            self._failed = True  # the client was closed, or has ended and tells why
        self._client.close()

    def _fail(self, why: str) -> None:
        self._failed = True
        self._tell("!", why)

    def _say_all(self, room: str) -> None:
        for line in self._lines:
            if text := line.strip("\r\n"):
                self._said.append(self._client.say(room, text))
            if len(self._said) > AHEAD:
                self._await_oldest()
        while self._said:
            self._await_oldest()

    def _await_oldest(self) -> None:
        try:
            self._said[0].result(PATIENCE_SECONDS)
        except Refusal:
            self._failed = True  # the printer tells: it comes as an event too
        self._said.popleft()

    # ------------------------------------------------------------------------------------------ the printer

    def _print(self) -> None:
        try:
            for event in self._client.events():
                self._print_event(event)
        except OSError:  # like `| head -1`: nobody reads any more
            self._is_cut_off = True
            self._client.flush(FAREWELL_SECONDS)
            self._client.close()

    def _print_event(self, event: object) -> None:
        if isinstance(event, Message):
            self._out.write(render.plain(render.message_in_one(event)) + "\n")
            self._out.flush()
            return
        if isinstance(event, Ended):
            self._failed = True
        for line in render.happening(event, now=time.time_ns() // 1_000_000):
            self._err.write(render.plain(line) + "\n")
        self._err.flush()
