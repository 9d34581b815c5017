"""The certificate by which a server's new connections are encrypted: its own, or an office's; loaded anew on request.

Knows where the two files lie. Knows nothing of connections. A server that keeps nothing makes a certificate that lasts
as long as it runs, once somebody asks for encryption: most of them never see TLS.
"""

import logging
import ssl
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from chatroom.errors import StartError
from chatroom.net.certificate import der_of, make_certificate
from chatroom.net.tls import server_context
from chatroom.net.words import as_words, fingerprint

log = logging.getLogger(__name__)


class Shown(NamedTuple):
    """What clients are shown: the certificate that stands in the context, and its fingerprint."""

    context: ssl.SSLContext
    fingerprint: str


class Encryption:
    """Any thread may call any method."""

    def __init__(self, folder: Path | None, certificate: Path | None = None, key: Path | None = None) -> None:
        """With the office's own certificate, or the one in the folder, which is made if there is none."""
        self._folder = folder
        self._certificate = certificate
        self._key = key
        self._lock = threading.Lock()
        self._shown: Shown | None = None

    def prepare(self) -> None:
        """Finds out at the start what would fail later, or raises StartError."""
        if self._key and not self._certificate:
            raise StartError("A key was given without its certificate; give --cert too.")
        if self._folder or self._certificate:
            self.shown()

    def shown(self) -> Shown:
        """The same for all who ask, until it is loaded anew."""
        with self._lock:
            self._shown = self._shown or self._load()
            return self._shown

    def reload(self) -> None:
        """New connections get what is in the files now; what cannot be used is logged, and the old one stays."""
        if not (self._folder or self._certificate):
            return
        try:
            shown = self._load()
        except StartError as error:
            log.warning("The certificate was not loaded anew, and the old one stays: %s", error.text)
            return
        with self._lock:
            self._shown = shown
        log.info("The certificate was loaded anew: %s.", as_words(shown.fingerprint))

    def _load(self) -> Shown:
        if self._certificate:
            return _load(self._key or self._certificate, self._certificate)
        if self._folder:
            return _load(*make_certificate(self._folder))
        with tempfile.TemporaryDirectory(prefix="chatroom-") as passing:
            return _load(*make_certificate(Path(passing)))


def _load(key: Path, certificate: Path) -> Shown:
    der = der_of(certificate)
    return Shown(server_context(certificate, key), fingerprint(der))
