"""The terminal client as a person uses it: the real command in a pseudo-terminal, on an emulated screen."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.commands import COMMANDS
from chatroom.client.session import Client
from tests.client.screens import COMMAND, CTRL_C, CTRL_D, CTRL_U, ENTER, Actor, Terminal


def port_of(server: Server | Actor) -> tuple[str, str]:
    return "--port", str(server.port)


def typed(home: Path, *arguments: str, **more: Any) -> Terminal:
    """The command as it is typed, by its full way from the start of Python on."""
    return Terminal(home, *arguments, command=COMMAND, **more)


# ------------------------------------------------------------------------------------------------- coming in


def test_the_classic_greeting(server: Server, tmp_path: Path) -> None:
    with typed(tmp_path, *port_of(server), "--mute") as ada:
        ada.sees("Enter your name:")
        assert ada.lines()[:2] == [f"[*] Connecting to 127.0.0.1:{server.port} ...", "[+] Connected."]
        ada.type(f"ada{ENTER}")
        ada.prompt("lobby> ")
        ada.sees("/help shows more, q quits.")


def test_a_name_that_is_taken_is_asked_for_again(server: Server, bob: Client, tmp_path: Path) -> None:
    with typed(tmp_path, *port_of(server), "--name", "bob", "--mute") as ada:
        ada.sees("bob is taken")
        ada.sees("Enter your name:")
        ada.type(f"no/name{ENTER}")
        ada.sees("A username has")
        ada.type(f"ada{ENTER}")
        ada.prompt("lobby> ")


def test_a_server_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with typed(tmp_path, "--port", "1") as ada:
        assert ada.ends() == 3
        assert ada.count("No server answers at 127.0.0.1:1") == 1
        assert not ada.count("Traceback")


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 0)])
def test_leaving_instead_of_a_name(server: Server, tmp_path: Path, key: str, code: int) -> None:
    with typed(tmp_path, *port_of(server)) as ada:
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


def test_after_a_paste_was_wiped_q_quits_again(ada: Terminal) -> None:
    ada.paste("some words")
    ada.prompt("lobby> some words")
    ada.type(CTRL_U)
    ada.type(f"q{ENTER}")
    assert ada.ends() == 0


# -------------------------------------------------------------------------------------------------- commands


def test_help_names_every_command(ada: Terminal) -> None:
    ada.type(f"/help{ENTER}")
    for command in COMMANDS.values():
        ada.sees(f"    {command.usage}")


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
    with typed(tmp_path, *port_of(server), "--name", "ada", "--mute") as ada:
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


# ---------------------------------------------------------------------------------------------------- sounds


def test_only_others_who_speak_now_ring_the_bell(server: Server, bob: Client, tmp_path: Path) -> None:
    bob.say("lobby", "before you came").result(10)
    # With nothing on the path there is no player: what is heard is the bell.
    with typed(tmp_path, *port_of(server), "--name", "ada", PATH="") as ada:
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
        ada = stack.enter_context(typed(tmp_path / "ada", *port_of(server), "--name", "ada", "--mute"))
        ada.sees("You are in lobby")
        server.close()
        ada.until(lambda: ada.shows("link lost "), "the bar")
        ada.type(f"are you there?{ENTER}")
        ada.sees("1 unsent")
        ada.sees("] ada: are you there?")
        stack.enter_context(Server(port=server.port, data=tmp_path / "server"))
        ada.sees("[+] back after ")
        ada.sees("] ada: are you there?")
        ada.until(lambda: not ada.shows("sending"), "the receipt")
        ada.until(lambda: not ada.shows("link lost"), "the end of the trouble")
        ada.prompt("lobby> ")
        assert ada.count("link lost") == 0
        assert ada.count("are you there?") == 1


def test_no_color_is_respected(server: Server, bob: Client, tmp_path: Path) -> None:
    with typed(tmp_path, *port_of(server), "--name", "ada", "--mute", NO_COLOR="1") as ada:
        bob.say("lobby", "hello").result(10)
        ada.sees("bob: hello")
        assert b"38;5" not in ada.raw
        assert b"\x1b[3" not in ada.raw
