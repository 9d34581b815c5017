"""Everything that reads what others wrote, given anything: bytes from the network, files of last week, words typed.

Nothing comes out but what is documented, whatever goes in and in whatever pieces, and neither memory nor time grows
with the wickedness of it. A failure prints the bytes.
"""

import re
import time
import tracemalloc
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatroom import addresses, durations, text
from chatroom.client.inputs import InputHistory
from chatroom.client.settings import BY_NAME, SETTINGS, Setting, SettingError, Settings, load
from chatroom.client.trust import FILE, Trust
from chatroom.client.unsent import Shelf
from chatroom.client.wishes import Quiet, Wish, Wishes
from chatroom.errors import Refusal, Untrusted
from chatroom.messages import EVENT_FRAME, REQUEST_FRAME, AnyEvent, AnyRequest, Error, Say
from chatroom.net.words import as_words, fingerprint, matches
from chatroom.wire import NATIVE, Codec, Unreadable, native, who_is_there
from tests.stress.mutating import REQUESTS, SPOILERS, WRONG_VALUES, chopped, mutated, twisted
from tests.stress.scale import scaled
from tests.support.hostile_text import HOSTILE
from tests.support.wire import frame, messages_of
from tests.test_protocol_document import session
from tests.test_wire import BAD_BODIES, DOCUMENTED, GOOD_BODIES

