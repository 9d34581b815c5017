"""The one thread that finishes what sockets did not take at once, and does what others put off.

Knows descriptors and callbacks. Knows nothing of bytes, members or rooms.
"""

import contextlib
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)


class HasFileno(Protocol):
    def fileno(self) -> int: ...


class Flusher:
    """Any thread may call any method but `run`. The selector is touched by the flusher's own thread alone."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, self._hear)
        self._jobs: deque[Callable[[], object]] = deque()
        self._stopping = False
        self.progress = threading.Condition(threading.Lock())
        """Notified when something was sent or given up. One for all: a condition for each member is 1 KiB."""
        self._thread = threading.Thread(target=self._run, name="chatroom flusher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.call(self._stop)
        self._thread.join()

    def call(self, job: Callable[[], object]) -> None:
        """Has `job` done soon, by the flusher's thread. It must not wait for anything."""
        self._jobs.append(job)
        with contextlib.suppress(OSError):  # full: it is awake already; closed: nobody is there any more
            self._bell.send(b"!")

    def watch(self, sock: HasFileno, on_writable: Callable[[], bool]) -> None:
        """Calls `on_writable` whenever the socket takes bytes again, until it answers that all is done."""
        self.call(lambda: self._selector.register(sock.fileno(), selectors.EVENT_WRITE, on_writable))

    def forget(self, sock: HasFileno) -> None:
        """Returns once the socket is watched no more, so that it can be closed."""
        forgotten = threading.Event()

        def forget() -> None:
            with contextlib.suppress(ValueError):  # closed already
                self._unwatch(sock.fileno())
            forgotten.set()

        self.call(forget)
        while not forgotten.wait(timeout=1) and self._thread.is_alive():
            pass

    def _unwatch(self, fileno: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(fileno)

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select():
                if not self._safely(key.data):
                    self._unwatch(key.fd)
            for _ in range(len(self._jobs)):
                self._safely(self._jobs.popleft())

    def _safely(self, job: Callable[[], object]) -> object:
        try:
            return job()
        except Exception:  # one member's trouble must not end everybody's flusher
            log.exception("The flusher could not do a job.")
            return None

    def _hear(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)
        return True

    def _stop(self) -> None:
        self._stopping = True
        self._selector.close()
        self._ear.close()
        self._bell.close()
