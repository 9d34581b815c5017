"""A server that is out to get its clients: nothing of what it sends reaches the terminal raw."""

import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyte
import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom.messages import (
    Deleted,
    Edited,
    Error,
    Event,
    Found,
    History,
    Joined,
    Left,
    Message,
    Notice,
    Reacted,
    RoomInfo,
    Rooms,
    Topic,
)
from tests.client.screens import ENTER, TAB, Actor, Terminal
from tests.support.hostile_text import HOSTILE

CHANGE: dict[str, Any] = {"room": "lobby", "time": 0, "username": HOSTILE}

OURS = frozenset("\x1b\r\n\x07\x08")
"""Controls that the client itself may send to its terminal."""

AT_REST = {pyte.modes.DECTCEM, 2004 << 5}
"""The modes of a terminal while the client waits for a key: the cursor is seen, and pastes come in brackets."""


def test_nothing_hostile_reaches_the_screen(tmp_path: Path) -> None:
    actor = Actor(topic=HOSTILE, members=["ada", "zoe" + HOSTILE])
    with actor, Terminal(tmp_path, "--port", str(actor.port), "--name", "ada", "--mute") as ada:
        ada.sees("You are in lobby")
        ada.until(lambda: ada.screen.mode >= AT_REST, "the prompt")
        modes = set(ada.screen.mode)
        actor.say(
            Message("lobby", 1, 0, HOSTILE, HOSTILE + "\n" + HOSTILE, "1"),
            Message("lobby", 2, 0, HOSTILE, HOSTILE, "2", kind="action"),
            Message("lobby", 3, 0, "eve", "ada " + HOSTILE, "3", reply_to=1),
            Message("lobby", 4, 0, HOSTILE, HOSTILE, "4", to=["ada", HOSTILE]),
            Edited(**CHANGE, seq=5, target=1, message=HOSTILE),
            Reacted(**CHANGE, seq=6, target=1, emoji=HOSTILE, on=True),
            Reacted(**CHANGE, seq=7, target=2, emoji=HOSTILE, on=False),
            Deleted(**CHANGE, seq=8, target=2),
            Deleted(**CHANGE, seq=9, target=9),
            Message("lobby", 10, 0, HOSTILE, HOSTILE, "10", once=True),
            Joined("lobby", HOSTILE),
            Left("lobby", HOSTILE, HOSTILE),
            Topic("lobby", HOSTILE, HOSTILE),
            Notice(HOSTILE),
            Message("lobby", 11, 0, "bob", "that was all", "11"),
        )
        ada.sees("bob: that was all")
        ada.until(lambda: ada.shows("press any key to hide"), "what is to be seen once")
        ada.type("x")
        ada.prompt("lobby> ")
        ada.type(f"zo{TAB}")
        ada.until(lambda: "end:" in ada.line(), "the completed name")
        ada.until(lambda: set(ada.screen.mode) == modes, "the terminal's modes")
        assert (ada.screen.title, ada.screen.icon_name) == ("", "")
        actor.say(Error(code="banned", text=HOSTILE, fatal=True))
        ada.ends()
        assert ada.count("evil") > 9
        shows_nothing_hostile(ada)


def test_nothing_hostile_in_an_answer(tmp_path: Path) -> None:
    def answers(request: Any) -> Sequence[Event]:
        id = getattr(request, "id", None)
        match type(request).__name__:
            case "AskRooms":
                return [Rooms([RoomInfo(HOSTILE, HOSTILE, 1, 1)], id)]
            case "Search":
                return [Found([Message("lobby", 1, 0, HOSTILE, HOSTILE, "1")], more=False, id=id)]
            case "AskHistory":
                said = Message("lobby", 1, 0, HOSTILE, HOSTILE, "1", replayed=True)
                return [History(room="lobby", messages=[said], more=False, id=id)]
            case "Who":
                return [Error(code="no_such_room", text=HOSTILE, fatal=False, id=id)]
            case "Say":
                return [Error(code="muted", text=HOSTILE, fatal=False, id=id)]
        return []

    actor = Actor(first=answers)
    with actor, Terminal(tmp_path, "--port", str(actor.port), "--name", "ada", "--mute") as ada:
        ada.sees("You are in lobby")
        for line, count in [("/rooms", 2), ("/history", 4), ("/who", 5), ("/search x", 7), ("hello", 8)]:
            ada.type(f"{line}{ENTER}")
            ada.counts("evil", count)
        shows_nothing_hostile(ada)


def shows_nothing_hostile(ada: Terminal) -> None:
    """Of what was written to the terminal, and of what is to be seen."""
    written = ada.raw.decode()
    forbidden = (
        "\x1b[2J",
        "\x1b[3J",
        "\x1b]",
        "\x1b[?1049h",
        "\x1b[?1000h",
        "\x1bP",
        "\x1b_",
        "\x1bc",
        "\x1b[6n",
        "\x1b(0",
    )
    assert not [sequence for sequence in forbidden if f"\x1b{sequence}" in written]
    strangers = {c for c in written if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Co", "Cn")} - OURS
    assert strangers <= set("\ufe0f\u200d"), strangers
    assert "owned" not in ada.screen.title
    marks = [line for line in ada.lines() if sum(map(unicodedata.combining, line)) > 230 * 20]
    assert marks == []
