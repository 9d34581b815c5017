"""Which server certificates are known, as ssh knows hosts: the first one is pinned, and another one stops the client.

Knows certificates, their fingerprints, and one file with an entry for each host and port. Knows nothing of connections,
and never asks: who is stopped is told what to check, and the command that accepts what there is now.

Any thread and any number of processes may use the file: it is replaced as a whole, by one of them at a time.
"""

import contextlib
import errno
import os
import re
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import platformdirs

from chatroom.claims import claim
from chatroom.errors import CertificateChanged, CertificateExpired, Downgrade, NotAChatroom, Untrusted
from chatroom.net.words import as_words, fingerprint, matches

FILE = "known_servers"

_LOCK_SECONDS = 5.0
"""So long another process may take to write an entry."""
_LOOK_SECONDS = 0.01


class Pin(msgspec.Struct, frozen=True):
    """One server's certificate."""

    host: str
    port: int
    fingerprint: str
    not_after: datetime

    @property
    def words(self) -> str:
        """Its fingerprint, as people compare it."""
        return as_words(self.fingerprint)


_read_pin = msgspec.json.Decoder(Pin).decode
_write_pin = msgspec.json.Encoder().encode


def data_folder() -> Path:
    """Where the client keeps what it must not lose, if nobody says otherwise."""
    return platformdirs.user_state_path("chatroom", appauthor=False) / "client"


class Trust:
    """What is known of one server. With `expected`, words or digits, its certificate must have that fingerprint; who
    `renews` does not mind that it is another one than before."""

    def __init__(self, data: Path, host: str, port: int, expected: str | None = None, *, renews: bool = False) -> None:
        self._path = data / FILE
        self._host = host.casefold()
        self._port = port
        self._where = f"{host}:{port}"
        self._address = f"--host {shlex.quote(host)} --port {port}"
        self._expected = expected
        self._renews = renews

    def known(self) -> Pin | None:
        """What is pinned. Raises Untrusted if that cannot be told."""
        try:
            return self._read().get((self._host, self._port))
        except OSError as error:
            raise Untrusted(f"{self._path} cannot be read ({error.strerror}); see whose it is.") from error

    def check(self, certificate: bytes, now: float) -> Pin:
        """What to pin, if the server may be spoken to; else raises an Untrusted that says why not. `now` is a time in
        seconds since 1970."""
        shown = fingerprint(certificate)
        known = None if self._renews else self.known()
        if known and known.fingerprint != shown:
            raise self._changed(shown)
        if self._expected and not matches(self._expected, shown):
            raise CertificateChanged(
                f"The fingerprint of {self._where} is not the one that you gave: it is {as_words(shown)}; ask whoever"
                " runs the server which one it printed when it started, and trust no other."
            )
        pin = known or Pin(self._host, self._port, shown, _end_of(certificate, self._where))
        if pin.not_after.timestamp() <= now:
            raise CertificateExpired(
                f"The certificate of {self._where} has expired on {pin.not_after:%Y-%m-%d}; check this computer's"
                " clock, and ask whoever runs the server for a new certificate."
            )
        return pin

    def keep(self, pin: Pin) -> str:
        """Pins what was checked. Returns what is to be told of it: at the first time, the words to compare."""
        try:
            if self.known() == pin:
                return ""
            other = self._put(pin)
        except OSError as error:
            return f"The fingerprint cannot be kept in {self._path} ({error.strerror}); it is: {pin.words}"
        if other and other.fingerprint != pin.fingerprint:  # somebody was faster, and saw another server
            raise self._changed(pin.fingerprint)
        return "" if other or self._expected else f"First time here; the server's fingerprint is: {pin.words}"

    def _changed(self, shown: str) -> CertificateChanged:
        return CertificateChanged(
            f"The certificate of {self._where} is not the one that is known, so that somebody in between may want to"
            " read along, unless the server was set up anew: ask whoever runs it whether its fingerprint is now"
            f" {as_words(shown)}; only if so, accept it by `chatroom-client trust {self._address} --fingerprint"
            f" {shown}`."
        )

    def unencrypted(self) -> Untrusted | NotAChatroom:
        """What it means that something answers there without TLS."""
        if not self.known():
            return NotAChatroom(
                f"What answers at {self._where} is no chatroom server that speaks TLS; check the address and the port,"
                " and see what `chatroom-client doctor` says."
            )
        return Downgrade(
            f"The server at {self._where} was encrypted before, and is so no more: somebody may be in between; ask"
            " whoever runs it, and use --no-tls only where everybody in the network may read along."
        )

    def too_old(self) -> Untrusted | NotAChatroom:
        """What it means that only versions of TLS are spoken there which are not safe any more."""
        if not self.known():
            return NotAChatroom(
                f"What answers at {self._where} speaks only a TLS that is too old to be safe, and so is no chatroom"
                " server; check the address and the port."
            )
        return Downgrade(
            f"The server at {self._where} speaks only a TLS that is too old to be safe, which it did not before:"
            " somebody may be in between; ask whoever runs it."
        )

    # ------------------------------------------------------------------------------------------------- the file

    def _put(self, pin: Pin) -> Pin | None:
        """Adds it, or says what is there already, if that is not to be renewed."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self._path.with_name(f"{FILE}.lock")):
            pins = self._read()
            key = (pin.host, pin.port)
            if key in pins and not self._renews:
                return pins[key]
            pins[key] = pin
            self._write(b"".join(_write_pin(each) + b"\n" for each in pins.values()))
        return None

    def _read(self) -> dict[tuple[str, int], Pin]:
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        pins = [self._parse(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        return {(pin.host, pin.port): pin for pin in pins}

    def _parse(self, number: int, line: bytes) -> Pin:
        """A line that was damaged must not pass for one that never was."""
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            pin = _read_pin(line)
            if re.fullmatch("[0-9a-f]{64}", pin.fingerprint) and pin.not_after.tzinfo:
                return pin
        raise Untrusted(f"{self._path}, line {number}, cannot be understood; remove that line, or the file.")

    def _write(self, content: bytes) -> None:
        """The file has either its old content or the new one, whenever the computer stops."""
        new = self._path.with_name(f"{FILE}.new")
        with open(new, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While nobody else is here; OSError if somebody stays too long."""
    until = time.monotonic() + _LOCK_SECONDS
    with open(path, "ab", opener=_private) as lock:
        while not claim(lock):
            if time.monotonic() > until:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            time.sleep(_LOOK_SECONDS)
        yield


def _end_of(certificate: bytes, where: str) -> datetime:
    """Until when it is good. What reads it is loaded here: a certificate that is known is not read again."""
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(certificate).not_valid_after_utc.astimezone(UTC)
    except ValueError as error:
        raise Untrusted(
            f"The certificate of {where} cannot be read; ask whoever runs the server for a new one."
        ) from error
