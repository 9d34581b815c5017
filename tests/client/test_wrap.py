"""What a line looks like on a screen of any width: nothing lost, nothing cut in two, and nothing turned around."""

import subprocess
import sys
import unicodedata

import pytest
import wcwidth
from hypothesis import example, given
from hypothesis import strategies as st

from chatroom.client.render import Line, Span
from chatroom.client.wrap import Row, isolate, width, wrap
from chatroom.text import visible

FAMILY, FLAG, WAVE, HEART, KEYCAP = "👩‍👩‍👧‍👦", "🇩🇪", "👋🏽", "❤️", "1️⃣"
LINK = "https://example.org/" + "a" * 30


def line(text: str, head: str = "") -> Line:
    return Line((Span("time", head),), (Span("", text),))


def texts(rows: list[Row]) -> list[str]:
    return ["".join(span.text for span in row) for row in rows]


def wrapped(text: str, columns: int, head: str = "") -> list[str]:
    return texts(wrap(line(text, head), columns))


# Examples


def test_what_fits_is_left_alone() -> None:
    assert wrapped("hello  there", 40, "[13:07] ada: ") == ["[13:07] ada: hello  there"]


def test_words_are_kept_whole_and_hang_below_the_first() -> None:
    assert wrapped("the quick brown fox", 18, "ada: ") == ["ada: the quick", "     brown fox"]


def test_a_row_may_be_filled_to_its_last_column() -> None:
    assert wrapped("abcd efgh", 9, "me: ") == ["me: abcd", "    efgh"]
    assert wrapped("abcd efgh", 8, "me: ") == ["me: abcd", "    efgh"]
    assert wrapped("abcd efgh", 7, "me: ") == ["me:", " abcd", " efgh"]


def test_where_the_head_takes_more_than_half_the_rest_is_indented_by_four() -> None:
    assert wrapped("the quick brown fox", 20, "[13:07] adalina: ") == ["[13:07] adalina: the", "    quick brown fox"]


def test_newlines_are_kept_and_so_are_blanks_after_them() -> None:
    assert wrapped("def f():\n    return 1\n\nf()", 40, "ada: ") == [
        "ada: def f():",
        "         return 1",
        "",
        "     f()",
    ]


def test_blanks_where_a_line_is_cut_are_left_out() -> None:
    assert wrapped("one" + " " * 50 + "two  ", 20) == ["one", "two"]
    assert wrapped("\n" + " " * 50 + "two", 20) == ["", "two"]


def test_a_blank_that_shall_not_be_cut_is_not() -> None:
    assert wrapped("about 10\u00a0km away", 10) == ["about", "10\u00a0km away"]


def test_a_word_that_is_too_long_for_any_row_is_cut() -> None:
    assert wrapped("x" * 20, 12, "me: ") == ["me: xxxxxxxx", "    xxxxxxxx", "    xxxx"]


def test_what_does_not_hang_is_still_no_line_of_its_own() -> None:
    rows = wrap(line("one\n[13:07] bob: two", "[13:07] ada: "), 40, hang=False)
    assert texts(rows) == ["[13:07] ada: one", "  [13:07] bob: two"]


def test_without_columns_there_is_a_row_for_each_line() -> None:
    assert wrapped("word " * 100 + "\nend", 0, "ada: ") == ["ada: " + ("word " * 100).rstrip(), "     end"]


def test_an_empty_line_is_an_empty_row() -> None:
    assert wrap(Line(()), 40) == [()]


def test_every_row_keeps_its_styles() -> None:
    spans = (Span("room", "one two"), Span("person", " three", "bob"))
    assert wrap(Line((), spans), 9) == [(Span("room", "one two"),), (Span("person", "three", "bob"),)]
    assert wrap(Line((), spans), 5) == [
        (Span("room", "one"),),
        (Span("room", "two"),),
        (Span("person", "three", "bob"),),
    ]


# Links


@pytest.mark.parametrize(
    "link", ["http://a.example/", "https://b/", "FTP://c/", "mailto:d@e.example", "www.f.example/"]
)
@pytest.mark.parametrize("before", ["", "(", 'see:"'])
def test_links_are_never_cut(link: str, before: str) -> None:
    link += "x" * 60
    assert wrapped(f"look: {before}{link} now", 40, "ada: ")[-2].endswith(link)


def test_a_link_moves_out_to_where_it_has_room() -> None:
    assert wrapped(f"see {LINK} now", 60, "[2021-10-26 13:07] ada: ") == [
        "[2021-10-26 13:07] ada: see",
        f"    {LINK} now",
    ]


def test_a_link_that_fits_stays_in_its_sentence() -> None:
    assert wrapped(f"see {LINK} now", 80, "ada: ") == [f"ada: see {LINK} now"]


def test_what_only_looks_like_a_link_is_cut_like_a_word() -> None:
    for text in ("awww." + "x" * 60, "https://" + " x" * 30, "www.a" + "\u00a0x" * 30, "www.a" + " \u0323x" * 25):
        assert [width(row) <= 40 for row in wrapped(text, 40)] == [True, True]


# Wide characters, emoji, marks


def test_wide_characters_take_two_columns() -> None:
    assert wrapped("漢字漢字漢字", 8, "m: ") == ["m: 漢字", "   漢字", "   漢字"]


def test_between_chinese_letters_a_line_may_be_cut_but_not_before_what_closes() -> None:
    assert wrapped("我用Python写的代码。", 16) == ["我用Python写的代", "码。"]
    assert wrapped("私は「猫」である。", 8) == ["私は", "「猫」で", "ある。"]


