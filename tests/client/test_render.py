"""What messages and events say: pure, so every case is one event in and lines out."""

import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client import changes, happenings, render, tables
from chatroom.client.events import Back, Ended, Gap, Offline, Online, Reset, Unsayable
from chatroom.client.render import Line, Look, Span
from chatroom.errors import Refusal
from chatroom.messages import Deleted, Edited, Joined, Left, Live, Message, Notice, Reacted, RoomInfo, Topic

WHEN = 1_635_253_628_000
"""2021-10-26 13:07:08 UTC"""
LOOK = Look(username="ada")

HOSTILE = "\u0301a\x1b[2Jb\x1b]0;title\x07c\x9b31md\u202ee\u200bf\rg\x00"
"""Mark what stands before, clear the screen, set the title, a colour by a C1 control, turn the text around, hide, go
back, and nothing."""


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


def text_of(line: Line) -> str:
    return "".join(span.text for span in line.head + line.body)


def tones_of(line: Line) -> dict[str, str]:
    return {span.text: span.tone for span in line.head + line.body}


# Messages


def test_a_message_is_a_timestamped_line() -> None:
    line = render.message(said("hello"), LOOK)
    assert line == Line(
        (Span("time", "[2021-10-26 13:07:08] "), Span("person", "ada", "ada"), Span("", ": ")), (Span("", "hello"),)
    )


def test_an_action_names_who_does_it() -> None:
    assert text_of(render.message(said("waves", kind="action"), LOOK)) == "[2021-10-26 13:07:08] * ada waves"


def test_what_is_asked_for_stands_before_the_name() -> None:
    line = render.message(said("hi"), Look(time_format="%H:%M"), room_tag=True, mention=True, handle="3f")
    assert text_of(line) == "[13:07] 3f #lobby » ada: hi"
    tones = {"[13:07] ": "time", "3f ": "dim", "#lobby ": "room", "» ": "mention", "ada": "person", "hi": "mention"}
    assert tones_of(line) == {**tones, ": ": ""}


def test_newlines_are_kept_below_the_head() -> None:
    line = render.message(said("one\n\n[2021-10-26 13:07:08] bob: two"), LOOK)
    assert line.body == (Span("", "one\n\n[2021-10-26 13:07:08] bob: two"),)


def test_what_is_replayed_is_dim() -> None:
    assert render.message(said("hi", replayed=True), LOOK).is_dim
    assert not render.message(said("hi"), LOOK).is_dim


def test_a_reply_shows_the_first_words_of_what_it_replies_to() -> None:
    original = said("shall we have lunch at that new place around the corner?\nor not", username="bob")
    line = render.message(said("yes", reply_to=123), LOOK, reply_to=original)
    assert text_of(line)[len("[2021-10-26 13:07:08] ") :] == "ada: ↪ bob: shall we have lunch at that new place…\nyes"
    assert line.body[:2] == (Span("mark", "↪ "), Span("person", "bob", "bob"))
    assert tones_of(line)["shall we have lunch at that new place"] == "dim"


def test_a_reply_to_what_is_not_known_shows_its_handle() -> None:
    line = render.message(said("yes", reply_to=123), LOOK)
    assert text_of(line).endswith("ada: ↪ 3f\nyes")


@pytest.mark.parametrize(
    ("original", "quoted"),
    [
        ("short", "short"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 40 + "…"),
        ("👩‍👧" * 41, "👩‍👧" * 40 + "…"),
        ("two\nlines", "two lines"),
    ],
)
def test_words_that_are_too_long_are_cut_between_characters(original: str, quoted: str) -> None:
    line = render.message(said("yes", reply_to=1), LOOK, reply_to=said(original))
    assert text_of(line).endswith(f"↪ ada: {quoted}\nyes")


def test_for_a_pipe_a_message_is_one_line() -> None:
    line = render.message(said("one\ntwo", reply_to=4), LOOK)
    assert render.in_one(line) == "[2021-10-26 13:07:08] ada: ↪ 4 ⏎ one ⏎ two"


