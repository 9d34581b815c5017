"""Leaving, by every way there is: the terminal is as it was before."""

import os
import shlex
import signal
import sys
import termios
from pathlib import Path

import pyte
import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from chatroom.messages import Error
from tests.client.screens import COMMAND, CTRL_D, CTRL_U, CTRL_Z, ENTER, Actor, Terminal


def is_restored(ada: Terminal) -> None:
    """Echo and line editing are the terminal's own again, the cursor is there, and pastes have no brackets."""
    flags = termios.tcgetattr(ada.end)[3]
    assert flags & termios.ECHO
    assert flags & termios.ICANON
    assert pyte.modes.DECTCEM in ada.screen.mode
    assert ada.raw.rpartition(b"?2004")[2].startswith(b"l")
    assert not ada.count("Traceback")


@pytest.mark.parametrize("keys", [f"q{ENTER}", f"/quit{ENTER}", CTRL_D], ids=["q", "quit", "ctrl-d"])
def test_leaving_by_keys(ada: Terminal, keys: str) -> None:
    ada.type(keys)
    assert ada.ends() == 0
    is_restored(ada)


def test_ctrl_d_in_a_line_does_not_leave(ada: Terminal) -> None:
    ada.type(f"xy\x1b[D{CTRL_D}")
    ada.prompt("lobby> x")
    ada.type(f"{CTRL_U}q{ENTER}")
    assert ada.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_leaving_at_a_signal(ada: Terminal, number: signal.Signals) -> None:
    ada.type("half a thought")
    ada.prompt("lobby> half a thought")
    os.kill(ada.process.pid, number)
    assert ada.ends() == 128 + number
    is_restored(ada)


def test_what_was_said_last_is_stored_before_one_leaves(ada: Terminal, bob: Client) -> None:
    ada.type(f"good night{ENTER}q{ENTER}")
    assert ada.ends() == 0
    assert bob.history("lobby").result(10).said()[-1].message == "good night"


def test_ctrl_z_and_back(server: Server, bob: Client, tmp_path: Path) -> None:
    """From a shell with job control: stopped, the terminal is the shell's; back in front, the line is as it was."""
    with Terminal(tmp_path / "ada", command=("bash", "--norc", "--noprofile", "-i"), PS1="$ ") as ada:
        ada.prompt("$ ")
        ada.type(f"{shlex.join(COMMAND)} --port {server.port} --name ada --mute{ENTER}")
        ada.sees("You are in lobby")
        ada.type("half a thought")
        ada.prompt("lobby> half a thought")
        ada.type(CTRL_Z)
        ada.sees("Stopped")
        ada.prompt("$ ")
        bob.say("lobby", "said meanwhile").result(10)
        ada.type(f"fg{ENTER}")
        ada.sees("bob: said meanwhile")
        ada.prompt("lobby> half a thought")
        ada.type(f"{CTRL_U}q{ENTER}")
        ada.prompt("$ ")
        ada.type(f"stty -a{ENTER}")
        ada.sees(" echo ")
        ada.sees(" icanon ")


@pytest.mark.parametrize(("code", "exit_code"), [("banned", 6), ("kicked", 6), ("replaced", 5)])
def test_who_is_sent_away_is_told_why(tmp_path: Path, code: str, exit_code: int) -> None:
    with Actor() as actor, Terminal(tmp_path, "--port", str(actor.port), "--name", "ada", "--mute") as ada:
        ada.sees("You are in lobby")
        actor.say(Error(code=code, text="You must go now.", fatal=True))
        assert ada.ends() == exit_code
        ada.sees("You must go now.")
        is_restored(ada)


def test_a_bug_is_one_sentence_and_its_trace_lies_in_a_file(server: Server, tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import chatroom.client.typist as typist\n"
        "def typed(self, text, pasted=False): raise RuntimeError('a bug')\n"
        "typist.Typist.typed = typed\n"
    )
    arguments = ("--port", str(server.port), "--name", "ada", "--mute")
    with Terminal(tmp_path, *arguments, command=COMMAND, python_path=tmp_path) as ada:
        ada.prompt("lobby> ")
        ada.type(f"hello{ENTER}")
        assert ada.ends() == 1
        is_restored(ada)
        assert ada.count("client.log")
    [log] = tmp_path.rglob("client.log")
    assert "RuntimeError" in log.read_text()
