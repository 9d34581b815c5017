"""A server, a folder, and clients that are closed in the end."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom import Server
from chatroom.client import session
from chatroom.client.session import Client
from tests.client.peers import PLAIN_PORTS, TIMEOUT, Script
from tests.client.screens import Terminal
from tests.client.stage import Stage

Enter = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(port=0, rate=0) as server:
        yield server


@pytest.fixture
def bob(server: Server, tmp_path: Path) -> Iterator[Client]:
    """Bob, who is in the lobby."""
    with Client(port=server.port, username="bob", data=tmp_path / "bob") as bob:
        bob.join("lobby").result(TIMEOUT)
        yield bob


@pytest.fixture
def ada(server: Server, tmp_path: Path) -> Iterator[Terminal]:
    """Ada at her terminal, who has come into the lobby."""
    with Terminal(tmp_path / "ada", "--port", str(server.port), "--name", "ada", "--mute") as ada:
        ada.prompt("lobby> ")
        ada.sees("You are in lobby")
        yield ada


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """It answers no bye."""
    monkeypatch.setattr(session, "CLOSING_SECONDS", 0.02)
    with Script() as script:
        yield script


@pytest.fixture
def enter(tmp_path: Path) -> Iterator[Enter]:
    """Makes clients, not started yet: `enter(port, "ada")`. What they keep is the test's own. A server that is only a
    script they speak to in the open, all others encrypted."""
    clients: list[Client] = []

    def make(port: int, username: str = "ada", **more: Any) -> Client:
        facts: dict[str, Any] = {"data": tmp_path / "data", "tls": port not in PLAIN_PORTS}
        clients.append(Client(port=port, username=username, **(facts | more)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def stage(script: Script, enter: Enter) -> Stage:
    """Ada in the lobby of a script, up to message 2."""
    return Stage(script, enter(script.port))


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """A client that is closed leaves nothing running."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("chatroom"):
            thread.join(TIMEOUT)
            assert not thread.is_alive(), thread