# Whispers, and what is to be seen once


@pytest.mark.parametrize(
    ("by", "to", "line"),
    [
        ("bob", ["ada", "eve"], "bob whispers to you, eve: psst"),
        ("bob", ["eve", "ADA"], "bob whispers to you, eve: psst"),
        ("ada", ["bob"], "ada whispers to bob: psst"),
        ("bob", ["ada", *"cdefg"], "bob whispers to you, c, d, e, 2 others: psst"),
        ("bob", [], "bob whispers: psst"),
    ],
)
def test_a_whisper_says_whom_it_is_for(by: str, to: list[str], line: str) -> None:
    whisper = render.message(said("psst", username=by, to=to), LOOK)
    assert text_of(whisper) == f"[2021-10-26 13:07:08] {line}"
    assert text_of(render.pending("psst", "text", LOOK, to=to)).endswith(line.replace(by, "ada", 1))


def test_the_text_that_is_to_be_seen_once_is_shown_where_it_is_revealed_alone() -> None:
    once = said("4711", once=True)
    assert text_of(render.message(once, LOOK)) == "[2021-10-26 13:07:08] ada: (view once)"
    assert text_of(render.message(said("yes", reply_to=1), LOOK, reply_to=render.redacted(once))).endswith(
        "↪ ada: (view once)\nyes"
    )
    assert text_of(render.revealed(once, LOOK)) == "[2021-10-26 13:07:08] ada: 4711"
    assert "4711" not in repr(render.redacted(once))
    assert render.redacted(said("4711")) == said("4711")


# What became of what was said


def change(target: int = 123, **more: Any) -> dict[str, Any]:
    return {"room": "lobby", "seq": 200, "time": WHEN, "username": "bob", "target": target, **more}


def reacted(by: str, emoji: str = "👍", *, on: bool = True) -> Reacted:
    return Reacted(**change(username=by, emoji=emoji, on=on))


def test_a_correction_names_and_quotes_what_it_corrects() -> None:
    event = Edited(**change(message="new\ntext"))
    assert text_of(changes.corrected(event, LOOK, None)) == "[2021-10-26 13:07:08] bob corrected 3f: new\ntext"
    line = changes.corrected(event, LOOK, said("the old text " * 9), room="ops")
    assert text_of(line).startswith(
        '[2021-10-26 13:07:08] #ops bob corrected 3f "the old text the old text the old text…": '
    )


def test_a_deletion_says_whose_it_was_but_not_what() -> None:
    event = Deleted(**change())
    assert text_of(changes.deleted(event, None)) == "[*] bob deleted a message."
    assert text_of(changes.deleted(event, said("x", username="BOB"))) == "[*] bob deleted a message."
    assert text_of(changes.deleted(event, said("x", username="eve"))) == "[*] bob deleted a message of eve."
    assert text_of(changes.erased(event, LOOK, handle="3f")) == "[2021-10-26 13:07:08] 3f bob: (deleted)"


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ([reacted("bob")], ['bob reacted 👍 to "hi"']),
        ([reacted("bob"), reacted("eve")], ['bob and eve reacted 👍 to "hi"']),
        ([reacted("bob"), reacted("eve", "🎉")], ['bob reacted 👍, eve 🎉 to "hi"']),
        ([reacted(name) for name in "abcdef"], ['a, b and 4 others reacted 👍 to "hi"']),
        ([reacted("bob", on=False)], ['bob took back 👍 from "hi"']),
        ([reacted("bob", on=False), reacted("eve")], ['eve reacted 👍 to "hi"', 'bob took back 👍 from "hi"']),
    ],
)
def test_reactions_of_a_moment_are_one_dim_line(events: list[Reacted], lines: list[str]) -> None:
    made = changes.reactions(events, said("hi"))
    assert [text_of(line).removeprefix("[*] ") for line in made] == lines
    assert all(line.is_dim for line in made)
    assert '"hi"' not in text_of(changes.reactions(events, None)[0])


