"""What a client meets in these tests: a server that follows a script, a proxy that mistreats bytes, and an ear that
hears a client's events. Nothing here sleeps: everything waits for a fact, and gives up after TIMEOUT."""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from chatroom.client.clock import now
from chatroom.client.events import ClientEvent
from chatroom.client.link import Link
from chatroom.client.session import Client
from chatroom.client.trust import Pin, Trust
from chatroom.errors import Refusal
from chatroom.messages import AnyRequest, Event, Hello, Join, Limits, Live, Message, Room, Welcome
from chatroom.wire import Unreadable, native

TIMEOUT = 20.0

PLAIN_PORTS: set[int] = set()
"""Of servers that know no TLS."""

R = TypeVar("R")
E = TypeVar("E")


class Ear:
    """Hears a client's events in a thread of its own."""

    def __init__(self, client: Client) -> None:
        self._queue: queue.SimpleQueue[ClientEvent | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._hear, args=(client.events(),), daemon=True)
        self._thread.start()

    def _hear(self, events: Iterator[ClientEvent]) -> None:
        for event in events:
            self._queue.put(event)
        self._queue.put(None)

    def until(self, is_it: Callable[[ClientEvent], bool]) -> list[ClientEvent]:
        """The events up to the first for which it is so, that one included."""
        heard: list[ClientEvent] = []
        while not heard or not is_it(heard[-1]):
            heard.append(self._next())
        return heard

    def until_a(self, kind: type[E]) -> E:
        """The next event of this kind."""
        return cast(E, self.until(lambda event: isinstance(event, kind))[-1])

    def until_said(self, *texts: str) -> list[str]:
        """The texts of the messages up to the one that says the last of these."""
        heard = self.until(lambda event: isinstance(event, Message) and event.message == texts[-1])
        return [event.message for event in heard if isinstance(event, Message)]

    def rest(self) -> list[ClientEvent]:
        """What is heard until the client has ended."""
        return list(iter(lambda: self._queue.get(timeout=TIMEOUT), None))

    def _next(self) -> ClientEvent:
        event = self._queue.get(timeout=TIMEOUT)
        assert event is not None, "the client has ended"
        return event


def in_lobby(client: Client) -> Ear:
    """Starts the client, which enters the lobby; the ear has heard all that this led to."""
    ear = Ear(client.start())
    client.join("lobby", recent=0)
    ear.until_a(Live)
    return ear


def acquaint(data: Path, port: int) -> Pin:
    """Clients that keep what they know there know this server from now on."""
    trust = Trust(data, "127.0.0.1", port)
    link = Link("127.0.0.1", port, now, trust)
    pin = link.knock()
    link.close()
    assert pin
    trust.keep(pin)
    return pin


def refusal(future: Future[Any]) -> Refusal:
    error = future.exception(TIMEOUT)
    assert isinstance(error, Refusal)
    return error


def texts(heard: list[ClientEvent]) -> list[str]:
    return [event.message for event in heard if isinstance(event, Message)]


# ------------------------------------------------------------------------------------------- a server with a script


def message(
    seq: int, text: str = "", *, room: str = "lobby", by: str = "bob", id: str = "b", replayed: bool = False
) -> Message:
    return Message(room, seq, 1_000 + seq, by, text or f"m{seq}", id, replayed=replayed)


def room_answer(join: AnyRequest, *, since: int = 0, last: int | None = None, **more: Any) -> Room:
    facts: dict[str, Any] = {
        "room": "lobby", "epoch": "e", "topic": "", "members": [], "first": 1, "last": since if last is None else last,
        "since": since, "gap": False, "reset": False, "id": join.id,
    }  # fmt: skip
    return Room(**(facts | more))


def welcome(username: str = "ada", session: str = "secret", rate: float = 0) -> Welcome:
    limits = Limits(65_536, 4_000, rate)
    return Welcome(protocol=1, server="script", username=username, session=session, role="guest", limits=limits, time=0)


class Caller:
    """One client's connection, seen from the script."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(TIMEOUT)
        self._codec = native.requests()
        self._requests: list[AnyRequest | Unreadable] = []

    def expect(self, kind: type[R]) -> R:
        """The next request, which must be of this kind."""
        while not self._requests:
            data = self._socket.recv(65_536)
            assert data, f"the client hung up; a {kind.__name__} was expected"
            self._requests += self._codec.receive(data)
        request = self._requests.pop(0)
        assert isinstance(request, kind), f"{request} came; a {kind.__name__} was expected"
        return request

    def let_in(self, session: str = "secret") -> Hello:
        hello = self.expect(Hello)
        self.send(welcome(hello.username, session))
        return hello

    def let_into_room(self, *messages: Message, since: int = 0, **more: Any) -> Join:
        """Answers the next join with these messages."""
        join = self.expect(Join)
        last = messages[-1].seq if messages else since
        self.send(room_answer(join, since=since, last=last, **more), *messages, Live(more.get("room", "lobby"), last))
        return join

    def send(self, *events: Event) -> None:
        self.send_raw(native.encode(events))

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def has_hung_up(self) -> bool:
        """Waits until the client has."""
        while data := self._receive():
            self._requests += self._codec.receive(data)
        return True

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionError:
            return b""

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Script:
    """A listening server; the test itself says what it does with each caller."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT)
        self.port: int = self._listener.getsockname()[1]
        PLAIN_PORTS.add(self.port)
        self._callers: list[Caller] = []

    def caller(self) -> Caller:
        """The next one."""
        caller = Caller(self._listener.accept()[0])
        self._callers.append(caller)
        return caller

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        PLAIN_PORTS.discard(self.port)
        self._listener.close()
        for caller in self._callers:
            caller.hang_up()


def meet(script: Script, client: Client) -> Caller:
    """Starts the client; the script lets it in."""
    thread = threading.Thread(target=client.start)
    thread.start()
    caller = script.caller()
    caller.let_in()
    thread.join(TIMEOUT)
    return caller


# ------------------------------------------------------------------------------------------------------- a bad line


class Proxy:
    """Between a client and a server. It can cut or freeze its connections, and chop what passes into small pieces."""

    def __init__(self, port: int, *, piece: int = 65_536) -> None:
        self._to = port
        self._piece = piece
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._open = True
        self._gates: list[threading.Event] = []
        self._gate = self._new_gate()
        self._start(self._accept)

    def redirect(self, port: int) -> None:
        """Newcomers get to another server."""
        self._to = port

    def cut(self) -> None:
        """Every connection, now."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for sock in pair:
                _shut(sock)

    def shut_the_door(self) -> None:
        """Cuts, and lets nobody in until `open_the_door`."""
        self._open = False
        self.cut()

    def open_the_door(self) -> None:
        self._open = True

    def freeze(self) -> None:
        """Nothing passes any more on the connections that there are, and neither side notices that the other goes."""
        self._gate.clear()
        self._gate = self._new_gate()

    def _new_gate(self) -> threading.Event:
        gate = threading.Event()
        gate.set()
        self._gates.append(gate)
        return gate

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            if not self._open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._to), timeout=TIMEOUT)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._pairs.append((near, far))
            self._start(self._serve, near, far, self._gate)

    def _serve(self, near: socket.socket, far: socket.socket, gate: threading.Event) -> None:
        back = threading.Thread(target=self._pump, args=(far, near, gate), daemon=True)
        back.start()
        self._pump(near, far, gate)
        back.join()
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(self._piece):
                gate.wait()
                self._pass_on(data, sink)
        gate.wait()
        for sock in (source, sink):
            _shut(sock)

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        sink.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        for gate in self._gates:
            gate.set()
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(TIMEOUT)
        self._listener.close()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
