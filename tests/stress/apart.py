"""A person in a process of its own, which can be killed, stopped, and started again with what it had written.

Knows processes, pipes and signals. What the person does, its process knows.
"""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.server.processes import ROOT, Drain, environment
from tests.stress.people import PATIENCE, Part

_SAYS_SO = PATIENCE + 15.0


class Apart:
    """Used by one thread."""

    def __init__(self, part: Part, record: Path) -> None:
        self.part = part
        self._record = record
        self.start()

    def start(self) -> None:
        part = msgspec.json.encode(self.part).decode()
        command = [sys.executable, "-m", "tests.stress.library_people", part, str(self._record)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment(), cwd=ROOT
        )
        assert self._process.stdout
        self._output = Drain(self._process.stdout)

    def stop(self) -> None:
        """It does nothing, and does not know it, until it is to go on."""
        if sys.platform != "win32":
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if sys.platform != "win32":
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """By kill -9, whatever it is at."""
        assert self._process.stdin
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process.stdin.close()
        self._output.finish()

    def _tell(self, order: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def hush(self) -> None:
        self._tell("hush")

    def wait_until_silent(self) -> bool:
        return self._output.wait_for("silent", _SAYS_SO) == "silent"

    def finish(self, goals: dict[str, int]) -> bool:
        self._tell(f"finish {msgspec.json.encode(goals).decode()}")
        return self._output.wait_for("shown", _SAYS_SO) == "shown"

    def end(self) -> None:
        self.kill()
