"""One errand at a time, against a real server, over text streams: what goes out, when it is done, and how it ended."""

import _thread
import contextlib
import errno
import io
import json
import os
import queue
import threading
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, TextIO

import pytest

from chatroom import Server
from chatroom.client import exits, pipe, session
from chatroom.client.pipe import STDIN, Errand, Pipe
from chatroom.client.session import Client
from chatroom.messages import Error, Join, Left, Live, Say
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear, Proxy, Script, meet, message, room_answer

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

LOBBY = Errand("lobby")


class Paper(io.StringIO):
    """What is written on it can be waited for, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self._lines.put(line)
        return super().write(text)

    def until(self, part: str) -> str:
        """The next line that holds this."""
        while part not in (line := self._lines.get(timeout=TIMEOUT)):
            pass
        return line


class Hand:
    """Lines that come in when the test says so."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def write(self, *lines: str) -> None:
        for line in lines:
            self._lines.put(line + "\n")

    def close(self) -> None:
        self._lines.put(None)

    def __iter__(self) -> Iterator[str]:
        return iter(lambda: self._lines.get(timeout=TIMEOUT), None)


class Job:
    """An errand under way."""

    def __init__(
        self, client: Client, errand: Errand, lines: Iterable[str] | None = None, out: TextIO | None = None
    ) -> None:
        self.hand, self.out, self.err = Hand(), Paper(), Paper()
        lines = self.hand if lines is None else lines
        self._pipe = Pipe(client, errand, lines, out or self.out, self.err)
        self._code: int | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._code = self._pipe.run()

    def ends(self) -> int:
        """Waits for the end; how it ended."""
        self._thread.join(TIMEOUT)
        self.hand.close()
        assert self._code is not None, "it has not ended"
        return self._code


def run(client: Client, errand: Errand, *lines: str) -> tuple[int, list[str], str]:
    """How it ended, the lines that went out, and what was told."""
    job = Job(client.start(), errand, [line + "\n" for line in lines])
    return job.ends(), job.out.getvalue().splitlines(), job.err.getvalue()


def words(lines: Iterable[str]) -> list[str]:
    """Of lines like `[time] name: words`, or of objects, the words."""
    return [json.loads(line)["message"] if line[0] == "{" else line.partition(": ")[2] for line in lines]


def said(client: Client, room: str = "lobby") -> list[str]:
    return [message.message for message in client.history(room, limit=200).result(TIMEOUT).said()]


@pytest.fixture
def bob(server: Server, enter: Enter) -> Client:
    bob = enter(server.port, "bob").start()
    bob.join("lobby").result(TIMEOUT)
    return bob


@pytest.fixture
def ci(server: Server, enter: Enter) -> Client:
    return enter(server.port, "ci")


# ------------------------------------------------------------------------------------------------- what goes out

GOES_OUT = [
    (LOBBY, ["mine", "answer", "end"]),
    (LOBBY._replace(json=True), ["mine", "answer", "end"]),
    (LOBBY._replace(since=0), ["before", "mine", "answer", "end"]),
    (LOBBY._replace(once=True), ["answer"]),
    (LOBBY._replace(once=True, json=True), ["answer"]),
    (LOBBY._replace(once=True, since=0), ["before"]),
    (LOBBY._replace(send=STDIN), []),
    (LOBBY._replace(send=STDIN, json=True), ["mine", "end"]),
    (LOBBY._replace(send=STDIN, once=True), ["answer"]),
    (LOBBY._replace(send="mine"), []),
    (LOBBY._replace(send="mine", json=True), ["mine"]),
    (LOBBY._replace(send="mine", once=True), ["answer"]),
    (LOBBY._replace(send="mine", once=True, json=True), ["answer"]),
]


@pytest.mark.parametrize(("errand", "expected"), GOES_OUT, ids=lambda value: str(value)[:70])
def test_each_errand_prints_what_belongs_to_it(errand: Errand, expected: list[str], bob: Client, ci: Client) -> None:
    bob.say("lobby", "before").result(TIMEOUT)
    ear = Ear(bob)

    def conversation() -> Iterator[str]:
        yield "mine\n"
        ear.until_said("mine")
        bob.say("lobby", "answer").result(TIMEOUT)
        yield "end\n"

    job = Job(ci.start(), errand, conversation())
    if not errand.reads():
        ear.until_said("mine")
        bob.say("lobby", "answer").result(TIMEOUT)
    assert job.ends() == exits.OK
    assert words(job.out.getvalue().splitlines()) == expected


