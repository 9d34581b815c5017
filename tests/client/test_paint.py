"""What lines look like: the colours of the themes, plain words, and that each screen line stands for itself."""

import os
import re
import subprocess
import sys

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client import happenings, render, tables
from chatroom.client.paint import PALETTE, THEMES, WORDS, Painter
from chatroom.client.render import Line, Look, Span
from chatroom.messages import Joined, Message, RoomInfo

LOOK = Look(username="ada", time_format="%H")
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
RESET = "\x1b[0m"


def said(text: str, **more: object) -> Message:
    facts = {"room": "lobby", "seq": 1, "time": 0, "username": "ada", "message": text, "id": "1", **more}
    return Message(**facts)  # type: ignore[arg-type]


EVERYTHING = [
    render.message(said("hello ada"), LOOK, room_tag=True, mention=True, handle="3f"),
    render.message(said("waves", kind="action", reply_to=4, replayed=True), LOOK),
    render.message(said("yes"), LOOK, reply_to=said("shall we " * 20, username="bob")),
    render.pending("hello", "text", Look()),
    render.pending("hello", "action", LOOK, refusal="Muted."),
    render.day(0),
    render.new_since(0),
    render.room_header("ops", "deploys"),
    happenings.comings("lobby", ["bob", "eve", "joe", "kim"], ["lea"]),
    happenings.comings("lobby", [], ["lea"]),
    *happenings.happening(Joined("lobby", "bob"), now=0),
    render.trouble("No."),
    happenings.members("lobby", ["ada", "bob"]),
    *happenings.whereabouts("lobby", "tea", ["bob"]),
    *happenings.rooms([RoomInfo("lobby", "tea", 2, 9)]),
    *tables.table([("Rooms", [("/join ROOM", "go to a room")])]),
]


def draw(*lines: Line, theme: str = "calm", colour: bool = True, plain: bool = False, columns: int = 80) -> list[str]:
    return Painter(theme, colour=colour, plain=plain).draw(lines, columns)


def words(*lines: Line, columns: int = 80) -> list[str]:
    return draw(*lines, colour=False, plain=True, columns=columns)


# Colours


def test_each_tone_has_its_style_in_every_theme() -> None:
    used = {span.tone for line in EVERYTHING for span in line.head + line.body}
    for theme in THEMES.values():
        assert used == {*theme.tones, "person"}
        assert all(re.fullmatch(rf"({ESCAPE.pattern})*", style) for style in [*theme.tones.values(), *theme.people])


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("theme", THEMES)
def test_without_colour_there_is_no_escape_sequence(theme: str, plain: bool) -> None:
    drawn = "".join(draw(*EVERYTHING, theme=theme, colour=False, plain=plain, columns=20))
    assert "\x1b" not in drawn


def test_without_colour_a_mention_still_has_its_mark() -> None:
    assert draw(EVERYTHING[0], colour=False) == ["[00] 3f #lobby » ada: hello ada"]


def test_a_styled_span_ends_with_a_reset() -> None:
    assert draw(Line((Span("good", "[+]"), Span("", " fine")))) == [f"\x1b[38;5;28m[+]{RESET} fine"]


def test_what_is_old_is_dim_and_keeps_its_colours() -> None:
    line = render.message(said("hi", replayed=True), LOOK)
    assert draw(line)[0].endswith(f"\x1b[2mhi{RESET}")
    assert f"\x1b[2m{THEMES['calm'].people[0]}ada{RESET}" in draw(line)[0]
    assert "\x1b[2mhi" not in draw(line._replace(is_dim=False))[0]


def test_in_high_contrast_nothing_is_dim_and_there_are_only_the_sixteen_colours() -> None:
    codes = {code for line in draw(*EVERYTHING, theme="contrast") for code in ESCAPE.findall(line)}
    assert codes <= {"0", "1", *map(str, range(30, 38)), *map(str, range(90, 98))}


COLOURS = {int(n) for style in THEMES["calm"].tones.values() for n in re.findall("38;5;([0-9]+)", style)}


@pytest.mark.parametrize("number", sorted(COLOURS.union(PALETTE)))
def test_every_colour_is_readable_on_black_and_on_white(number: int) -> None:
    red, green, blue = map(_linear, _levels(number))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (light + 0.05) / 0.05 >= 3.9
    assert 1.05 / (light + 0.05) >= 3.9