# What was typed


@pytest.mark.parametrize(
    ("look", "waiting", "refused"),
    [
        (LOOK, "[sending …          ] ada: hi", "[not sent           ] ada: hi (Muted.)"),
        (LOOK.at(40), "[…    ] ada: hi", "[!    ] ada: hi (Muted.)"),
    ],
)
def test_what_was_typed_stands_where_it_will_stand(look: Look, waiting: str, refused: str) -> None:
    stored = render.message(said("hi"), look)
    pending = render.pending("hi", "text", look)
    assert text_of(pending) == waiting
    assert waiting.index("ada") == text_of(stored).index("ada")
    assert pending.is_dim
    not_sent = render.pending("hi", "text", look, refusal="Muted.")
    assert text_of(not_sent) == refused
    assert not not_sent.is_dim
    assert tones_of(not_sent)[" (Muted.)"] == "bad"


def test_an_action_that_was_typed_looks_like_one() -> None:
    assert text_of(render.pending("waves", "action", LOOK)).endswith("] * ada waves")


# Times


@pytest.mark.parametrize("ms", [10**18, -(10**18), 2**63 - 1, -1, 0])
def test_no_time_is_too_strange(ms: int) -> None:
    assert len(render.moment(ms)) == len("2021-10-26 13:07:08")
    assert len(render.moment(ms, "%H:%M")) == len("13:07")
    assert render.day(ms).head == (Span("mark", "── "),)


def test_a_time_that_cannot_be_told_is_not_invented() -> None:
    assert render.moment(10**18) == "????-??-?? ??:??:??"


def test_a_format_that_cannot_be_used_hides_no_message() -> None:
    assert render.moment(WHEN, "%H\ud800") == "??\N{REPLACEMENT CHARACTER}"


def test_a_narrow_screen_has_the_time_alone() -> None:
    assert Look().at(60).time_format == render.FULL
    assert Look().at(59).time_format == render.SHORT
    assert Look(time_format="%c").at(20).time_format == "%c"


def test_a_time_format_makes_no_second_line() -> None:
    assert render.moment(WHEN, "%H%n%M%t") == "13 07    "


def test_lines_between_messages_tell_what_changes() -> None:
    assert text_of(render.day(1_795_478_400_000)) == "── Tuesday, 24 November 2026 ──"
    assert text_of(render.day(1_795_478_400_000 - 21 * 86_400_000)) == "── Tuesday, 3 November 2026 ──"
    assert text_of(render.new_since(WHEN)) == "── new since 13:07 ──"
    assert text_of(render.room_header("ops", "deploys")) == "── ops · deploys ──"
    assert text_of(render.room_header("ops", "")) == "── ops ──"


def test_days_can_be_told_apart() -> None:
    assert render.day_of(WHEN) == render.day_of(WHEN + 3_600_000) == "2021-10-26"
    assert render.day_of(WHEN) != render.day_of(WHEN + 12 * 3_600_000)


# Handles


@pytest.mark.parametrize(("seq", "handle"), [(0, "0"), (9, "9"), (10, "a"), (123, "3f"), (2**63 - 1, "1y2p0ij32e8e7")])
def test_a_handle_is_the_number_in_base_36(seq: int, handle: str) -> None:
    assert render.handle_of(seq) == handle
    assert render.seq_of(handle) == render.seq_of(handle.upper()) == seq


@pytest.mark.parametrize("handle", ["", "-1", "+1", " 1", "1_0", "٣", "é", "1y2p0ij32e8e8", "z" * 13, "0" * 14, "3f!"])
def test_what_is_no_handle_names_nothing(handle: str) -> None:
    assert render.seq_of(handle) is None


@given(st.integers(0, 2**63 - 1))
def test_every_number_has_its_handle(seq: int) -> None:
    assert render.seq_of(render.handle_of(seq)) == seq