def test_a_text_is_one_message_whatever_it_holds(bob: Client, ci: Client) -> None:
    assert run(ci, LOBBY._replace(send="/quit\n\n- one\n")) == (exits.OK, [], "")
    assert said(bob) == ["/quit\n\n- one\n"]


def test_a_line_of_stdin_is_one_message_and_an_empty_one_is_none(bob: Client, ci: Client) -> None:
    assert run(ci, LOBBY._replace(send=STDIN), "-", "", "  two", "\r")[0] == exits.OK
    assert said(bob) == ["-", "  two"]


def test_an_object_says_everything_and_nothing_else(bob: Client, ci: Client) -> None:
    bob.say("lobby", "hello").result(TIMEOUT)
    bob.say("lobby", "waves", kind="action").result(TIMEOUT)
    first, second = bob.history("lobby").result(TIMEOUT).said()
    code, out, _ = run(ci, LOBBY._replace(json=True, since=0))
    facts = {"room": "lobby", "username": "bob", "replayed": True}
    assert code == exits.OK
    assert [json.loads(line) for line in out] == [
        {**facts, "seq": 1, "time": first.time, "message": "hello"},
        {**facts, "seq": 2, "time": second.time, "message": "waves", "kind": "action"},
    ]
    assert list(json.loads(out[1])) == ["room", "seq", "time", "username", "message", "replayed", "kind"]


def test_what_happens_now_is_not_replayed(ci: Client, bob: Client) -> None:
    _, out, _ = run(ci, LOBBY._replace(json=True), "now")
    assert [json.loads(line)["replayed"] for line in out] == [False]


HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m\x85\x7f\x00",
    "\u202eevil\u2066",
    "one\ntwo\r\nthree\u2028four\u2029five\x0bsix\x0cseven\x1ceight",
    'quote " backslash \\ \\u0041 \\n',
    "\ufeff\u200b\ufffe\U000e0041",
    "日本語 café e\u0301 👩\u200d👩\u200d👧 \U0001f600",
    "{}",
    "\t tab  ",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_a_message_is_one_line_whatever_it_holds(as_json: bool, text: str, script: Script, enter: Enter) -> None:
    client = enter(script.port, "ci")
    caller = meet(script, client)
    job = Job(client, LOBBY._replace(listen=True, once=True, json=as_json))
    caller.let_into_room(message(1, text, by=text, room="lobby"), since=0)
    assert job.ends() == exits.OK
    line = job.out.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable() or not as_json
    assert line.count("\n") == 1
    assert len(line.splitlines()) == 1
    if as_json:
        assert json.loads(line)["message"] == json.loads(line)["username"] == text


def test_what_can_be_seen_is_not_escaped(ci: Client) -> None:
    _, out, _ = run(ci, LOBBY._replace(json=True), "日本語 café")
    assert '"日本語 café"' in out[0]


@pytest.mark.parametrize("more", [{}, {"listen": True, "wait": 0}], ids=str)
def test_everything_since_then_is_printed_before_the_end(more: dict[str, Any], bob: Client, ci: Client) -> None:
    receipts = [bob.say("lobby", f"m{number}") for number in range(300)]
    receipts[-1].result(TIMEOUT)
    code, out, _ = run(ci, LOBBY._replace(since=100, **more))
    assert (code, words(out)) == (exits.OK, [f"m{number}" for number in range(100, 300)])


def test_the_end_of_stdin_is_not_the_end_of_what_was_said_before(
    monkeypatch: pytest.MonkeyPatch, script: Script, enter: Enter
) -> None:
    monkeypatch.setattr(session, "CLOSING_SECONDS", 0)
    client = enter(script.port, "ci")
    caller = meet(script, client)
    job = Job(client, LOBBY._replace(since=0), ())
    caller.send(room_answer(caller.expect(Join), since=0, last=2), message(1))
    job.out.until("m1")
    caller.send(message(2), Live("lobby", 2))
    assert job.ends() == exits.OK
    assert words(job.out.getvalue().splitlines()) == ["m1", "m2"]


