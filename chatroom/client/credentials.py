"""By what one comes in: the passwords, as long as this program runs. They are never written down, and never shown.

Knows passwords and the first words that hold them. Knows nothing of connections, nor of where a session is kept.
"""

from concurrent.futures import Future
from typing import Any

from chatroom.messages import PROTOCOL, ChangePassword, Hello, Register, Request


class Credentials:
    """Any thread may call any method."""

    def __init__(self, agent: str, password: str | None, server_password: str | None) -> None:
        self._agent = agent
        self._password = password
        self._server_password = server_password

    def hello(self, username: str, session: str | None) -> Hello:
        """The password travels, and costs the server a hashing, only where no session opens the door."""
        return Hello(
            protocol=PROTOCOL,
            username=username,
            session=session,
            agent=self._agent,
            password=None if session else self._password,
            server_password=self._server_password,
        )

    def follow(self, request: Request, answer: Future[Any]) -> None:
        """If this sets a password, it is the one to come back with as soon as that is done."""
        match request:
            case Register(password=new) | ChangePassword(new=new):
                answer.add_done_callback(lambda answer: self._use(new, answer))

    def _use(self, password: str, answer: Future[Any]) -> None:
        if answer.exception() is None:
            self._password = password
