"""All that may sit at a port in place of a server that is in order, each caller in a thread of its own."""

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from chatroom.messages import AnyRequest, Event, Hello, Limits, Notice, Ping, Pong, Welcome
from chatroom.wire import Unreadable, native
from tests.client.peers import TIMEOUT

Serve = Callable[[socket.socket], object]


# ---------------------------------------------------------------------------------------------------- the patients


@contextmanager
def served(server: socketserver.TCPServer) -> Iterator[int]:
    """Has it serve in a thread; gives its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def peer(serve: Serve) -> Iterator[int]:
    """Whoever calls meets this, each in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(TIMEOUT)
            with suppress(OSError):
                serve(self.request)

    with served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


def listens(sock: socket.socket) -> None:
    """And says nothing, until the other one goes."""
    while sock.recv(65_536):
        pass


def hangs_up(sock: socket.socket) -> None:
    """Once it was spoken to."""
    sock.recv(65_536)


def resets(sock: socket.socket) -> None:
    hangs_up(sock)  # or else, at times, there was no connection at all
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def says(data: bytes) -> Serve:
    def serve(sock: socket.socket) -> None:
        sock.sendall(data)
        hangs_up(sock)

    return serve


def dribbles(sock: socket.socket) -> None:
    """Now and then a byte of a frame that is never complete."""
    sock.settimeout(0.01)
    sock.sendall(b"\x00\x0f\xff\xff")
    while True:
        sock.sendall(b" ")
        with suppress(TimeoutError):
            if not sock.recv(65_536):
                return


class Chatroom:
    """A server that knows pings and hellos. `first` may answer before it does; no event at all is a hang-up."""

    def __init__(self, first: Callable[[Any], Sequence[Event] | None] = lambda request: None, *, time: int = 0) -> None:
        self.asked: list[AnyRequest | Unreadable] = []
        self._first = first
        self._time = time

    def __call__(self, sock: socket.socket) -> None:
        codec = native.requests()
        while data := sock.recv(65_536):
            for request in codec.receive(data):
                self.asked.append(request)
                events = self.answer(request)
                sock.sendall(native.encode(events))
                if not events:
                    return

    def answer(self, request: AnyRequest | Unreadable) -> Sequence[Event]:
        events = self._first(request)
        if events is not None:
            return events
        match request:
            case Ping():
                return [Notice("welcome"), Pong()]
            case Hello(username=name):
                limits = Limits(65_536, 4_000, 0)
                return [
                    Welcome(
                        protocol=1, server="s", username=name, session="s", role="guest", limits=limits, time=self._time
                    )
                ]
        return []


def answering(kind: type[AnyRequest], *events: Event, after: int = 0) -> Chatroom:
    """One that answers requests of this kind so, once it has answered so many of them in order."""
    seen: list[object] = []

    def first(request: object) -> Sequence[Event] | None:
        if not isinstance(request, kind):
            return None
        seen.append(request)
        return events if len(seen) > after else None

    return Chatroom(first)


def sealed(context: ssl.SSLContext, serve: Serve) -> Serve:
    def shake_hands(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as tls:
            serve(tls)

    return shake_hands


def by_first_byte(encrypted: Serve, plain: Serve) -> Serve:
    def serve(sock: socket.socket) -> None:
        (encrypted if sock.recv(1, socket.MSG_PEEK) == b"\x16" else plain)(sock)

    return serve
