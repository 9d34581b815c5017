"""A server's key and certificate, as files: made where there are none, read, and never overwritten.

Knows files and what a certificate is. Knows nothing of connections, and of who trusts it.
"""

import contextlib
import os
import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatroom.errors import StartError

KEY_FILE, CERTIFICATE_FILE = "server.key", "server.crt"
YEARS = 10

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """The paths of the key and of the certificate in the folder. Both are made if neither is there."""
    key, certificate = folder / KEY_FILE, folder / CERTIFICATE_FILE
    there = [path for path in (key, certificate) if os.path.lexists(path)]
    if len(there) == 1:
        (lost,) = {key, certificate} - set(there)
        raise StartError(f"There is {there[0]} but no {lost.name} with it; put that back, or move the other away.")
    if not there:
        _make(key, certificate)
    return key, certificate


def _make(key: Path, certificate: Path) -> None:
    key_text, certificate_text = _self_signed()
    try:
        key.parent.mkdir(parents=True, exist_ok=True)
        _write_new(key, key_text)
        try:
            _write_new(certificate, certificate_text)
        except OSError:
            key.unlink()
            raise
    except OSError as error:
        raise StartError(
            f"Cannot write a key and a certificate into {key.parent} ({error.strerror}); choose another --data."
        ) from error


def _write_new(path: Path, data: bytes) -> None:
    """For this user's eyes alone, on the disk when this returns; or it is not there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _self_signed() -> tuple[bytes, bytes]:
    """A new key and a certificate of it. The library for it is loaded here: most starts need none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chatroom")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the clocks of an office do not agree
        .not_valid_after(now + timedelta(days=YEARS * 365.25))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("chatroom")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    return (
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def der_of(certificate: Path) -> bytes:
    """The certificate in the file; of a chain, the first."""
    try:
        found = _CERTIFICATE.search(certificate.read_text(encoding="ascii", errors="replace"))
        if found:
            return ssl.PEM_cert_to_DER_cert(found[0])
    except OSError as error:
        raise StartError(f"Cannot read the certificate {certificate} ({error.strerror}).") from error
    except ValueError:
        pass
    raise StartError(f"{certificate} is no certificate; give a file in the form called PEM.")
