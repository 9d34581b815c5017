"""The command where there is no terminal: in pipes, end to end, against a real server."""

import io
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom import Server
from chatroom.client import exits, pipe
from chatroom.client.session import Client
from chatroom.messages import Error, Hello, Message, Notice
from tests.client.peers import acquaint
from tests.client.screens import COMMAND, PATIENCE, Actor, environment, state


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(port=0, rate=0) as server:
        yield server


@pytest.fixture
def bob(server: Server, tmp_path: Path) -> Iterator[Client]:
    with Client(port=server.port, username="bob", data=tmp_path / "bob") as bob:
        bob.join("lobby").result(10)
        yield bob


class Shell:
    """Runs the command in pipes."""

    def __init__(self, port: int, home: Path) -> None:
        self._port = port
        self._home = home

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, "--port", str(self._port), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env=environment(self._home, **more),
        )  # fmt: skip

    def run(self, text: str, *arguments: str, **more: str) -> tuple[int, str, str]:
        """The exit code, and what was written to stdout and to stderr."""
        with self.start(*arguments, **more) as process:
            out, err = process.communicate(text, PATIENCE)
        return process.returncode, out, err


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    """At a home where the server is known."""
    acquaint(state(tmp_path), server.port)
    return Shell(server.port, tmp_path)


def texts(client: Client, room: str = "lobby") -> list[str]:
    return [message.message for message in client.history(room, limit=200).result(10).said()]


# -------------------------------------------------------------------------------------------------- what is said


def test_a_line_is_said_and_the_exit_is_0(shell: Shell, bob: Client) -> None:
    code, out, err = shell.run("build done\n", "--name", "ci")
    assert code == 0
    assert texts(bob) == ["build done"]
    assert out.endswith("] ci: build done\n")
    assert out.count("\n") == 1
    assert "[+] Connected." in err
    assert "\x1b" not in out + err


def test_every_line_is_text_and_empty_ones_are_none(shell: Shell, bob: Client) -> None:
    assert shell.run("/quit\nq\n\n  indented\n/say hello\r\nno end", "--name", "ci")[0] == 0
    assert texts(bob) == ["/quit", "q", "  indented", "/say hello", "no end"]


def test_many_lines_arrive_in_order(shell: Shell, bob: Client) -> None:
    lines = [f"line {number}" for number in range(3 * pipe.AHEAD)]
    code, out, _ = shell.run("\n".join(lines), "--name", "ci")
    assert code == 0
    assert [line.partition(": ")[2] for line in out.splitlines()] == lines


def test_it_goes_to_the_room_that_is_named(shell: Shell, bob: Client) -> None:
    assert shell.run("hello ops\n", "--name", "ci", "--room", "ops")[0] == 0
    bob.join("ops").result(10)
    assert texts(bob, "ops") == ["hello ops"]


def test_nothing_to_say_is_no_error(shell: Shell) -> None:
    assert shell.run("", "--name", "ci")[:2] == (0, "")


def test_bytes_that_are_no_text_are_no_error(shell: Shell, bob: Client) -> None:
    with shell.start("--name", "ci") as process:
        assert process.stdin
        os.write(process.stdin.fileno(), b"\xff\xfe caf\xc3\xa9\n")
        assert process.communicate(timeout=PATIENCE)[0].endswith("ci: \ufffd\ufffd café\n")
    assert process.returncode == 0


def test_a_line_that_is_refused_is_told_and_the_exit_is_not_0(shell: Shell, bob: Client) -> None:
    code, _, err = shell.run("x" * 4_001 + "\nfine\n", "--name", "ci")
    assert code == exits.REFUSED
    assert err.count("A message has at most 4000 characters") == 1
    assert texts(bob) == ["fine"]


# ----------------------------------------------------------------------------------------------------- what is heard


