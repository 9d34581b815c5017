"""A connection of the doctor's, plain or encrypted, on which every wait has an end.

Knows sockets, TLS and frames. Knows nothing of what an answer means.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import TypeVar

from chatroom.client.answers import NoAnswer
from chatroom.client.checks import Sealed
from chatroom.client.handshake import Layer
from chatroom.messages import AnyEvent, Error, Farewell, Pong, Welcome
from chatroom.net.tls import client_context
from chatroom.net.words import as_words, fingerprint
from chatroom.wire import Unreadable, native

READ = 64 * 1024

_HEARD = 256

A = TypeVar("A", Pong, Welcome)


class Unanswered(Exception):
    """The peer hung up, was silent for too long, or said what makes no sense."""

    def __init__(self, how: NoAnswer) -> None:
        super().__init__(how)
        self.how: NoAnswer = how


class Line:
    """Used by one thread. `heard` is how the peer began, once nothing of it is sealed."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard = b""
        self.layer = Layer(client_context(), server_side=False)
        """Of TLS; plain as long as nobody shakes hands."""
        self._is_sealed = False
        self._socket = sock
        self._codec = native.events()
        self._events: list[AnyEvent | Unreadable] = []

    def shake_hands(self, until: float) -> Sealed:
        """From now on all is encrypted. By hand, as only so the bytes are ours, and every wait has its end."""
        self._is_sealed = True
        self._take_in(b"", until)
        while not self.layer.is_open:
            self._take_in(self._read(until), until)
        certificate = self.layer.peer_certificate()
        digits = fingerprint(certificate)
        return Sealed(self.layer.version() or "TLS", certificate, digits, as_words(digits))

    def ask(self, request: bytes, wanted: type[A], until: float) -> A | Error | Farewell:
        """The answer of this kind, or the server's refusal; Unanswered where there is neither."""
        with contextlib.suppress(Unanswered):  # what it said before it hung up tells more
            self.send(request, until)
        while not isinstance(event := self._next(until), (wanted, Error, Farewell)):
            pass
        return event

    def send(self, data: bytes, until: float) -> None:
        with self._patient(until):
            self._socket.sendall(self.layer.seal(data) if self._is_sealed else data)

    def receive(self, until: float) -> bytes:
        """What has arrived, as soon as anything has."""
        data = self._read(until)
        if self._is_sealed:
            while not (plain := self._take_in(data, until)):
                data = self._read(until)
            data = plain
        self.heard = (self.heard + data)[:_HEARD]
        return data

    def _read(self, until: float) -> bytes:
        with self._patient(until):
            data = self._socket.recv(READ)
        if not data or self.layer.is_over:
            raise Unanswered("closed")
        return data

    def _take_in(self, data: bytes, until: float) -> bytes:
        """What it holds; what TLS has to say to it is said."""
        plain = self.layer.receive(data)
        with self._patient(until):
            self._socket.sendall(self.layer.drain())
        if self.layer.failure:
            raise Unanswered("foreign")
        return plain

    def _next(self, until: float) -> AnyEvent:
        while True:
            while self._events:
                event = self._events.pop(0)
                if not isinstance(event, Unreadable):
                    return event
                if event.error.fatal:  # and not only of a type that is newer than this program
                    raise Unanswered("foreign")
            self._events += self._codec.receive(self.receive(until))

    @contextlib.contextmanager
    def _patient(self, until: float) -> Iterator[None]:
        try:
            self._socket.settimeout(seconds_to(until))
            yield
        except TimeoutError:
            raise Unanswered("silent") from None
        except OSError:
            raise Unanswered("closed") from None


def seconds_to(until: float) -> float:
    """How long a wait may take; TimeoutError if it is over."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