def test_what_does_not_come_in_time_is_told(monkeypatch: pytest.MonkeyPatch, script: Script, enter: Enter) -> None:
    monkeypatch.setattr(pipe, "CATCH_UP_SECONDS", 0.01)
    client = enter(script.port, "ci")
    caller = meet(script, client)
    job = Job(client, LOBBY._replace(since=0, listen=True, wait=0))
    caller.send(room_answer(caller.expect(Join), since=0, last=2), message(1))
    assert job.ends() == exits.FAILED
    assert "[!] Not everything that was said could be printed in time." in job.err.getvalue()


def test_a_number_that_is_still_to_come_is_told(bob: Client, ci: Client) -> None:
    bob.say("lobby", "old").result(TIMEOUT)
    code, out, err = run(ci, LOBBY._replace(since=1_000), "mine")
    assert (code, words(out)) == (exits.OK, ["mine"])
    assert "The history of lobby starts anew." in err


def test_a_reply_is_a_line_like_any_other(bob: Client, ci: Client) -> None:
    bob.say("lobby", "question").result(TIMEOUT)
    bob.say("lobby", "answer", reply_to=1).result(TIMEOUT)
    _, out, _ = run(ci, LOBBY._replace(since=1))
    assert out[0].endswith("] bob: answer")


def test_to_listen_is_not_to_read(ci: Client) -> None:
    def never() -> Iterator[str]:
        raise AssertionError
        yield ""

    job = Job(ci.start(), LOBBY._replace(listen=True, wait=0), never())
    assert job.ends() == exits.OK


# -------------------------------------------------------------------------------------------- what is told besides


def test_who_talks_is_told_what_happens(bob: Client, ci: Client, enter: Enter, server: Server) -> None:
    job = Job(ci.start(), LOBBY)
    job.err.until("[+] Connected.")
    enter(server.port, "cy").start().join("lobby")
    job.err.until("[+] cy joined lobby.")
    job.hand.close()
    assert job.ends() == exits.OK


def test_who_only_sends_is_told_of_trouble_alone(bob: Client, ci: Client) -> None:
    ear = Ear(bob)

    def lines() -> Iterator[str]:
        yield "one\n"
        ear.until_said("one")
        bob.topic("lobby", "what happens").result(TIMEOUT)
        yield "x" * 4_001 + "\n"

    job = Job(ci.start(), LOBBY._replace(send=STDIN), lines())
    assert job.ends() == exits.REFUSED
    (told,) = job.err.getvalue().splitlines()
    assert told.startswith("[!] Not said in lobby: xxx")


# ---------------------------------------------------------------------------------------------------- how it ends


def test_a_refused_line_does_not_keep_the_others_from_being_said(bob: Client, ci: Client) -> None:
    code, out, err = run(ci, LOBBY, "x" * 4_001, "fine")
    assert (code, words(out), said(bob)) == (exits.REFUSED, ["fine"], ["fine"])
    assert err.count("A message has at most 4000 characters") == 1


@pytest.mark.parametrize(
    "text", ["", "\x1b", "x" * 4_001, "half a \ud83d", "x" * 70_000], ids=lambda text: ascii(text)[:9]
)
def test_a_text_that_cannot_be_said_is_refused(text: str, bob: Client, ci: Client) -> None:
    code, out, err = run(ci, LOBBY._replace(send=text))
    assert (code, out, said(bob)) == (exits.REFUSED, [], [])
    assert len(err.splitlines()) == 1
    assert all(character.isprintable() or character == "\n" for character in err)


def test_a_room_that_is_refused_is_told_and_nothing_is_read(ci: Client) -> None:
    job = Job(ci.start(), Errand("no room"))
    assert job.ends() == exits.REFUSED
    assert "[!] A room's name has 1 to 50 letters" in job.err.getvalue()


def test_of_two_failures_the_graver_one_counts(ci: Client) -> None:
    code, _, err = run(ci, LOBBY._replace(once=True, wait=0), "half a \ud83d")
    assert "Nobody said anything in time." in err
    assert code == exits.REFUSED


@pytest.mark.parametrize("more", [{}, {"listen": True}, {"listen": True, "since": 0}], ids=str)
def test_a_wait_for_a_message_that_does_not_come_is_a_failure(more: dict[str, Any], ci: Client) -> None:
    code, out, err = run(ci, LOBBY._replace(once=True, wait=0, **more))
    assert (code, out) == (exits.FAILED, [])
    assert "[!] Nobody said anything in time." in err


