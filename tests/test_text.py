"""What names, messages and topics may hold, and that nothing from the network can do anything to a terminal."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom import text
from chatroom.errors import Refusal

Judge = Callable[[str], str]


def code_of(judge: Judge, raw: str) -> str:
    """The code of the refusal, or "" where there is none."""
    try:
        judge(raw)
    except Refusal as refusal:
        return refusal.code
    return ""


# Names

EITHER = pytest.mark.parametrize("name_of", [text.username, text.room_name])


@EITHER
@pytest.mark.parametrize("name", ["ada", "7", "a_b-c.d", "Zoë", "Ольга", "李小龍", "٣ب", "ʻalana", "ª"])
def test_letters_and_digits_of_any_script_make_a_name(name_of: Judge, name: str) -> None:
    assert code_of(name_of, name) == ""


@EITHER
@pytest.mark.parametrize(
    "name", ["", "_a", "-a", ".a", " a", "a ", "a b", "a@b", "@a", "a/b", "a\n", "a\x00", "a,b", "aↀ"]
)
def test_a_name_has_no_other_characters_and_starts_with_a_letter_or_a_digit(name_of: Judge, name: str) -> None:
    assert code_of(name_of, name) == "bad_name"


@EITHER
@pytest.mark.parametrize("name", ["a＠b", "a／b", "a℀", "…a", "a﹫b", "a⁄b", "½a", "a\u00a0b"])
def test_a_name_is_judged_after_its_characters_have_turned_into_others(name_of: Judge, name: str) -> None:
    assert code_of(name_of, name) == "bad_name"


@EITHER
@pytest.mark.parametrize(
    "invisible",
    [
        *"\u115f\u1160\u3164\uffa0\U00013441\U00013442",  # fillers and blanks, which are letters to Unicode
        *"\u2800\u00ad\u034f\u17b4\u180e\U0001d159",
        *"\u200b\u200c\u200d\u2060\ufeff\ufe0f\U000e0100\U000e0041",
        *"\u202e\u2066",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("shape", ["{}", "a{}", "{}a", "a{}b"])
def test_letters_that_look_like_nothing_are_no_letters(name_of: Judge, invisible: str, shape: str) -> None:
    assert code_of(name_of, shape.format(invisible)) == "bad_name"


@EITHER
def test_a_mark_is_no_letter_unless_it_becomes_part_of_one(name_of: Judge) -> None:
    assert code_of(name_of, "e\u0301") == ""
    assert code_of(name_of, "\u0301e") == "bad_name"
    assert code_of(name_of, "q\u0301") == "bad_name"


def test_a_name_is_normalised_by_nfkc_and_keeps_its_case() -> None:
    assert text.username("Ａｄａ") == "Ada"
    assert text.room_name("e\u0301\ufb01") == "éfi"


@pytest.mark.parametrize(("name_of", "longest"), [(text.username, 32), (text.room_name, 50)])
def test_the_length_of_a_name_is_judged_after_it_is_normalised(name_of: Judge, longest: int) -> None:
    assert code_of(name_of, "a" * longest) == ""
    assert code_of(name_of, "a" * (longest + 1)) == "bad_name"
    assert code_of(name_of, "e\u0301" * longest) == "", "it shrinks to fit"
    assert code_of(name_of, "\u1f82" * longest) == ""
    assert code_of(name_of, "\u03b1\u0313\u0300\u0345" * longest) == "", "by a factor of four, which is the most"
    assert code_of(name_of, "ﬁ" * (longest // 2)) == ""
    assert code_of(name_of, "ﬁ" * (longest // 2 + 1)) == "bad_name", "it grows beyond"
    assert code_of(name_of, "\U00020000" * longest) == "", "characters count, not bytes"


@given(st.text(max_size=40))
def test_what_is_a_name_stays_the_same_name(raw: str) -> None:
    try:
        name = text.username(raw)
    except Refusal:
        return
    assert text.username(name) == name == unicodedata.normalize("NFKC", raw)
    assert text.fold(name) == text.fold(raw)


@given(st.text(max_size=20))
def test_folding_goes_on_until_nothing_changes(raw: str) -> None:
    folded = text.fold(raw)
    assert folded == unicodedata.normalize("NFKC", folded).casefold()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "aDA"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("\u212a", "k"),  # the kelvin sign
        ("\u0345", "\u03b9"),  # an iota that only becomes one when folded
        ("\u1fb3", "\u03b1\u03b9"),
        ("\u2160", "i"),  # the Roman numeral one
        ("\U0001d5d4", "a"),  # a mathematical letter
        ("\u3392", "mhz"),  # one character that turns into three
        ("ß\u0301", "s\u015b"),  # after folding, the accent has a new neighbour: once is not enough
    ],
)
def test_names_that_look_alike_by_case_or_width_are_the_same(one: str, other: str) -> None:
    assert text.fold(one) == text.fold(other)


def test_no_name_takes_long_to_judge_however_its_marks_are_ordered() -> None:
    """Sorting marks takes quadratic time: a whole frame full of them would take seconds, ten times ten."""
    worst = "a" + "\u0316\u0301" * 16_000
    before = time.process_time()
    for _ in range(10):
        assert code_of(text.username, worst) == "bad_name"
        assert code_of(text.room_name, worst) == "bad_name"
    assert time.process_time() - before < 0.5


@EITHER
def test_a_refusal_says_what_a_name_is_and_ends_nothing(name_of: Judge) -> None:
    with pytest.raises(Refusal, match=r"has 1 to \d+ letters, digits, .*\.$") as refused:
        name_of("a\x1b[31m")
    assert not refused.value.fatal


# Messages


def test_a_message_is_left_as_it_is() -> None:
    said = "  Hello,\tworld!\nשלום 👩‍👧 é\u0301  "
    assert text.message(said) == said


CONTROLS = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))]


def test_control_characters_are_removed_from_a_message() -> None:
    for control in CONTROLS:
        assert text.message(f"a{control}b{control}") == (f"a{control}b{control}" if control in "\n\t" else "ab")


@given(st.text())
def test_nothing_but_control_characters_is_removed_from_a_message(raw: str) -> None:
    kept = "".join(c for c in raw if c in "\n\t" or c not in CONTROLS)
    assert code_of(text.message, raw) == ("" if kept else "empty_message")
    if kept:
        assert text.message(raw) == kept


@pytest.mark.parametrize("raw", ["", "\x00", "\x1b\u202e\u2069\r\x7f\x9f"])
def test_a_message_of_which_nothing_is_left_is_empty(raw: str) -> None:
    assert code_of(text.message, raw) == "empty_message"


def test_a_message_has_at_most_4000_characters_after_its_controls_are_removed() -> None:
    assert text.message("𝄞" * 4_000) == "𝄞" * 4_000
    assert text.message("a\x00" * 4_000) == "a" * 4_000
    assert code_of(text.message, "a" * 4_001) == "too_long"
    assert code_of(text.message, "a\x00" * 4_001) == "too_long"


@given(
    st.lists(st.text(st.characters(max_codepoint=0x80), max_size=5) | st.sampled_from(["", "a" * 4_001]), min_size=1)
)
def test_what_is_plain_at_a_glance_is_a_message_as_it_stands(raws: list[str]) -> None:
    if text.are_plain(raws):
        assert [text.message(raw) for raw in raws] == raws


def test_most_of_what_is_said_is_plain_at_a_glance() -> None:
    assert text.are_plain(["hello ada, how are you?", "a\ttab and a\nnewline", "a" * 4_000])


def test_a_topic_is_one_line_and_may_be_empty() -> None:
    assert text.topic(" the\n\tnew \x1b[31mplan ") == "the new [31mplan"
    assert text.topic("\x00\n") == ""
    assert text.topic("a" * 300) == "a" * 300
    assert code_of(text.topic, "a" * 301) == "too_long"


# What a terminal gets

# Controls, what turns the direction of text around, what has no width, and what ends a line. Emoji need the joiner.
DANGEROUS = {
    chr(code)
    for code in (*range(0x3000), *range(0xD800, 0xE000), *range(0xFE00, 0x10000), *range(0xE0000, 0xE0080))
    if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and code != 0x200D
}


@given(st.text(st.characters() | st.sampled_from(sorted(c for c in DANGEROUS if unicodedata.category(c) != "Cs"))))
def test_nothing_that_is_shown_can_move_colour_hide_or_reorder(raw: str) -> None:
    shown = text.visible(raw)
    assert not DANGEROUS & set(shown)
    assert text.visible(shown) == shown
    assert len(shown) == len(raw) + 3 * raw.count("\t"), "nothing vanishes"


def test_what_could_harm_is_seen_as_replaced() -> None:
    for control in DANGEROUS - {"\n", "\t"}:
        assert text.visible(f"a{control}[31mb") == "a\N{REPLACEMENT CHARACTER}[31mb"


@pytest.mark.parametrize("harmless", ["Hello, world!", "👩‍👧‍👦", "❤\ufe0f", "שלום", "नमस्ते", "e\u0301", "\ufffd"])
def test_what_is_harmless_is_shown_as_it_is(harmless: str) -> None:
    assert text.visible(harmless) == harmless


def test_what_is_shown_is_one_line() -> None:
    assert text.visible("one\ntwo\tthree\r\n") == "one two    three\N{REPLACEMENT CHARACTER} "
