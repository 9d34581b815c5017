"""What names, messages and topics may hold, and that nothing from the network can do anything to a terminal."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wcwidth import wcwidth

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


@EITHER
@pytest.mark.parametrize(
    "name",
    [
        "\u0430da",  # a Cyrillic a
        "ad\u0430",
        "b\u03bfb",  # a Greek omicron
        "\u0410\u0391",  # Cyrillic and Greek
        "b\u0585b",  # Armenian
        "\u13aada",  # Cherokee
        "\ua4d0da",  # Lisu
        "b\u2c9fb",  # Coptic
        "b\u09e6b",  # a Bengali zero
        "b\u0665b",  # an Arabic five
        "\uff42\u043eb",  # fullwidth, until it is normalised
        "\U0001d41b\u043eb",
        "\u00b5ser",  # a micro sign is a Greek letter
    ],
    ids=ascii,
)
def test_a_name_does_not_mix_alphabets_whose_letters_look_alike(name_of: Judge, name: str) -> None:
    with pytest.raises(Refusal, match=r"look alike, .*; use one alphabet only\.$") as refused:
        name_of(name)
    assert refused.value.code == "bad_name"


@EITHER
@pytest.mark.parametrize(
    "name",
    [
        *("Ольга2", "Ζωή-7", "Zoë.Müller", "Ólafur_Þór", "Nguyễn", "ʻalana", "Łukasz"),
        *("田中さんアリスAlice", "ラーメン", "佐々木-2", "김Kim金", "李小龍Bruce", "ㄅㄆ注音abc"),
        *("علي٣", "কখ০", "דודA", "สมชาย7", "Հայկ", "ᏣᎳᎩ"),
    ],
)
def test_what_people_really_mix_in_a_name_is_allowed(name_of: Judge, name: str) -> None:
    assert code_of(name_of, name) == ""


def test_a_room_may_have_words_of_two_alphabets_and_a_person_may_not() -> None:
    assert text.room_name("отдел-IT") == "отдел-IT"
    assert code_of(text.room_name, "отдeл-IT") == "bad_name", "its e is Latin"
    assert code_of(text.username, "Ада-IT") == "bad_name"


def test_it_takes_no_longer_to_judge_a_name_in_another_script() -> None:
    before = time.process_time()
    for _ in range(2_000):
        text.username("Александра-Константиновна")
    assert time.process_time() - before < 1


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
@example(["\x00\x80"])  # one byte goes, but there is one more of them than there are characters
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

JOINERS = "\u200c\u200d"
# Controls, what turns the direction of text around, what has no width, and what ends a line.
DANGEROUS = {
    chr(code)
    for code in (*range(0x3000), *range(0xD800, 0xE000), *range(0xFE00, 0x10000), *range(0xE0000, 0xE0080))
    if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and chr(code) not in JOINERS
}
# By the names that Unicode has for them.
TRICKS = {
    "zero width space": "\u200b",
    "soft hyphen": "\u00ad",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "right-to-left mark": "\u200f",
    "Arabic letter mark": "\u061c",
    "invisible times": "\u2062",
    "inhibit symmetric swapping": "\u206a",
    "interlinear annotation": "\ufff9",
    "combining grapheme joiner": "\u034f",
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "Hangul filler": "\u3164",
    "halfwidth Hangul filler": "\uffa0",
    "Khmer inherent vowel": "\u17b4",
    "Mongolian variation selector": "\u180b",
    "Mongolian vowel separator": "\u180e",
    "variation selector 1": "\ufe00",
    "variation selector 17": "\U000e0100",
    "tag": "\U000e0041",
    "language tag": "\U000e0001",
    "musical null notehead": "\U0001d159",
    "musical begin beam": "\U0001d173",
    "shorthand overlap": "\U0001bca0",
    "Khitan filler": "\U00016fe4",
    "Egyptian full blank": "\U00013441",
    "private use": "\ue000",
    "not a character": "\uffff",
    "half a surrogate": "\ud800",
}
SIGN = "\N{REPLACEMENT CHARACTER}"
ANYTHING = st.text(
    st.characters()
    | st.sampled_from(sorted({*DANGEROUS, *JOINERS, *TRICKS.values(), *"\u0301\ufe0f👩🏽ا्\u1161"} - {"\ud800"}))
)


@given(ANYTHING)
def test_nothing_that_is_shown_can_move_colour_hide_or_reorder(raw: str) -> None:
    shown = text.visible(raw)
    assert not DANGEROUS.union(TRICKS.values()) & set(shown)
    assert text.visible(shown) == shown


@given(st.text(st.characters(exclude_categories=["Mn", "Mc", "Me", "Cs"])))
def test_nothing_vanishes(raw: str) -> None:
    assert len(text.visible(raw)) == len(raw) + 3 * raw.count("\t")


def test_what_could_harm_is_seen_as_replaced() -> None:
    for control in DANGEROUS - {"\n", "\t"}:
        assert text.visible(f"a{control}[31mb") == f"a{SIGN}[31mb"


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
@pytest.mark.parametrize("shape", ["a{}b", "漢{}字", "😀{}😀", "ا{}ا", "각{}각", "{}", "e\u0301{}"])
def test_what_nothing_is_seen_of_is_seen_as_replaced(trick: str, shape: str) -> None:
    assert text.visible(shape.format(trick)) == shape.format(SIGN)


def test_whatever_takes_no_room_is_drawn_onto_something() -> None:
    """Only marks do, and those vowels and ends of Hangul syllables that are letters of their own."""
    for character in map(chr, (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200))):
        if wcwidth(character) <= 0 and character in text.visible(f"a{character}b"):
            name = unicodedata.name(character)
            assert unicodedata.category(character)[0] == "M" or name.startswith(("HANGUL JUNGS", "HANGUL JONGS"))


def test_a_blank_of_braille_is_a_blank() -> None:
    assert text.visible("⣿\u2800⣿") == "⣿ ⣿"


@pytest.mark.parametrize(
    "harmless",
    [
        *("Hello, world!", "👩‍👧‍👦", "❤\ufe0f", "❤\ufe0f\u200d🔥", "🏳\ufe0f\u200d🌈", "👍🏽"),
        *("1\ufe0f\u20e3", "🙂\u200d↔\ufe0f", "©\ufe0f", "각", "\u1100\u1161\u11a8"),
        *("שלום", "नमस्ते", "e\u0301", "\ufffd", "می\u200cخواهم", "ක\u0dca\u200dර", "क\u094d\u200dष"),
        *("ཧྐྵྨླྺྼྻྂ", "ก็่", "\U0001fae8", "\U0001faff"),
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_harmless_is_shown_as_it_is(harmless: str) -> None:
    assert text.visible(harmless) == harmless


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\u200db", f"a{SIGN}b"),
        ("1\u200d2", f"1{SIGN}2"),
        ("😀\u200c😀", f"😀{SIGN}😀"),
        ("😀\u200da", f"😀{SIGN}a"),
        ("😀\u200d", f"😀{SIGN}"),
        ("😀\u200d\u200d😀", f"😀{SIGN}{SIGN}😀"),
        ("ا\u200c", f"ا{SIGN}"),
        ("ا\u200ca", f"ا{SIGN}a"),
        ("ا\u200c\u06dd", f"ا{SIGN}{SIGN}"),
        ("a\ufe0f", f"a{SIGN}"),
        ("❤\ufe0f\ufe0f", f"❤\ufe0f{SIGN}"),
        ("\ufe0f", SIGN),
    ],
    ids=ascii,
)
def test_a_joiner_stands_only_where_it_joins(raw: str, shown: str) -> None:
    assert text.visible(raw) == shown


@pytest.mark.parametrize("mark", ["\u0301", "\u20dd", "\u0940", "\u1161", "\u11a8"], ids=ascii)
def test_marks_do_not_tower_over_other_lines(mark: str) -> None:
    assert text.visible("e" + mark * 8) == "e" + mark * 8
    assert text.visible("e" + mark * 4_000 + "f" + mark) == "e" + mark * 8 + SIGN + "f" + mark
    assert text.visible(("e" + mark) * 100) == ("e" + mark) * 100


def test_joiners_do_not_make_a_tower_higher() -> None:
    shown = text.visible("ا" + ("\u064b" * 8 + "\u200d") * 50)
    assert shown.count("\u064b" * 9) == 0
    assert shown.startswith("ا" + "\u064b" * 8 + SIGN)


@pytest.mark.parametrize("mark", ["\u0338", "\u20dd", "\u0301", "\u1161"], ids=ascii)
def test_no_mark_is_drawn_onto_what_stands_before_the_text(mark: str) -> None:
    assert text.visible(f"{mark}a") == f"{SIGN}a"


def test_what_is_shown_is_one_line() -> None:
    assert text.visible("one\ntwo\tthree\r\n") == f"one two    three{SIGN} "


# Words


@pytest.mark.parametrize(
    ("inside", "word", "stands"),
    [
        ("ada", "ada", True),
        ("canada ada", "ada", True),
        ("canada adam", "ada", False),
        ("_ada", "ada", False),
        ("ada2", "ada", False),
        ("c++!", "c++", True),
        ("李小龍你好", "李小龍", True),
    ],
)
def test_a_word_stands_by_itself(inside: str, word: str, stands: bool) -> None:
    assert text.stands_in(inside, word) == stands