def test_silence_is_none_for_one_who_just_listens(ci: Client) -> None:
    code, out, err = run(ci, LOBBY._replace(listen=True, wait=0))
    assert (code, out) == (exits.OK, [])
    assert "[!]" not in err


def test_listening_stays_over_an_outage(server: Server, bob: Client, enter: Enter) -> None:
    with Proxy(server.port) as proxy:
        ci = enter(proxy.port, "ci").start()
        job = Job(ci, LOBBY._replace(listen=True))
        job.err.until("Connected")
        proxy.shut_the_door()
        job.err.until("[!] link lost")
        bob.say("lobby", "meanwhile").result(TIMEOUT)
        proxy.open_the_door()
        job.out.until("bob: meanwhile")
        ci.close()
    assert job.ends() == exits.OK


def test_what_is_not_confirmed_in_time_is_kept_and_said_at_the_next_start(
    server: Server, bob: Client, enter: Enter
) -> None:
    with Proxy(server.port) as proxy:
        ci = enter(proxy.port, "ci").start()
        job = Job(ci, LOBBY._replace(wait=0))
        job.err.until("Connected")
        proxy.shut_the_door()
        job.err.until("link lost")
        job.hand.write("one", "two")
        job.hand.close()
        assert job.ends() == exits.UNSENT
        assert job.err.until("[!] 2 not").endswith("kept, and said at the next start under this name.")
        proxy.open_the_door()
        assert run(enter(proxy.port, "ci"), LOBBY._replace(send="three"))[0] == exits.OK
    assert said(bob) == ["one", "two", "three"]


def test_who_is_not_let_into_the_room_in_time_has_spoken_all_the_same(
    monkeypatch: pytest.MonkeyPatch, script: Script, enter: Enter
) -> None:
    monkeypatch.setattr(pipe, "PATIENCE_SECONDS", 0.01)
    client = enter(script.port, "ci")
    caller = meet(script, client)
    job = Job(client, LOBBY._replace(send="build done"))
    caller.expect(Join)
    assert caller.expect(Say).message == "build done"
    assert job.ends() == exits.UNSENT
    assert [say.message for say in client.unsent] == ["build done"]


def test_only_so_many_lines_are_ahead_of_their_receipts(
    monkeypatch: pytest.MonkeyPatch, script: Script, enter: Enter
) -> None:
    monkeypatch.setattr(pipe, "PATIENCE_SECONDS", 0.5)
    client = enter(script.port, "ci")
    caller = meet(script, client)
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"line {read}\n"

    job = Job(client, LOBBY, endless())
    caller.let_into_room()
    assert job.ends() == exits.UNSENT
    assert read == pipe.AHEAD + 1
    assert len(client.unsent) == pipe.AHEAD + 1
    assert job.err.getvalue().endswith(" What came in after that was not read.\n")


THROWN_OUT = [
    (Error(code="banned", text="You are banned.", fatal=True), exits.REMOVED, "[!] You are banned."),
    (Error(code="kicked", text="You were kicked.", fatal=True), exits.REMOVED, "[!] You were kicked."),
    (Error(code="replaced", text="You came in elsewhere.", fatal=True), exits.REFUSED, "[!] You came in elsewhere."),
    (Error(code="protocol", text="Speak 2.", fatal=True), exits.PROTOCOL, "[!] Speak 2."),
    (Left("lobby", "ci", "kicked by bob"), exits.REMOVED, "[!] You are out of lobby: kicked by bob"),
    (Left("lobby", "ci", ""), exits.REMOVED, "[!] You are out of lobby."),
]


