"""Many clients over real sockets in one thread: they come in, send, and count what they hear.

Knows a dialect and an address; nothing of how a server is started or what is measured. The hot path is
``_readable``: one read into a shared buffer and one count, whatever the number of messages in it.
"""

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .dialects import Dialect, Step
from .figures import Counter

PATIENCE = 20.0  # seconds without a byte from the server
JOINING = 500  # clients that join at the same time: who comes is told to all, so one by one takes minutes

Ear = Callable[[bytes], None]


class StuckError(Exception):
    """The server closed a connection or fell silent, and more was due from it."""


class Client:
    """One connection. ``ear`` gets all it hears, if anyone wants to know more than how many messages."""

    def __init__(self, index: int, sock: socket.socket, tail: bytearray) -> None:
        self.index = index
        self.sock = sock
        self.tail = tail
        self.unsent = b""
        self.ear: Ear | None = None


class Crowd:
    """Clients u0, u1, ... of one server.

    ``levels[i]`` is how many of the messages said so far client i is done with: those it heard, and its own where
    the server does not echo them. At rest every level equals ``said``.
    """

    def __init__(self, dialect: Dialect, port: int, backlog: int, *, encrypted: bool = False) -> None:
        self.dialect = dialect
        self._encryption = _any_certificate() if encrypted else None
        self.backlog = backlog
        self.address = ("127.0.0.1", port)
        self.clients: list[Client] = []
        self.levels: list[int] = []
        self.said = 0
        self._counter = Counter(dialect.marker)
        self._selector = selectors.DefaultSelector()
        self._slowest = 0
        self._heard_at = 0.0

    # -- coming in

    def enter(self, count: int, room_of: Callable[[int], str]) -> None:
        """``count`` more clients connect and are greeted, then they join their rooms.

        No more come at once than may wait at the server's door: the system makes others wait for a second and longer.
        """
        here, end = len(self.clients), len(self.clients) + count
        for first in range(here, end, self.backlog):
            new = [self._connect(index) for index in range(first, min(first + self.backlog, end))]
            self._ask((client, self.dialect.greet(f"u{client.index}")) for client in new)
        for first in range(here, end, JOINING):
            new = self.clients[first : first + JOINING]
            self._ask((client, self.dialect.join(room_of(client.index))) for client in new)

    def level_out(self) -> None:
        """Wait until the server has done all that anyone asked for."""
        self._ask((client, self.dialect.barrier) for client in self.clients)

    def _connect(self, index: int) -> Client:
        sock = socket.create_connection(self.address, PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._encryption:
            sock = self._encryption.wrap_socket(sock)
        sock.setblocking(False)
        client = Client(index, sock, self._counter.blank)
        self._selector.register(sock, selectors.EVENT_READ, client)
        self.clients.append(client)
        self.levels.append(self.said)
        return client

    def _ask(self, asked: Iterable[tuple[Client, Step]]) -> None:
        """Each of the clients sends its words; wait until each has its answer."""
        waiting: set[int] = set()
        for client, (words, answer) in asked:
            waiting.add(client.index)
            client.ear = _listener(client, answer, waiting)
            self._send(client, client.unsent + words)
        self._run_until(lambda: not waiting, lambda: f"{len(waiting)} clients wait for an answer")

    # -- talking

    def say(self, client: Client, blob: bytes, messages: int) -> None:
        """Send a blob that holds so many messages."""
        self.said += messages
        if not self.dialect.echoes:
            self.levels[client.index] += messages
        self._send(client, client.unsent + blob)

    def slowest(self, wanted: int) -> int:
        """The lowest level; not looked up again while the last one known is at least what is wanted."""
        if self._slowest < wanted:
            self._slowest = min(self.levels)
        return self._slowest

    def settle(self) -> None:
        """Wait until everybody has heard everything."""
        self._run_until(lambda: self.slowest(self.said) >= self.said, self._missing)
        if max(self.levels) > self.said:
            raise StuckError(f"a client heard {max(self.levels) - self.said} messages too many")

    def listen(self, timeout: float) -> None:
        """One round: read and count what has come, send what did not fit before."""
        ready = self._selector.select(timeout)
        if ready:
            self._heard_at = time.monotonic()
        for key, events in ready:
            if events & selectors.EVENT_READ:
                self._readable(key.data)
            if events & selectors.EVENT_WRITE:
                self._send(key.data, key.data.unsent)

    def close(self) -> None:
        self._selector.close()
        for client in self.clients:
            client.sock.close()

    def _readable(self, client: Client) -> None:
        """What TLS has decrypted and not given out yet would not wake the selector."""
        try:
            self._read(client)
            while isinstance(client.sock, ssl.SSLSocket) and client.sock.pending():
                self._read(client)
        except ssl.SSLWantReadError:
            pass

    def _read(self, client: Client) -> None:
        counter = self._counter
        size = client.sock.recv_into(counter.room)
        if not size:
            raise StuckError(f"the server closed u{client.index}")
        found, client.tail = counter.count(client.tail, size)
        self.levels[client.index] += found
        if client.ear:
            client.ear(bytes(counter.room[:size]))

    def _send(self, client: Client, data: bytes) -> None:
        try:
            sent = client.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        was_full = bool(client.unsent)
        client.unsent = data[sent:]
        if was_full != bool(client.unsent):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
            self._selector.modify(client.sock, events, client)

    def _run_until(self, done: Callable[[], bool], missing: Callable[[], str]) -> None:
        self._heard_at = time.monotonic()
        while not done():
            self.listen(1.0)
            if time.monotonic() > self._heard_at + PATIENCE:
                raise StuckError(missing())

    def _missing(self) -> str:
        late = [self.said - level for level in self.levels if level < self.said]
        return f"{len(late)} clients have not heard all that was said; the last lacks {max(late, default=0)} messages"


def _any_certificate() -> ssl.SSLContext:
    """The server has just made its own, and only its speed is of interest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _listener(client: Client, answer: bytes, waiting: set[int]) -> Ear:
    heard = b""

    def hear(chunk: bytes) -> None:
        nonlocal heard
        heard = heard[-len(answer) :] + chunk
        if answer in heard:
            client.ear = None
            waiting.discard(client.index)

    return hear


@contextmanager
def gathered(dialect: Dialect, port: int, backlog: int, *, encrypted: bool = False) -> Iterator[Crowd]:
    crowd = Crowd(dialect, port, backlog, encrypted=encrypted)
    try:
        yield crowd
    finally:
        crowd.close()
