"""A person at a terminal: the real command in a pseudo-terminal, keys, and the screen as an emulator draws it.

And a server that says what it is told to, for what a real one never would. Nothing here sleeps: the terminal is read
until what is waited for is there, or the patience is over.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import pyte
from msgspec.structs import replace

from chatroom.messages import AnyRequest, Event, Hello, Join, Limits, Live, Room, Welcome
from chatroom.wire import Unreadable, native

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 15.0
COMMAND = [sys.executable, "-m", "chatroom.client.cli"]

# Makes the terminal the process's own, so that Ctrl-C and a change of its size reach it; then becomes the command.
_SIT_DOWN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"

ENTER, TAB, CTRL_C, CTRL_D, CTRL_U = "\r", "\t", "\x03", "\x04", "\x15"


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of this process's, with a home of its own."""
    folders = {"HOME": home, "XDG_DATA_HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
    mine = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    return {**mine, **{name: str(path) for name, path in folders.items()}, "PYTHONPATH": str(ROOT), "TZ": "UTC", **more}


class Terminal:
    """The command with a person in front of it. `screen` is what that person sees, `lines` all that they saw."""

    def __init__(self, home: Path, *arguments: str, columns: int = 80, rows: int = 24, **variables: str) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=20_000)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._end, terminal = _open(rows, columns)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SIT_DOWN, *COMMAND, *arguments],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
            env=environment(home, TERM="xterm-256color", **variables),
        )  # fmt: skip
        os.close(terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)

    # ---------------------------------------------------------------------------------------------- writing

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def paste(self, text: str) -> None:
        """As a terminal does it where the program asked for brackets around pastes."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    # ---------------------------------------------------------------------------------------------- reading

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if not self._read(deadline - time.monotonic()):
                told = [f"waited in vain for {what or 'something'}; the screen:", *self.lines()]
                raise AssertionError("\n".join(told))

    def sees(self, text: str) -> None:
        self.until(lambda: any(text in line for line in self.lines()), repr(text))

    def prompt(self, text: str) -> None:
        """Waits until the line being typed is this, with the cursor at its end."""
        self.until(lambda: self.line() == text and self.screen.cursor.x == len(text), f"the line {text!r}")

    def ends(self) -> int:
        """Waits for the process's end; its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(PATIENCE)

    def line(self) -> str:
        """What stands where the cursor is."""
        return str(self.screen.display[self.screen.cursor.y]).rstrip().ljust(self.screen.cursor.x)

    def lines(self) -> list[str]:
        past = ["".join(row[x].data for x in range(self.screen.columns)) for row in self.screen.history.top]
        return [line.rstrip() for line in (*past, *self.screen.display)]

    def count(self, text: str) -> int:
        return sum(line.count(text) for line in self.lines())

    def _read(self, seconds: float) -> bool:
        """Whether there was more to be drawn within the time, before the program ended."""
        if seconds <= 0 or not select.select([self._end], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._end, 65_536)
        except OSError:  # so a pseudo-terminal ends on Linux; elsewhere with nothing to read
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def _open(rows: int, columns: int) -> tuple[int, int]:
    """The emulator's end of a new pseudo-terminal, and the program's."""
    if sys.platform == "win32":
        raise NotImplementedError
    import termios

    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (rows, columns))
    return ours, theirs


class Actor:
    """A server for one client: it lets in whoever comes, and says what the test has it say."""

    def __init__(
        self,
        *,
        topic: str = "",
        members: Sequence[str] = ("ada",),
        first: Callable[[Any], Sequence[Event]] = lambda request: (),
    ) -> None:
        """`first` may answer a request before the actor itself does."""
        self._room = Room(
            room="lobby", epoch="e", topic=topic, members=[*members], first=0, last=0, since=0, gap=False, reset=False
        )
        self._first = first
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._is_in = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, self._connection):
            if sock:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def say(self, *events: Event) -> None:
        """Once the client is in its room."""
        assert self._is_in.wait(PATIENCE)
        assert self._connection
        self._connection.sendall(native.encode(events))

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            with self._connection as connection, contextlib.suppress(OSError):
                codec = native.requests()
                while data := connection.recv(65_536):
                    for request in codec.receive(data):
                        connection.sendall(native.encode(self._answers(request)))
                        if isinstance(request, Join):
                            self._is_in.set()

    def _answers(self, request: AnyRequest | Unreadable) -> Sequence[Event]:
        if answers := self._first(request):
            return answers
        match request:
            case Hello(username=name, id=id):
                facts = {"protocol": 1, "server": "actor", "session": "s", "role": "guest", "time": 0}
                return [Welcome(username=name, limits=Limits(65_536, 4_000, 0), id=id, **facts)]  # type: ignore[arg-type]
            case Join(id=id):
                return [replace(self._room, id=id), Live("lobby", 0)]
        return []
