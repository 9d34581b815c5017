"""PROTOCOL part 2: what a username, a room and a message may hold."""

import pytest

from tests.server.conftest import Enter, Stranger
from tests.server.wire_client import WireClient, framed, fresh, said, texts_of

GOOD = [
    "7",
    "a_b-c.d",
    "9lives",
    "Zoë",
    "юля",
    "山田太郎",
    "علي",
    "שרה",
    "สมหญง",
    "७८",
    "x" * 30,
    "ı",
    "ß",
]  # fmt: skip

BAD = {
    "empty": "",
    "a space": " ",
    "a space inside": "a b",
    "a space behind": "a ",
    "a mark first": "_a",
    "a hyphen first": "-a",
    "a dot first": ".a",
    "an at sign": "a@b",
    "an at sign first": "@a",
    "a slash": "a/b",
    "a backslash": "a\\b",
    "a colon": "a:b",
    "a hash": "#a",
    "a full-width at sign": "a＠b",
    "a full-width slash": "a／b",
    "a sign that becomes a slash and letters": "℀",
    "a sign that becomes a space": "a\u00a8",
    "a newline": "a\nb",
    "a newline behind": "a\n",
    "a NUL": "a\x00",
    "an escape": "a\x1b[31m",
    "a bidirectional control": "a\u202eb",
    "a zero-width space": "a\u200bb",
    "a zero-width joiner": "a\u200db",
    "a zero-width non-joiner": "a\u200cb",
    "a byte order mark": "a\ufeffb",
    "a soft hyphen": "a\u00adb",
    "a variation selector": "a\ufe0f",
    "a Hangul filler": "\u3164",
    "a half-width Hangul filler": "a\uffa0",
    "a Hangul choseong filler": "a\u115f",
    "a Hangul jungseong filler": "a\u1160",
    "a braille blank": "a\u2800",
    "a Mongolian vowel separator": "a\u180e",
    "a Mongolian variation selector": "a\u180b",
    "a combining grapheme joiner": "a\u034f",
    "an invisible times": "a\u2062b",
    "a word joiner": "a\u2060b",
    "a tag letter": "a\U000e0061",
    "an emoji": "😀",
    "a private character": "a\ue000",
    "an unassigned character": "a\u0378",
    "a mark alone": "\u0301",
    "a line separator": "a\u2028b",
    "an ideographic space": "a\u3000b",
}


def assert_refused(client: WireClient, username: str) -> None:
    client.send("hello", protocol=1, username=username)
    (error,) = client.rest()
    assert (error["type"], error["code"], error["fatal"]) == ("error", "bad_name", True), error


# --------------------------------------------------------------------------------------------------------- usernames


@pytest.mark.parametrize("username", GOOD, ids=ascii)
def test_letters_and_digits_of_any_script_make_a_username(stranger: Stranger, username: str) -> None:
    assert stranger().hello(username)["username"] == username


@pytest.mark.parametrize("username", BAD.values(), ids=BAD.keys())
def test_anything_else_in_a_username_is_bad_name(stranger: Stranger, username: str) -> None:
    assert_refused(stranger(), username)


def test_a_username_has_at_most_32_characters(stranger: Stranger) -> None:
    assert stranger().hello("y" * 32)["username"] == "y" * 32
    assert_refused(stranger(), "y" * 33)


def test_characters_are_counted_not_bytes(stranger: Stranger) -> None:
    name = "𠮷" * 32  # beyond the basic plane
    assert stranger().hello(name)["username"] == name


def test_the_length_is_judged_after_normalising(stranger: Stranger) -> None:
    assert_refused(stranger(), "ﷺ" * 2)  # each becomes eighteen characters, some of them spaces
    assert_refused(stranger(), "ﬃ" * 11)  # becomes thirty-three
    assert stranger().hello("ﬃ" * 10)["username"] == "ffi" * 10
    assert stranger().hello("e\u0301" * 32)["username"] == "é" * 32


def test_a_very_long_username_is_refused_and_costs_nobody_time(stranger: Stranger) -> None:
    assert_refused(stranger(), "a" + "\u0316\u0301" * 5_000)


@pytest.mark.parametrize(("asked", "given"), [("Ｂｏｂ", "Bob"), ("①②", "12"), ("Ångström", "Ångström")])
def test_the_welcome_has_the_name_as_normalised(stranger: Stranger, asked: str, given: str) -> None:
    assert stranger().hello(asked)["username"] == given


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Carla", "cARLA"),
        ("straße", "STRASSE"),
        ("Σίσυφος", "σίσυφοσ"),
        ("ﬁn", "FIN"),
        ("Åke", "A\u030ake"),
        ("ια", "ιΑ"),
        ("ΐδα", "ι\u0308\u0301δα"),
        ("K2", "\u212a2"),
    ],
)
def test_usernames_are_compared_by_nfkc_and_casefold(stranger: Stranger, first: str, second: str) -> None:
    stranger().hello(first)
    rival = stranger()
    rival.send("hello", protocol=1, username=second)
    (error,) = rival.rest()
    assert error["code"] == "name_taken"


# ------------------------------------------------------------------------------------------------------------- rooms


