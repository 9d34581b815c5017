"""The terminal client as a person uses it: the real command in a pseudo-terminal, on an emulated screen."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.commands import COMMANDS
from chatroom.client.session import Client
from chatroom.messages import Error, Joined, Left, Message, Notice, Topic
from tests.client.screens import CTRL_C, CTRL_D, CTRL_U, ENTER, TAB, Actor, Terminal

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b[?1049h\x9b31m\u202eevil\u2066\u200b\r\x08end"
FORBIDDEN = ("\x1b[2J", "\x1b]", "\x1b[?1049h", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\x08end")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(port=0, rate=0) as server:
        yield server


@pytest.fixture
def bob(server: Server, tmp_path: Path) -> Iterator[Client]:
    with Client(port=server.port, username="bob", data=tmp_path / "bob") as bob:
        bob.join("lobby").result(10)
        yield bob


@pytest.fixture
def ada(server: Server, tmp_path: Path) -> Iterator[Terminal]:
    """Ada, who has come into the lobby."""
    with Terminal(tmp_path / "ada", "--port", str(server.port), "--name", "ada", "--mute") as ada:
        ada.prompt("lobby> ")
        ada.sees("You are in lobby")
        yield ada


def port_of(server: Server | Actor) -> tuple[str, str]:
    return "--port", str(server.port)


# ------------------------------------------------------------------------------------------------- coming in


def test_the_classic_greeting(server: Server, tmp_path: Path) -> None:
    with Terminal(tmp_path, *port_of(server), "--mute") as ada:
        ada.sees("Enter your name:")
        assert ada.lines()[:2] == [f"[*] Connecting to 127.0.0.1:{server.port} ...", "[+] Connected."]
        ada.type(f"ada{ENTER}")
        ada.prompt("lobby> ")
        ada.sees("/help shows more, q quits.")


def test_a_name_that_is_taken_is_asked_for_again(server: Server, bob: Client, tmp_path: Path) -> None:
    with Terminal(tmp_path, *port_of(server), "--name", "bob", "--mute") as ada:
        ada.sees("bob is taken")
        ada.sees("Enter your name:")
        ada.type(f"no/name{ENTER}")
        ada.sees("A username has")
        ada.type(f"ada{ENTER}")
        ada.prompt("lobby> ")


def test_a_server_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--port", "1") as ada:
        assert ada.ends() == 1
        assert ada.count("127.0.0.1:1 cannot be reached") == 1
        assert not ada.count("Traceback")


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 0)])
def test_leaving_instead_of_a_name(server: Server, tmp_path: Path, key: str, code: int) -> None:
    with Terminal(tmp_path, *port_of(server)) as ada:
        ada.sees("Enter your name:")
        ada.type(key)
        assert ada.ends() == code


# --------------------------------------------------------------------------------------------------- talking


def test_what_one_says_shows_once_when_it_is_stored(ada: Terminal, bob: Client) -> None:
    ada.type(f"hello{ENTER}")
    ada.sees("] ada: hello")
    bob.say("lobby", "and hello to you").result(10)
    ada.sees("] bob: and hello to you")
    ada.prompt("lobby> ")
    assert ada.count("hello") == 2


def test_the_line_being_typed_is_never_torn(ada: Terminal, bob: Client) -> None:
    typed = "lobby> "
    for number, key in enumerate("the quick brown fox jumps over it"):
        for part in range(10):
            bob.say("lobby", f"message {number}.{part}.")
        ada.type(key)
        typed += key
        ada.prompt(typed)
    assert bob.flush(10)
    bob.say("lobby", "the last one").result(10)
    ada.sees("bob: the last one")
    ada.prompt(typed)
    said = [line for line in ada.lines() if "bob: message" in line]
    assert [line.partition("bob: ")[2] for line in said] == [f"message {n}.{p}." for n in range(33) for p in range(10)]
    assert ada.count("the quick") == 1


def test_long_lines_and_a_narrow_screen(server: Server, bob: Client, tmp_path: Path) -> None:
    with Terminal(tmp_path, *port_of(server), "--name", "ada", "--mute", columns=40, rows=8) as ada:
        ada.prompt("lobby> ")
        ada.type("x" * 60)
        for number in range(20):
            bob.say("lobby", f"{number} " + "wide 界 and e\u0301 " * 5 + "end.")
        bob.say("lobby", "last").result(10)
        ada.sees("bob: last")
        ada.until(lambda: ada.line() == "x" * 27)
        assert ada.count("end.") == 20
        assert ada.count("lobby> x") == 1


def test_q_quits(ada: Terminal) -> None:
    ada.type(f"q{ENTER}")
    assert ada.ends() == 0


def test_a_pasted_q_is_said(ada: Terminal) -> None:
    ada.paste("one\nq\ntwo\n")
    ada.prompt("       two")
    ada.type(ENTER)
    ada.sees("] ada: one")
    assert " " * 22 + "q" in ada.lines()
    ada.paste("q")
    ada.prompt("lobby> q")
    ada.type(ENTER)
    ada.sees("] ada: q")


def test_after_a_paste_was_wiped_q_quits_again(ada: Terminal) -> None:
    ada.paste("some words")
    ada.prompt("lobby> some words")
    ada.type(CTRL_U)
    ada.type(f"q{ENTER}")
    assert ada.ends() == 0


def test_say_says_anything(ada: Terminal) -> None:
    for text in ("q", "/quit"):
        ada.type(f"/say {text}{ENTER}")
        ada.sees(f"] ada: {text}")


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 0)])
def test_leaving_by_a_key(ada: Terminal, bob: Client, key: str, code: int) -> None:
    ada.type(key)
    assert ada.ends() == code
    assert not ada.count("Traceback")
    assert ada.raw.rpartition(b"?2004")[2].startswith(b"l")  # pastes have no brackets any more
    assert pyte.modes.DECTCEM in ada.screen.mode


# -------------------------------------------------------------------------------------------------- commands


def test_help_names_every_command(ada: Terminal) -> None:
    ada.type(f"/help{ENTER}")
    for command in COMMANDS.values():
        ada.sees(f"    {command.usage}")


def test_an_unknown_command_is_not_said(ada: Terminal, bob: Client) -> None:
    ada.type(f"/frobnicate all{ENTER}")
    ada.sees("There is no /frobnicate; nothing was said.")
    ada.type(f"/me{ENTER}")
    ada.sees("Type it so: /me TEXT")
    assert bob.history("lobby").result(10).messages == []


def test_rooms_are_joined_shown_and_left(ada: Terminal, bob: Client) -> None:
    bob.join("ops").result(10)
    bob.say("ops", "in ops").result(10)
    ada.type(f"/join #ops{ENTER}")
    ada.prompt("ops> ")
    ada.sees("] bob: in ops")
    ada.sees("You are in ops, with bob.")
    bob.say("lobby", "over here").result(10)
    ada.sees("] #lobby bob: over here")
    ada.type(f"/rooms{ENTER}")
    ada.sees("[*] ops (2 here)")
    ada.type(f"/who{ENTER}")
    ada.sees("[*] In ops: ada, bob")
    ada.type(f"/leave{ENTER}")
    ada.prompt("lobby> ")
    ada.type(f"/leave{ENTER}")
    ada.prompt("> ")
    ada.type(f"anybody?{ENTER}")
    ada.sees("You are in no room.")


def test_actions_and_topics(ada: Terminal, bob: Client) -> None:
    ada.type(f"/me waves{ENTER}")
    ada.sees("] * ada waves")
    ada.type(f"/topic tea at five{ENTER}")
    ada.sees("[*] ada set the topic of lobby: tea at five")
    ada.type(f"/topic{ENTER}")
    ada.sees("[*] Topic of lobby: tea at five")


def test_history_goes_back_page_by_page(server: Server, bob: Client, tmp_path: Path) -> None:
    for number in range(1, 76):
        bob.say("lobby", f"number {number}.")
    assert bob.flush(10)
    with Terminal(tmp_path, *port_of(server), "--name", "ada", "--mute") as ada:
        ada.sees("number 75.")
        assert not ada.count("number 25.")
        ada.type(f"/history{ENTER}")
        ada.sees("number 6.")
        ada.sees("That was 20 older")
        ada.type(f"/history 200{ENTER}")
        ada.sees("number 1.")
        ada.type(f"/history{ENTER}")
        ada.sees("Nothing older")
        assert [ada.count(f" number {number}.") for number in range(1, 76)] == [1] * 75
        ada.type(f"/history lots{ENTER}")
        ada.sees("from 1 to 200")


def test_names_and_commands_complete(ada: Terminal, bob: Client) -> None:
    ada.type(f"hello bo{TAB}")
    ada.prompt("lobby> hello bob")
    ada.type(f"{CTRL_U}/top{TAB}")
    ada.prompt("lobby> /topic")


# ---------------------------------------------------------------------------------------------------- sounds


def test_only_others_who_speak_now_ring_the_bell(server: Server, bob: Client, tmp_path: Path) -> None:
    bob.say("lobby", "before you came").result(10)
    # With nothing on the path there is no player: what is heard is the bell.
    with Terminal(tmp_path, *port_of(server), "--name", "ada", PATH="") as ada:
        ada.sees("before you came")
        ada.type(f"I am here{ENTER}")
        ada.sees("ada: I am here")
        assert b"\a" not in ada.raw
        for number in range(50):
            bob.say("lobby", f"so am I {number}.")
        ada.until(lambda: b"\a" in ada.raw, "the bell")
        ada.sees("so am I 49.")
        assert ada.raw.count(b"\a") == 1
        ada.type(f"/mute{ENTER}")
        ada.sees("Sounds are off.")


# --------------------------------------------------------------------------------------------------- trouble


def test_the_link_drops_and_comes_back(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(port=0, data=tmp_path / "server"))
        ada = stack.enter_context(Terminal(tmp_path / "ada", *port_of(server), "--name", "ada", "--mute"))
        ada.sees("You are in lobby")
        server.close()
        ada.sees("[!] link lost ")
        ada.type(f"are you there?{ENTER}")
        ada.sees("Kept; it is said when the link is back.")
        stack.enter_context(Server(port=server.port, data=tmp_path / "server"))
        ada.sees("[+] back after ")
        ada.sees("] ada: are you there?")
        ada.prompt("lobby> ")
        assert ada.count("link lost") == 1
        assert ada.count("are you there?") == 1


def test_nothing_from_the_network_reaches_the_terminal_raw(tmp_path: Path) -> None:
    actor = Actor(topic=HOSTILE, members=["ada", "zoe" + HOSTILE])
    with actor, Terminal(tmp_path, *port_of(actor), "--name", "ada", "--mute") as ada:
        ada.sees("You are in lobby")
        actor.say(
            Message("lobby", 1, 0, HOSTILE, HOSTILE + "\n" + HOSTILE, "1"),
            Message("lobby", 2, 0, HOSTILE, HOSTILE, "2", kind="action"),
            Joined("lobby", HOSTILE),
            Left("lobby", HOSTILE, HOSTILE),
            Topic("lobby", HOSTILE, HOSTILE),
            Notice(HOSTILE),
            Message("lobby", 3, 0, "bob", "that was all", "3"),
        )
        ada.sees("bob: that was all")
        ada.prompt("lobby> ")
        assert ada.screen.title == ""
        ada.type(f"zo{TAB}")
        ada.until(lambda: ada.line().startswith("lobby> zoe\ufffd"))
        actor.say(Error(code="banned", text=HOSTILE, fatal=True))
        assert ada.ends() == 1
        shown = ada.raw.decode()
        assert not [sequence for sequence in FORBIDDEN if sequence in shown]
        assert ada.count("evil") > 9


def test_no_color_is_respected(server: Server, bob: Client, tmp_path: Path) -> None:
    with Terminal(tmp_path, *port_of(server), "--name", "ada", "--mute", NO_COLOR="1") as ada:
        bob.say("lobby", "hello").result(10)
        ada.sees("bob: hello")
        assert b"38;5" not in ada.raw
        assert b"\x1b[3" not in ada.raw
