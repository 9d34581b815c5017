"""The server, put together: a door, connections, a hub, and the threads that keep house.

Knows which parts there are, and in which order they start and stop. Prints nothing.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from chatroom.errors import StartError, StoreFailed
from chatroom.messages import Farewell
from chatroom.net.stream import Stream
from chatroom.server.connection import Connection, House
from chatroom.server.flusher import Flusher
from chatroom.server.hub import Hub
from chatroom.server.limits import STRANGERS
from chatroom.server.listener import Listener, NoRoom, bind
from chatroom.server.store import open_store

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
    0 for any number; `history` for how many seconds what was said is kept, None for ever.
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
    ) -> None:
        self._host = host
        self._port = port
        default = f"sqlite:{Path(data) / STORE_FILE}" if data else "memory:"
        self._url = default if store is None else store
        self._flush = durability == "power"
        self._max_clients = max_clients
        self._rate = rate
        self._history_ms = None if history is None else int(history * 1_000)
        self._name = name
        self._connections: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="chatroom keeper", daemon=True)
        self._running = False

    # --------------------------------------------------------------------------------------- start and stop

    def start(self) -> Self:
        """Listens, or raises StartError and has changed nothing."""
        with contextlib.ExitStack() as opened:
            sock = opened.enter_context(bind(self._host, self._port))
            self._store = opened.enter_context(contextlib.closing(open_store(self._url, flush=self._flush)))
            try:
                hub = Hub(self._store, self._later, max_clients=self._max_clients)
            except StoreFailed as failure:
                raise StartError(failure.text) from failure
            opened.pop_all()  # from here on `close` does it
        self._flusher = Flusher()
        self._house = House(hub, self._flusher, self._name, self._rate)
        self.host, self.port = sock.getsockname()[:2]
        self._listener = Listener(sock, self._admit)
        for part in (self._flusher, self._keeper, self._listener):
            part.start()
        self._running = True
        return self

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
        self._part_with_everybody(deadline)
        self._flusher.stop()
        _patiently(self._house.hub.keep_seen)
        self._store.close()

    def _part_with_everybody(self, deadline: float) -> None:
        connections = self._all()
        for connection in connections:
            connection.stop()
        for connection in connections:  # only then will nobody post any more
            connection.wait_until_idle(_seconds_to(deadline))
        self._house.hub.settle(deadline)
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
        if len(self._connections) >= self._max_clients + STRANGERS:
            raise NoRoom
        connection = Connection(Stream(sock), address, self._house)
        thread = threading.Thread(target=self._attend, args=(connection,), name=f"chatroom {address}", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # can't start new thread
            self._forget(connection)
            raise NoRoom from None

    def _attend(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            del self._connections[connection]

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    # -------------------------------------------------------------------------------------------- keeper

    def _keep(self) -> None:
        """The keeper's thread: ends what is overdue, erases what is too old, and writes down what was read."""
        tick = 0
        while not self._closing.wait(TICK_SECONDS):
            tick += 1
            connections = self._all()
            for connection in connections:
                connection.check(time.monotonic())
            if tick % LIFE_TICKS == 0:
                for connection in connections:
                    connection.check_life()
            if self._history_ms is not None and tick % PRUNE_TICKS == 1:
                _patiently(partial(self._house.hub.prune, self._history_ms))
            if tick % SEEN_TICKS == 0:
                _patiently(self._house.hub.keep_seen)
            if tick % GUEST_TICKS == 1:
                _patiently(self._house.hub.tidy_guests)


def _patiently(job: Callable[[], None]) -> None:
    """A store that fails is asked again at the next turn."""
    try:
        job()
    except StoreFailed as failure:
        log.warning("%s", failure.text)


def _seconds_to(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
