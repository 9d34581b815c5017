"""What a person wants to be called for: rules as tables, hours and durations as they are typed, a file by room."""

import sys
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.wishes import URGENCY, Kind, Quiet, Wish, Wishes, seconds_of, what_rings

# ------------------------------------------------------------------------------------------------------- what rings


@pytest.mark.parametrize(
    ("wish", "heard"),
    [
        (Wish.ALL, {Kind.MESSAGE, Kind.MENTION, Kind.DIRECT}),
        (Wish.MENTIONS, {Kind.MENTION, Kind.DIRECT}),
        (Wish.NONE, set()),
    ],
)
def test_a_wish_lets_its_kinds_through_and_no_other(wish: Wish, heard: set[Kind]) -> None:
    assert {kind for kind in Kind if what_rings(kind, wish)} == heard


def test_what_is_said_to_one_alone_is_the_most_urgent() -> None:
    assert URGENCY == (Kind.MESSAGE, Kind.MENTION, Kind.DIRECT)


# ------------------------------------------------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h", 3_600),
        ("30m", 1_800),
        ("90s", 90),
        ("1h30m", 5_400),
        ("1h1m1s", 3_661),
        ("30m1h", 5_400),
        ("007s", 7),
        ("2d", 172_800),
        ("1w1d", 691_200),
        ("8784h", 366 * 24 * 3_600),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *["", "1", "h", "1 h", " 1h", "1h ", "1h\n", "1H", "1y", "-1h", "+1h", "1.5h", "1h30", "0s", "0h0m", "8785h"],
        *["1e3s", "1_0s", "0x1s", "\u0661h", "\uff11h", "1h\u0661m", "9999999s", "9" * 5_000 + "h"],
    ],
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert seconds_of(text) is None


NIGHT = Quiet(time(22), time(7))
LUNCH = Quiet(time(12), time(13, 30))
ALWAYS = Quiet(time(9), time(9))
TO_MIDNIGHT = Quiet(time(22), time(0))


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("22:00-07:00", NIGHT),
        ("12:00-13:30", LUNCH),
        ("09:00-09:00", ALWAYS),
        ("22:00-00:00", TO_MIDNIGHT),
        ("", None),
    ],
)
def test_hours_are_read_as_they_are_written(text: str, quiet: Quiet | None) -> None:
    assert Quiet.of(text) == quiet


@pytest.mark.parametrize(
    ("quiet", "at", "holds"),
    [
        (NIGHT, time(21, 59, 59, 999_999), False),
        (NIGHT, time(22), True),
        (NIGHT, time(23, 59, 59, 999_999), True),
        (NIGHT, time(0), True),
        (NIGHT, time(6, 59, 59, 999_999), True),
        (NIGHT, time(7), False),
        (NIGHT, time(12), False),
        (LUNCH, time(11, 59, 59), False),
        (LUNCH, time(12), True),
        (LUNCH, time(13, 29, 59), True),
        (LUNCH, time(13, 30), False),
        (LUNCH, time(0), False),
        (TO_MIDNIGHT, time(21, 59), False),
        (TO_MIDNIGHT, time(23, 59), True),
        (TO_MIDNIGHT, time(0), False),
        (ALWAYS, time(8, 59), True),
        (ALWAYS, time(9), True),
        (ALWAYS, time(0), True),
    ],
)
def test_quiet_hours_hold_from_the_first_to_before_the_last_also_over_midnight(
    quiet: Quiet, at: time, holds: bool
) -> None:
    assert quiet.holds_at(at) == holds


@given(st.times(), st.times(), st.times())
def test_it_is_quiet_in_the_hours_or_else_in_the_rest_of_the_day(since: time, until: time, now: time) -> None:
    if since != until:
        assert Quiet(since, until).holds_at(now) != Quiet(until, since).holds_at(now)


# ----------------------------------------------------------------------------------------------------- room by room


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "wishes.json"


@pytest.mark.parametrize("default", Wish)
def test_a_room_without_a_wish_has_the_default(path: Path, default: Wish) -> None:
    assert Wishes(path, default).of("lobby") == default
    assert not path.parent.exists()