def test_each_message_is_one_line_with_a_mark_for_newlines(shell: Shell, bob: Client) -> None:
    with shell.start("--name", "ci") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("here\n")
        process.stdin.flush()
        assert process.stdout.readline().endswith("] ci: here\n")
        bob.say("lobby", "one\ntwo").result(10)
        assert process.stdout.readline().endswith("] bob: one ⏎ two\n")
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_what_was_said_before_is_not_repeated(shell: Shell, bob: Client) -> None:
    bob.say("lobby", "long ago").result(10)
    assert "long ago" not in shell.run("now\n", "--name", "ci")[1]


def test_a_closed_stdout_ends_quietly(shell: Shell, bob: Client) -> None:
    with shell.start("--name", "ci") as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("here\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        bob.say("lobby", "is anybody reading?").result(10)
        errors = process.stderr.read()
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in errors
    assert "Broken" not in errors
    assert "Exception" not in errors


def test_nothing_from_the_network_reaches_a_pipe_raw(tmp_path: Path) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066\rend"
    with Actor() as actor, Shell(actor.port, tmp_path).start("--name", "ada") as process:
        actor.say(
            Message("lobby", 1, 0, hostile, hostile, "1"),
            Notice(hostile),
            Error(code="banned", text=hostile, fatal=True),
        )
        assert process.wait(PATIENCE) == exits.REMOVED
        out, err = process.communicate()
    assert out.count("\n") == 1
    assert err.count("evil") == 2
    assert all(character.isprintable() or character == "\n" for character in out + err)


# ------------------------------------------------------------------------------------------------ what goes wrong


def sentence(err: str) -> str:
    """The last line, where the errors have no other than the one that says what is tried."""
    lines = err.splitlines()
    assert lines[0].startswith("[*] Connecting to ")
    assert len(lines) == 2
    return lines[1]


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    code, out, err = Shell(1, tmp_path).run("hello\n", "--name", "ci")
    assert (code, out) == (exits.UNREACHABLE, "")
    assert "check the address, and that chatroom-server runs there" in sentence(err)


def test_a_name_that_is_taken_is_a_sentence(shell: Shell, bob: Client) -> None:
    code, out, err = shell.run("hello\n", "--name", "bob")
    assert (code, out) == (exits.REFUSED, "")
    assert sentence(err) == "chatroom-client: The name bob is taken; bob-2 is free. Choose one with --name."


def test_a_server_that_throws_us_out_is_a_sentence(tmp_path: Path) -> None:
    refusal = Error(code="banned", text="You are banned \x1b[2J here.", fatal=True)
    with Actor(first=lambda request: [refusal] if isinstance(request, Hello) else []) as actor:
        code, _, err = Shell(actor.port, tmp_path).run("hello\n", "--name", "ci")
    assert code == exits.REMOVED
    assert sentence(err) == "chatroom-client: You are banned \ufffd[2J here."


def test_receipts_that_do_not_come_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipe, "PATIENCE_SECONDS", 0.1)
    errors = io.StringIO()
    with Actor() as actor, Client(port=actor.port, username="ci", data=tmp_path, tls=False) as client:
        errand = pipe.Errand("lobby")
        assert pipe.Pipe(client, errand, ["hello\n"], io.StringIO(), errors).run() == exits.UNSENT
    assert "1 not confirmed by the server yet" in errors.getvalue()


def test_without_a_name_the_login_speaks(shell: Shell, bob: Client) -> None:
    assert shell.run("hello\n", LOGNAME="Jane Doe")[1].endswith("] Jane-Doe: hello\n")


def test_a_login_that_can_be_no_name_asks_for_one(shell: Shell) -> None:
    code, _, err = shell.run("hello\n", LOGNAME="!!!")
    assert code == exits.USAGE
    assert "choose one with --name" in err


def test_ctrl_c_leaves(shell: Shell) -> None:
    with shell.start("--name", "ci") as process:
        assert process.stderr
        while "Connected" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == exits.INTERRUPTED
    assert "Traceback" not in err
