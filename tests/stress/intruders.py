"""Connections that begin well and go wrong: sessions among whose requests some are damaged, over plain TCP or over TLS
whose records are damaged too. Everything is decided by the `Random` that is given.

Knows sockets, TLS, and what may be sent. Knows nothing of the package under test, and judges nothing.
"""

import contextlib
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from random import Random

from tests.server.wire_client import TRUSTING, frame, framed
from tests.stress.mutating import REQUESTS, SPOILERS, chopped, mutated, twisted

AT_ONCE = 40
"""So many are open at a time."""

PATIENCE = 5.0
SEND_PATIENCE = 0.5
"""Who does not read is not read from; it waits no longer than this to be."""

FRAMES = tuple(frame(request) for request in REQUESTS)
_LINGER_NOT = struct.pack("ii", 1, 0)


class Line:
    """One connection. The TLS is made in memory, so that what is sent of it can be damaged."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self.heard = bytearray()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._tls = TRUSTING.wrap_bio(self._incoming, self._outgoing) if tls else None
        try:
            self._shake_hands()
        except OSError:
            self.close()
            raise
        self._socket.settimeout(SEND_PATIENCE)

    def _shake_hands(self) -> None:
        while self._tls:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._socket.sendall(self._outgoing.read())
                self._incoming.write(self._socket.recv(65_536))
            else:
                self._socket.sendall(self._outgoing.read())
                return

    def send(self, data: bytes, damage: Callable[[bytes], bytes] = bytes) -> None:
        if self._tls:
            self._tls.write(data)
            data = self._outgoing.read()
        self._socket.sendall(damage(data))

    def read(self) -> None:
        """What has come by now."""
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            while data := self._socket.recv(65_536):
                self._take(data)
        self._socket.settimeout(SEND_PATIENCE)

    def _take(self, data: bytes) -> None:
        if self._tls is None:
            self.heard += data
            return
        self._incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            while opened := self._tls.read(65_536):
                self.heard += opened

    def end_sending(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)

    def close(self) -> None:
        self._socket.close()


# ------------------------------------------------------------------------------------------------------ what is said


def _right(random: Random) -> bytes:
    return b"".join(random.choices(FRAMES, k=random.choice((1, 1, 1, 20))))


def _with_wrong_members(random: Random) -> bytes:
    return framed(twisted(random, random.choice(REQUESTS))[:65_536])


def _damaged_body(random: Random) -> bytes:
    return framed(mutated(random, [json.dumps(request).encode() for request in REQUESTS]) or b" ")


def _damaged_frame(random: Random) -> bytes:
    return mutated(random, (*FRAMES, *SPOILERS))


def _half(random: Random) -> bytes:
    data = random.choice(FRAMES)
    return data[: random.randrange(len(data))]


def _garbage(random: Random) -> bytes:
    return random.randbytes(random.randrange(300))


WAYS = (_right,) * 4 + (_with_wrong_members,) * 8 + (_damaged_body,) * 3 + (_damaged_frame, _half, _garbage)
"""Most leave the connection as it is, or few would live to say a second thing."""


def _cut_records(random: Random) -> Callable[[bytes], bytes]:
    return lambda data: mutated(random, [data])


def visit(line: Line, random: Random, name: str) -> Iterator[None]:
    """One connection's life, step by step."""
    reads = random.random() < 0.8
    if random.random() < 0.8:
        line.send(frame({"type": "hello", "protocol": 1, "username": name}) + frame({"type": "join", "room": "den"}))
    for _ in range(random.randrange(1, 15)):
        yield
        data = random.choice(WAYS)(random)
        if random.random() < 0.03:
            line.send(data, _cut_records(random))
        else:
            for piece in chopped(random, data, most=3):
                line.send(piece)
        if reads:
            line.read()
    yield
    random.choice((line.end_sending, line.reset, line.read))()
    yield


class Intruders:
    """So many visits, a few dozen at a time, in any order."""

    def __init__(self, port: int, random: Random) -> None:
        self._port = port
        self._random = random
        self._inside: dict[Line, Iterator[None]] = {}
        self.heard: list[bytes] = []
        """What each of them read."""

    def come(self, number: int, prefix: str) -> None:
        for place in range(number):
            with contextlib.suppress(OSError):  # turned away: that is the server's good right
                line = Line(self._port, tls=self._random.random() < 0.5)
                self._inside[line] = visit(line, self._random, f"{prefix}-{place}")
            while len(self._inside) >= AT_ONCE:
                self._step()
        while self._inside:
            self._step()

    def _step(self) -> None:
        line = self._random.choice(list(self._inside))
        try:
            next(self._inside[line])
        except (StopIteration, OSError):  # it is over, or was hung up
            del self._inside[line]
            self.heard.append(bytes(line.heard))
            line.close()