def test_wishes_are_kept_room_by_room_over_restarts(path: Path) -> None:
    before = Wishes(path, Wish.ALL)
    before.set("lobby", Wish.NONE)
    before.set("@bob", Wish.MENTIONS)
    before.set("Caf\u00e9 \u6f22\u5b57", Wish.NONE)
    after = Wishes(path, Wish.ALL)
    for wishes in (before, after):
        assert [wishes.of(room) for room in ("lobby", "@bob", "Caf\u00e9 \u6f22\u5b57", "cats")] == [
            Wish.NONE,
            Wish.MENTIONS,
            Wish.NONE,
            Wish.ALL,
        ]


def test_a_wish_is_changed_by_a_later_one(path: Path) -> None:
    Wishes(path, Wish.ALL).set("lobby", Wish.NONE)
    Wishes(path, Wish.ALL).set("lobby", Wish.ALL)
    assert Wishes(path, Wish.NONE).of("lobby") == Wish.ALL


def test_a_room_is_the_same_however_it_is_written(path: Path) -> None:
    Wishes(path, Wish.ALL).set("LOBBY", Wish.NONE)
    assert Wishes(path, Wish.ALL).of("lobby") == Wish.NONE


def test_a_new_default_leaves_what_is_wished_for_a_room(path: Path) -> None:
    Wishes(path, Wish.ALL).set("lobby", Wish.NONE)
    assert Wishes(path, Wish.MENTIONS).of("lobby") == Wish.NONE


def test_nothing_but_the_file_is_left_in_its_folder(path: Path) -> None:
    wishes = Wishes(path, Wish.ALL)
    for wish in Wish:
        wishes.set("lobby", wish)
    assert [*path.parent.iterdir()] == [path]


def test_of_two_at_once_neither_forgets_the_wishes_of_the_other(path: Path) -> None:
    first, second = Wishes(path, Wish.ALL), Wishes(path, Wish.ALL)
    first.set("lobby", Wish.NONE)
    second.set("cats", Wish.MENTIONS)
    first.set("dogs", Wish.NONE)
    after = Wishes(path, Wish.ALL)
    assert [after.of(room) for room in ("lobby", "cats", "dogs")] == [Wish.NONE, Wish.MENTIONS, Wish.NONE]


@pytest.mark.parametrize(
    "content",
    [
        *[b"", b"{", b"null", b"[]", b"7", b'"lobby"', b'{"lobby": "loud"}', b'{"lobby": null}', b'{"lobby": []}'],
        *[b'{"lobby": {}}', b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100_000, b'{"lobby": ' + b"1" * 5_000 + b"}"],
    ],
    ids=range(14),
)
def test_a_broken_file_counts_for_nothing_and_is_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    wishes = Wishes(path, Wish.MENTIONS)
    assert wishes.of("lobby") == Wish.MENTIONS
    wishes.set("lobby", Wish.NONE)
    assert Wishes(path, Wish.MENTIONS).of("lobby") == Wish.NONE


def test_where_no_folder_can_be_made_wishes_hold_as_long_as_the_program_runs(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    wishes = Wishes(path, Wish.ALL)
    wishes.set("lobby", Wish.NONE)
    assert wishes.of("lobby") == Wish.NONE
    wishes.set("cats", Wish.MENTIONS)
    assert [wishes.of("lobby"), wishes.of("cats")] == [Wish.NONE, Wish.MENTIONS]
    assert Wishes(path, Wish.ALL).of("lobby") == Wish.ALL


def test_what_the_disk_did_not_take_is_written_with_the_next_wish(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    wishes = Wishes(path, Wish.ALL)
    wishes.set("lobby", Wish.NONE)
    path.parent.unlink()
    wishes.set("cats", Wish.MENTIONS)
    after = Wishes(path, Wish.ALL)
    assert [after.of("lobby"), after.of("cats")] == [Wish.NONE, Wish.MENTIONS]


def test_where_the_file_cannot_be_replaced_wishes_hold_and_nothing_is_left_beside_it(path: Path) -> None:
    path.mkdir(parents=True)
    wishes = Wishes(path, Wish.ALL)
    wishes.set("lobby", Wish.NONE)
    assert wishes.of("lobby") == Wish.NONE
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc, where nothing can be written")
def test_a_folder_in_which_nothing_can_be_written_keeps_nobody_from_wishing() -> None:
    wishes = Wishes(Path("/proc/chatroom/wishes.json"), Wish.ALL)
    wishes.set("lobby", Wish.NONE)
    assert wishes.of("lobby") == Wish.NONE
