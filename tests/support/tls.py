"""Both ends of TLS: a certificate made once, Python's own client, and OpenSSL itself where a peer must do what no
well-meaning program does.

Knows ssl and libssl. Knows nothing of the protocol.
"""

import ctypes
import ctypes.util
import select
import socket
import ssl
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from chatroom.net.certificate import make_certificate
from chatroom.net.tls import client_context, server_context


@cache
def certificate() -> tuple[ssl.SSLContext, bytes]:
    """For a server: what it is shown by, and the certificate itself."""
    with tempfile.TemporaryDirectory() as folder:
        key, file = make_certificate(Path(folder))
        return server_context(file, key), ssl.PEM_cert_to_DER_cert(file.read_text())


@cache
def trusting() -> ssl.SSLContext:
    """For a client who takes any certificate."""
    return client_context()


def encrypted(sock: socket.socket) -> ssl.SSLSocket:
    """The client's end, by Python's own TLS: good enough for a test, which reads and writes by one thread."""
    return trusting().wrap_socket(sock)


_WANT_READ, _WANT_WRITE = 2, 3
_UPDATE_REQUESTED = 1


@cache
def _libssl() -> Callable[..., Callable[..., int]]:
    name = ctypes.util.find_library("ssl")
    if not name:
        pytest.skip("libssl is not where it can be found")
    library = ctypes.CDLL(name)

    def function(name: str, *types: type) -> Callable[..., int]:
        found = getattr(library, name)
        found.argtypes = types
        found.restype = ctypes.c_void_p if name in ("TLS_client_method", "SSL_CTX_new", "SSL_new") else ctypes.c_int
        return found  # type: ignore[no-any-return]

    return function


class Restless:
    """A client by OpenSSL alone, which can ask for new keys again and again. One thread."""

    def __init__(self, sock: socket.socket) -> None:
        function, pointer = _libssl(), ctypes.c_void_p
        self._socket = sock
        sock.setblocking(False)
        context = function("SSL_CTX_new", pointer)(function("TLS_client_method")())
        self._ssl = function("SSL_new", pointer)(context)
        function("SSL_CTX_free", pointer)(context)
        function("SSL_set_fd", pointer, ctypes.c_int)(self._ssl, sock.fileno())
        function("SSL_set_connect_state", pointer)(self._ssl)
        self._handshake = function("SSL_do_handshake", pointer)
        self._update = function("SSL_key_update", pointer, ctypes.c_int)
        self._write = function("SSL_write", pointer, ctypes.c_char_p, ctypes.c_int)
        self._read = function("SSL_read", pointer, ctypes.c_char_p, ctypes.c_int)
        self._error = function("SSL_get_error", pointer, ctypes.c_int)
        self._free = function("SSL_free", pointer)

    def __enter__(self) -> "Restless":
        return self

    def __exit__(self, *_: object) -> None:
        self._free(self._ssl)
        self._socket.close()

    def _do(self, call: Callable[..., int], *arguments: object, patience: float = 20) -> int:
        """Waits for the socket as often as it must; TimeoutError if it takes or gives nothing for so long."""
        while (result := call(self._ssl, *arguments)) <= 0:
            wants = self._error(self._ssl, result)
            if wants not in (_WANT_READ, _WANT_WRITE):
                return 0
            ears, mouths = ([self._socket], []) if wants == _WANT_READ else ([], [self._socket])
            if not any(select.select(ears, mouths, [], patience)):
                raise TimeoutError
        return result

    def connect(self) -> None:
        assert self._do(self._handshake), "no handshake"

    def send(self, data: bytes) -> None:
        assert self._do(self._write, data, len(data)) == len(data)

    def ask_for_new_keys(self, patience: float = 20) -> bool:
        """Whether the other end takes the question in that time; if not, the next call goes on with it."""
        self._update(self._ssl, _UPDATE_REQUESTED)
        try:
            assert self._do(self._handshake, patience=patience)
        except TimeoutError:
            return False
        return True

    def recv(self, size: int = 65_536) -> bytes:
        """b"" at the end."""
        buffer = ctypes.create_string_buffer(size)
        got = self._do(self._read, buffer, size)
        return buffer.raw[:got]

    def swallow(self) -> None:
        """Takes what has come, and looks at none of it."""
        select.select([self._socket], [], [], 20)
        assert self._socket.recv(65_536)
