"""What a person is asked for before the server lets them in: a name, the password of the name, that of the office.

Knows refusals, and which question each leads to. Knows nothing of screens and connections: it is given how to ask, how
to tell, and how to try.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from chatroom import text
from chatroom.client.refusals import wants_another_name
from chatroom.client.session import Client
from chatroom.errors import Refusal


class Attempt(Protocol):
    """Tries to come in so; raises the Refusal."""

    def __call__(self, username: str, *, password: str | None, server_password: str | None) -> Client: ...


class _Knowledge(NamedTuple):
    """What was answered so far."""

    username: str = ""
    password: str | None = None
    server_password: str | None = None


class Door:
    """Where one person comes in, once."""

    def __init__(
        self, tell: Callable[[str, str], object], ask: Callable[[str], str], ask_secret: Callable[[str], str]
    ) -> None:
        self._tell = tell
        self._ask = ask
        self._ask_secret = ask_secret

    def enter(self, username: str, attempt: Attempt) -> Client:
        """Asks and tries until one is in. What no answer helps against is raised."""
        known = _Knowledge(username or self._ask_name())
        while True:
            try:
                return attempt(known.username, password=known.password, server_password=known.server_password)
            except Refusal as refusal:
                known = self._learn(known, refusal)

    def _learn(self, known: _Knowledge, refusal: Refusal) -> _Knowledge:
        """What one knows after the question that this refusal leads to."""
        if refusal.code == "server_password":
            return known._replace(server_password=self._ask_for_office(known, refusal))
        if refusal.registered or (refusal.code == "auth_failed" and known.password):
            return self._ask_for_password(known, refusal)
        if not wants_another_name(refusal):
            raise refusal
        self._tell("!", refusal.text)
        return known._replace(username=self._ask_name(), password=None)

    def _ask_for_office(self, known: _Knowledge, refusal: Refusal) -> str:
        if known.server_password:
            self._tell("!", refusal.text)
        password = self._ask_secret("Password of this server: ")
        if not password:
            raise refusal
        return password

    def _ask_for_password(self, known: _Knowledge, refusal: Refusal) -> _Knowledge:
        """Whoever has none goes by another name."""
        self._tell("!" if known.password else "*", refusal.text)
        password = self._ask_secret(f"Password for {known.username} (empty for another name): ")
        if password:
            return known._replace(password=password)
        return known._replace(username=self._ask_name(), password=None)

    def _ask_name(self) -> str:
        while True:
            try:
                return text.username(self._ask("Enter your name: ").strip())
            except Refusal as refusal:
                self._tell("!", refusal.text)
