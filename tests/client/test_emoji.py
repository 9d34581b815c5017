"""Names between colons become emoji, and nothing else does."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom import text as texts
from chatroom.client.emoji import expand, names


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (":smile:", "😄"),
        (":+1:", "👍"),
        (":-1:", "👎"),
        (":tada:", "🎉"),
        (":heart:", "❤️"),
        (":thumbs_up:", "👍"),
        (":simple_smile:", "🙂"),
        (":100:", "💯"),
        (":flag-de:", "🇩🇪"),
        (":wave::skin-tone-3:", "👋🏼"),
        (":man-shrugging:", "🤷\u200d♂️"),
        (":Smile:", "😄"),
        (":FLAG-DE:", "🇩🇪"),
        (":cat:", "🐱"),
        (":turkey: :Turkey:", "🦃 🇹🇷"),
        ("well done :tada::tada:!", "well done 🎉🎉!"),
        ("(:fire:)", "(🔥)"),
        ("好:fire:好", "好🔥好"),
        (":-1:/:+1:", "👎/👍"),
        ("two\n:fire:\nlines", "two\n🔥\nlines"),
        (":fire::nope::fire:", "🔥:nope:🔥"),
        (":nope: :fire:", ":nope: 🔥"),
        ("at 10:30:45 :fire:", "at 10:30:45 🔥"),
        ("http://example.org :fire:", "http://example.org 🔥"),
        ("`a` :fire: `b`", "`a` 🔥 `b`"),
        ("a ` alone :fire:", "a ` alone 🔥"),
        ("don`t\n:fire: don`t", "don`t\n🔥 don`t"),
    ],
)
def test_a_name_becomes_its_emoji(text: str, sent: str) -> None:
    assert expand(text) == sent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "smile",
        ":smile",
        "smile:",
        ": smile :",
        "::",
        ":nope:",
        "10:30:45",
        "1:100:2",
        "a:fire:b",
        "a:fire: b",
        ":fire:b",
        "std::fire::x",
        "::fire::",
        "fe80::100:de:1",
        ":) :D :-)",
        "http://example.org/:fire:",
        "http://example.org:100:/",
        "see https://example.org/a:fire:/?b=:fire:",
        "www.example.org/:fire:",
        "`:fire:`",
        "`x :fire: y`",
        "```\n:fire:\n```",
        "```x`:fire:```",
        ":fi`re:",
    ],
)
def test_what_is_no_name_stays(text: str) -> None:
    assert expand(text) == text


def test_what_is_offered_is_what_is_sent_and_what_others_see() -> None:
    everything = names("")
    assert len(everything) > 3_000
    for name, picture in everything:
        assert expand(f":{name}:") == picture
        assert texts.message(picture) == texts.visible(picture) == picture


@pytest.mark.parametrize(
    ("prefix", "first"),
    [
        ("smi", ["smile", "smiley", "smirk"]),
        ("SMI", ["smile", "smiley", "smirk"]),
        ("th", ["thumbsup", "thinking", "thumbsdown"]),
        ("ro", ["rofl", "rocket", "robot"]),
        ("flag-d", ["flag-de", "flag-dg", "flag-dj"]),
        ("hedge", ["hedgehog"]),
        ("zzz", ["zzz"]),
        ("nope", []),
    ],
)
def test_the_commonest_names_are_offered_first_then_the_shortest(prefix: str, first: list[str]) -> None:
    assert [name for name, _ in names(prefix)][:3] == first


@given(st.text(), st.text("abc:` \n/1w.😄", max_size=40))
def test_only_what_stands_between_colons_can_change(any_text: str, colons: str) -> None:
    for text in (any_text, colons):
        assert expand(text) == text or text.count(":") > 1
        assert expand(f"`{text.replace('`', '')}`".replace("\n", " ")).startswith("`")
        assert expand(expand(text)) == expand(text)


@given(st.text())
def test_code_stays_as_it_is_written(text: str) -> None:
    code = "```" + text.replace("`", "") + ":fire:```"
    assert expand(f":fire: {code} :fire:") == f"🔥 {code} 🔥"


@pytest.mark.parametrize("part", ["`", "```", ":", ":a", ":a:", "://", "a", "www.", ":fire:", "` ", ":`"])
def test_a_long_text_takes_no_time(part: str) -> None:
    """Each of these is much longer than a search that starts anew at each character could bear."""
    assert expand(part * 100_000 + " ::")


@pytest.mark.parametrize("text", ["hello", "at 10:30 :)", "10:30:45", "`:fire:`", "http://a:1/:fire:"])
def test_a_text_without_names_does_not_wait_for_them(text: str) -> None:
    program = "import sys; from chatroom.client.emoji import expand; expand(sys.argv[1]); print('emoji' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program, text], text=True).strip() == "False"
