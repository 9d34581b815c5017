"""A client of the protocol made from json, struct, ssl and a socket alone, so that no bug of ours is on both sides.

Knows frames and deadlines. Knows nothing of the package under test, and judges nothing.
"""

import contextlib
import itertools
import json
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

Event = dict[str, Any]

PATIENCE = 10.0
"""So long a test waits for what must come; more means that it never will."""

LARGEST = 1 << 20
"""What a server's frame may weigh."""

_HEADER = struct.Struct(">I")
_numbers = itertools.count(1)

TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Takes any certificate: which one it is, the tests that care look at themselves."""
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE


def fresh(stem: str) -> str:
    """A name that no other test uses."""
    return f"{stem}-{next(_numbers)}"


def frame(request: object) -> bytes:
    """One request as bytes."""
    return framed(json.dumps(request).encode())


def framed(body: bytes) -> bytes:
    return _HEADER.pack(len(body)) + body


def said(room: str, texts: Iterable[str], prefix: str = "m") -> bytes:
    """Many says as bytes; their ids are the prefix and a number."""
    return b"".join(
        frame({"type": "say", "id": f"{prefix}{n}", "room": room, "message": text}) for n, text in enumerate(texts)
    )


def person(port: int, name: str, *rooms: str, receive_buffer: int | None = None, tls: bool = False) -> "WireClient":
    """Somebody who is in, and in these rooms."""
    client = WireClient(port, receive_buffer=receive_buffer, tls=tls)
    client.hello(name)
    for room in rooms:
        client.join(room)
    return client


class Closed(Exception):
    """The server closed the connection where something more was awaited."""


MADE: "list[WireClient]" = []
"""Every connection of this test, so that none outlives it, however the test ends."""


def hang_up_all() -> None:
    while MADE:
        MADE.pop().close()


class WireClient:
    """One connection. Every wait has a deadline."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, tls: bool = False) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        MADE.append(self)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:  # and an end that is not said to be one is an error
            self.socket = TRUSTING.wrap_socket(self.socket, suppress_ragged_eofs=False)
        self.username = ""
        self.session = ""
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Goes without a word: the server's side is torn down by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # ---------------------------------------------------------------------------------------------- writing

    def send(self, request: str, /, **members: object) -> None:
        self.send_bytes(frame({"type": request, **members}))

    def send_bytes(self, data: bytes) -> None:
        self.socket.settimeout(PATIENCE)
        self.socket.sendall(data)

    def send_until_stuck(self, data: bytes, patience: float = 0.5) -> int:
        """Sends as much as the server takes while nothing is read; how much that is. It must not take everything."""
        self.socket.settimeout(patience)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < len(data):
                sent += self.socket.send(data[sent : sent + 65_536])
        assert sent < len(data), "the server takes more and more from one who reads nothing"
        self.socket.settimeout(PATIENCE)
        return sent

    # ---------------------------------------------------------------------------------------------- reading

    def receive(self, patience: float = PATIENCE) -> Event:
        """The next event. One that does not come in time is not lost: the next call goes on where this one stopped."""
        deadline = time.monotonic() + patience
        self._gather(_HEADER.size, deadline)
        (size,) = _HEADER.unpack_from(self._buffer)
        assert size <= LARGEST, "a server's frame has at most 1 MiB"
        self._gather(_HEADER.size + size, deadline)
        event = json.loads(self._buffer[_HEADER.size : _HEADER.size + size])
        del self._buffer[: _HEADER.size + size]
        assert isinstance(event, dict)
        return event

    def _gather(self, size: int, deadline: float) -> None:
        while len(self._buffer) < size:
            if not (data := self._more(deadline)):
                raise Closed(bytes(self._buffer))
            self._buffer += data

    def _more(self, deadline: float) -> bytes:
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        return self.socket.recv(65_536)

    def hears_something(self) -> bool:
        """Whether there is anything to read already."""
        return bool(self._buffer or select.select([self.socket], [], [], 0)[0])

    def take(self) -> bytes:
        """More bytes, which are kept for `receive`; none at the end of the stream."""
        data = self._more(time.monotonic() + PATIENCE)
        self._buffer += data
        return data

    def until(self, last: Callable[[Event], object], patience: float = PATIENCE) -> list[Event]:
        """Every event up to the first for which `last` holds, that one included."""
        deadline = time.monotonic() + patience
        events: list[Event] = []
        while not events or not last(events[-1]):
            events.append(self.receive(max(0.001, deadline - time.monotonic())))
        return events

    def until_type(self, name: str, patience: float = PATIENCE) -> list[Event]:
        return self.until(lambda event: event["type"] == name, patience)

    def rest(self, patience: float = PATIENCE) -> list[Event]:
        """Every event up to the orderly end of the stream, which is not in the middle of a frame."""
        deadline = time.monotonic() + patience
        events: list[Event] = []
        with contextlib.suppress(Closed):
            while True:
                events.append(self.receive(max(0.001, deadline - time.monotonic())))
        assert not self._buffer
        return events

    # ---------------------------------------------------------------------------------------------- talking

    def ask(self, request: str, /, **members: object) -> Event:
        """The answer to a request: the first event that carries its id. Others have been handed the news then."""
        id = fresh("ask")
        self.send(request, id=id, **members)
        answer = self.until(lambda event: event.get("id") == id)[-1]
        self.settled()
        return answer

    def hello(self, username: str, **members: object) -> Event:
        self.send("hello", protocol=1, username=username, **members)
        welcome = self.receive()
        assert welcome["type"] == "welcome", welcome
        self.username, self.session = welcome["username"], welcome["session"]
        return welcome

    def join(self, room: str, **members: object) -> list[Event]:
        """What a join brings, from `room` to `live`."""
        self.send("join", room=room, **members)
        events = self.until(lambda event: event["type"] in ("live", "error"))
        assert events[-1]["type"] == "live", events
        start = next(place for place, event in enumerate(events) if event["type"] == "room")
        return events[start:]

    def say(self, room: str, message: str, id: str | None = None, **members: object) -> Event:
        """Says it, and waits for the receipt and until everybody has been handed it."""
        id = id or fresh("said")
        self.send("say", id=id, room=room, message=message, **members)
        receipt = self.until(lambda event: event.get("id") == id)[-1]
        self.settled()
        return receipt

    def settled(self) -> list[Event]:
        """Everything that comes before the answer to a ping sent now."""
        data = fresh("barrier")
        self.send("ping", data=data)
        return self.until(lambda event: event["type"] == "pong" and event.get("data") == data)[:-1]


def messages_of(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event["type"] == "message"]


def texts_of(events: Iterable[Event]) -> list[str]:
    return [event["message"] for event in messages_of(events)]


def seqs_of(events: Iterable[Event]) -> list[int]:
    return [event["seq"] for event in messages_of(events)]
