"""Several rooms in one terminal: what is kept, what is unread, and how one gets there."""

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from tests.client.screens import ALT, ENTER, Terminal


@pytest.fixture
def ada(ada: Terminal, bob: Client) -> Terminal:
    """Ada is in the lobby, which she looks at, and in ops; and so is bob."""
    bob.join("ops").result(10)
    ada.type(f"/join #ops{ENTER}")
    ada.prompt("ops> ")
    ada.sees("You are in ops, with bob.")
    ada.type(f"/go lob{ENTER}")
    ada.prompt("lobby> ")
    return ada


def test_lines_of_another_room_are_kept_and_shown_when_one_looks(ada: Terminal, bob: Client) -> None:
    for number in range(3):
        bob.say("ops", f"in ops {number}.").result(10)
    bob.say("lobby", "over here").result(10)
    ada.sees("] bob: over here")
    ada.prompt("lobby · ops 3> ")
    assert not ada.count("in ops 0.")
    ada.type(f"{ALT}a")
    ada.sees("── new since ")
    ada.sees("] bob: in ops 2.")
    ada.prompt("ops> ")
    assert [ada.count(f"in ops {number}.") for number in range(3)] == [1, 1, 1]
    assert ada.place("── ops") < ada.place("new since") < ada.place("in ops 0.")
    ada.type(f"{ALT}1")
    ada.prompt("lobby> ")
    assert ada.count("over here") == 1


def test_alt_a_goes_to_a_mention_first(ada: Terminal, bob: Client) -> None:
    ada.type(f"/join den{ENTER}")
    ada.prompt("den> ")
    bob.join("den").result(10)
    ada.type(f"{ALT}1")
    ada.prompt("lobby> ")
    bob.say("ops", "nothing much").result(10)
    bob.say("den", "ada: come here").result(10)
    ada.prompt("lobby · ops 1 · den 1> ")
    ada.type(f"{ALT}a")
    ada.prompt("den · ops 1> ")
    ada.type(f"{ALT}a")
    ada.prompt("ops> ")
    ada.type(f"{ALT}a")
    ada.prompt("ops> ")


def test_a_room_is_left_for_another(ada: Terminal, bob: Client) -> None:
    ada.type(f"/rooms{ENTER}")
    ada.sees("[*] lobby (2 here): Alt-1")
    ada.sees("[*] ops (2 here): Alt-2")
    ada.type(f"/leave{ENTER}")
    ada.prompt("ops> ")
    ada.type(f"/leave #ops{ENTER}")
    ada.prompt("> ")
    ada.type(f"anybody?{ENTER}")
    ada.sees("You are in no room.")
    ada.type(f"/leave ops{ENTER}")
    ada.sees("You are not in ops.")


def test_all_rooms_interleaved(server: Server, bob: Client, tmp_path: Path) -> None:
    bob.join("ops").result(10)
    with Terminal(tmp_path / "eve", "--port", str(server.port), "--name", "eve", "--mute", "--all") as eve:
        eve.prompt("lobby> ")
        eve.type(f"/join ops{ENTER}")
        eve.prompt("ops> ")
        bob.say("lobby", "over here").result(10)
        eve.sees("#lobby bob: over here")
        bob.say("ops", "and here").result(10)
        eve.sees("] bob: and here")
        eve.prompt("ops> ")


def test_what_was_read_is_not_new_after_a_restart(server: Server, bob: Client, tmp_path: Path) -> None:
    come_in = ("--port", str(server.port), "--name", "ada", "--mute")
    bob.say("lobby", "before she ever came").result(10)
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("before she ever came")
        bob.say("lobby", "she reads this").result(10)
        ada.sees("she reads this")
        ada.sees("You are in lobby")
        assert not ada.count("new since")
        ada.type(f"q{ENTER}")
        assert ada.ends() == 0
    bob.say("lobby", "said while away").result(10)
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("said while away")
        ada.sees("You are in lobby")
        assert ada.place("she reads this") < ada.place("── new since ") < ada.place("said while away")
        assert ada.count("new since") == 1


def test_what_was_read_by_going_there_is_not_new_after_a_restart(server: Server, bob: Client, tmp_path: Path) -> None:
    come_in = ("--port", str(server.port), "--name", "ada", "--mute")
    bob.join("ops").result(10)
    bob.say("ops", "the first words").result(10)
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.prompt("lobby> ")
        ada.type(f"/join ops{ENTER}")
        ada.sees("the first words")
        ada.sees("You are in ops")
        ada.type(f"/go lobby{ENTER}")
        ada.prompt("lobby> ")
        bob.say("ops", "read by going there").result(10)
        ada.prompt("lobby · ops 1> ")
        ada.type(f"{ALT}a")
        ada.sees("read by going there")
        ada.type(f"q{ENTER}")
        assert ada.ends() == 0
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.prompt("lobby> ")
        ada.type(f"/join ops{ENTER}")
        ada.sees("You are in ops")
        ada.sees("read by going there")
        assert not ada.count("new since")
