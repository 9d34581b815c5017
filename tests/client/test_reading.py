"""Reading in the terminal: days, mentions, who comes and goes, handles, what was refused, and plain lines."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from chatroom.messages import Error, Event, Joined, Left, Message, Say
from tests.client.peers import Proxy
from tests.client.screens import ENTER, Actor, Terminal

NOON = 1_767_268_800_000
"""12:00:00 on 1 January 2026, by UTC, which is the time in these terminals."""
DAY = 24 * 60 * 60 * 1_000


def come_in(home: Path, server: Server | Actor, *arguments: str) -> Terminal:
    return Terminal(home, "--port", str(server.port), "--name", "ada", "--mute", *arguments)


def said(seq: int, text: str, *, time: int = NOON, by: str = "bob", replayed: bool = False) -> Message:
    return Message("lobby", seq, time, by, text, str(seq), replayed=replayed)


def test_a_new_day_has_a_line_of_its_own(tmp_path: Path) -> None:
    with Actor() as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        actor.say(said(1, "one"), said(2, "two"), said(3, "three", time=NOON + DAY))
        ada.sees("bob: three")
        lines = [line for line in ada.lines() if "──" in line]
        assert lines == ["── Thursday, 1 January 2026 ──", "── Friday, 2 January 2026 ──"]
        assert ada.place("bob: two") < ada.place("── Friday") < ada.place("bob: three")


def test_what_is_for_one_is_marked(tmp_path: Path) -> None:
    with Actor() as actor, come_in(tmp_path, actor, "--highlight", "lunch,ops") as ada:
        ada.sees("You are in lobby")
        actor.say(
            said(1, "ADA: are you there?"),
            said(2, "time for Lunch!"),
            said(3, "adam is not here"),
            said(4, "my own ada", by="ada"),
            Message("lobby", 5, NOON, "bob", "what do you mean?", "5", reply_to=4),
        )
        ada.sees("what do you mean?")
        marked = [line.partition("» ")[2] for line in ada.lines() if "» " in line]
        assert marked == ["bob: ADA: are you there?", "bob: time for Lunch!", "bob: ↪ ada: my own ada"]


def test_what_is_old_is_dim(tmp_path: Path) -> None:
    with Actor() as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        actor.say(said(1, "old words", replayed=True), said(2, "new words"))
        ada.sees("new words")
        dim = ada.raw.partition(b"old words")[0].rpartition(b"\x1b[")[2]
        new = ada.raw.partition(b"new words")[0].rpartition(b"bob")[2]
        assert b"2m" in dim
        assert b"2m" not in new


def test_comings_and_goings_of_a_busy_room_are_one_line(tmp_path: Path) -> None:
    with Actor() as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        actor.say(*(Joined("lobby", f"guest{number}") for number in range(40)), Left("lobby", "zoe", "left"))
        actor.say(Joined("lobby", "eve"), Left("lobby", "eve", "left"), said(1, "so many"))
        ada.sees("bob: so many")
        told = [line for line in ada.lines() if "joined lobby" in line]
        assert told == ["[+] guest0, guest1 and 38 others joined lobby; zoe left."]
        assert not ada.count("eve")


def test_who_was_there_before_an_outage_is_not_told_to_come(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(port=0, data=tmp_path / "server"))
        cable = stack.enter_context(Proxy(server.port))
        bob = stack.enter_context(Client(port=cable.port, username="bob", data=tmp_path / "bob"))
        ada = stack.enter_context(come_in(tmp_path / "ada", server))
        ada.sees("You are in lobby")
        bob.join("lobby").result(10)
        ada.sees("bob joined lobby")
        server.close()
        cable.shut_the_door()
        ada.sees("retrying in")  # for a second at least: each second the room is looked after
        stack.enter_context(Server(port=server.port, data=tmp_path / "server"))
        ada.sees("back after")
        cable.open_the_door()
        bob.reconnect()
        bob.say("lobby", "here I am").result(20)
        ada.sees("bob: here I am")
        assert ada.count("bob joined lobby") == 1 + ada.count("bob left lobby")


def test_lines_are_named_by_handles(server: Server, bob: Client, tmp_path: Path) -> None:
    with come_in(tmp_path, server) as ada:
        ada.sees("You are in lobby")
        bob.say("lobby", "shall we?").result(10)
        ada.sees("bob: shall we?")
        ada.type(f"/handles{ENTER}")
        ada.sees("] 1 bob: shall we?")
        ada.type(f"/reply 1 yes, let us{ENTER}")
        ada.sees("ada: ↪ bob: shall we?")
        ada.stored("yes, let us")
        assert bob.history("lobby").result(10).said()[-1].reply_to == 1
        ada.type(f"/show 2{ENTER}")
        ada.sees("] 2 ada: ↪ bob: shall we?")
    with come_in(tmp_path / "eve", server, "--handles") as ada:
        ada.sees("] 1 bob: shall we?")


def test_what_is_refused_stays_to_be_sent_again_or_forgotten(tmp_path: Path) -> None:
    is_muted = True

    def answers(request: Any) -> Sequence[Event]:
        if not isinstance(request, Say):
            return ()
        if is_muted:
            return [Error(code="muted", text="You are muted.", fatal=False, id=request.id)]
        return [Message("lobby", 2, NOON, "ada", request.message, request.id, reply_to=request.reply_to)]

    with Actor(first=answers) as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        ada.type(f"let me speak{ENTER}")
        ada.until(lambda: ada.shows("let me speak (You are muted.)"), "the refusal")
        ada.until(lambda: ada.shows("not sent: /retry or /discard"), "the bar")
        ada.type(f"/discard{ENTER}")
        ada.sees("1 discarded.")
        ada.until(lambda: not ada.shows("let me speak"), "that it is forgotten")
        actor.say(said(1, "may I ask?"))
        ada.sees("may I ask?")
        ada.type(f"/reply 1 once more{ENTER}")
        ada.until(lambda: ada.shows("once more (You are muted.)"), "the refusal")
        is_muted = False
        ada.type(f"/retry{ENTER}")
        ada.sees("] ada: ↪ bob: may I ask?")
        ada.until(lambda: not ada.shows("not sent"), "that all is well")
        assert ada.count("once more") == 1


def test_sounds_can_be_had_as_one_likes(server: Server, tmp_path: Path) -> None:
    with Terminal(tmp_path, "--port", str(server.port), "--name", "ada", PATH="") as ada:
        ada.sees("You are in lobby")
        for typed, told in [
            ("/mute 1h", "Sounds are off for 1h."),
            ("/mute", "Sounds are on."),
            ("/mute", "Sounds are off. /mute switches them on."),
            ("/notify mentions", "In lobby you are called for: mentions."),
            ("/notify", "In lobby you are called for: mentions."),
            ("/help join", "go to a room; it is made if it is not there"),
        ]:
            ada.type(f"{typed}{ENTER}")
            ada.sees(told)


def test_plain_lines_have_words_for_marks_and_are_never_redrawn(server: Server, bob: Client, tmp_path: Path) -> None:
    with come_in(tmp_path, server, "--plain") as ada:
        ada.sees("info: You are in lobby, with bob.")
        bob.say("lobby", "ada: look").result(10)
        ada.sees("mention: bob: ada: look")
        ada.type(f"I see{ENTER}")
        ada.sees("] ada: I see")
        server.close()
        ada.sees("trouble: link lost")
        ada.type(f"kept{ENTER}")
        ada.prompt("lobby> ")
        assert ada.raw.decode().isascii()
