"""TLS for one of the load's sockets, done in memory: the system is asked once for all that has come, where an SSLSocket
asks it twice for each record. Looks like a socket that never waits; whose certificate it is shown is not looked at.
"""

import socket
import ssl
from contextlib import suppress

RECORD = 16 * 1024
"""The most plain bytes in one record."""
MOST = 240 * 1024
"""So much is taken from the system at once: with the record that was cut off before, it fits a `Counter`'s room."""


def any_certificate() -> ssl.SSLContext:
    """The server has just made its own, and only its speed is of interest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Sealed:
    """The handshake waits for nobody: it begins with the first words and goes on with what comes."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        self._owed = b""

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def recv_into(self, room: memoryview) -> int:
        """How many bytes were sealed in what has come; 0 at the end. BlockingIOError if there were none."""
        came = self._sock.recv(MOST)
        self._incoming.write(came)
        size = 0
        with suppress(ssl.SSLWantReadError):
            while piece := self._tls.read(RECORD):
                room[size : size + len(piece)] = piece
                size += len(piece)
        self._pass_on()
        if came and not size:
            raise BlockingIOError
        return size

    def send(self, data: bytes) -> int:
        """How many of them are taken; none while the handshake goes on, or earlier ones wait."""
        sent = 0
        self._pass_on()
        if data and not self._owed:
            with suppress(ssl.SSLWantReadError):
                sent = self._tls.write(data)
            self._pass_on()
        return sent

    def must_wait(self) -> bool:
        """Whether the system has not taken all that was."""
        return bool(self._owed)

    def is_shaking_hands(self) -> bool:
        return self._tls.version() is None

    def _pass_on(self) -> None:
        self._owed += self._outgoing.read()
        if self._owed:
            with suppress(BlockingIOError):
                self._owed = self._owed[self._sock.send(self._owed) :]
