"""Notifications of the system: what its program is given, whatever somebody says, and that nobody waits for it.

In place of each system's program stands one that tells what it was given; it is started as the real one would be.
"""

import html
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chatroom.client.desktop import APPLESCRIPT, LONGEST_BODY, LONGEST_TITLE, MOST_AT_ONCE, POWERSHELL, Popups
from chatroom.messages import Message
from chatroom.text import visible
from tests.client.peers import TIMEOUT
from tests.client.screens import ROOT

if sys.platform == "win32":
    pytest.skip("a script stands in for a program, which Windows cannot start", allow_module_level=True)

PROGRAMS = {
    "linux": "notify-send",
    "darwin": "osascript",
    "win32": "System32/WindowsPowerShell/v1.0/powershell.exe",
}
# It tells, waits for an answer, and ends with that.
STAND_IN = """\
#!{python}
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as line:
    line.sendall(json.dumps([sys.argv[1:], dict(os.environ), os.getsid(0) == os.getpid()]).encode() + b"\\n")
    code = int(line.recv(9) or 0)
sys.exit(code)
"""

HOSTILE = [
    "$(touch x)",
    "`touch x`",
    "; touch x",
    "& touch x | touch x > x",
    "'; touch x; '",
    '" & do shell script "touch x" & "',
    "'); New-Item x #",
    "--help",
    "-e",
    "--",
    "<b>bold</b> & <a href='x'>here</a>",
    r"\n \033[31m \\",
    "%PATH% $env:PATH ${PATH}",
    "two\nlines\tand a tab",
    "\x1b]0;title\x07\x00\u202eevil\u2066\ud800",
    "é 漢字 👩‍👩‍👧 עברית",
    "",
    "x" * 4_000,
    "&" * 4_000,
]


class Given(NamedTuple):
    arguments: list[str]
    variables: dict[str, str]
    is_alone: bool
    """Whether it has a session of its own, and so no terminal."""
    line: socket.socket

    def end(self, code: int = 0) -> None:
        self.line.sendall(str(code).encode())
        self.line.close()


class Desk:
    """A system with its program, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(TIMEOUT)
        self.environ = {"PATH": str(folder), "SYSTEMROOT": str(folder)}

    def popups(self, system: str) -> Popups:
        program = self.folder / PROGRAMS[system]
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(STAND_IN.format(python=sys.executable, port=self.listener.getsockname()[1]))
        program.chmod(0o755)
        return Popups(system, self.environ)

    def given(self) -> Given:
        line, _ = self.listener.accept()
        line.settimeout(TIMEOUT)
        with line.makefile(encoding="utf-8") as lines:
            arguments, variables, is_alone = json.loads(lines.readline())
        return Given(arguments, variables, is_alone, line)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """What is started; it has ended when the test has."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: Any, **named: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **named))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    yield started
    for process in started:
        process.wait(TIMEOUT)


