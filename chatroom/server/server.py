"""The server, put together: a door, connections, a hub, and the threads that keep house.

Knows which parts there are, and in which order they start and stop. Prints nothing.
"""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, Unpack

from chatroom.addresses import ip_of
from chatroom.errors import StartError, StoreFailed
from chatroom.messages import Farewell
from chatroom.net.stream import Stream
from chatroom.server.accounts import Accounts, Policy
from chatroom.server.admission import Doorkeeper, Handshakes, NoRoom, Place
from chatroom.server.budget import KIB, MIB, Budget
from chatroom.server.connection import Connection, House, Plain
from chatroom.server.encryption import Encryption
from chatroom.server.figures import Figures
from chatroom.server.flusher import Flusher
from chatroom.server.hub import Hub
from chatroom.server.limits import Caps, LimitOptions
from chatroom.server.listener import Listener, bind
from chatroom.server.metrics import Metrics, open_metrics
from chatroom.server.operating import OperatorDoor
from chatroom.server.operator import Operator
from chatroom.server.pace import Pace
from chatroom.server.store import open_store
from chatroom.server.trim import Trimmer

log = logging.getLogger(__name__)

DEFAULT_PORT = 5002
STORE_FILE = "chatroom.db"

CLOSING_SECONDS = 3.0
"""So long a closing server waits for what is under way, and for its clients to read it."""

TICK_SECONDS = 1.0
LEAVE_SECONDS = 0.5
"""So long clients that were sent the last word may take to close, before they are cut off."""

LIFE_TICKS = 10
PRUNE_TICKS = 5
SEEN_TICKS = 3
GUEST_TICKS = 3_600