def _levels(number: int) -> tuple[int, int, int]:
    steps = (0, 95, 135, 175, 215, 255)
    cube = number - 16
    return steps[cube // 36], steps[cube // 6 % 6], steps[cube % 6]


def _linear(level: int) -> float:
    part = level / 255
    return part / 12.92 if part <= 0.03928 else float(((part + 0.055) / 1.055) ** 2.4)


# Names


def colour_of(name: str, theme: str = "calm") -> str:
    return draw(Line((Span("person", "x", name),)), theme=theme)[0]


@pytest.mark.parametrize("theme", THEMES)
def test_a_name_has_one_colour_however_it_is_written(theme: str) -> None:
    assert colour_of("Ada", theme) == colour_of("ada", theme) == colour_of("ＡＤＡ", theme)


def test_a_name_has_the_same_colour_in_every_process() -> None:
    script = (
        "from chatroom.client.paint import Painter; from chatroom.client.render import Line, Span\n"
        "print(ascii(Painter('calm', colour=True, plain=False).draw([Line((Span('person', 'x', 'ada'),))], 80)[0]))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        output = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
        assert output.decode().strip() == ascii(colour_of("ada"))


@pytest.mark.parametrize("theme", THEMES)
def test_many_names_have_many_colours(theme: str) -> None:
    assert len({colour_of(f"user{number}", theme) for number in range(200)}) == len(THEMES[theme].people)


@pytest.mark.parametrize(
    "name", ["\ud800", "a" * 100_000, "", "\U0001f600"], ids=["surrogate", "long", "empty", "emoji"]
)
def test_no_name_is_too_strange_to_have_a_colour(name: str) -> None:
    assert "x" in colour_of(name)


# Plain words


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        (EVERYTHING[0], "[00] 3f #lobby mention: ada: hello ada"),
        (EVERYTHING[4], "[not sent ] action: ada hello (Muted.)"),
        (render.day(0), "-- Thursday, 1 January 1970 --"),
        (render.room_header("ops", "tea"), "-- ops - tea --"),
        (render.status("*", "so"), "info: so"),
        (render.status("+", "so"), "info: so"),
        (render.status("-", "so"), "info: so"),
        (render.trouble("so"), "trouble: so"),
        (render.pending("hi", "text", Look(username="ada")), "[sending ...          ] ada: hi"),
    ],
)
def test_plain_there_are_words_for_marks(line: Line, drawn: str) -> None:
    assert words(line) == [drawn]


def test_plain_a_reply_says_so() -> None:
    reply = render.message(said("yes"), LOOK, reply_to=said("tea? " * 20, username="bob"))
    assert words(reply) == ["[00] ada: reply to bob: tea? tea? tea? tea? tea? tea? tea? tea?...", "  yes"]


@pytest.mark.parametrize("columns", [10, 40, 80])
def test_plain_nothing_but_what_others_write_is_more_than_ascii(columns: int) -> None:
    assert all(line.isascii() for line in words(*EVERYTHING, columns=columns))


def test_plain_what_others_write_stays_as_it_is() -> None:
    for mark in (*WORDS, "…", "── x ──"):
        for is_mention in (False, True):
            assert words(render.message(said(mark), LOOK, mention=is_mention))[0].endswith(f"ada: {mark}")


def test_plain_there_are_no_controls_for_text_from_right_to_left() -> None:
    assert words(render.message(said("שלום"), LOOK)) == ["[00] ada: שלום"]


# Screen lines


def test_text_from_right_to_left_turns_neither_the_time_nor_the_name() -> None:
    line = render.message(said("שלום!", username="דוד"), LOOK)
    assert draw(line, colour=False) == ["\u200e[00] \u2068דוד\u2069: \u2068שלום!\u2069"]


def test_a_name_from_right_to_left_does_not_turn_the_sentence_around() -> None:
    (line,) = happenings.happening(Joined("lobby", "דוד"), now=0)
    assert draw(line, colour=False) == ["\u200e[+] \u2068דוד\u2069 joined lobby."]


def test_every_screen_line_has_its_own_style() -> None:
    line = render.message(said("one two", replayed=True), Look(time_format="%H"))
    assert draw(line, columns=14) == [
        f"\x1b[2m[00] {RESET}\x1b[2m{THEMES['calm'].people[0]}ada{RESET}\x1b[2m: {RESET}\x1b[2mone{RESET}",
        f"\x1b[2m   {RESET}\x1b[2mtwo{RESET}",
    ]


PLAIN_TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]) | st.just("\n"), max_size=200)


@given(PLAIN_TEXTS, st.integers(10, 60), st.booleans(), st.booleans())
def test_a_real_screen_shows_what_is_drawn_without_its_styles(
    text: str, columns: int, replayed: bool, mention: bool
) -> None:
    line = render.message(said(text.replace(":", ""), replayed=replayed), LOOK, mention=mention)
    drawn, colourless = (draw(line, colour=colour, columns=columns) for colour in (True, False))
    screen = pyte.Screen(columns, len(drawn) + 1)
    pyte.Stream(screen).feed("\r\n".join(drawn))
    assert [row.rstrip() for row in screen.display[: len(drawn)]] == [row.rstrip() for row in colourless]
    assert screen.cursor.attrs == screen.default_char._replace(data=screen.cursor.attrs.data)


def test_many_lines_are_drawn_in_order() -> None:
    assert draw(render.trouble("one"), render.trouble("two\nthree"), colour=False) == ["[!] one", "[!] two three"]
    assert draw() == []


def test_two_hundred_messages_a_second_cost_next_to_nothing() -> None:
    """Ten seconds of them are drawn in less than half a second, however slow the machine."""
    script = (
        "import time; from tests.client.test_paint import *\n"
        "line = render.message(said('hello everybody, how are you?'), LOOK)\n"
        "painter = Painter('calm', colour=True, plain=False)\n"
        "before = time.process_time()\n"
        "for _ in range(2_000): painter.draw([line], 80)\n"
        "assert time.process_time() - before < 0.5"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
