"""Trouble that is made for a running server from outside: its disk is full, and one knocks at its door meanwhile.

Knows the limits of another process, which are Linux's, and what those are told who come or speak meanwhile.
"""

import sys
import time
from pathlib import Path

if sys.platform != "linux":
    raise ImportError("limits of another process are Linux's")

import resource

from tests.server.processes import ServerProcess
from tests.server.wire_client import Closed, Event, WireClient


def fill_the_disk(server: ServerProcess, data: Path) -> None:
    """From now on no file of the server may grow much."""
    size = max(path.stat().st_size for path in data.iterdir()) + 300_000
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def empty_the_disk(server: ServerProcess) -> None:
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def assert_store_failed(event: Event, id: str) -> None:
    assert (event["type"], event.get("code"), event.get("id"), event.get("fatal")) == (
        "error", "store_failed", id, False,
    )  # fmt: skip


def say_until_it_fails(client: WireClient) -> tuple[list[str], str]:
    """What was stored, and the id of what was not."""
    stored: list[str] = []
    for n in range(2_000):
        text = f"{n} " + "x" * 2_000
        answer = client.say("lobby", text, f"full-{n}")
        if answer["type"] == "error":
            assert_store_failed(answer, f"full-{n}")
            return stored, text
        stored.append(text)
    raise AssertionError("the disk never was full")


def knock(port: int) -> Event | None:
    """What a newcomer is told who says hello: a welcome, an error, or nothing but the end."""
    try:
        with WireClient(port) as client:
            client.send("hello", protocol=1, username="newcomer")
            return client.receive()
    except (Closed, ConnectionError):
        return None


def knock_until_let_in(port: int) -> None:
    deadline = time.monotonic() + 5
    while (answer := knock(port)) is None or answer["type"] != "welcome":
        assert time.monotonic() < deadline, answer
