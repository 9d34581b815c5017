"""How an operator reaches the server that runs: a file in the data folder, with an address and a secret.

Knows the file, which only who runs the server can read, and that the secret is another one at each start. Knows nothing
of what an operator may have done.
"""

import contextlib
import hmac
import os
import secrets
from pathlib import Path

from msgspec import DecodeError, Struct, ValidationError, json

from chatroom.errors import Refusal, StartError
from chatroom.messages import Event, Operate, Report
from chatroom.server.operator import Operator

FILE = "operator.json"

_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""How a server that listens everywhere is reached from its own computer."""


class Access(Struct, frozen=True):
    """Where the server is, and by which secret it obeys. It has no fingerprint to check: it is on this computer."""

    host: str
    port: int
    secret: str


class OperatorDoor:
    """`answer` may be called by any thread."""

    def __init__(self, operator: Operator, folder: Path, host: str, port: int) -> None:
        self._operator = operator
        self._path = folder / FILE
        self._access = Access(_HERE.get(host, host), port, secrets.token_urlsafe(32))
        try:
            self._path.unlink(missing_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.encode(self._access))
        except OSError as error:
            raise StartError(f"{self._path} cannot be written ({error.strerror}); choose another --data.") from error

    def answer(self, request: Operate) -> Event:
        """What was done, in lines for people; or the Refusal."""
        if not hmac.compare_digest(request.secret.encode(), self._access.secret.encode()):
            raise Refusal("auth_failed", "This is not the secret of the server that runs; try again.")
        return Report(self._operator.do(request.action, request.arguments), request.id)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def access_in(folder: Path) -> Access | None:
    """Where a server runs on this folder's data, if one does."""
    try:
        return json.decode((folder / FILE).read_bytes(), type=Access)
    except (OSError, DecodeError, ValidationError):
        return None
