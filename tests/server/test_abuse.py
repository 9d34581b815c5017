"""Hostile connections by the hundred, of every kind that PROTOCOL part 1 knows, disturb nobody and leave nothing.

CHATROOM_HOSTILE=10000 makes it a run for an idle machine, in which the time that a message takes is judged too.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import hostile
from tests.server.processes import ServerProcess, environment, wait_until
from tests.server.wire_client import WireClient, person, texts_of

if sys.platform != "linux":
    pytest.skip("what a process weighs is read from /proc", allow_module_level=True)

NUMBER = int(os.environ.get("CHATROOM_HOSTILE", "300"))
IS_STRESS = NUMBER >= 10_000
GROWTH = 30 * (1 << 20)
"""So much more a server may weigh afterwards: allocators do not give everything back."""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess("--data", str(tmp_path / "data"), "--rate", "off", "--log-level", "warning") as server:
        yield server


class Talk:
    """Two colleagues: what one says, the other is shown. How long each message took."""

    def __init__(self, port: int) -> None:
        self.ada, self.bob = person(port, "ada", "lobby"), person(port, "bob", "lobby")
        self.seconds: list[float] = []
        self._said = 0

    def go_on(self) -> None:
        """One message; the next one comes a moment later, as people's do."""
        self._said += 1
        text = f"message {self._said}"
        started = time.monotonic()
        self.ada.send("say", id=text, room="lobby", message=text)
        assert texts_of(self.bob.until_type("message"))[-1] == text
        self.seconds.append(time.monotonic() - started)
        assert self.ada.until(lambda event: event.get("id") == text)[-1]["type"] == "message"
        time.sleep(0.002)

    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[-1]


def attacked(server: ServerProcess, talk: Talk, number: int) -> int:
    """How many hostile connections were made while the two talked."""
    talk.seconds.clear()
    with subprocess.Popen(
        [sys.executable, hostile.__file__, str(server.port), str(number)],
        stdout=subprocess.PIPE, encoding="utf-8", env=environment(),
    ) as attack:  # fmt: skip
        try:
            while attack.poll() is None:
                talk.go_on()
            assert attack.stdout
            return int(attack.stdout.read())
        finally:
            attack.kill()


def wait_until_gone(server: ServerProcess, descriptors: int, threads: int) -> None:
    """Everything that the strangers held is given back."""
    wait_until(lambda: server.descriptors() <= descriptors and server.threads() <= threads)


def test_hostile_connections_of_every_kind_disturb_nobody_and_leave_nothing(alone: ServerProcess) -> None:
    talk = Talk(alone.port)
    talk.go_on()
    descriptors, threads = alone.descriptors(), alone.threads()
    attacked(alone, talk, 100)  # what is allocated once and kept is no leak
    wait_until_gone(alone, descriptors, threads)
    before = alone.memory()
    made = attacked(alone, talk, NUMBER)
    assert made > NUMBER * 0.9
    wait_until_gone(alone, descriptors, threads)
    wait_until(lambda: alone.memory() - before < GROWTH)
    assert talk.ada.ask("who", room="lobby")["members"] == ["ada", "bob"]
    if IS_STRESS:
        assert talk.p99() < 0.1


def test_a_thousand_strangers_who_stall_keep_no_colleague_out(alone: ServerProcess) -> None:
    ways = [*hostile.STALLING.values()]
    strangers = [hostile.connect(alone.port, None) for _ in range(1_100)]
    for place, line in enumerate(strangers):
        with contextlib.suppress(OSError):  # it was hung up already
            ways[place % len(ways)](line)
    talk = Talk(alone.port)
    for _ in range(20):
        talk.go_on()
    late = WireClient(alone.port)
    assert late.hello("late")["username"] == "late"
    for line in strangers:
        line.close()