class Server:
    """A chat server in this process: `with Server(port=0) as server: ... server.port`.

    Without `data` and `store` it keeps everything in memory. `rate` is how many messages a second one client may say,
    0 for any number; `history` for how many seconds what was said is kept, None for ever. Whoever asks for TLS gets
    it, by the certificate and key in these files, or by one that the server makes itself and keeps in `data`; `plain`
    says who is served without: only this computer, unless it is "always" or "never". `metrics` is a port on which this
    computer is told figures for Prometheus. The other limits stand in `chatroom.server.limits.Caps`.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        data: str | Path | None = None,
        store: str | None = None,
        durability: Literal["power", "process"] = "power",
        max_clients: int = 10_000,
        rate: float = 10,
        history: float | None = None,
        name: str = "chatroom",
        cert: str | Path | None = None,
        key: str | Path | None = None,
        plain: Plain = "loopback",
        accounts: Policy = "open",
        server_password: str | None = None,
        metrics: int | None = None,
        **limits: Unpack[LimitOptions],
    ) -> None:
        self._host = host
        self._port = port
        default = f"sqlite:{Path(data) / STORE_FILE}" if data else "memory:"
        self._url = default if store is None else store
        self._flush = durability == "power"
        self._caps = Caps(rate=rate, max_clients=max_clients, **limits)
        self._history_ms = None if history is None else int(history * 1_000)
        self._name = name
        self._plain = plain
        self._data = _path(data)
        self._policy: Policy = accounts
        self._server_password = server_password
        self._metrics_on = metrics
        self._metrics: Metrics | None = None
        self._encryption = Encryption(_path(data), _path(cert), _path(key))
        self._connections: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="chatroom keeper", daemon=True)
        self._running = False

    _operators: OperatorDoor | None = None

    # --------------------------------------------------------------------------------------- start and stop

    def start(self) -> Self:
        """Listens, or raises StartError and has changed nothing."""
        with contextlib.ExitStack() as opened:
            sock = opened.enter_context(bind(self._host, self._port))
            self._store = opened.enter_context(contextlib.closing(open_store(self._url, flush=self._flush)))
            try:
                hub = self._open_hub()
            except StoreFailed as failure:
                raise StartError(failure.text) from failure
            self._encryption.prepare()
            figures = self._count(hub)
            self.host, self.port = sock.getsockname()[:2]
            if self._data:
                self._operators = OperatorDoor(Operator(hub), self._data, self.host, self.port)
                opened.callback(self._operators.close)
            if self._metrics_on is not None:
                self._metrics = open_metrics(self._metrics_on, figures)
            opened.pop_all()  # from here on `close` does it
        self._flusher, self._pace = Flusher(), Pace()
        self._house = self._furnish(hub, figures)
        self._listener = Listener(sock, self._admit, self._doorkeeper.make_way)
        for part in (self._flusher, self._keeper, self._listener):
            part.start()
        self._running = True
        return self

    def _open_hub(self) -> Hub:
        accounts = Accounts(self._store.people, policy=self._policy, server_password=self._server_password)
        caps = self._caps
        return Hub(
            self._store, self._later, max_clients=caps.max_clients, rooms_each=caps.rooms_each, accounts=accounts
        )

    def _count(self, hub: Hub) -> Figures:
        """From here on it is counted who comes, and what waits."""
        caps = self._caps
        self._budget = Budget(each=caps.waiting * KIB, total=caps.memory * MIB)
        self._doorkeeper = Doorkeeper(
            max_clients=caps.max_clients, strangers=caps.strangers, per_address=caps.per_address
        )
        return Figures(hub, self._budget, self._doorkeeper)

    def _furnish(self, hub: Hub, figures: Figures) -> House:
        """What every connection shares."""
        return House(
            hub=hub,
            flusher=self._flusher,
            name=self._name,
            caps=self._caps,
            budget=self._budget,
            handshakes=Handshakes(self._caps.handshakes),
            figures=figures,
            tls=self._tls,
            plain=self._plain,
            operator=self._operators.answer if self._operators else None,
        )

    @property
    def metrics_port(self) -> int | None:
        """Where the figures for Prometheus are."""
        return self._metrics.port if self._metrics else None

    def _tls(self) -> ssl.SSLContext:
        return self._encryption.shown().context

    @property
    def fingerprint(self) -> str:
        """Of the certificate that clients are shown: 64 hexadecimal digits."""
        return self._encryption.shown().fingerprint

    def reload_certificate(self) -> None:
        """New connections get what is in the certificate's files now; nobody who is here is disturbed."""
        self._encryption.reload()

    def _later(self, job: Callable[[], object]) -> None:
        self._flusher.call(job)

    def close(self) -> None:
        """Lets nobody in any more, stores and hands out what was accepted, says bye to all, and stops."""
        if not self._running:
            return
        self._running = False
        deadline = time.monotonic() + CLOSING_SECONDS
        self._listener.stop()
        self._closing.set()
        self._keeper.join()
        if self._metrics:
            self._metrics.close()
        if self._operators:
            self._operators.close()
        self._part_with_everybody(deadline)
        self._flusher.stop()
        _patiently(self._house.hub.directory.keep_seen)
        self._store.close()
        self._pace.end()

    def _part_with_everybody(self, deadline: float) -> None:
        connections = self._all()
        for connection in connections:
            connection.stop()
        for connection in connections:  # only then will nobody post any more
            connection.wait_until_idle(_seconds_to(deadline))
        self._house.hub.directory.settle(deadline)
        for connection in connections:
            connection.end(Farewell("The server is shutting down.", retry=1_000))
        for connection in connections:
            connection.wait_until_sent(_seconds_to(deadline))
        self._wait_for_all(min(deadline, time.monotonic() + LEAVE_SECONDS))
        for connection in self._all():
            if not connection.is_talking_on:
                connection.hang_up()
        self._wait_for_all(deadline)
        for connection in self._all():
            connection.hang_up()
        self._wait_for_all(deadline + 1)

    def _wait_for_all(self, deadline: float) -> None:
        with self._lock:
            threads = list(self._connections.values())
        for thread in threads:
            thread.join(_seconds_to(deadline))

    def __enter__(self) -> Self:
        return self if self._running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --------------------------------------------------------------------------------------- connections

    def _admit(self, sock: socket.socket, address: object) -> None:
        """Gives a newcomer a thread, or raises NoRoom. Called by the listener."""
        ip = ip_of(address)
        connection = Connection(Stream(sock), address, ip, self._house)
        place = self._doorkeeper.let_in(ip, connection.hang_up)
        connection.on_welcome = partial(self._doorkeeper.seat, place)
        thread = threading.Thread(
            target=self._attend, args=(connection, place), name=f"chatroom {address}", daemon=True
        )
        with self._lock:
            self._connections[connection] = thread
        connection.note_beginning()
        try:
            thread.start()
        except RuntimeError:  # can't start new thread
            self._forget(connection, place)
            connection.note_end()
            self._doorkeeper.make_way()  # for the next one
            raise NoRoom from None

    def _attend(self, connection: Connection, place: Place) -> None:
        try:
            connection.run()
        finally:
            self._forget(connection, place)

    def _forget(self, connection: Connection, place: Place) -> None:
        self._doorkeeper.let_out(place)
        with self._lock:
            del self._connections[connection]

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    # -------------------------------------------------------------------------------------------- keeper

    def _keep(self) -> None:
        """The keeper's thread: ends what is overdue, erases what is too old, and writes down what was read."""
        tick, trimmer = 0, Trimmer()
        while not self._closing.wait(TICK_SECONDS):
            tick += 1
            number = self._look_after_all(also_life=tick % LIFE_TICKS == 0)
            trimmer.look(number)
            self._pace.keep(number)
            if tick % PRUNE_TICKS == 1:
                _patiently(partial(self._house.hub.directory.prune, self._history_ms))
            _patiently(self._index)
            if tick % SEEN_TICKS == 0:
                _patiently(self._house.hub.directory.keep_seen)
            if tick % GUEST_TICKS == 1:
                _patiently(self._house.hub.tidy_sessions)

    def _look_after_all(self, *, also_life: bool) -> int:
        """How many there are. None is held on to afterwards: what TLS keeps for one is large."""
        connections = self._all()
        for connection in connections:
            connection.check(time.monotonic())
            if also_life:
                connection.check_life()
        return len(connections)

    def _index(self) -> None:
        """A little of what was said since lately; a search does the rest."""
        self._store.index()


def _patiently(job: Callable[[], None]) -> None:
    """A store that fails is asked again at the next turn."""
    try:
        job()
    except StoreFailed as failure:
        log.warning("%s", failure.text)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _seconds_to(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
