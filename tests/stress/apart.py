"""A person in a process of its own, which can be killed, stopped, and started again with what it had written.

Knows processes, pipes and signals. What the person does, its process knows.
"""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.server.processes import ROOT, Drain, environment
from tests.stress.people import PATIENCE, Order, Part

_SAYS_SO = 15.0
"""So much longer it may take until it has said what it did."""


class Apart:
    """Used by one thread."""

    def __init__(self, part: Part, record: Path) -> None:
        self.part = part
        self._record = record
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        part = msgspec.json.encode(self.part).decode()
        command = [sys.executable, "-m", "tests.stress.library_people", part, str(self._record)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment(), cwd=ROOT
        )
        assert self._process.stdin
        assert self._process.stdout
        self._orders, self._output = self._process.stdin, Drain(self._process.stdout)

    def stop(self) -> None:
        """It does nothing, and does not know it, until it is to go on."""
        if sys.platform != "win32":
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if sys.platform != "win32":
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """By kill -9, whatever it is at."""
        assert self._process
        self._process.kill()
        self._process.wait(PATIENCE)
        self._orders.close()
        self._output.finish()
        self._process = None

    def _tell(self, order: Order) -> None:
        self._orders.write(f"{msgspec.json.encode(order).decode()}\n")
        self._orders.flush()

    def hush(self) -> None:
        self._tell(Order(PATIENCE))

    def wait_until_silent(self, patience: float) -> bool:
        return self._output.wait_for("silent", patience + _SAYS_SO) == "silent"

    def finish(self, goals: dict[str, int], patience: float) -> bool:
        self._tell(Order(patience, goals))
        return self._output.wait_for("shown", patience + _SAYS_SO) == "shown"

    def end(self) -> None:
        if self._process:
            self.kill()
