"""Many clients over real sockets in one thread: they come in, send, and count what they hear.

Knows a dialect and an address; nothing of how a server is started or what is measured. The hot path is
``_readable``: one read into a shared buffer and one count, whatever the number of messages in it.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from .dialects import Dialect, Step
from .encryption import Sealed, any_certificate
from .figures import Counter

PATIENCE = 20.0  # seconds without a byte from the server
LONGEST = 300.0  # seconds that a run may take, whatever it hears meanwhile
JOINING = 500  # clients that join at the same time: who comes is told to all, so one by one takes minutes

Ear = Callable[[bytes], None]


class StuckError(Exception):
    """The server closed a connection or fell silent, and more was due from it."""


class Room:
    """What was said in one room, and how far each of its people is with it.

    ``levels[place]`` is how many of the messages said so far that one is done with: those it heard, and its own where
    the server does not echo them. At rest every level equals ``said``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.said = 0
        self.levels: list[int] = []
        self._slowest = 0

    def seat(self) -> int:
        """A place for one more, who is done with all that was said before."""
        self.levels.append(self.said)
        return len(self.levels) - 1

    def slowest(self, wanted: int) -> int:
        """The lowest level; not looked up again while the last one known is at least what is wanted."""
        if self._slowest < wanted:
            self._slowest = min(self.levels, default=self.said)
        return self._slowest

    def is_level(self) -> bool:
        return self.slowest(self.said) >= self.said


class Client:
    """One connection. ``ear`` gets all it hears, if anyone wants to know more than how many messages."""

    def __init__(self, index: int, sock: socket.socket | Sealed, tail: bytearray, room: Room) -> None:
        self.index = index
        self.sock = sock
        self.tail = tail
        self.unsent = b""
        self.events = selectors.EVENT_READ
        self.ear: Ear | None = None
        self.move(room)

    def move(self, room: Room) -> None:
        """From now on what it hears is counted there."""
        self.room, self.place = room, room.seat()


class Crowd:
    """Clients u0, u1, ... of one server, each in one room, or still at the door."""

    def __init__(self, dialect: Dialect, port: int, backlog: int, marker: bytes, *, encrypted: bool = False) -> None:
        self.dialect = dialect
        self._encryption = any_certificate() if encrypted else None
        self.backlog = backlog
        self.address = ("127.0.0.1", port)
        self.clients: list[Client] = []
        self.door = Room("")
        self.rooms: dict[str, Room] = {}
        self._counter = Counter(marker)
        self._selector = selectors.DefaultSelector()
        self._heard_at = 0.0
        self._end = time.monotonic() + LONGEST

    @property
    def said(self) -> int:
        """Messages in all rooms so far."""
        return sum(room.said for room in self.rooms.values())

    # -- coming in

    def enter(self, count: int, room_of: Callable[[int], str]) -> None:
        """``count`` more clients come in, then they join their rooms."""
        new = self.come_in(count)
        for first in range(0, count, JOINING):
            self.ask((client, self._join(client, room_of(client.index))) for client in new[first : first + JOINING])

    def come_in(self, count: int) -> list[Client]:
        """``count`` more clients connect and are greeted.

        No more come at once than may wait at the server's door: the system makes others wait for a second and longer.
        """
        here, end = len(self.clients), len(self.clients) + count
        for first in range(here, end, self.backlog):
            new = [self._connect(index) for index in range(first, min(first + self.backlog, end))]
            self.ask((client, self.dialect.greet(f"u{client.index}")) for client in new)
        return self.clients[here:]

    def _join(self, client: Client, name: str) -> Step:
        client.move(self.rooms.setdefault(name, Room(name)))
        return self.dialect.join(name)

    def level_out(self) -> None:
        """Wait until the server has done all that anyone asked for."""
        self.ask((client, self.dialect.barrier) for client in self.clients)

    def _connect(self, index: int) -> Client:
        sock = socket.create_connection(self.address, PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        line = Sealed(sock, self._encryption) if self._encryption else sock
        client = Client(index, line, self._counter.blank, self.door)
        self._selector.register(line, client.events, client)
        self.clients.append(client)
        return client

    def ask(self, asked: Iterable[tuple[Client, Step]]) -> None:
        """Each of the clients sends its words; wait until each has its answer."""
        waiting: set[int] = set()
        for client, (words, answer) in asked:
            waiting.add(client.index)
            client.ear = _listener(client, answer, waiting)
            self._send(client, client.unsent + words)
        self.listen_until(lambda: not waiting, lambda: f"{len(waiting)} clients wait for an answer")

    # -- talking

    def say(self, client: Client, blob: bytes, messages: int) -> None:
        """Send a blob that holds so many messages."""
        client.room.said += messages
        if not self.dialect.echoes:
            client.room.levels[client.place] += messages
        self._send(client, client.unsent + blob)

    def settle(self) -> None:
        """Wait until everybody has heard everything."""
        rooms = self.rooms.values()
        self.listen_until(lambda: all(room.is_level() for room in rooms), self._missing)
        if more := max(max(room.levels) - room.said for room in rooms):
            raise StuckError(f"a client heard {more} messages too many")

    def listen_until(self, done: Callable[[], bool], missing: Callable[[], str]) -> None:
        """Listen until it is done; StuckError with what is missing if the server falls silent before."""
        self._heard_at = time.monotonic()
        while not done():
            self.listen(1.0)
            if time.monotonic() > self._heard_at + PATIENCE:
                raise StuckError(missing())

    def listen(self, timeout: float) -> None:
        """One round: read and count what has come, send what did not fit before."""
        ready = self._selector.select(timeout)
        now = time.monotonic()
        if now > self._end:
            raise StuckError(f"not done after {LONGEST:.0f} s")
        if ready:
            self._heard_at = now
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
        with suppress(BlockingIOError):
            self._read(client)
        if client.unsent and client.events == selectors.EVENT_READ:
            self._send(client, client.unsent)

    def _read(self, client: Client) -> None:
        counter = self._counter
        size = client.sock.recv_into(counter.room)
        if not size:
            raise StuckError(f"the server closed u{client.index}")
        found, client.tail = counter.count(client.tail, size)
        client.room.levels[client.place] += found
        if client.ear:
            client.ear(bytes(counter.room[:size]))

    def _send(self, client: Client, data: bytes) -> None:
        """What does not fit waits until the socket takes more, or until TLS has read what it needs first."""
        sent, events = 0, selectors.EVENT_READ
        with suppress(BlockingIOError):
            sent = client.sock.send(data)
        client.unsent = data[sent:]
        if _waits_for_the_system(client):
            events |= selectors.EVENT_WRITE
        if events != client.events:
            client.events = events
            self._selector.modify(client.sock, events, client)

    def _missing(self) -> str:
        late = [room.said - level for room in self.rooms.values() for level in room.levels if level < room.said]
        return f"{len(late)} clients have not heard all that was said; the last lacks {max(late, default=0)} messages"


def _waits_for_the_system(client: Client) -> bool:
    if isinstance(client.sock, Sealed):
        return client.sock.must_wait() or bool(client.unsent and not client.sock.is_shaking_hands())
    return bool(client.unsent)


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
def gathered(dialect: Dialect, port: int, backlog: int, marker: bytes, *, encrypted: bool = False) -> Iterator[Crowd]:
    crowd = Crowd(dialect, port, backlog, marker, encrypted=encrypted)
    try:
        yield crowd
    finally:
        crowd.close()
