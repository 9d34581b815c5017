"""How the client ends: a number for each way, so that scripts can tell them apart.

Knows codes, and which error stands for which. Knows nothing of who ends, or of what is told to people.
"""

from chatroom.client.settings import SettingError
from chatroom.errors import (
    CertificateChanged,
    CertificateExpired,
    ChatError,
    ConnectionFailed,
    Downgrade,
    NotAChatroom,
    Refusal,
    Untrusted,
)

OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
CERTIFICATE = 4
REFUSED = 5
REMOVED = 6
UNSENT = 7
PROTOCOL = 8
EXPIRED = 9
DOWNGRADE = 10
TLS_REQUIRED = 11
INTERRUPTED = 130

MEANINGS: dict[int, str] = {
    OK: "all is well",
    FAILED: "failed",
    USAGE: "wrong usage or setting",
    UNREACHABLE: "cannot connect",
    CERTIFICATE: "another certificate",
    REFUSED: "refused",
    REMOVED: "kicked or banned",
    UNSENT: "something unsent",
    PROTOCOL: "another protocol",
    EXPIRED: "certificate expired",
    DOWNGRADE: "encryption is gone",
    TLS_REQUIRED: "encryption required",
    INTERRUPTED: "Ctrl-C",
}
"""Each code in a few words."""

_REFUSALS = {"protocol": PROTOCOL, "kicked": REMOVED, "banned": REMOVED, "tls_required": TLS_REQUIRED}
_DISTRUST: dict[type[Untrusted], int] = {
    CertificateChanged: CERTIFICATE,
    CertificateExpired: EXPIRED,
    Downgrade: DOWNGRADE,
}

_ERRORS: tuple[tuple[type[ChatError], int], ...] = (
    (SettingError, USAGE),
    (NotAChatroom, PROTOCOL),
    *_DISTRUST.items(),
    (ConnectionFailed, UNREACHABLE),
)
"""What is more special comes first."""


def of(error: ChatError) -> int:
    """The code for what ended the client."""
    if isinstance(error, Refusal):
        return _REFUSALS.get(error.code, REFUSED)
    return next((code for kind, code in _ERRORS if isinstance(error, kind)), FAILED)


def of_code(code: str) -> int:
    """The same, where no more is known of a refusal, or of distrust, than what it is called."""
    distrust = {kind.code: number for kind, number in _DISTRUST.items()}
    return (_REFUSALS | distrust).get(code, REFUSED)
