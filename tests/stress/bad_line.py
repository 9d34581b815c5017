"""A line between people and their server that is slow, hacks what passes into bytes, or stops in the middle of a frame.

Knows bytes only, and the ways in which they are mistreated.
"""

import socket
import threading
import time
from collections.abc import Callable

from tests.client.peers import Proxy

Manner = Callable[[bytes, socket.socket], None]

DELAY = 0.02

HACKED = 2_000
"""So many bytes of what comes at a time go one by one, the rest together: some of it is enough to break a reader."""


def straight(data: bytes, sink: socket.socket) -> None:
    sink.sendall(data)


def slowly(data: bytes, sink: socket.socket) -> None:
    time.sleep(DELAY)  # the delay itself
    sink.sendall(data)


def byte_by_byte(data: bytes, sink: socket.socket) -> None:
    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data[:HACKED]:
        sink.sendall(bytes((byte,)))
    sink.sendall(data[HACKED:])


class BadLine(Proxy):
    """As it is told to be, for all its connections. Any thread may call any method."""

    def __init__(self, port: int) -> None:
        self._manner: Manner = straight
        self._torn = threading.Event()
        super().__init__(port)

    def behave(self, manner: Manner) -> None:
        self._manner = manner

    def stop_in_mid_frame(self) -> None:
        """Of what comes next, one half passes; then there is silence, until it is cut."""
        self._torn.clear()
        self.behave(self._half_and_no_more)

    def tear(self) -> None:
        """Cuts what was stopped, and is a good line from now on."""
        self.behave(straight)
        self._torn.set()
        self.cut()

    def _half_and_no_more(self, data: bytes, sink: socket.socket) -> None:
        sink.sendall(data[: len(data) // 2])
        self._torn.wait()
        raise ConnectionAbortedError("torn")

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        self._manner(data, sink)

    def __exit__(self, *told: object) -> None:
        self.tear()
        super().__exit__(*told)