@pytest.mark.parametrize(("last", "code", "told"), THROWN_OUT, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("errand", [LOBBY, LOBBY._replace(listen=True), LOBBY._replace(send=STDIN)], ids=str)
def test_who_is_thrown_out_is_told_and_does_not_come_back(
    errand: Errand, last: Error | Left, code: int, told: str, script: Script, enter: Enter
) -> None:
    client = enter(script.port, "ci")
    caller = meet(script, client)
    job = Job(client, errand)
    caller.let_into_room()
    caller.send(last)
    assert job.ends() == code
    assert job.err.getvalue().splitlines()[-1] == told


# -------------------------------------------------------------------------------------------------- broken streams


def broken() -> TextIO:
    """A pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True)


def test_who_reads_no_more_ends_it_quietly_and_what_was_read_is_said(bob: Client, ci: Client) -> None:
    out = broken()
    job = Job(ci.start(), LOBBY, out=out)
    job.hand.write("one", "two")
    assert job.ends() == exits.OK
    out.close()
    assert "[!]" not in job.err.getvalue()
    assert said(bob)[:1] == ["one"]
    assert ci.unsent == []


def test_a_flood_ends_too_when_nobody_reads_any_more(bob: Client, ci: Client) -> None:
    out = broken()
    assert Job(ci.start(), LOBBY, (f"line {number}\n" for number in count()), out).ends() == exits.OK
    out.close()
    assert ci.unsent == []


def test_what_was_said_gets_its_receipt_also_when_nobody_reads_any_more(script: Script, enter: Enter) -> None:
    client, out = enter(script.port, "ci"), broken()
    caller = meet(script, client)
    job = Job(client, LOBBY, out=out)
    job.hand.write("mine")
    caller.let_into_room()
    say = caller.expect(Say)
    caller.send(message(1, "hello"))
    caller.send(message(2, "mine", by="ci", id=say.id))
    assert job.ends() == exits.OK
    out.close()


def test_what_has_no_receipt_is_told_also_when_nobody_reads_any_more(
    monkeypatch: pytest.MonkeyPatch, script: Script, enter: Enter
) -> None:
    monkeypatch.setattr(pipe, "FAREWELL_SECONDS", 0.01)
    client, out = enter(script.port, "ci"), broken()
    caller = meet(script, client)
    job = Job(client, LOBBY, out=out)
    job.hand.write("mine")
    caller.let_into_room()
    caller.expect(Say)
    caller.send(message(1, "hello"))
    assert job.ends() == exits.UNSENT
    out.close()
    assert [say.message for say in client.unsent] == ["mine"]


def test_a_full_disk_is_told(bob: Client, ci: Client) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    job = Job(ci.start(), LOBBY, ["one\n"], out=Full())
    assert job.ends() == exits.FAILED
    assert f"[!] What is said cannot be written ({os.strerror(errno.ENOSPC)})." in job.err.getvalue()
    assert said(bob) == ["one"]


def test_nobody_need_read_what_is_told(bob: Client, ci: Client) -> None:
    err, out = broken(), Paper()
    assert Pipe(ci.start(), LOBBY, ["one\n", "x" * 4_001, "two\n"], out, err).run() == exits.REFUSED
    with contextlib.suppress(BrokenPipeError):
        err.close()
    assert words(out.getvalue().splitlines()) == said(bob) == ["one", "two"]


def test_what_cannot_be_read_is_told_and_what_was_read_is_said(bob: Client, ci: Client) -> None:
    def lines() -> Iterator[str]:
        yield "one\n"
        raise OSError(errno.EIO, "the disk is gone")

    job = Job(ci.start(), LOBBY, lines())
    assert job.ends() == exits.FAILED
    assert "[!] What comes in cannot be read (the disk is gone)." in job.err.getvalue()
    assert said(bob) == ["one"]


def test_a_fault_in_a_thread_is_not_taken_for_success(ci: Client) -> None:
    def lines() -> Iterator[str]:
        yield "one\n"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Pipe(ci.start(), LOBBY, lines(), Paper(), Paper()).run()


def test_at_an_interruption_the_line_that_is_being_written_is_the_last(
    monkeypatch: pytest.MonkeyPatch, bob: Client, ci: Client
) -> None:
    is_closing = threading.Event()

    class Interrupted(Paper):
        is_whole = False

        def write(self, text: str) -> int:
            _thread.interrupt_main()
            assert is_closing.wait(TIMEOUT)
            self.is_whole = True
            return super().write(text)

    def close() -> None:
        is_closing.set()
        Client.close(ci)

    for number in range(3):
        bob.say("lobby", f"m{number}").result(TIMEOUT)
    out, errand = Interrupted(), LOBBY._replace(listen=True, since=0)
    monkeypatch.setattr(ci.start(), "close", close)
    with pytest.raises(KeyboardInterrupt):
        Pipe(ci, errand, (), out, Paper()).run()
    assert out.is_whole
    assert words(out.getvalue().splitlines()) == ["m0"]