many = settings(
    max_examples=scaled(60, 1_500),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
randoms = st.randoms(use_true_random=False)

SECONDS = 2.0
"""More than anything here may take: a hundred times what it does on an idle machine."""


@contextmanager
def soon_over() -> Iterator[None]:
    started = time.thread_time()
    yield
    assert time.thread_time() - started < SECONDS


@contextmanager
def bounded(memory: int) -> Iterator[None]:
    """What is done here holds no more memory at any time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory


# ------------------------------------------------------------------------------------------------------------- codecs


class Direction(NamedTuple):
    """One side's codec: how it is made, what is right for it, how long a frame may be."""

    codec: Callable[[], Codec[Any]]
    vocabulary: Any
    largest: int
    examples: tuple[bytes, ...]


CATALOGUE = tuple(frame(body) for body in (*BAD_BODIES.values(), *GOOD_BODIES.values()) if len(body) < 5_000)
TALK = tuple(frame(turn.message) for turn in session())
DIRECTIONS = {
    "requests": Direction(
        NATIVE.requests,
        AnyRequest,
        REQUEST_FRAME,
        (*map(frame, REQUESTS), *TALK, *CATALOGUE),
    ),
    "events": Direction(native.events, AnyEvent, EVENT_FRAME, (*TALK, *CATALOGUE)),
}
EVERY_CODEC = pytest.mark.parametrize("way", DIRECTIONS.values(), ids=DIRECTIONS)

LONGEST = {
    "brackets": b"[",
    "arrays side by side": b"[],",
    "objects within each other": b'{"a":',
    "quotes": b'"',
    "backslashes": b"\\",
    "escaped quotes": b'\\"',
    "digits": b"9",
    "half surrogates": b"\\ud800",
    "letters of two bytes": "é".encode(),
    "a keyed array": b'"a":[1,2],',
}
"""What a frame may be filled with."""

SHAPES = (b'{"type":"ping","data":%s}', b"%s", b'{"type":"nosuch","x":"%s"}', b'{"x":[%s0]}')


def judge(items: list[Any], vocabulary: Any) -> None:
    """Only messages, and errors that are documented; nothing after a fatal one."""
    errors = [item.error for item in items if isinstance(item, Unreadable)]
    assert all(isinstance(item, (Unreadable, vocabulary)) for item in items)
    assert all(DOCUMENTED[error.code] == error.fatal for error in errors)
    assert all(text.visible(error.text) == error.text and len(error.text) < 250 for error in errors)
    assert not any(error.fatal for error in errors[:-1])
    if errors and errors[-1].fatal:
        assert items[-1].error is errors[-1]


@EVERY_CODEC
@many
@given(random=randoms)
def test_whatever_comes_in_whatever_pieces_is_read_or_refused_as_documented(way: Direction, random: Random) -> None:
    data = b"".join(mutated(random, way.examples) for _ in range(random.randrange(1, 5)))
    codec = way.codec()
    items = [item for piece in chopped(random, data) for item in codec.receive(piece)]
    judge(items, way.vocabulary)
    assert items == list(way.codec().receive(data))


@many
@given(random=randoms)
def test_a_request_with_members_of_any_kind_is_read_or_refused(random: Random) -> None:
    bodies = [twisted(random, random.choice(REQUESTS)) for _ in range(random.randrange(1, 4))]
    judge(list(native.requests().receive(b"".join(map(frame, bodies)))), AnyRequest)


@EVERY_CODEC
@many
@given(pieces=st.lists(st.binary(max_size=300), max_size=6))
def test_bytes_of_nobody_are_refused_as_documented(way: Direction, pieces: list[bytes]) -> None:
    codec = way.codec()
    judge([item for piece in pieces for item in codec.receive(piece)], way.vocabulary)


@EVERY_CODEC
@settings(many, max_examples=scaled(30, 500))
@given(data=st.data(), random=randoms)
def test_a_message_of_any_kind_with_something_wrong_is_read_or_refused(
    way: Direction, data: st.DataObject, random: Random
) -> None:
    written = native.encode(data.draw(st.lists(messages_of(way.vocabulary), min_size=1, max_size=3)))
    judge(list(way.codec().receive(mutated(random, [written]))), way.vocabulary)


@EVERY_CODEC
@pytest.mark.parametrize("filling", LONGEST.values(), ids=LONGEST)
@pytest.mark.parametrize("shape", scaled(SHAPES[:1], SHAPES))
def test_the_longest_frames_cost_a_bounded_amount(way: Direction, filling: bytes, shape: bytes) -> None:
    room = way.largest - len(shape) + 2
    body = shape % (filling * (room // len(filling)))
    for limit in (soon_over(), bounded(memory=64 * way.largest)):
        codec = way.codec()
        with limit:
            items = [item for piece in chopped(Random(0), frame(body)) for item in codec.receive(piece)]
        judge(items, way.vocabulary)
        assert len(items) == 1


@EVERY_CODEC
def test_a_stream_without_end_is_never_kept(way: Direction) -> None:
    """Each piece by itself is let go before the next one comes."""
    random, codec = Random(1), way.codec()
    goods = [example for example in way.examples if not any_fatal(way.codec().receive(example))]
    pieces = [b"".join(random.choices(goods, k=200))[: 1 << 16] for _ in range(20)]
    with bounded(memory=12 * way.largest + (8 << 20)):
        for _ in range(scaled(2, 20)):
            for piece in pieces:
                for half in chopped(random, piece):
                    codec.receive(half)


def any_fatal(items: Sequence[Any]) -> bool:
    return not items or any(isinstance(item, Unreadable) and item.error.fatal for item in items)


def test_every_first_byte_opens_a_door_or_is_answered() -> None:
    for first in range(256):
        who = who_is_there(first)
        assert who is NATIVE or (isinstance(who, Error) and who.fatal)


# -------------------------------------------------------------------------------------------------------------- words

strange = st.lists(
    st.text(max_size=12)
    | st.sampled_from([HOSTILE, "\ud800", "ﷺ", "İ", "ß", "\u0345", "é́", "1h30m", "192.168.1.7", "::ffff:1.2.3.4%1"])
    | st.characters(categories=["Mn", "Cf", "Cc", "Zs", "Lo", "Cs", "Co", "Cn", "So"]),
    max_size=6,
).map("".join)
sayable = strange.filter(lambda raw: not any(map(is_half, raw)))
"""What can come in a frame: no halves of pairs."""


def is_half(character: str) -> bool:
    return unicodedata.category(character) == "Cs"


@many
@given(raw=strange)
@example("e" + "\u0301" * 100_000)
@example("\u200d" * 100_000)
def test_visible_text_is_safe_short_and_stays_as_it_is(raw: str) -> None:
    with soon_over():
        shown = text.visible(raw)
    assert text.visible(shown) == shown
    assert len(shown) <= len(raw) + 3 * raw.count("\t")
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp", "Co"}
    shown.encode()


JUDGES = {
    "username": text.username,
    "room": text.room_name,
    "message": text.message,
    "topic": text.topic,
    "emoji": text.emoji,
}


@pytest.mark.parametrize("judge_of", JUDGES.values(), ids=JUDGES)
@many
@given(raw=sayable)
@example("\u0345" * 60_000)
@example("ﷺ" * 20_000)
def test_a_name_or_a_text_is_taken_for_good_or_refused(judge_of: Callable[[str], str], raw: str) -> None:
    with soon_over(), suppress(Refusal):
        taken = judge_of(raw)
        assert judge_of(taken) == taken


@many
@given(raw=strange)
def test_times_addresses_and_fingerprints_are_read_or_are_none(raw: str) -> None:
    length = durations.seconds(raw)
    assert length is None or (length > 0 and durations.in_words(length))
    with suppress(ValueError):
        assert addresses.normal(addresses.normal(raw)) == addresses.normal(raw)
    assert addresses.is_loopback(addresses.ip_of((raw, 1))) in (True, False)
    assert matches(raw, "ab" * 32) is False
    assert Quiet.of(raw) is None
    assert text.stands_in(f"{text.fold(raw)} ada", "ada")


@many
@given(der=st.binary(max_size=64), random=randoms)
def test_the_words_of_a_certificate_are_its_own(der: bytes, random: Random) -> None:
    shown = fingerprint(der)
    assert matches(as_words(shown), shown)
    assert matches(shown.upper(), shown)
    assert matches(":".join(re.findall("..", shown)), shown)
    wrong = mutated(random, [as_words(shown).encode(), shown.encode()]).decode(errors="surrogateescape")
    same = wrong.casefold() == shown or wrong.casefold().split() == as_words(shown).split()
    assert matches(wrong, shown) or not same
    said = re.findall(r"[^\s,:-]+", wrong.casefold())
    assert not matches(wrong, shown) or said == as_words(shown).split() or "".join(said).endswith(shown)


# -------------------------------------------------------------------------------------------------------------- files

CONFIGS = (
    b'host = "192.168.1.2"\nport = 5002\ntls = true\nname = "ada"\nroom = "lobby"\n',
    b'time-format = "%H:%M"\nhighlight = ["lunch", "ops"]\nquiet = "22:00-07:00"\nnotify = "mentions"\n',
    b'# mine\ncolor = "never"\n"sounds" = """\n/nowhere"""\nkeys = \'vi\'\n[table]\na.b = {c = 1}\n',
    b"port = " + b"[" * 3_000,
)


@many
@given(random=randoms)
def test_a_config_file_is_understood_or_complained_about_with_its_place(tmp_path: Path, random: Random) -> None:
    file = tmp_path / "client.toml"
    file.write_bytes(mutated(random, (*CONFIGS, *SPOILERS)))
    complains_in_a_sentence(partial(load, {}, {}, file))


@many
@given(setting=st.sampled_from(SETTINGS), raw=strange.map(lambda raw: raw.replace("\0", "")))
@example(BY_NAME["sounds"], "x" * 5_000)
@example(BY_NAME["sounds"], "~nobody/" + "x" * 300)
def test_a_setting_of_any_text_is_understood_or_complained_about(tmp_path: Path, setting: Setting, raw: str) -> None:
    nothing = tmp_path / "client.toml"
    nothing.write_bytes(b"")
    complains_in_a_sentence(partial(load, {}, {setting.variable: raw}, nothing))
    if not setting.is_switch:
        complains_in_a_sentence(partial(load, {setting.name: raw}, {}, nothing))


def complains_in_a_sentence(read: Callable[[], Settings]) -> None:
    said = "."
    try:
        read()
    except SettingError as error:
        said = str(error)
    assert said[-1] in ".?"
    assert "\n" not in said


JOURNAL = (
    b'+{"type":"say","id":"1","room":"lobby","message":"hello"}\n',
    b'+{"type":"say","id":"2","room":"@bob","message":"psst","to":["bob"],"once":true}\n',
    b"-1\n",
    b'+{"type":"say","id":"3","room":"lobby","message":"a\\nb"}\n-2\n+{"ty',
)


@many
@given(random=randoms)
def test_a_journal_that_was_damaged_gives_what_is_whole_and_the_same_again(tmp_path: Path, random: Random) -> None:
    shelf = tmp_path / "1"
    shelf.mkdir(exist_ok=True)
    (shelf / "unsent").write_bytes(b"".join(mutated(random, JOURNAL) for _ in range(random.randrange(5))))
    (shelf / "session").write_bytes(mutated(random, (b"secret", *SPOILERS)))
    first, second = read_shelf(tmp_path), read_shelf(tmp_path)
    assert first == second
    assert all(isinstance(say, Say) for say in first[1])
    native.encode(first[1])


def read_shelf(folder: Path) -> tuple[str | None, list[Say]]:
    shelf = Shelf(folder)
    shelf.claim()
    shelf.close()
    return shelf.session, shelf.unsent


CERTIFICATE = b"a certificate"
PINS = (
    b'{"host":"office","port":5002,"fingerprint":"%s","not_after":"2036-01-01T00:00:00Z"}\n'
    % fingerprint(CERTIFICATE).encode(),
    b'{"host":"office","port":5002,"fingerprint":"%s","not_after":"0001-01-01T00:00:00+14:00"}\n' % (b"ab" * 32),
    b'{"host":"other","port":1,"fingerprint":"%s","not_after":"9999-12-31T23:59:59-14:00"}\n' % (b"cd" * 32),
)


@many
@given(random=randoms)
def test_pins_that_were_damaged_are_never_taken_for_none_at_all(tmp_path: Path, random: Random) -> None:
    """Whatever the file holds: who is not pinned is not there, and what is no pin stops the client."""
    (tmp_path / FILE).write_bytes(b"".join(mutated(random, PINS) for _ in range(random.randrange(1, 4))))
    trust = Trust(tmp_path, "office", 5002)
    with suppress(Untrusted):
        known = trust.known()
        assert known is None or known.words
        trust.check(CERTIFICATE, datetime(2030, 1, 1, tzinfo=UTC).timestamp())


@many
@given(random=randoms)
def test_wishes_and_typed_lines_that_were_damaged_are_read_as_far_as_they_go(tmp_path: Path, random: Random) -> None:
    wishes, typed = tmp_path / "wishes", tmp_path / "typed"
    wishes.write_bytes(mutated(random, (b'{"lobby":"none","den":"all"}', *WRONG_VALUES)))
    typed.write_bytes(b"".join(mutated(random, (b'\n"hello"', b'\n"/me waves"', *SPOILERS)) for _ in range(4)))
    assert Wishes(wishes, Wish.ALL).of("lobby") in Wish
    lines = list(InputHistory(typed, lambda line: "secret" in line).load_history_strings())
    assert lines == list(InputHistory(typed, lambda line: "secret" in line).load_history_strings())
    "".join(lines).encode()
