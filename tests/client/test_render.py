"""What messages and events look like: pure, so every case is one line in and lines out."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from chatroom.client import render
from chatroom.client.events import Back, Ended, Gap, Offline, Online, Reset, Unsayable
from chatroom.errors import Refusal
from chatroom.messages import Joined, Left, Live, Message, Notice, RoomInfo, Topic

WHEN = 1_635_253_628_000
"""2021-10-26 13:07:08 UTC"""

HOSTILE = "a\x1b[2Jb\x1b]0;title\x07c\x9b31md\u202ee\u200bf\rg\x00"
"""Clear the screen, set the title, a colour by a C1 control, turn the text around, hide, go back, and nothing."""


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


def said(text: str, **more: object) -> Message:
    facts = {"room": "lobby", "seq": 1, "time": WHEN, "username": "ada", "message": text, "id": "1", **more}
    return Message(**facts)  # type: ignore[arg-type]


def plain(lines: list[render.Line]) -> list[str]:
    return [render.plain(line) for line in lines]


def test_a_message_is_a_timestamped_line() -> None:
    assert plain(render.message(said("hello"))) == ["[2021-10-26 13:07:08] ada: hello"]


def test_an_action_names_who_does_it() -> None:
    assert plain(render.message(said("waves", kind="action"))) == ["[2021-10-26 13:07:08] * ada waves"]


def test_another_room_is_named() -> None:
    assert plain(render.message(said("hello"), elsewhere=True)) == ["[2021-10-26 13:07:08] #lobby ada: hello"]


def test_further_lines_are_indented_and_look_like_no_message() -> None:
    lines = plain(render.message(said("one\n[2021-10-26 13:07:08] bob: two")))
    assert lines == ["[2021-10-26 13:07:08] ada: one", " " * 22 + "[2021-10-26 13:07:08] bob: two"]


def test_for_a_pipe_a_message_is_one_line() -> None:
    assert render.plain(render.message_in_one(said("one\ntwo"))) == "[2021-10-26 13:07:08] ada: one ⏎ two"


def test_what_is_replayed_is_dim() -> None:
    live, replayed = (render.coloured(render.message(said("hi", replayed=old))[0]) for old in (False, True))
    assert "\x1b[2mhi" in replayed
    assert "\x1b[2mhi" not in live


@pytest.mark.parametrize("ms", [10**18, -(10**18), 2**63 - 1, -1])
def test_no_time_is_too_strange(ms: int) -> None:
    assert len(render.moment(ms)) == len("2021-10-26 13:07:08")


def test_a_name_has_one_colour_however_it_is_written() -> None:
    assert render.person("Ada") == render.person("ada") == render.person("ＡＤＡ")


def test_a_name_has_the_same_colour_in_every_process() -> None:
    script = "from chatroom.client import render; print(repr(render.person('ada')))"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        output = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
        assert output.decode().strip() == repr(render.person("ada"))


def test_many_names_have_many_colours() -> None:
    assert len({render.person(f"user{number}") for number in range(200)}) == len(render.PALETTE)


@pytest.mark.parametrize("number", render.PALETTE)
def test_the_palette_is_readable_on_black_and_on_white(number: int) -> None:
    red, green, blue = (_linear(level) for level in _levels(number))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (light + 0.05) / 0.05 > 3.8
    assert 1.05 / (light + 0.05) > 3.8


def _levels(number: int) -> tuple[int, ...]:
    steps = (0, 95, 135, 175, 215, 255)
    cube = number - 16
    return steps[cube // 36], steps[cube // 6 % 6], steps[cube % 6]


def _linear(level: int) -> float:
    part = level / 255
    return part / 12.92 if part <= 0.03928 else float(((part + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Joined("lobby", "bob"), "[+] bob joined lobby."),
        (Left("lobby", "bob", "left"), "[-] bob left lobby."),
        (Left("lobby", "bob", "connection lost"), "[-] bob left lobby (connection lost)."),
        (Topic("lobby", "tea", "bob"), "[*] bob set the topic of lobby: tea"),
        (Topic("lobby", "", "bob"), "[*] bob cleared the topic of lobby."),
        (Topic("lobby", "tea", ""), "[*] The topic of lobby: tea"),
        (Notice("Lunch."), "[*] Lunch."),
        (Offline("gone", 0.0), "[!] link lost 13:07:08, trying again ..."),
        (Back(37.6, 14, 0), "[+] back after 38 s: 14 new, 0 missing"),
        (Reset("lobby"), "[*] The history of lobby starts anew."),
        (Gap("lobby", 3, 7), "[!] The server no longer has messages 3 to 7 of lobby."),
        (Unsayable("lobby", "psst", Refusal("muted", "Muted.")), "[!] Not said in lobby: psst (Muted.)"),
        (Ended("You are banned.", "banned"), "[!] You are banned."),
    ],
)
def test_what_happens_is_told_in_a_line(event: object, line: str) -> None:
    assert plain(render.happening(event, now=WHEN)) == [line]


@pytest.mark.parametrize("event", [Online(), Live("lobby", 3)])
def test_of_some_things_nothing_is_told(event: object) -> None:
    assert render.happening(event, now=WHEN) == []


EVERYTHING = [
    *render.message(said(HOSTILE, username=HOSTILE, room=HOSTILE), elsewhere=True),
    *render.message(said(HOSTILE, username=HOSTILE, kind="action", replayed=True)),
    render.message_in_one(said(HOSTILE + "\n" + HOSTILE, username=HOSTILE)),
    *(
        line
        for event in (
            Joined(HOSTILE, HOSTILE),
            Left(HOSTILE, HOSTILE, HOSTILE),
            Topic(HOSTILE, HOSTILE, HOSTILE),
            Notice(HOSTILE),
            Reset(HOSTILE),
            Gap(HOSTILE, 1, 2),
            Unsayable(HOSTILE, HOSTILE, Refusal("muted", HOSTILE)),
            Ended(HOSTILE, HOSTILE),
        )
        for line in render.happening(event, now=WHEN)
    ),
    *render.whereabouts(HOSTILE, HOSTILE, [HOSTILE]),
    render.members(HOSTILE, [HOSTILE, HOSTILE]),
    *render.rooms([RoomInfo(HOSTILE, HOSTILE, 1, 1)]),
]


@pytest.mark.parametrize("line", EVERYTHING, ids=range(len(EVERYTHING)))
def test_nothing_from_the_network_is_raw(line: render.Line) -> None:
    assert all(character.isprintable() for character in render.plain(line))


def test_a_crowd_is_counted() -> None:
    assert render.people(["ada", "bob", "cy"]) == "ada, bob and cy"
    assert render.people(["ada"]) == "ada"
    assert render.people([str(number) for number in range(100)]) == "100 people"
