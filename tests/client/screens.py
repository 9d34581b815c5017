"""A person at a terminal: the real command in a pseudo-terminal, keys, and the screen as an emulator draws it.

And a server that says what it is told to, for what a real one never would. Nothing here sleeps: the terminal is read
until what is waited for is there, or the patience is over.
"""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyte
from msgspec.structs import replace
from wcwidth import wcwidth

from chatroom.messages import AnyRequest, Event, Hello, Join, Limits, Live, Room, Welcome
from chatroom.wire import Unreadable, native
from tests.client.peers import PLAIN_PORTS
from tests.client.warm import WarmCommand

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 15.0
COMMAND = [sys.executable, "-m", "chatroom.client.cli"]

# Makes the terminal the process's own, so that Ctrl-C and a change of its size reach it; then becomes the command.
_SIT_DOWN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"

ENTER, TAB, CTRL_C, CTRL_D, CTRL_U, CTRL_Z = "\r", "\t", "\x03", "\x04", "\x15", "\x1a"
ALT, UP = "\x1b", "\x1b[A"


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of this process's, with a home of its own. While there is a server that knows no TLS, it is spoken to so."""
    folders = {"HOME": home, "XDG_DATA_HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
    mine = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    mine |= {"CHATROOM_TLS": "no"} if PLAIN_PORTS else {}
    return {**mine, **{name: str(path) for name, path in folders.items()}, "PYTHONPATH": str(ROOT), "TZ": "UTC", **more}


def state(home: Path) -> Path:
    """Where the command keeps what it must not lose, at this home."""
    return home / "chatroom" / "client"


class _Screen(pyte.HistoryScreen):
    """Characters without a width of their own, such as joiners, stay out of the picture; pyte would drop the rest of
    the line after them."""

    def draw(self, data: str) -> None:
        super().draw("".join(c for c in data if wcwidth(c) > 0 or unicodedata.combining(c)))


class Terminal:
    """The command with a person in front of it. `screen` is what that person sees, `lines` all that they saw. Without
    a `command` it is the client's, begun warm."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        command: Sequence[str] = (),
        columns: int = 80,
        rows: int = 24,
        python_path: Path = ROOT,
        **variables: str,
    ) -> None:
        self.screen = _Screen(columns, rows, history=20_000)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self.end, terminal = _open(rows, columns)
        variables = environment(home, **({"TERM": "xterm-256color"} | variables))
        self.process: subprocess.Popen[bytes] | WarmCommand
        if command:
            path = {"PYTHONPATH": f"{python_path}:{ROOT}"}
            self.process = _typed(terminal, [*command, *arguments], variables | path)
        else:
            self.process = WarmCommand(terminal, arguments, variables)
        os.close(terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.end)

    # ---------------------------------------------------------------------------------------------- writing

    def type(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def paste(self, text: str) -> None:
        """As a terminal does it where the program asked for brackets around pastes."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int) -> None:
        """The window has another size."""
        _set_size(self.end, rows, columns)
        self.screen.resize(rows, columns)

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

    def becomes(self, text: str) -> None:
        """Waits until the line being typed is this, but for blanks at its end."""
        self.until(lambda: self.line().rstrip() == text.rstrip(), f"the line {text!r}")

    def stored(self, text: str) -> None:
        """Waits until this line of ours is seen and has its receipt."""
        self.sees(text)
        self.until(lambda: not self.shows("sending"), "the receipt")

    def counts(self, text: str, least: int) -> None:
        """Waits until it has been seen so often."""
        self.until(lambda: self.count(text) >= least, f"{least} times {text!r}")

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

    def shows(self, text: str) -> bool:
        """Whether it is to be seen now, and did not only pass by."""
        return any(text in line for line in self.screen.display)

    def place(self, text: str) -> int:
        """The line in which it stands first."""
        return next(place for place, line in enumerate(self.lines()) if text in line)

    def count(self, text: str) -> int:
        return sum(line.count(text) for line in self.lines())

    def picture(self) -> str:
        """What is to be seen now, as text; nothing was scrolled away."""
        return "\n".join(line.rstrip() for line in self.screen.display).strip("\n")

    def _read(self, seconds: float) -> bool:
        """Whether there was more to be drawn within the time, before the program ended."""
        if seconds <= 0 or not select.select([self.end], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.end, 65_536)
        except OSError:  # so a pseudo-terminal ends on Linux; elsewhere with nothing to read
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def _typed(terminal: int, command: Sequence[str], variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """The command itself, begun as a shell does it."""
    return subprocess.Popen(
        [sys.executable, "-ISc", _SIT_DOWN, shutil.which(command[0]) or command[0], *command[1:]],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, env=variables,
    )  # fmt: skip


def _open(rows: int, columns: int) -> tuple[int, int]:
    """The emulator's end of a new pseudo-terminal, and the program's."""
    if sys.platform == "win32":
        raise NotImplementedError
    ours, theirs = os.openpty()
    _set_size(theirs, rows, columns)
    return ours, theirs


def _set_size(terminal: int, rows: int, columns: int) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    import termios

    termios.tcsetwinsize(terminal, (rows, columns))


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
        PLAIN_PORTS.add(self.port)
        self._connection: socket.socket | None = None
        self._is_in = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        PLAIN_PORTS.discard(self.port)
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