def test_a_number_that_no_message_has_makes_no_harm() -> None:
    assert render.handle_of(-5) == "0"


# Mentions


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        "Ada: hello",
        "hello ADA!",
        "@ada look",
        "(ada)",
        "ＡＤＡ?",
        "one\nada",
        "adam and ada",
        "ada's",
        "問ada答",
    ],
)
def test_ones_name_is_found_as_a_whole_word(text: str) -> None:
    assert render.is_mention(text, "ada", [])


@pytest.mark.parametrize("text", ["adam", "canada", "ada_2", "ada2", "adá", "ada\u0301", "", "bob", "äda"])
def test_a_part_of_a_word_is_no_mention(text: str) -> None:
    assert not render.is_mention(text, "ada", [])


@pytest.mark.parametrize(
    ("text", "name", "is_found"),
    [
        ("привет, ОЛЬГА!", "Ольга", True),
        ("Ольгам", "Ольга", False),
        ("李小龍你好", "李小龍", True),
        ("アダさん、こんにちは", "アダ", True),
        ("철수야 안녕", "철수", True),
        ("สวัสดีมานี", "มานี", True),
        ("नमस्ते राम।", "राम", True),
        ("रामा", "राम", False),
        ("שלום דוד", "דוד", True),
        ("STRASSE", "straße", True),
    ],
)
def test_names_of_all_scripts_are_found(text: str, name: str, is_found: bool) -> None:
    assert render.is_mention(text, name, []) == is_found


def test_ones_own_words_are_found_too() -> None:
    assert render.is_mention("the DEPLOY is done", "ada", ["deploy", "c++"])
    assert render.is_mention("I like C++.", "ada", ["deploy", "c++"])
    assert not render.is_mention("nothing", "ada", ["", "deploy"])


def test_without_a_name_nobody_is_mentioned() -> None:
    assert not render.is_mention("hello", "", [])


def test_no_message_takes_long_to_be_searched() -> None:
    before = time.process_time()
    for text in ("\u0316\u0301" * 2_000, "aaaa" * 1_000):
        assert not render.is_mention("x" + text, "a" * 31, ["aab"])
    assert time.process_time() - before < 0.5


# All the rest


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Joined("lobby", "bob"), "[+] bob joined lobby."),
        (Left("lobby", "bob", "left"), "[-] bob left lobby."),
        (Left("lobby", "bob", "connection lost"), "[-] bob left lobby (connection lost)."),
        (Left("{who}", "bob", "{room} {"), "[-] bob left {who} ({room} {)."),
        (Topic("lobby", "tea", "bob"), "[*] bob set the topic of lobby: tea"),
        (Topic("lobby", "", "bob"), "[*] bob cleared the topic of lobby."),
        (Topic("lobby", "", ""), "[*] Somebody cleared the topic of lobby."),
        (Topic("lobby", "tea", ""), "[*] The topic of lobby: tea"),
        (Notice("Lunch."), "[*] Lunch."),
        (Offline("gone", 0.0), "[!] link lost 13:07:08, trying again ..."),
        (Back(37.6, 14, 0), "[+] back after 38 s: 14 new, 0 missing"),
        (Reset("lobby"), "[*] The history of lobby starts anew."),
        (Gap("lobby", 3, 7), "[!] The server no longer has messages 3 to 7 of lobby."),
        (Unsayable("lobby", "psst", Refusal("muted", "Muted.")), "[!] Not said in lobby: psst (Muted.)"),
        (
            Unsayable("lobby", "one two " * 9, Refusal("muted", "Muted.")),
            "[!] Not said in lobby: one two one two one two one two one two one two one two one… (Muted.)",
        ),
        (Ended("You are banned.", "banned"), "[!] You are banned."),
        (Edited(**change(message="new")), "[*] bob corrected 3f: new"),
        (Deleted(**change()), "[*] bob deleted a message."),
        (reacted("bob"), "[*] bob reacted 👍 to 3f"),
    ],
)
def test_what_happens_is_told_in_a_line(event: object, line: str) -> None:
    assert [text_of(each) for each in happenings.happening(event, now=WHEN)] == [line]