@pytest.fixture
def desk(tmp_path: Path, processes: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    (tmp_path / "desk").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    desk = Desk(tmp_path / "desk")
    yield desk
    desk.listener.close()


def message(text: str, username: str = "bob", room: str = "lobby", **more: Any) -> Message:
    return Message(room, 1, 0, username, text, "id", **more)


def words_of(system: str, given: Given) -> tuple[str, str]:
    """The title and the body; and a look at everything beside them."""
    match system:
        case "linux":
            assert given.arguments[:-2] == ["--app-name=chatroom", "--"]
            title, body = given.arguments[-2:]
            return title, plain(body)
        case "darwin":
            assert given.arguments[:-2] == [part for line in APPLESCRIPT for part in ("-e", line)]
            title, body = given.arguments[-2:]
        case _:
            assert given.arguments[-2:] == ["-Command", POWERSHELL]
            title, body = (given.variables[f"CHATROOM_POPUP_{name}"] for name in ("TITLE", "BODY"))
    return title, body


def plain(body: str) -> str:
    """What is seen of it: notify-send reads escapes with a backslash, and what shows the words reads markup."""
    unmarked = html.unescape(body)
    assert html.escape(unmarked, quote=False) == body
    words = unmarked.replace(r"\\", "\\")
    assert words.replace("\\", r"\\") == unmarked
    return words


def show(desk: Desk, system: str, said: Message) -> tuple[str, str]:
    assert desk.popups(system).announce(said) == ""
    given = desk.given()
    given.end()
    assert given.is_alone
    return words_of(system, given)


@pytest.mark.parametrize("system", PROGRAMS)
@pytest.mark.parametrize(
    ("said", "title", "body"),
    [
        (message("hello"), "chatroom: bob in lobby", "hello"),
        (message("hello", room="@ada"), "chatroom: bob", "hello"),
        (message("waves", kind="action"), "chatroom: bob in lobby", "bob waves"),
    ],
)
def test_who_says_what_and_where(desk: Desk, system: str, said: Message, title: str, body: str) -> None:
    assert show(desk, system, said) == (title, body)


@pytest.mark.parametrize("system", PROGRAMS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_somebody_says_is_words_and_nothing_else(desk: Desk, system: str, text: str) -> None:
    """In names, too: a server may be a liar."""
    title, body = show(desk, system, message(text, username=text, room=text))
    assert title.startswith("chatroom: ")
    for words, longest in ((title, LONGEST_TITLE), (body, LONGEST_BODY)):
        assert len(words) <= longest
        assert visible(words) == words
    assert body == visible(text) or (len(text) > LONGEST_BODY and body.endswith("…"))
    assert not any(Path().iterdir())


def test_nobody_waits_and_what_does_not_end_is_not_joined_by_more(
    desk: Desk, processes: list[subprocess.Popen[bytes]]
) -> None:
    popups = desk.popups("linux")
    for _ in range(MOST_AT_ONCE + 3):
        assert popups.announce(message("hello")) == ""
    given = [desk.given() for _ in range(MOST_AT_ONCE)]
    assert len(processes) == MOST_AT_ONCE
    for each in given:
        each.end()
    for process in processes:
        process.wait(TIMEOUT)
    assert popups.announce(message("hello")) == ""
    desk.given().end()


# ------------------------------------------------------------------------------------------------- where it fails


@pytest.mark.parametrize("system", PROGRAMS)
def test_a_program_that_is_not_there_is_told_once(tmp_path: Path, system: str) -> None:
    popups = Popups(system, {"PATH": str(tmp_path), "SYSTEMROOT": str(tmp_path)})
    told = popups.announce(message("hello"))
    assert told.startswith("The system shows no notifications: ")
    assert PROGRAMS[system] in told
    assert told.endswith(" is not there.")
    assert popups.announce(message("hello")) == ""


def test_a_program_that_fails_is_told_once_by_what_comes_later(
    desk: Desk, processes: list[subprocess.Popen[bytes]]
) -> None:
    popups = desk.popups("linux")
    told = []
    for _ in range(3):
        told.append(popups.announce(message("hello")))
        desk.given().end(7)
        processes[-1].wait(TIMEOUT)
    assert told == ["", "The system shows no notifications: notify-send ended with 7.", ""]


def test_what_is_no_program_is_told(desk: Desk) -> None:
    popups = desk.popups("linux")
    (desk.folder / "notify-send").write_text("hello")
    assert "notify-send cannot be started" in popups.announce(message("hello"))


def test_a_system_whose_encoding_lacks_a_character_is_told(desk: Desk) -> None:
    desk.popups("linux")
    script = (
        "from chatroom.client.desktop import Popups; from chatroom.messages import Message;"
        "print(ascii(Popups('linux').announce(Message('lobby', 1, 0, 'bob', chr(0x6f22), 'id'))))"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env={**desk.environ, **ascii_only}, capture_output=True, text=True, check=True)
    assert "notify-send cannot be started" in done.stdout
