"""Certificates for a test: good ones, expired ones, and what a server does with one. Nobody trusts any."""

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chatroom.net.words import as_words, fingerprint


class Certificate(NamedTuple):
    """With its key, in one file."""

    path: Path
    der: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.der)

    @property
    def words(self) -> str:
        return as_words(self.fingerprint)

    def context(self, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
        """For a server that shows it; old versions of TLS it speaks only as the newest."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        if newest is ssl.TLSVersion.TLSv1_1:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.options &= ~ssl.OP_NO_TLSv1_1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
        return context


def certificate(folder: Path, *, good_for: timedelta = timedelta(days=1)) -> Certificate:
    """A new one, which ends in so long, or ended so long ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chatroom")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + good_for)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return Certificate(path, made.public_bytes(serialization.Encoding.DER))
