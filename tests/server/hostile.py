"""Strangers who mean harm: the catalogue of what PROTOCOL part 1 forbids, over plain connections and over TLS, each
connection spent in one way and kept open as long as there is room. A process of its own: python hostile.py PORT NUMBER.

Knows sockets and TLS. Knows nothing of the package under test, and judges nothing.
"""

import contextlib
import itertools
import json
import random
import socket
import ssl
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator

OPEN = 1_200
"""So many are open at a time, more than the server lets strangers be."""

PATIENCE = 5.0
HELLO = json.dumps({"type": "hello", "protocol": 1, "username": "dribbling"}).encode()

Line = socket.socket
Way = Callable[[Line], object]


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def speak(*data: bytes) -> Way:
    """Says this, and then nothing more."""
    return lambda line: line.sendall(b"".join(data))


def stall(line: Line) -> None:
    """Says nothing at all."""


def half_close(line: Line) -> None:
    line.sendall(frame(HELLO)[:10])
    line.shutdown(socket.SHUT_WR)


def reset(line: Line) -> None:
    line.sendall(frame(HELLO))
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def come_in_and_babble(line: Line) -> None:
    """A welcome does not make it better."""
    body = json.dumps({"type": "hello", "protocol": 1, "username": f"h{random.getrandbits(60)}"}).encode()
    line.sendall(frame(body) + frame(b'{"type":"join","room":"lobby"}') + frame(b"[1]") + b"\xff" * 100)


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = encryption().wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def encryption() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


WAYS: dict[str, Way] = {
    "silence": stall,
    "garbage": lambda line: line.sendall(random.randbytes(300)),
    "the longest length": speak(b"\xff\xff\xff\xff"),
    "a length one too long": speak(struct.pack(">I", 65_537)),
    "a length of nothing": speak(bytes(4)),
    "a frame that never ends": speak(struct.pack(">I", 65_000), b"{" * 60_000),
    "a length and no body": speak(struct.pack(">I", 60)),
    "no JSON": speak(frame(b"hello")),
    "no UTF-8": speak(frame(b'{"type":"\xff\xfe"}')),
    "nested too deep": speak(frame(b'{"type":"hello","a":' + b"[" * 30_000)),
    "a list": speak(frame(b"[]")),
    "a wrong hello": speak(frame(b'{"type":"hello","protocol":99,"username":"x"}')),
    "a wrong password": speak(frame(b'{"type":"hello","protocol":1,"username":"root","password":"12345678"}')),
    "anything but hello": speak(frame(b'{"type":"say","id":"1","room":"lobby","message":"spam"}')),
    "pings": speak(frame(b'{"type":"ping"}') * 200),
    "half closed": half_close,
    "reset": reset,
    "in, and babbling": come_in_and_babble,
}
RAW_WAYS: dict[str, Way] = {
    "HTTP": speak(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n"),
    "a TLS hello and no more": lambda line: line.sendall(client_hello()),
    "half a TLS hello": lambda line: line.sendall(client_hello()[:100]),
    "TLS that is none": speak(b"\x16\x03\x01\x02\x00" + bytes(512)),
}
"""Not to be said inside TLS."""

STALLING = {
    name: way
    for name, way in (WAYS | RAW_WAYS).items()
    if name in ("silence", "a length and no body", "pings", "a TLS hello and no more", "half a TLS hello")
}
"""Those who may stay for ten seconds."""


def connect(port: int, context: ssl.SSLContext | None) -> Line:
    line = socket.create_connection(("127.0.0.1", port), PATIENCE)
    return context.wrap_socket(line) if context else line


def dribble(lines: deque[Line], place: int) -> None:
    """A byte of a hello each time, to some who are open."""
    for line in list(itertools.islice(lines, 0, None, 50)):
        with contextlib.suppress(OSError, ValueError):
            line.send(frame(HELLO)[place % 60 : place % 60 + 1])


def ways() -> Iterator[tuple[Way, ssl.SSLContext | None]]:
    """All of them, over and over, plain and over TLS."""
    context = encryption()
    plain: list[tuple[Way, ssl.SSLContext | None]] = [(way, None) for way in (*WAYS.values(), *RAW_WAYS.values())]
    return itertools.cycle([*plain, *((way, context) for way in WAYS.values())])


def attack(port: int, number: int) -> int:
    """How many connections could be made."""
    lines: deque[Line] = deque()
    made = 0
    for place, (way, context) in enumerate(itertools.islice(ways(), number)):
        with contextlib.suppress(OSError):  # turned away, hung up or reset: that is the server's good right
            line = connect(port, context)
            lines.append(line)
            made += 1
            way(line)
        dribble(lines, place)
        while len(lines) > OPEN:
            lines.popleft().close()
    for line in lines:
        line.close()
    return made


if __name__ == "__main__":
    print(attack(int(sys.argv[1]), int(sys.argv[2])))