@pytest.mark.parametrize("whole", [FAMILY, FLAG, WAVE, HEART, KEYCAP, "e\u0301\u0323", "क्षि", "각", "か\u3099"])
@pytest.mark.parametrize("columns", range(1, 12))
def test_what_is_seen_as_one_character_is_never_cut(whole: str, columns: int) -> None:
    rows = wrapped(whole * 9, columns)
    assert "".join(rows) == whole * 9
    assert all(row == whole * (len(row) // len(whole)) for row in rows)


def test_a_mark_on_a_blank_is_not_left_out() -> None:
    assert "".join(wrapped("word \u0301 word", 5)) == "word \u0301word"


def test_width_is_that_of_the_least_able_terminal() -> None:
    assert width("abc") == 3
    assert width("漢e\u0301") == 3
    assert width(HEART) == 2
    assert width(FAMILY) == 8, "a terminal that does not join them draws four"


def test_no_text_takes_long_to_wrap() -> None:
    """Each of these is as long as a message can be."""
    script = (
        "import time; from chatroom.client.render import Line, Span; from chatroom.client.wrap import wrap\n"
        "wrap(Line((), (Span('', 'é'),)), 9); before = time.process_time()\n"
        "for part in '(漢 「🇩x':\n"
        "    wrap(Line((), (Span('', part * 4_000),)), 40)\n"
        "assert time.process_time() - before < 1"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_ascii_is_wrapped_without_loading_what_knows_the_rest() -> None:
    script = (
        "import sys; from chatroom.client.render import Line, Span; from chatroom.client.wrap import wrap\n"
        "wrap(Line((), (Span('', 'hello ' * 30),)), 40); assert 'wcwidth' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# Whatever the text


PARTS = (
    *(
        "a",
        "b1",
        " ",
        "  ",
        "\n",
        ". ",
        "word ",
        "(",
        "«",
        "-",
        "www.",
        "http://x",
        "\u00a0",
        "\u3000",
        "漢",
        "かな",
        "「",
        "。",
    ),
    *(
        FAMILY,
        FLAG,
        "🇩",
        WAVE,
        HEART,
        KEYCAP,
        "e\u0301",
        " \u0301",
        "क्षि",
        "각",
        "か\u3099",
        "\u0d4e",
        "\u200d",
        "\ufe0f",
    ),
    *("שלום", "عربي", "٣"),
)
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=30).map(
    lambda parts: "\n".join(map(visible, "".join(parts).split("\n")))
)
LINES = st.builds(line, TEXTS, TEXTS.map(lambda text: text.replace("\n", " ")))
COLUMNS = st.integers(1, 60)

BLANKS = " \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u205f\u3000\n"


def seen(text: str) -> list[str]:
    """What is seen as one character each, without blanks: those of a margin may join what follows them."""
    graphemes = (grapheme.lstrip(BLANKS) for grapheme in wcwidth.iter_graphemes(text))
    return [grapheme for grapheme in graphemes if grapheme]


@given(LINES, COLUMNS, st.booleans())
@example(line("\n🏻", ""), 4, False)
def test_nothing_is_lost_doubled_or_cut_in_two(what: Line, columns: int, hang: bool) -> None:
    whole = "".join(span.text for span in what.head + what.body)
    assert [grapheme for row in texts(wrap(what, columns, hang=hang)) for grapheme in seen(row)] == seen(whole)


@given(LINES, COLUMNS, st.booleans())
def test_no_row_is_too_wide_but_for_a_link_or_a_single_character(what: Line, columns: int, hang: bool) -> None:
    for row in texts(wrap(what, columns, hang=hang)):
        measures = wcwidth.width(row), sum(map(wcwidth.wcwidth, row))
        if max(measures) > columns:
            alone = row.strip(" ")
            is_link = ("www." in alone or "http" in alone) and not set(BLANKS) & set(alone)
            assert is_link or len(seen(alone)) == 1


@given(LINES, COLUMNS)
def test_every_character_keeps_its_tone(what: Line, columns: int) -> None:
    def tones(spans: Row) -> list[tuple[str, str]]:
        return [(span.tone, character) for span in spans for character in span.text if character not in BLANKS]

    rows = wrap(what, columns)
    assert [tone for row in rows for tone in tones(row)] == tones(what.head + what.body)


@given(TEXTS)
def test_a_text_is_as_wide_as_its_parts(text: str) -> None:
    assert width(text.replace("\n", "")) >= wcwidth.width(text.replace("\n", ""))


# From right to left


def test_text_from_right_to_left_is_kept_in_its_place() -> None:
    row = (Span("time", "[13:07] "), Span("person", "דוד", "דוד"), Span("", ": "), Span("", "שלום!"))
    assert isolate(row) == (
        Span("", "\u200e"),
        Span("time", "[13:07] "),
        Span("person", "\u2068דוד\u2069", "דוד"),
        Span("", ": "),
        Span("", "\u2068שלום!\u2069"),
    )


@pytest.mark.parametrize("letter", ["א", "ع", "٣", "ܐ", "ހ", "𐤀", "𞤀"])
def test_letters_and_digits_of_every_such_script_count(letter: str) -> None:
    assert texts([isolate((Span("", letter),))]) == [f"\u200e\u2068{letter}\u2069"]


def test_other_rows_hold_no_such_controls() -> None:
    row = (Span("", "hello Ольга 漢字 😀 1234 नमस्ते"),)
    assert isolate(row) is row


@given(LINES, COLUMNS)
def test_the_controls_are_balanced_and_take_no_room(what: Line, columns: int) -> None:
    for row in wrap(what, columns):
        text, isolated = (texts([each])[0] for each in (row, isolate(row)))
        turns = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)
        assert isolated.startswith("\u200e") == turns
        assert isolated.count("\u2068") == isolated.count("\u2069")
        assert isolated.translate(dict.fromkeys([0x200E, 0x2068, 0x2069])) == text
