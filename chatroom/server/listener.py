"""The door: binds, accepts, and turns newcomers away when there is no descriptor or thread left for them.

Knows listening sockets and their troubles. Knows nothing of what happens to a connection that was let in.
"""

import contextlib
import errno
import os
import selectors
import socket
import sys
import threading
from collections.abc import Callable

from chatroom.errors import StartError
from chatroom.server.admission import NoRoom
from chatroom.wire import NATIVE, fatal

BACKLOG = 4_096
SPARE = 100
"""So many descriptors a server needs for other things than connections."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}

_ADVICE = {
    errno.EADDRINUSE: "another program uses that port; stop it, or choose another --port",
    errno.EACCES: "you may not use that port; choose a --port above 1023",
    errno.EADDRNOTAVAIL: "this computer has no such address; choose another --host",
}


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, or StartError with one sentence that says what to do."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise StartError(f"Cannot listen on {host}: no such address; choose another --host.") from error
    sock = socket.socket(family, kind, protocol)
    try:
        _claim(sock)
        sock.bind(address)
        sock.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        sock.close()
        advice = _ADVICE.get(getattr(error, "errno", None) or 0, str(error))
        raise StartError(f"Cannot listen on {host}:{port}: {advice}.") from error
    return sock


def _claim(sock: socket.socket) -> None:
    """The port is ours alone; on POSIX also when connections of a server that just ended still linger."""
    if sys.platform == "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def want_descriptors(number: int) -> None:
    """Lets this process have so many, and some more for files, or as many as it may. Systems begin with few."""
    if sys.platform != "win32":
        import resource

        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = number + SPARE if most == resource.RLIM_INFINITY else min(number + SPARE, most)
        if allowed != resource.RLIM_INFINITY and allowed < wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class Listener:
    """Has one thread, which calls `admit(socket, address)` for each newcomer; NoRoom from it turns that one away.
    Where descriptors are short, `make_way` says whether somebody goes whose descriptor will be free at once."""

    def __init__(
        self,
        sock: socket.socket,
        admit: Callable[[socket.socket, object], None],
        make_way: Callable[[], bool] = lambda: False,
    ) -> None:
        self._socket = sock
        self._socket.setblocking(False)
        self._admit = admit
        self._make_way = make_way
        self._ear, self._bell = socket.socketpair()
        self._stopping = threading.Event()
        self._reserve: int | None = None
        self._thread = threading.Thread(target=self._run, name="chatroom listener", daemon=True)

    def start(self) -> None:
        self._keep_reserve()
        self._thread.start()

    def stop(self) -> None:
        """Returns once nobody is let in any more."""
        self._stopping.set()
        self._bell.send(b"!")
        self._thread.join()
        for sock in (self._socket, self._ear, self._bell):
            sock.close()
        self._free_reserve()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                self._accept()

    def _accept(self) -> None:
        try:
            sock, address = self._socket.accept()
        except OSError as error:  # above all: nobody is there after all
            if error.errno in _EXHAUSTED:
                self._make_room()
            return
        try:
            self._admit(sock, address)
        except NoRoom as full:
            _turn_away(sock, full)

    def _make_room(self) -> None:
        """Out of descriptors: the one in reserve serves to answer a newcomer, who would else stay in the queue and
        keep this thread spinning. Better if somebody makes way: then it is let in at the next turn."""
        if self._make_way():
            self._stopping.wait(0.01)
            return
        self._free_reserve()
        try:
            sock, _ = self._socket.accept()
        except OSError:
            self._stopping.wait(0.1)
        else:
            _turn_away(sock, NoRoom())
        self._keep_reserve()

    def _keep_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve = os.open(os.devnull, os.O_RDONLY)

    def _free_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None


def _turn_away(sock: socket.socket, why: NoRoom) -> None:
    with sock, contextlib.suppress(OSError):
        sock.setblocking(False)
        sock.send(NATIVE.encode([fatal("full", str(why))]))
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65_536)  # what lies unread would make the close cut off the answer
