"""TLS over a connection's bytes, done in memory: one thread reads while others write, which no TLS socket survives.

Knows TLS and streams. Knows nothing of frames, and of which certificate is the right one: pins are the client's own
matter. No lock is held while a socket is waited for.
"""

import contextlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from chatroom.errors import StartError
from chatroom.net.stream import Stream

RECORD = 16_384
"""The most plain bytes in one record. Longer data go through OpenSSL in such pieces: its buffers never shrink."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For a server that shows this certificate, or StartError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # nobody resumes a TLS session: our own sessions are what people come back with
    for path in (certificate, key):
        _check_readable(path)
    try:
        context.load_cert_chain(certificate, key, password="")  # without one, OpenSSL would ask at the terminal
    except ssl.SSLError as error:
        text = f"{certificate} and {key} are no certificate and its key without a password, in the form called PEM."
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"The key {key} is not the one of the certificate {certificate}; give two that belong together."
        raise StartError(text) from error
    return context


def _check_readable(path: Path) -> None:
    """OpenSSL does not say which of its files it could not read."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise StartError(f"Cannot read {path} ({error.strerror}).") from error


def client_context() -> ssl.SSLContext:
    """For a client that looks at the certificate itself, afterwards: no authority is asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class TlsLayer:
    """One end of a TLS connection without the connection: bytes in, bytes out. Any thread may call any method; what
    comes in is given by one thread, and what goes out must be sent in the order in which it was got."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self._lock = threading.Lock()
        self._ended = False
        self.is_open = False
        """Whether the handshake is done."""
        self.is_over = False
        """Whether the peer has said that nothing follows."""
        self.failure: ssl.SSLError | None = None
        """What was wrong with what the peer sent. Nothing more is read then."""

    def receive(self, data: bytes) -> bytes:
        """What these bytes hold, after those before them. Whatever is wrong with them is told by `failure`."""
        with self._lock:
            return b"".join([self._receive(data[at : at + RECORD]) for at in range(0, len(data) or 1, RECORD)])

    def _receive(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        if self.is_over or self.failure:
            return b""
        self._incoming.write(data)
        try:
            if not self.is_open:
                self._tls.do_handshake()
                self.is_open = True
            while piece := self._tls.read(RECORD):
                pieces.append(piece)
            self._finish()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._finish()
        except ssl.SSLError as error:
            self.failure = error.with_traceback(None)  # which holds this layer
        return b"".join(pieces)

    def _finish(self) -> None:
        self.is_over = True
        self._end()

    def seal(self, data: bytes) -> bytes:
        """What to send in place of these bytes. Before the handshake is done, and after the end, they are dropped:
        nobody could read them."""
        with self._lock:
            if not self.is_open or self._ended or self.failure:
                return self._outgoing.read()
            if len(data) <= RECORD:
                return self._seal(data)
            view = memoryview(data)
            return b"".join([self._seal(view[at : at + RECORD]) for at in range(0, len(data), RECORD)])

    def _seal(self, data: bytes | memoryview) -> bytes:
        if data:
            self._tls.write(data)
        return self._outgoing.read()

    def drain(self) -> bytes:
        """What the reading side has to send: the handshake, answers to new keys, what it says of a fault."""
        with self._lock:
            return self._outgoing.read()

    def owes(self) -> bool:
        """Whether there is something to drain."""
        return self._outgoing.pending > 0

    def end(self) -> bytes:
        """What to send last: that nothing follows, so that nobody else can end the connection unseen."""
        with self._lock:
            self._end()
            return self._outgoing.read()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            with contextlib.suppress(ssl.SSLError):  # it awaits the peer's own end, which we need not
                self._tls.unwrap()

    def peer_certificate(self) -> bytes:
        """What the other end has shown, in the form called DER; b"" if nothing."""
        with self._lock:
            return self._tls.getpeercert(binary_form=True) or b""

    def version(self) -> str:
        """Such as TLSv1.3; "" before the handshake."""
        with self._lock:
            return self._tls.version() or ""


class TlsStream(Stream):
    """A stream that carries TLS, over the socket of another, which it takes the place of.

    `recv` gives plain bytes, but `send` takes sealed ones: whoever sends has them sealed, by `seal`, and sends what is
    sealed in that same order. `on_owed` is called by the reading thread when `drain` has something to send, and once
    when the peer does not keep to TLS.
    """

    __slots__ = ("_first", "_plain", "handshaking", "layer", "on_owed")

    def __init__(self, stream: Stream, layer: TlsLayer, first: bytes = b"") -> None:
        self._socket = stream._socket
        self.layer = layer
        self._first = first
        """What was read of the peer before it was known to speak TLS."""
        self._plain = b""
        """What came with the end of the handshake."""
        self.on_owed: Callable[[], object] = lambda: None
        self.handshaking: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        """Held while a step of the handshake is computed, and never while one waits for the peer."""

    def handshake(self) -> bool:
        """Begins, and waits until both ends are agreed. If not, `layer.failure` says why, or else the line was
        closed. Called by the reading thread; a server may as well call `recv` at once."""
        data, self._first = self._first, b""
        self._plain = self._take_in(data)
        while not self.layer.is_open and not self.layer.failure and (data := super().recv(RECORD)):
            self._plain = self._take_in(data)
        return self.layer.is_open

    def recv(self, size: int) -> bytes:
        """Plain bytes; b"" when there will be no more, for whatever reason. After a fault it only waits for the end,
        so that closing does not cut off what was sent last. Called by the reading thread."""
        plain, self._plain = self._plain, b""
        while not plain and not self.layer.is_over and (data := self._next(size)):
            plain = self._take_in(data)
        return plain

    def _next(self, size: int) -> bytes:
        first, self._first = self._first, b""
        return first or super().recv(size)

    def _take_in(self, data: bytes) -> bytes:
        failed_before = self.layer.failure
        with contextlib.nullcontext() if self.layer.is_open else self.handshaking:
            plain = self.layer.receive(data)
        if self.layer.owes() or self.layer.failure is not failed_before:
            self.on_owed()
        return plain

    def seal(self, data: bytes) -> bytes:
        return self.layer.seal(data)

    def seal_end(self) -> bytes:
        return self.layer.end()

    def drain(self) -> bytes:
        return self.layer.drain()

    def end_sending(self) -> None:
        with contextlib.suppress(OSError):
            self.send(self.layer.end())
        super().end_sending()

    def close(self) -> None:
        super().close()
        self.on_owed = lambda: None  # whoever it belongs to has this stream: together they would outlive their end