@pytest.mark.parametrize("event", [Online(), Live("lobby", 3)])
def test_of_some_things_nothing_is_told(event: object) -> None:
    assert happenings.happening(event, now=WHEN) == []


@pytest.mark.parametrize(
    ("joined", "left", "line"),
    [
        ("bob", "", "[+] bob joined lobby."),
        ("", "bob", "[-] bob left lobby."),
        ("bob eve joe", "", "[+] bob, eve and joe joined lobby."),
        ("bob eve joe kim lea", "tim", "[+] bob, eve and 3 others joined lobby; tim left."),
        ("", "bob eve", "[-] bob and eve left lobby."),
        ("kim", "bob eve joe lea", "[+] kim joined lobby; bob, eve and 2 others left."),
    ],
)
def test_who_comes_and_goes_is_told_in_one_line(joined: str, left: str, line: str) -> None:
    assert text_of(happenings.comings("lobby", joined.split(), left.split())) == line


def test_names_are_coloured_wherever_they_are_told() -> None:
    line = happenings.comings("lobby", ["bob"], ["eve"])
    assert [span for span in line.body if span.tone] == [Span("person", "bob", "bob"), Span("person", "eve", "eve")]


@pytest.mark.parametrize(("mark", "tone"), [("*", "info"), ("+", "good"), ("-", "dim"), ("!", "bad")])
def test_each_mark_has_its_tone(mark: str, tone: str) -> None:
    assert render.status(mark, "so") == Line((Span(tone, f"[{mark}]"), Span("", " ")), (Span("", "so"),))


def people(names: list[str]) -> str:
    return "".join(span.text for span in happenings.people(names))


def test_a_crowd_is_counted() -> None:
    assert people(["ada", "bob", "cy"]) == "ada, bob and cy"
    assert people(["ada", "bob"]) == "ada and bob"
    assert people(["ada"]) == "ada"
    assert people([str(number) for number in range(100)]) == "100 people"


def test_one_who_comes_is_told_where_they_are() -> None:
    assert [*map(text_of, happenings.whereabouts("lobby", "tea", ["bob", "cy"]))] == [
        "[*] You are in lobby, with bob and cy.",
        "[*] Topic: tea",
    ]
    assert [*map(text_of, happenings.whereabouts("lobby", "", []))] == [
        "[*] You are in lobby; nobody else is here yet."
    ]


def test_one_who_comes_to_talk_with_somebody_alone_is_told_who_hears_it() -> None:
    (here,) = happenings.whereabouts("@bob", "", ["bob"])
    assert text_of(here) == "[*] What you say here is for bob alone."
    (away,) = happenings.whereabouts("@bob", "", [])
    assert text_of(away) == "[*] What you say here is for bob alone, who is away and can read it later."


def test_what_is_said_elsewhere_is_told_with_the_way_there() -> None:
    assert text_of(happenings.said_elsewhere("@bob", "hi")) == "[+] Said in @bob: hi (/go @bob goes there)"
    assert text_of(happenings.said_elsewhere("@bob", "")) == "[+] Said in @bob (/go @bob goes there)"


def test_rooms_and_members_are_listed() -> None:
    assert text_of(happenings.members("lobby", ["ada", "bob"])) == "[*] In lobby: ada, bob"
    private = RoomInfo("den", "", 1, 3, private=True)
    assert [*map(text_of, happenings.rooms([private, RoomInfo("@bob", "", 2, 9, 4)]))] == [
        "[*] den (1 here, private)",
        "[*] @bob (2 here, 4 new)",
    ]
    rooms = [RoomInfo("lobby", "tea", 2, 9), RoomInfo("ops", "", 1, 3)]
    assert [*map(text_of, happenings.rooms(rooms))] == ["[*] lobby (2 here): tea", "[*] ops (1 here)"]


