"""One connection's bytes: `recv` waits, `send` never does, and only the thread that reads closes.

Knows TCP sockets and how systems differ in them. Knows nothing of frames. Any thread may send and may end a
direction; but a descriptor that is closed under its sleeping reader may be the next connection's a moment later, so
the reader is woken by a shutdown and closes it itself.
"""

import contextlib
import select
import selectors
import socket
import struct
import sys

DEAD_AFTER = 60
"""After so many seconds a peer that acknowledges nothing counts as dead."""

if sys.platform == "win32":
    _AT_ONCE = 0  # the socket itself does not block, and the reader waits in select
else:
    _AT_ONCE = socket.MSG_DONTWAIT

_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
# Of Linux's struct tcp_info: how many segments wait to be acknowledged, and for how many ms nothing has been.
_TCP_INFO = struct.Struct("24xI28xI")


class Stream:
    """A connected TCP socket. What is sent over it is first sealed, which here means: left as it is."""

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        sock.setblocking(sys.platform != "win32")
        with contextlib.suppress(OSError):  # a peer that is gone already is noticed by the first recv
            _watch_over(sock)

    def fileno(self) -> int:
        return self._socket.fileno()

    def recv(self, size: int) -> bytes:
        """Waits for bytes; b"" when there will be no more, for whatever reason. Called by the reading thread."""
        try:
            if sys.platform == "win32":
                select.select([self._socket], [], [])
            return self._socket.recv(size)
        except OSError:
            return b""

    def send(self, data: bytes | memoryview) -> int:
        """How many bytes the system took, perhaps 0; never waits. Raises OSError once the connection is broken."""
        try:
            return self._socket.send(data, _AT_ONCE)
        except BlockingIOError:
            return 0

    def seal(self, data: bytes) -> bytes:
        """What to send in place of these bytes. Any thread."""
        return data

    def seal_end(self) -> bytes:
        """What to send last. Any thread."""
        return b""

    def drain(self) -> bytes:
        """What the reading side has to send. Any thread."""
        return b""

    def wait_to_send(self, seconds: float) -> None:
        """Waits until the system may take more, or the connection is broken; at most so long. One sending thread."""
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_WRITE)
            selector.select(seconds)

    def end_sending(self) -> None:
        """Tells the peer that nothing more will come; it still may speak. Any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def shut_down(self) -> None:
        """Ends both directions and so wakes the reader. Any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives the descriptor back. Called by the reading thread, last."""
        self._socket.close()

    def is_dead(self) -> bool:
        """Whether the peer owes acknowledgements for too long. The system's own keepalive sees idle peers only."""
        if sys.platform != "linux":
            return False  # there the system gives up on unacknowledged bytes by itself, in about this time
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
            waiting, silent_ms = _TCP_INFO.unpack(info)
        except (OSError, struct.error):
            return False
        return bool(waiting) and int(silent_ms) > DEAD_AFTER * 1_000


def _watch_over(sock: socket.socket) -> None:
    """No delay for small messages; and the system asks an idle peer now and then whether it is still there."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