@pytest.mark.parametrize("room", BAD.values(), ids=BAD.keys())
def test_the_same_holds_for_rooms_and_the_connection_goes_on(enter: Enter, room: str) -> None:
    ada = enter()
    error = ada.ask("join", room=room)
    if not room.startswith("@"):
        assert (error["type"], error["code"]) == ("error", "bad_name")
    assert (error["type"], error["fatal"]) == ("error", False)
    assert ada.settled() == []


def test_a_room_has_at_most_50_characters(enter: Enter) -> None:
    ada = enter("r" * 50)
    assert ada.ask("join", room="r" * 51)["code"] == "bad_name"


def test_rooms_are_compared_by_nfkc_and_casefold(enter: Enter) -> None:
    ada, bob = enter("Straße"), enter("STRASSE")
    assert bob.say("strasse", "hello")["room"] == "Straße"
    assert ada.settled()[-1]["message"] == "hello"


def test_the_lobby_always_exists(enter: Enter) -> None:
    ada = enter()
    assert ada.ask("who", room="Lobby")["room"] == "lobby"
    assert "lobby" in [room["room"] for room in ada.ask("rooms")["rooms"]]


def test_a_room_exists_from_its_first_join(enter: Enter, room: str) -> None:
    ada = enter()
    assert ada.ask("who", room=room)["code"] == "no_such_room"
    ada.join(room)
    assert ada.ask("who", room=room)["members"] == [ada.username]


def test_a_room_with_history_stays_when_all_have_left(enter: Enter, room: str) -> None:
    ada = enter(room)
    ada.say(room, "I was here")
    ada.ask("leave", room=room)
    assert ada.ask("who", room=room)["members"] == []
    assert [event.get("message") for event in ada.join(room)] == [None, "I was here", None]


def test_a_room_with_members_stays(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    ada.ask("leave", room=room)
    assert ada.ask("who", room=room)["members"] == [bob.username]


# ---------------------------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "text",
    [
        "x",
        " ",
        " two  spaces, kept ",
        "tab\tand\nnewline",
        "\n",
        "ｆｕｌｌ ｗｉｄｔｈ stays",
        "e\u0301 stays",
        "😀👩‍👩‍👧",
        "مرحبا\u200e\u200f",
        "\u2028 \ufeff \u200b",
        '"\\/\u007e',
        "q",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_message_is_kept_as_it_was_said(enter: Enter, room: str, text: str) -> None:
    ada = enter(room)
    assert ada.say(room, text)["message"] == text
    assert ada.ask("history", room=room)["messages"][-1]["message"] == text


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("a\x00b\x07c", "abc"),
        ("\x1b[31mred", "[31mred"),
        ("line\r\nend\r", "line\nend"),
        ("a\x7f\x80\x85\x9fb", "ab"),
        ("\u202a\u202b\u202c\u202d\u202eabc\u2066\u2067\u2068\u2069", "abc"),
        ("\x0b\x0cx", "x"),
    ],
    ids=ascii,
)
def test_control_characters_are_removed_from_a_message(enter: Enter, room: str, raw: str, kept: str) -> None:
    ada = enter(room)
    assert ada.say(room, raw)["message"] == kept


@pytest.mark.parametrize("raw", [b"\x7f", b"\xc2\x9b", b"\\u001b", b"\\u009b", b"\\b"], ids=ascii)
def test_a_control_character_is_removed_however_it_is_written(enter: Enter, room: str, raw: bytes) -> None:
    ada = enter(room)
    bodies = [b'{"type":"say","room":"%s","id":"%d","message":"a%sb"}' % (room.encode(), n, raw) for n in range(3)]
    ada.send_bytes(said(room, ["first"]) + b"".join(map(framed, bodies)))
    assert texts_of(ada.settled()) == ["first", *["ab"] * 3]


@pytest.mark.parametrize("text", ["", "\x00", "\r\x1b\x7f\x9b", "\u202e\u2066"], ids=ascii)
def test_what_is_left_empty_is_empty_message(enter: Enter, room: str, text: str) -> None:
    ada = enter(room)
    error = ada.say(room, text)
    assert (error["code"], error["fatal"]) == ("empty_message", False)
    assert ada.say(room, "x")["seq"] == 1


@pytest.mark.parametrize("character", ["a", "ü", "山", "😀"])
def test_a_message_has_at_most_4000_characters_of_any_kind(enter: Enter, room: str, character: str) -> None:
    ada, id = enter(room), fresh("long")
    assert ada.say(room, character * 4_000)["message"] == character * 4_000
    error = ada.say(room, character * 4_001, id)
    assert (error["code"], error["fatal"]) == ("too_long", False)
    assert ada.say(room, "shorter, with the same id", id)["seq"] == 2


def test_the_length_is_judged_after_control_characters_are_removed(enter: Enter, room: str) -> None:
    ada = enter(room)
    assert ada.say(room, "\x01" * 3_000 + "a" * 4_000)["message"] == "a" * 4_000


@pytest.mark.parametrize("name", ["b\u043eb", "\u0391da", "\u0410\u0391"], ids=ascii)
def test_letters_of_two_scripts_that_look_alike_make_no_name(stranger: Stranger, enter: Enter, name: str) -> None:
    client = stranger()
    client.send("hello", protocol=1, username=name)
    assert [(event["code"], event["fatal"]) for event in client.rest()] == [("bad_name", True)]
    assert enter().ask("join", room=name)["code"] == "bad_name"
