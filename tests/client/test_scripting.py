"""The whole command in scripts: what they pipe in and out, the exit codes they go by, and how they stop it."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chatroom import Server
from chatroom.client import exits
from chatroom.client.session import Client
from chatroom.messages import Error, Event, Hello, Message, Say
from tests.client.peers import Ear, acquaint
from tests.client.screens import COMMAND, PATIENCE, Actor, environment, state


class Shell:
    """Starts the command in pipes."""

    def __init__(self, port: int, home: Path) -> None:
        self._port = port
        self._home = home

    def start(self, *arguments: str, before: Sequence[str] = (), **more: str) -> subprocess.Popen[bytes]:
        variables = environment(self._home, LOGNAME="ci", **more)
        variables.pop("PYTHONUNBUFFERED", None)  # nobody has it who does not work on a program
        return subprocess.Popen(
            [*before, *COMMAND, "--port", str(self._port), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=variables,
        )  # fmt: skip

    def run(self, *arguments: str, stdin: str = "", before: Sequence[str] = (), **more: str) -> tuple[int, str, str]:
        """The exit code, and what was written to stdout and to stderr."""
        with self.start(*arguments, before=before, **more) as process:
            out, err = process.communicate(stdin.encode(), PATIENCE)
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(port=0, rate=0) as server:
        yield server


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    """At a home where the server is known."""
    acquaint(state(tmp_path), server.port)
    return Shell(server.port, tmp_path)


@pytest.fixture
def bob(server: Server, tmp_path: Path) -> Iterator[Client]:
    with Client(port=server.port, username="bob", data=tmp_path / "bob") as bob:
        bob.join("lobby").result(PATIENCE)
        yield bob


def said(client: Client, room: str = "lobby") -> list[tuple[str, str]]:
    messages = client.history(room, limit=200).result(PATIENCE).said()
    return [(message.username, message.message) for message in messages]


def told(process: subprocess.Popen[bytes], part: str) -> None:
    """Waits until stderr says this."""
    assert process.stderr
    while part.encode() not in (line := process.stderr.readline()):
        assert line, "it has ended"


# ------------------------------------------------------------------------------------------------------ exit codes


def answering(answer: Event) -> Actor:
    """A server that says this to whoever comes in."""
    return Actor(first=lambda request: [answer] if isinstance(request, Hello) else [])


BY_A_SERVER = [
    (["--send", "lobby", "build done"], exits.OK, ""),
    (["--send", "lobby", "x" * 4_001], exits.REFUSED, "A message has at most 4000 characters"),
    (["--name", "bob"], exits.REFUSED, "The name bob is taken; bob-2 is free."),
    (["--listen", "--wait", "0"], exits.OK, ""),
    (["--listen", "--once", "--wait", "0"], exits.FAILED, "Nobody said anything in time."),
    (["--send", "lobby"], exits.USAGE, "--send needs a room and a text"),
    (["--send", "no room", "hello"], exits.USAGE, "'no room' is no room."),
    (["--listen", "--since", "-1"], exits.USAGE, "--since"),
    (["--listen", "--wait", "soon"], exits.USAGE, "'soon' is no number of seconds"),
    (["--listen", "--send", "lobby", "hello"], exits.USAGE, "--listen"),
]


@pytest.mark.parametrize(("arguments", "code", "sentence"), BY_A_SERVER, ids=lambda value: str(value)[:50])
def test_the_exit_code_tells_how_it_went(
    arguments: list[str], code: int, sentence: str, shell: Shell, bob: Client
) -> None:
    ended, out, err = shell.run(*arguments)
    assert (ended, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


THROWN_OUT = [
    ("banned", exits.REMOVED),
    ("kicked", exits.REMOVED),
    ("auth_required", exits.REFUSED),
    ("protocol", exits.PROTOCOL),
]


@pytest.mark.parametrize(("reason", "code"), THROWN_OUT)
@pytest.mark.parametrize("is_in", [False, True], ids=["at the door", "later"])
def test_a_refusal_has_its_exit_code(is_in: bool, reason: str, code: int, tmp_path: Path) -> None:
    refusal = Error(code=reason, text="So it is.", fatal=True)
    if not is_in:
        with answering(refusal) as actor:
            ended, out, err = Shell(actor.port, tmp_path).run("--listen")
    else:
        with Actor() as actor, Shell(actor.port, tmp_path).start("--listen") as process:
            actor.say(refusal)
            raw = process.communicate(timeout=PATIENCE)
            ended, out, err = process.returncode, raw[0].decode(), raw[1].decode()
    assert (ended, out) == (code, "")
    assert "So it is." in err.splitlines()[-1]


def test_nobody_there_has_its_exit_code(tmp_path: Path) -> None:
    code, out, err = Shell(1, tmp_path).run("--send", "lobby", "hello")
    assert (code, out) == (exits.UNREACHABLE, "")
    assert len(err.splitlines()) == 1


def test_what_is_not_confirmed_has_its_exit_code_and_is_said_at_the_next_start(tmp_path: Path) -> None:
    with Actor() as actor:
        code, out, err = Shell(actor.port, tmp_path).run("--send", "lobby", "build done", "--wait", "0")
    assert (code, out) == (exits.UNSENT, "")
    assert "kept, and said at the next start under this name" in err
    (journal,) = tmp_path.rglob("unsent")
    assert "build done" in journal.read_text("utf-8")


# ---------------------------------------------------------------------------------------------------------- pipes


def test_a_line_is_said_and_printed(shell: Shell, bob: Client) -> None:
    code, out, err = shell.run("--name", "ci", stdin="build done\n")
    assert (code, said(bob)) == (exits.OK, [("ci", "build done")])
    assert out.endswith("] ci: build done\n")
    assert out.count("\n") == 1
    assert "[+] Connected." in err


def test_a_text_is_said_and_nothing_is_printed(shell: Shell, bob: Client) -> None:
    assert shell.run("--send", "lobby", "--help\n-1") == (exits.OK, "", "")
    assert said(bob) == [("ci", "--help\n-1")]


def test_the_lines_of_stdin_are_said_and_nothing_is_printed(shell: Shell, bob: Client) -> None:
    assert shell.run("--send", "#lobby", "-", stdin="one\n\ntwo") == (exits.OK, "", "")
    assert said(bob) == [("ci", "one"), ("ci", "two")]


def test_a_sent_text_comes_back_as_an_object(shell: Shell, bob: Client) -> None:
    code, out, err = shell.run("--json", "--send", "lobby", "build done")
    assert (code, err) == (exits.OK, "")
    (message,) = bob.history("lobby").result(PATIENCE).said()
    assert json.loads(out) == {
        "room": "lobby", "seq": 1, "time": message.time, "username": "ci", "message": "build done", "replayed": False,
    }  # fmt: skip


def test_each_message_can_be_read_as_soon_as_it_is_said(shell: Shell, bob: Client) -> None:
    with shell.start("--listen") as process:
        assert process.stdout
        told(process, "Connected")
        for number in range(3):
            bob.say("lobby", f"m{number}")
            assert process.stdout.readline().endswith(f"] bob: m{number}\n".encode())
        process.kill()


def test_a_script_waits_for_the_next_message(shell: Shell, bob: Client) -> None:
    with shell.start("--listen", "--once", "--json") as process:
        told(process, "Connected")
        bob.say("lobby", "deploy\n\u2028now")
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == exits.OK
    assert json.loads(out)["message"] == "deploy\n\u2028now"


def test_a_script_asks_and_waits_for_the_answer(shell: Shell, bob: Client) -> None:
    ear = Ear(bob)
    with shell.start("--send", "lobby", "deploy?", "--once", "--wait", "60") as process:
        ear.until_said("deploy?")
        bob.say("lobby", "yes")
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (exits.OK, b"")
    assert out.endswith(b"] bob: yes\n")
    assert out.count(b"\n") == 1


def test_a_script_asks_what_was_said_since_it_asked_last(shell: Shell, bob: Client) -> None:
    for text in ("one", "two", "three"):
        bob.say("lobby", text).result(PATIENCE)
    code, out, _ = shell.run("--since", "1", "--wait", "0", "--json")
    assert code == exits.OK
    assert [(line["seq"], line["message"], line["replayed"]) for line in map(json.loads, out.splitlines())] == [
        (2, "two", True),
        (3, "three", True),
    ]


def test_objects_are_utf_8_whatever_the_locale(shell: Shell, bob: Client) -> None:
    bob.say("lobby", "日本語").result(PATIENCE)
    script = ("--listen", "--since", "0", "--once")
    assert '"日本語"' in shell.run(*script, "--json", PYTHONIOENCODING="ascii")[1]
    assert shell.run(*script, PYTHONIOENCODING="ascii")[1].endswith("bob: ???\n")


def test_colour_is_there_only_when_asked_for(shell: Shell, bob: Client) -> None:
    bob.say("lobby", "hello").result(PATIENCE)
    script = ("--listen", "--since", "0", "--once")
    assert "\x1b" not in "".join(shell.run(*script)[1:])
    assert "\x1b[" in shell.run(*script, "--color", "always")[1]
    assert "\x1b" not in shell.run(*script, "--color", "always", "--json")[1]


@pytest.mark.parametrize("text", ["\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u202eevil\u2066", "a\r\nb\u2028c"], ids=ascii)
@pytest.mark.parametrize("more", [[], ["--json"]], ids=str)
def test_nothing_from_the_network_is_raw(more: list[str], text: str, tmp_path: Path) -> None:
    with Actor() as actor, Shell(actor.port, tmp_path).start("--listen", *more) as process:
        actor.say(Message("lobby", 1, 0, text, text, "1"), Error(code="banned", text=text, fatal=True))
        out, err = (raw.decode() for raw in process.communicate(timeout=PATIENCE))
    assert out.count("\n") == 1
    assert all(character.isprintable() or character == "\n" for character in out + err)
    if more:
        assert json.loads(out)["message"] == json.loads(out)["username"] == text


# -------------------------------------------------------------------------------------------------- broken streams


def test_a_reader_that_goes_is_no_error(shell: Shell, bob: Client) -> None:
    with shell.start() as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b"here\n")
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"is anybody reading?\n")
        errors = process.stderr.read()
        assert process.wait(PATIENCE) == exits.OK
    assert said(bob) == [("ci", "here"), ("ci", "is anybody reading?")]
    assert b"[!]" not in errors
    assert b"Broken" not in errors
    assert b"Exception" not in errors


def test_the_command_can_be_the_head_of_a_pipeline(shell: Shell, bob: Client) -> None:
    for number in range(3):
        bob.say("lobby", f"m{number}").result(PATIENCE)
    pipeline = ("bash", "-c", 'set -o pipefail; "$@" 2>&1 | grep -m1 m0', "bash")
    code, out, _ = shell.run("--listen", "--since", "0", "--wait", "0", before=pipeline)
    assert code == exits.OK
    assert out.endswith("bob: m0\n")


CLOSED = [("<&-", exits.OK), (">&-", exits.OK), ("2>&-", exits.OK), ("<&- >&- 2>&-", exits.OK), ("</", exits.FAILED)]


@pytest.mark.parametrize(("how", "code"), CLOSED)
def test_streams_may_be_closed_from_the_start(how: str, code: int, shell: Shell, bob: Client) -> None:
    ended, _, err = shell.run(stdin="hello\n", before=("sh", "-c", f'exec "$@" {how}', "sh"))
    assert ended == code
    assert "Traceback" not in err
    assert said(bob) == ([] if how.startswith("<") else [("ci", "hello")])


# ---------------------------------------------------------------------------------------------------- interruptions


INTERRUPTIONS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", INTERRUPTIONS, ids=str)
@pytest.mark.parametrize("arguments", [[], ["--send", "lobby", "-"]], ids=str)
def test_an_interruption_ends_it_and_what_was_said_stays(
    arguments: list[str], number: signal.Signals, shell: Shell, bob: Client
) -> None:
    ear = Ear(bob)
    with shell.start(*arguments) as process:
        assert process.stdin
        process.stdin.write(b"one\n")
        ear.until_said("one")
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == exits.INTERRUPTED
    assert b"[!]" not in err
    assert b"Traceback" not in err


@pytest.mark.parametrize("number", INTERRUPTIONS, ids=str)
def test_listening_ends_by_an_interruption(number: signal.Signals, shell: Shell, bob: Client) -> None:
    with shell.start("--listen") as process:
        told(process, "Connected")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (exits.INTERRUPTED, b"", b"")


def test_what_is_interrupted_before_its_receipt_is_kept(tmp_path: Path) -> None:
    asked = threading.Event()

    def notice(request: object) -> list[Event]:
        if isinstance(request, Say):
            asked.set()
        return []

    with Actor(first=notice) as actor, Shell(actor.port, tmp_path).start("--send", "lobby", "build done") as process:
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == exits.INTERRUPTED
    (journal,) = tmp_path.rglob("unsent")
    assert "build done" in journal.read_text("utf-8")


@pytest.mark.parametrize("is_read", [False, True], ids=["stuck", "read"])
@pytest.mark.parametrize("number", INTERRUPTIONS, ids=str)
def test_no_line_is_torn(number: signal.Signals, is_read: bool, shell: Shell, bob: Client) -> None:
    """Far more is to be written than a pipe holds; and if somebody reads it, also lines that come in pieces."""
    text = ("x" if not is_read else "界") * 3_000
    receipts = [bob.say("lobby", text) for _ in range(200)]
    receipts[-1].result(PATIENCE)
    with shell.start("--listen", "--since", "0", "--json") as process:
        assert process.stdout
        begin = process.stdout.read(1)
        process.send_signal(number)
        if not is_read:
            process.wait(PATIENCE)
        out, err = process.communicate(timeout=PATIENCE)
    lines = (begin + out).splitlines(keepends=True)
    assert process.returncode == exits.INTERRUPTED
    assert [json.loads(line)["seq"] for line in lines] == [*range(1, len(lines) + 1)]
    assert lines[-1].endswith(b"\n")
    assert b"Fatal" not in err
