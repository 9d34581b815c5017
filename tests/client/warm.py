"""The command at a terminal, begun by a process that has loaded all of it already and becomes it as often as asked.

To start Python and load what it needs is three quarters of what a test with a terminal costs. What is begun here is
another process all the same, with its own terminal, environment and end; only how it was loaded is not what a user has.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from cryptography import x509

from chatroom.client import app, cli, entry

ALL_IT_LOADS = (app, cli, entry, x509)


class WarmCommand:
    """What there is to know and to do with the process, as with one of `subprocess`."""

    def __init__(self, terminal: int, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = _begin(terminal, arguments, environment)
        assert self._process.pid
        self.pid = self._process.pid
        self.kill, self.terminate = self._process.kill, self._process.terminate

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("chatroom-client", timeout or 0)
        return self._process.exitcode


if sys.platform == "win32":

    def _begin(terminal: int, arguments: Sequence[str], environment: Mapping[str, str]) -> BaseProcess:
        raise NotImplementedError

else:
    import fcntl
    import termios
    from multiprocessing.reduction import DupFd

    _BEGINNER = multiprocessing.get_context("forkserver")
    _BEGINNER.set_forkserver_preload([__name__])

    def _begin(terminal: int, arguments: Sequence[str], environment: Mapping[str, str]) -> BaseProcess:
        process = _BEGINNER.Process(target=_become, args=(DupFd(terminal), arguments, environment))
        process.start()
        return process

    def _become(terminal: Any, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Sits down at the terminal and is the command, to its end."""
        os.setsid()
        own = terminal.detach()
        fcntl.ioctl(own, termios.TIOCSCTTY, 0)
        for stream in range(3):
            os.dup2(own, stream)
        os.close(own)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        sys.argv = ["chatroom-client", *arguments]
        sys.exit(cli.main())
