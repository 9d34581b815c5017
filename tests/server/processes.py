"""The command `chatroom-server` as a process of its own: started, watched, limited and stopped.

Knows pipes, signals and /proc. Knows nothing of the protocol, only that its people hang up first.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Self

from tests.server.wire_client import hang_up_all

_TRACE = re.compile('Traceback|^ +File "')
"""The log's traces bear no title."""

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 10.0

_SCRIPT = Path(sys.executable).with_name("chatroom-server.exe" if sys.platform == "win32" else "chatroom-server")
COMMAND = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "chatroom", "server"]
"""What a user types; without an installed script, its long form."""

_FOLDER = tempfile.TemporaryDirectory(prefix="chatroom-tests-")
"""For the certificate of servers that keep nothing else, so that nothing of them stays in the user's own folder."""

LOCAL = ("--host", "127.0.0.1", "--port", "0", "--data", _FOLDER.name)


def wait_until(reached: Callable[[], bool]) -> None:
    """For what nobody tells of when it is so."""
    deadline = time.monotonic() + 2 * PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def environment() -> dict[str, str]:
    """This checkout comes first, and what is left open is complained about."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default::ResourceWarning", "COLUMNS": "200"}


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True, encoding="utf-8", env=environment(), cwd=cwd, timeout=PATIENCE, check=False,
    )  # fmt: skip


class Drain:
    """Reads a pipe to its end in a thread, so that nobody waits for it."""

    def __init__(self, pipe: IO[str]) -> None:
        self.lines: list[str] = []
        self._pipe = pipe
        self._moved = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for line in self._pipe:
            with self._moved:
                self.lines.append(line.rstrip("\n"))
                self._moved.notify_all()
        with self._moved:
            self._ended = True
            self._moved.notify_all()

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> str:
        """The first line that matches."""
        deadline = time.monotonic() + patience
        with self._moved:
            while not (found := [line for line in self.lines if re.search(pattern, line)]):
                left = deadline - time.monotonic()
                assert left > 0, f"no line like {pattern} among {self.lines}"
                assert not self._ended, f"the output ended without {pattern}: {self.lines}"
                self._moved.wait(left)
        return found[0]

    def finish(self) -> None:
        self._thread.join(PATIENCE)
        self._pipe.close()


class ServerProcess:
    """A running server. On leaving the `with` it is stopped as a user would, and must end well and have said nothing
    on stderr; a test that ends it by itself uses `kill` or `stop` before."""

    def __init__(
        self, *arguments: str, wrapper: tuple[str, ...] = (), command: Sequence[str] = COMMAND, clean: bool = True,
        stdin: int | None = None,
    ) -> None:  # fmt: skip
        self._clean = clean
        self.process = subprocess.Popen(
            [*wrapper, *command, *LOCAL, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=environment(), stdin=stdin,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout = Drain(self.process.stdout)
        self.stderr = Drain(self.process.stderr)
        self.ended = False
        try:
            self.port = int(re.findall(r"\d+", self.stdout.wait_for(r"Listening as"))[-1])
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.ended:
            return
        hang_up_all()  # a server that ends gives its people a moment to go: here they have gone
        code = self.stop()
        if kind is None:
            assert code == 0, (code, self.stderr.lines)
            assert not (self._clean and self.stderr.lines), "\n".join(self.stderr.lines)
            assert not any(map(_TRACE.search, self.stdout.lines)), "\n".join(self.stdout.lines)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it by a signal; its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, patience: float = PATIENCE) -> int:
        try:
            return self.process.wait(patience)
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if not self.ended:
            self.ended = True
            self.stdout.finish()
            self.stderr.finish()

    # ------------------------------------------------------------------------------- what the system says of it

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100  # the clock ticks of Linux' /proc

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))