def test_in_a_table_the_meanings_stand_below_each_other() -> None:
    lines = tables.table([("Rooms", [("/go", "switch"), ("/join ROOM", "enter")]), ("", [("/q", "leave")])])
    assert [*map(text_of, lines)] == [
        "Rooms",
        "    /go         switch",
        "    /join ROOM  enter",
        "    /q          leave",
    ]
    assert "".join(span.text for span in lines[2].head) == "    /join ROOM  ", "what does not fit hangs below"


# Nothing from the network is raw

FIELDS: dict[str, Any] = {"room": HOSTILE, "username": HOSTILE}
HAPPENINGS = [
    Joined(**FIELDS),
    Left(**FIELDS, reason=HOSTILE),
    Topic(**FIELDS, topic=HOSTILE),
    Notice(HOSTILE),
    Reset(HOSTILE),
    Gap(HOSTILE, 1, 2),
    Unsayable(HOSTILE, HOSTILE * 10, Refusal("muted", HOSTILE)),
    Ended(HOSTILE, HOSTILE),
    Edited(**change(**FIELDS, message=HOSTILE)),
    Deleted(**change(**FIELDS)),
    Reacted(**change(**FIELDS, emoji=HOSTILE, on=False)),
]
EVERYTHING = [
    render.message(said(HOSTILE, **FIELDS, reply_to=1), LOOK, room_tag=True, reply_to=said(HOSTILE, **FIELDS)),
    render.message(said(HOSTILE * 10, **FIELDS, kind="action", reply_to=-1), LOOK, mention=True),
    render.message(said("hi", reply_to=1), LOOK, reply_to=said(HOSTILE * 10, **FIELDS)),
    render.message(said(HOSTILE, **FIELDS, to=[HOSTILE] * 9), LOOK),
    render.revealed(said(HOSTILE, **FIELDS, once=True), LOOK),
    changes.corrected(Edited(**change(**FIELDS, message=HOSTILE)), LOOK, said(HOSTILE * 10, **FIELDS), room=HOSTILE),
    changes.deleted(Deleted(**change(**FIELDS)), said(HOSTILE, username=HOSTILE * 2)),
    changes.erased(Deleted(**change(**FIELDS)), LOOK, room=HOSTILE),
    *changes.reactions([Reacted(**change(**FIELDS, emoji=HOSTILE, on=True))], said(HOSTILE)),
    happenings.said_elsewhere(f"@{HOSTILE}", HOSTILE),
    *happenings.whereabouts(f"@{HOSTILE}", HOSTILE, []),
    render.pending(HOSTILE, "text", Look(username=HOSTILE), to=[HOSTILE], refusal=HOSTILE),
    render.room_header(HOSTILE, HOSTILE),
    happenings.comings(HOSTILE, [HOSTILE] * 5, [HOSTILE]),
    render.status("*", HOSTILE),
    *(line for event in HAPPENINGS for line in happenings.happening(event, now=WHEN)),
    *happenings.whereabouts(HOSTILE, HOSTILE, [HOSTILE]),
    happenings.members(HOSTILE, [HOSTILE, HOSTILE]),
    *happenings.rooms([RoomInfo(HOSTILE, HOSTILE, 1, 1)]),
]


@pytest.mark.parametrize("line", EVERYTHING, ids=range(len(EVERYTHING)))
def test_nothing_from_the_network_is_raw(line: Line) -> None:
    assert all(character.isprintable() for character in text_of(line).replace("\n", ""))
    for span in line.head + line.body:
        assert not unicodedata.category(f"{span.text}x"[0]).startswith("M"), "no mark falls on what stands before it"


def test_for_a_pipe_nothing_from_the_network_is_raw() -> None:
    line = render.message(said(f"{HOSTILE}\n{HOSTILE}", **FIELDS), LOOK)
    assert render.in_one(line).isprintable()
