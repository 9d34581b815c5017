"""What Tab offers, as a table: what is typed, and the line that each offer would make of it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.complete import MOST, Candidates, nearest, words
from chatroom.text import visible

KNOWN = Candidates(
    commands=("join", "topic", "help", "tell", "me"),
    people=("José", "bob", "JOSEPHINE", "Zoë", "Jørgen", "한글"),
    rooms=("lobby", "ops", "Öffentlich", "@bob"),
    arguments={
        "join": "room",
        "topic": "",
        "help": "command",
        "tell": "person",
        "me": "",
        "w": "people",
        "once": "direct",
    },
    elsewhere=("Bodo",),
)


def tabbed(before: str, known: Candidates = KNOWN) -> list[str]:
    """The line after Tab, for each offer."""
    return [before[: len(before) + word.start] + word.text for word in words(before, known)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # commands
        ("/to", ["/topic "]),
        ("/T", ["/topic ", "/tell "]),
        ("/", ["/join ", "/topic ", "/help ", "/tell ", "/me "]),
        ("/x", []),
        ("//to", []),
        (" /to", []),
        ("hello /to", []),
        ("hello\n/to", []),
        # a room
        ("/join o", ["/join ops", "/join Öffentlich"]),
        ("/JOIN o", ["/JOIN ops", "/JOIN Öffentlich"]),
        ("/join #o", ["/join #ops", "/join #Öffentlich"]),
        ("/join @b", ["/join @bob", "/join @Bodo"]),
        ("/join @jo", ["/join @José", "/join @JOSEPHINE", "/join @Jørgen"]),
        ("/join jo", []),
        ("/join ops jos", ["/join ops José", "/join ops JOSEPHINE"]),
        ("/nothing o", []),
        # a command, a person
        ("/help jo", ["/help join"]),
        ("/help /jo", ["/help /join"]),
        ("/help bo", []),
        ("/tell bo", ["/tell bob", "/tell Bodo"]),
        ("/tell @bo", ["/tell @bob", "/tell @Bodo"]),
        ("/w bo", ["/w bob"]),
        ("/w bob,jo", ["/w bob,José", "/w bob,JOSEPHINE", "/w bob,Jørgen"]),
        ("/w José,jo", ["/w José,JOSEPHINE", "/w José,Jørgen"]),
        ("/w @bob,@bo", []),
        ("/w bob bo", ["/w bob bob"]),
        ("/once @bo", ["/once @bob", "/once @Bodo"]),
        ("/once bo", ["/once bob"]),
        # people
        ("jo", ["José: ", "JOSEPHINE: ", "Jørgen: "]),
        ("JÓ", ["José: ", "JOSEPHINE: ", "Jørgen: "]),
        ("zoe", ["Zoë: "]),
        ("zoe\u0308", ["Zoë: "]),
        ("하", ["한글: "]),
        ("bob", ["bob: "]),
        ("@bo", ["@bob: "]),
        ("  bo", ["  bob: "]),
        ("hello bo", ["hello bob"]),
        ("hello @bo", ["hello @bob"]),
        ("hello (bo", ["hello (bob"]),
        ("hello\nbo", ["hello\nbob: "]),
        ("(bo", ["(bob"]),
        ("/me bo", ["/me bob"]),
        ("/topic @bo", ["/topic @bob"]),
        ("nobo", []),
        # rooms
        ("#o", ["#ops", "#Öffentlich"]),
        ("see #op", ["see #ops"]),
        ("see (#op", ["see (#ops"]),
        ("#", ["#lobby", "#ops", "#Öffentlich"]),
        # emoji
        (":tad", [":tada:"]),
        ("well :Tad", ["well :tada:"]),
        ("well (:tad", ["well (:tada:"]),
        ("schön!:tad", ["schön!:tada:"]),
        (":heart::tad", [":heart::tada:"]),
        ("/me :tad", ["/me :tada:"]),
        (":+1", [":+1:"]),
        (":t", []),
        (":", []),
        ("12:10", []),
        ("http://fi", []),
        ("std::fir", []),
        ("`:tad", []),
        ("/join :tad", []),
    ],
)
def test_tab_offers(before: str, after: list[str]) -> None:
    assert tabbed(before) == after


def test_with_nothing_typed_whoever_spoke_last_is_offered_first() -> None:
    assert tabbed("")[:2] == ["José: ", "bob: "]
    assert tabbed("hello ")[:2] == ["hello José", "hello bob"]
    assert tabbed("hello\n")[:2] == ["hello\nJosé: ", "hello\nbob: "]


def test_a_command_that_takes_a_room_is_followed_by_each_room_and_each_person_once() -> None:
    assert [word.text for word in words("/join ", KNOWN)] == [
        *("lobby", "ops", "Öffentlich", "@bob"),
        *("@José", "@JOSEPHINE", "@Zoë", "@Jørgen", "@한글", "@Bodo"),
    ]


def test_the_most_common_emoji_is_offered_first() -> None:
    assert tabbed(":smi")[0] == ":smile:"


def test_a_crowd_is_offered_in_part() -> None:
    crowd = [f"user{number}" for number in range(1_000)]
    assert tabbed("us", KNOWN._replace(people=crowd)) == [f"{name}: " for name in crowd[:MOST]]


def test_what_the_network_named_cannot_do_anything_to_the_terminal() -> None:
    hostile = KNOWN._replace(people=["bad\x1b]0;owned\x07"], rooms=["worse\u202e\n"])
    assert tabbed("bad", hostile) == ["bad\ufffd]0;owned\ufffd: "]
    assert tabbed("#wor", hostile) == ["#worse\ufffd "]
    assert tabbed("/join ", hostile) == ["/join worse\ufffd ", "/join @bad\ufffd]0;owned\ufffd", "/join @Bodo"]


names = st.lists(st.text(max_size=8), max_size=40)
typed = st.one_of(st.text(), st.text("/#@: \n`ojsmile+1(éA", max_size=20))


@given(typed, st.builds(KNOWN._replace, people=names, rooms=names))
def test_an_offer_replaces_the_end_of_the_word_and_can_be_shown(before: str, known: Candidates) -> None:
    offers = words(before, known)
    assert len(offers) <= MOST
    for word in offers:
        replaced = before[len(before) + word.start :]
        assert 0 <= -word.start <= len(before)
        assert not any(letter.isspace() for letter in replaced)
        assert visible(word.text) == word.text


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789_-.éß", min_size=1, max_size=20), st.data())
def test_any_beginning_of_a_name_finds_it_in_any_case(name: str, data: st.DataObject) -> None:
    beginning = name[: data.draw(st.integers(0, len(name)))]
    known = KNOWN._replace(people=[name])
    for written in (beginning, beginning.upper(), beginning.replace("é", "e")):
        assert tabbed(f"hello {written}", known) == [f"hello {name}"]


def test_a_long_paste_without_blanks_takes_no_time() -> None:
    """Each of these is much longer than a search that starts anew at each character could bear."""
    for part in ("a", ":", ":a", ":a:", "(:", ",:aa", "a: "):
        assert words(part * 100_000, KNOWN._replace(people=[])) == []


def test_offering_needs_nothing_of_the_screen() -> None:
    program = (
        "import sys, chatroom.client.complete; print([m for m in ('prompt_toolkit', 'emoji') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


# A slip


COMMANDS = ("join", "go", "leave", "history", "handles", "help", "rooms", "retry", "reply", "me", "quit")


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("jion", "join"),
        ("joim", "join"),
        ("joins", "join"),
        ("hsitory", "history"),
        ("hist", "history"),
        ("j", "join"),
        ("h", "help"),
        ("quiet", "quit"),
        ("lvea", "leave"),
        ("xyzzy", None),
        ("usr/bin/python", None),
        ("", None),
        ("好", None),
        ("x" * 10_000, None),
    ],
)
def test_the_nearest_word_is_what_was_meant(slip: str, meant: str | None) -> None:
    assert nearest(slip, COMMANDS) == meant
    assert nearest(slip, ()) is None
