"""The four laws of every codec, the catalogue of bad frames, and who is told from a first byte."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from chatroom import text
from chatroom.messages import EVENT_FRAME, REQUEST_FRAME, AnyEvent, AnyRequest, Error, Message, Pong, Say
from chatroom.wire import NATIVE, Packet, Printable, Unreadable, native, who_is_there
from tests.support.wire import codes, frame, messages_of, texts


class Direction(NamedTuple):
    """One codec: what reads, what is read, and how long a frame may be."""

    codec: Callable[[], native.FrameCodec[Any]]
    messages: st.SearchStrategy[Any]
    largest: int


REQUESTS = Direction(native.requests, messages_of(AnyRequest), REQUEST_FRAME)
EVENTS = Direction(native.events, messages_of(AnyEvent), EVENT_FRAME)
EVERY_CODEC = pytest.mark.parametrize("way", [REQUESTS, EVENTS], ids=["requests", "events"])

DOCUMENTED = {"bad_frame": True, "too_large": True, "unknown_type": False, "bad_request": False}
"""The only errors a codec gives, and whether they are fatal."""

PING = frame({"type": "ping"})
few = settings(max_examples=30)


def read(*frames: bytes) -> list[Any]:
    return native.requests().receive(b"".join(frames))


def chopped(data: bytes, cuts: list[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)])]


# The four laws


@EVERY_CODEC
@few
@given(st.data())
def test_what_is_written_is_read_again(way: Direction, data: st.DataObject) -> None:
    messages = data.draw(st.lists(way.messages, max_size=4))
    assert way.codec().receive(native.encode(messages)) == messages


@EVERY_CODEC
@few
@given(st.data())
def test_any_chopping_of_the_bytes_gives_the_same_messages(way: Direction, data: st.DataObject) -> None:
    messages = data.draw(st.lists(way.messages, max_size=4))
    pieces = chopped(native.encode(messages), data.draw(st.lists(st.integers(0, 4_000), max_size=8)))
    codec = way.codec()
    assert [message for piece in pieces for message in codec.receive(piece)] == messages


@EVERY_CODEC
@few
@given(st.lists(st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(frame)), max_size=6))
def test_garbage_gives_only_documented_errors_and_nothing_after_a_fatal_one(
    way: Direction, garbage: list[bytes]
) -> None:
    codec = way.codec()
    items = [item for piece in [*garbage, PING] for item in codec.receive(piece)]
    errors = [item.error for item in items if isinstance(item, Unreadable)]
    assert all(DOCUMENTED[error.code] == error.fatal for error in errors)
    assert not any(error.fatal for error in errors[:-1])
    if errors and errors[-1].fatal:
        assert items[-1].error is errors[-1]
        assert codec.receive(PING) == []


@EVERY_CODEC
def test_a_length_is_judged_before_any_byte_of_the_body_has_come(way: Direction) -> None:
    assert way.codec().receive(way.largest.to_bytes(4, "big")) == []
    for size in (way.largest + 1, 1 << 31, (1 << 32) - 1):
        assert codes(way.codec().receive(size.to_bytes(4, "big"))) == ["too_large"]


@EVERY_CODEC
def test_a_frame_of_the_largest_size_is_read(way: Direction) -> None:
    event = {"type": "pong", "data": ""} if way is EVENTS else {"type": "ping", "data": ""}
    padding = "x" * (way.largest - len(json.dumps(event)))
    assert codes(way.codec().receive(frame(event | {"data": padding}))) == ["Pong" if way is EVENTS else "Ping"]
    assert codes(way.codec().receive(frame(event | {"data": padding + "x"}))) == ["too_large"]


def memory_after(codec: native.FrameCodec[Any], *pieces: bytes) -> int:
    """How many bytes the codec keeps of them."""
    tracemalloc.start()
    try:
        for piece in pieces:
            codec.receive(piece)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_never_more_than_one_frame_is_kept() -> None:
    unfinished = REQUEST_FRAME.to_bytes(4, "big") + bytes(REQUEST_FRAME - 1)
    assert memory_after(native.requests(), PING * 5_000 + unfinished) < 3 * REQUEST_FRAME


def test_nothing_is_kept_once_the_stream_is_broken() -> None:
    codec = native.requests()
    assert codes(list(codec.receive(frame(b"?")))) == ["bad_frame"]
    assert memory_after(codec, *[bytes(65_536)] * 50) < 65_536


# The catalogue


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + "0" * (closing == "}") + closing * depth


def with_id(id: object, **members: object) -> dict[str, object]:
    return {"type": "ping", "id": id, **members}


def ping_with(data: str) -> bytes:
    return b'{"type":"ping","data":' + data.encode() + b"}"


FATAL_BODIES = {
    "not UTF-8": b'{"type":"ping","data":"\xff"}',
    "not UTF-8 where nobody looks": b'{"type":"ping","unknown":"\xc3("}',
    "half a surrogate as UTF-8": b'{"type":"ping","data":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"type":"ping","data":"\xc0\xaf"}',
    "UTF-16": '{"type":"ping"}'.encode("utf-16"),
    "nothing but a space": b" ",
    "not JSON": b"hello",
    "two objects": b'{"type":"ping"}{"type":"ping"}',
    "an object and a comma": b'{"type":"ping"},',
    "a comma too many": b'{"type":"ping",}',
    "single quotes": b"{'type':'ping'}",
    "an object that is cut off": b'{"type":"ping"',
    "a string that is cut off": b'{"type":"ping',
    "a raw control character": b'{"type":"ping","data":"\x01"}',
    "an unknown escape": b'{"type":"ping","unknown":"\\q"}',
    "NaN": b'{"type":"ping","unknown":NaN}',
    "a number with a leading zero": b'{"type":"ping","data":01}',
    "a byte order mark": b'\xef\xbb\xbf{"type":"ping"}',
    "a number": b"1",
    "a string": b'"ping"',
    "an array": b'["ping"]',
    "an array of an object": b'[{"type":"ping"}]',
    "null": b"null",
    "without type": b"{}",
    "a type that is a number": b'{"type":1}',
    "a type that is null": b'{"type":null}',
    "the type in capitals": b'{"Type":"ping"}',
    "deeper than 16 by arrays": ping_with(nested(16)),
    "deeper than 16 by objects": ping_with(nested(16, '{"a":', "}")),
    "deeper than 16 where nobody looks": b'{"type":"nosuch","unknown":' + nested(16).encode() + b"}",
    "deeper than 16 after a string with a quote": b'{"type":"ping","a":"\\"","data":' + nested(16).encode() + b"}",
    "deeper than 16 after a string that ends with a backslash": b'{"a":"\\\\","type":"ping","data":'
    + nested(16).encode()
    + b"}",
    "as deep as a frame can be": b"[" * REQUEST_FRAME,
    "as deep as a frame can be, by objects": (b'{"a":' * REQUEST_FRAME)[:REQUEST_FRAME],
}

SAY: dict[str, object] = {"type": "say", "id": "1", "room": "lobby", "message": "hi"}
HELLO: dict[str, object] = {"type": "hello", "protocol": 1, "username": "ada"}

REFUSED_BODIES: dict[str, tuple[str, dict[str, object] | bytes]] = {
    "an unknown type": ("unknown_type", {"type": "nosuch"}),
    "an empty type": ("unknown_type", {"type": ""}),
    "a known type in capitals": ("unknown_type", {"type": "PING"}),
    "an unknown type with a number beyond all floats": ("unknown_type", b'{"type":"nosuch","x":1e400}'),
    "an unknown type with a number of 5,000 digits": ("unknown_type", b'{"type":"nosuch","x":' + b"9" * 5_000 + b"}"),
    "a hello without a protocol": ("bad_request", {"type": "hello", "username": "ada"}),
    "a hello without a username": ("bad_request", {"type": "hello", "protocol": 1}),
    "a protocol that is a string": ("bad_request", HELLO | {"protocol": "1"}),
    "a protocol that is true": ("bad_request", HELLO | {"protocol": True}),
    "a protocol that is a fraction": ("bad_request", HELLO | {"protocol": 1.5}),
    "a protocol beyond all floats": ("bad_request", b'{"type":"hello","protocol":1e400,"username":"ada"}'),
    "a username that is null": ("bad_request", HELLO | {"username": None}),
    "a session that is a number": ("bad_request", HELLO | {"session": 5}),
    "a say without an id": ("bad_request", {"type": "say", "room": "lobby", "message": "hi"}),
    "a say without a room": ("bad_request", {"type": "say", "id": "1", "message": "hi"}),
    "a say without a message": ("bad_request", {"type": "say", "id": "1", "room": "lobby"}),
    "a message that is an array": ("bad_request", SAY | {"message": ["hi"]}),
    "an unknown kind": ("bad_request", SAY | {"kind": "shout"}),
    "a reply to a negative seq": ("bad_request", SAY | {"reply_to": -1}),
    "to one name instead of names": ("bad_request", SAY | {"to": "ada"}),
    "once that is a number": ("bad_request", SAY | {"once": 1}),
    "a join without a room": ("bad_request", {"type": "join"}),
    "more than 500 recent messages": ("bad_request", {"type": "join", "room": "lobby", "recent": 501}),
    "a negative number of recent messages": ("bad_request", {"type": "join", "room": "lobby", "recent": -1}),
    "a since that is a string": ("bad_request", {"type": "join", "room": "lobby", "since": "1"}),
    "a since beyond 63 bits": ("bad_request", {"type": "join", "room": "lobby", "since": 1 << 63}),
    "a since of 5,000 digits": ("bad_request", b'{"type":"join","room":"lobby","since":' + b"9" * 5_000 + b"}"),
    "a history of 201": ("bad_request", {"type": "history", "room": "lobby", "limit": 201}),
    "a history of none": ("bad_request", {"type": "history", "room": "lobby", "limit": 0}),
    "a topic without a topic": ("bad_request", {"type": "topic", "room": "lobby"}),
    "an empty id": ("bad_request", with_id("")),
    "an id of 65 characters": ("bad_request", with_id("x" * 65)),
    "an id that is not ASCII": ("bad_request", with_id("é")),
    "an id with an escaped control character": ("bad_request", with_id("a\x1b")),
    "an id with an escaped delete": ("bad_request", b'{"type":"ping","id":"\\u007f"}'),
    "an id with a raw delete": ("bad_request", b'{"type":"ping","id":"\x7f"}'),
    "an id with a newline": ("bad_request", with_id("a\n")),
    "an id that is a number": ("bad_request", with_id(1)),
    "an id that is an object": ("bad_request", with_id({})),
    "a bad id in a say": ("bad_request", SAY | {"id": "\u00a0"}),
}

GOOD_BODIES: dict[str, dict[str, object] | bytes] = {
    "an id of one space": with_id(" "),
    "an id of 64 characters": with_id("~" * 64),
    "an id with brackets and quotes": with_id('[{"\\'),
    "unknown members": {"type": "ping", "unknown": {"deep": [1, {"é": None}]}},
    "white space around": b' \r\n\t{ "type" : "ping" } \n',
    "a type that is escaped": b'{"\\u0074ype":"\\u0070ing"}',
    "16 deep": ping_with(nested(15)),
    "16 deep by objects": ping_with(nested(15, '{"a":', "}")),
    "brackets in a string": ping_with('"' + "[{" * 1_000 + '"'),
    "brackets in a string after an escaped quote": ping_with('"\\"' + "[" * 100 + '"'),
    "brackets in a string after escaped backslashes": ping_with('"\\\\\\"' + "[" * 100 + '"'),
    "brackets side by side": ping_with("[" + "[]," * 1_000 + "[]]"),
    "a number beyond all floats that nobody reads": b'{"type":"ping","unknown":1e400}',
}


@pytest.mark.parametrize("body", FATAL_BODIES.values(), ids=FATAL_BODIES)
def test_a_frame_that_is_no_request_is_fatal(body: bytes) -> None:
    assert codes(read(PING, frame(body), PING)) == ["Ping", "bad_frame"]
    assert codes(read(frame(body))) == ["bad_frame"]


@pytest.mark.parametrize(("code", "body"), REFUSED_BODIES.values(), ids=REFUSED_BODIES)
def test_a_request_that_cannot_be_read_is_refused_and_the_stream_goes_on(code: str, body: Any) -> None:
    items = read(PING, frame(body), PING)
    assert codes(items) == ["Ping", code, "Ping"]
    assert items[1].error.fatal is False
    assert read(frame(body)) == items[1:2]


@pytest.mark.parametrize("body", GOOD_BODIES.values(), ids=GOOD_BODIES)
def test_what_is_unusual_but_right_is_read(body: Any) -> None:
    assert codes(read(PING, frame(body), PING)) == ["Ping"] * 3
    assert codes(read(frame(body))) == ["Ping"]


def test_a_frame_must_have_a_body() -> None:
    assert codes(read(PING, bytes(4), PING)) == ["Ping", "bad_frame"]


def test_a_length_over_the_limit_is_fatal() -> None:
    assert codes(read(PING, (REQUEST_FRAME + 1).to_bytes(4, "big"), PING * 10_000)) == ["Ping", "too_large"]


def test_the_first_of_two_bad_frames_is_the_one_that_is_told() -> None:
    assert codes(read(frame(b"?"), bytes(4))) == ["bad_frame"]
    assert codes(read(frame(b"?"), b"\xff\xff\xff\xff")) == ["bad_frame"]
    assert codes(read(b"\xff\xff\xff\xff", frame(b"?"))) == ["too_large"]


@pytest.mark.parametrize("id", ["1", " ", "~" * 64, '["\\'])
def test_an_error_carries_the_id_of_its_request(id: str) -> None:
    for body in (with_id(id, type="nosuch"), {"type": "join", "id": id}, {"type": "join", "id": id, "room": 5}):
        [item] = read(frame(body))
        assert item.error.id == id


@pytest.mark.parametrize("id", [1, "", "é", "\x1b", "x" * 65, None, ["1"]], ids=ascii)
def test_an_error_carries_no_id_that_is_none(id: object) -> None:
    for kind in ("nosuch", "join"):
        [item] = read(frame({"type": kind, "id": id}))
        assert item.error.id is None


HARMFUL_BODIES = {
    "a type that colours": {"type": "\x1b[31m"},
    "a long type that turns around": {"type": "\u202e" * 10_000},
    "a kind that colours": SAY | {"kind": "\x1b[31m"},
    "a long kind": SAY | {"kind": "x" * 10_000},
    "a member that colours": HELLO | {"username": {"\x1b[31m": 1}},
    "a first type that colours": b'{"type":"\\u001b[31m","type":"ping"}',
    "a first type that is long": b'{"type":"' + b"x" * 10_000 + b'","type":"ping"}',
}
BAD_BODIES: dict[str, Any] = FATAL_BODIES | {name: body for name, (_, body) in REFUSED_BODIES.items()} | HARMFUL_BODIES


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_an_error_is_one_short_sentence_that_is_safe_to_show(body: Any) -> None:
    [sentence] = texts(read(frame(body)))
    assert text.visible(sentence) == sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) < 200


# A batch is read as its frames are, one by one

COMPANION = frame('{"type":"ping","data":"é"}'.encode())
"""It needs to be looked at closely, and so does all that comes with it."""


def one_by_one(bodies: list[bytes]) -> list[Any]:
    codec, items = native.requests(), []
    for body in bodies:
        items += codec.receive(frame(body) + COMPANION)
        if isinstance(items[-1], Unreadable) and items[-1].error.fatal:
            break
        items.pop()
    return items


SPOILERS = b'\x7f \\ [ ] { } " \xc3\xa9 \xff \x00 , \\u007f [[[[[[[[[[[[[[[[['.split(b" ")
written = REQUESTS.messages.map(lambda request: native.encode([request])[4:])
spoilt = st.builds(
    lambda body, at, spoiler, cut: body[: at % len(body)] + spoiler + body[at % len(body) + cut :],
    written,
    st.integers(0, 500),
    st.sampled_from(SPOILERS),
    st.integers(0, 2),
)
catalogued = st.sampled_from([frame(body)[4:] for body in (*BAD_BODIES.values(), *GOOD_BODIES.values())])


@settings(max_examples=100)
@given(st.lists(written | spoilt | catalogued, max_size=4), st.lists(st.integers(0, 4_000), max_size=4))
def test_a_batch_gives_what_its_frames_give_one_by_one(bodies: list[bytes], cuts: list[int]) -> None:
    bodies = [body for body in bodies if body]
    codec, whole = native.requests(), b"".join(map(frame, bodies))
    expected = one_by_one(bodies)
    assert native.requests().receive(whole) == expected
    assert [item for piece in chopped(whole, cuts) for item in codec.receive(piece)] == expected


@given(st.lists(st.text(st.characters(max_codepoint=0x180)), min_size=1), st.booleans())
def test_what_is_called_printable_is_printable_ascii(messages: list[str], as_it_is: bool) -> None:
    """However it is written: control characters may come with a backslash, or as they are, where JSON allows it."""
    says = [{"type": "say", "id": "1", "room": "lobby", "message": message} for message in messages]
    items = read(*(frame(json.dumps(say, ensure_ascii=not as_it_is).encode()) for say in says))
    if isinstance(items, Printable):
        assert all(say.message.isascii() and say.message.isprintable() for say in items)
    assert [say.message for say in items] == messages


@pytest.mark.parametrize("raw", [*map(chr, (*range(0x20), 0x7F, 0x80, 0x9B))], ids=ascii)
@pytest.mark.parametrize("place", range(0, 40, 7))
def test_a_raw_control_character_is_found_wherever_it_is(raw: str, place: int) -> None:
    body = '{"type":"say","id":"1","room":"lobby","message":"' + "a" * place + raw + "a" * (40 - place) + '"}'
    assert not isinstance(read(frame(body.encode())), Printable)


def test_most_of_what_is_said_is_called_printable() -> None:
    assert isinstance(read(*[native.encode([Say(id="1", room="lobby", message="hello ada!")])] * 9), Printable)


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_bad_frames_among_good_ones_spoil_only_themselves(body: Any) -> None:
    good, bad = native.encode([Say(id=str(n), room="lobby", message="hi") for n in range(3)]), frame(body)
    items = read(good, bad, good)
    assert codes(items[:3]) == ["Say"] * 3
    assert codes(items[4:]) == ([] if items[3].error.fatal else ["Say"] * 3)


# Packets, and who is there


def test_data_that_comes_back_as_it_came_may_hold_newlines() -> None:
    pongs = [Pong(Raw(b"[1,\n2]")), Pong(Raw(b'"plain"'))]
    assert native.events().receive(native.encode(pongs)) == pongs


def test_nothing_is_left_of_what_was_encoded() -> None:
    """However the messages are given: each answer to a client is a tuple of them."""
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(1_000):
        native.encode((Pong(),))
        native.encode([Pong()])
    gc.collect()
    assert len(gc.get_objects()) - before < 500


def test_a_packet_is_encoded_once_for_all_who_get_it() -> None:
    message = Message("lobby", 1, 2, "ada", "hello", "id")
    packet = Packet([message, message])
    assert packet.encoded(NATIVE) == native.encode([message, message])
    assert packet.encoded(NATIVE) is packet.encoded(NATIVE)


def test_the_first_byte_of_a_frame_opens_the_native_dialect() -> None:
    assert who_is_there(0) is NATIVE
    assert codes(list(NATIVE.requests().receive(PING))) == ["Ping"]
    assert NATIVE.requests() is not NATIVE.requests()


def test_whoever_else_is_there_gets_one_fatal_error() -> None:
    for first in range(1, 256):
        error = who_is_there(first)
        assert isinstance(error, Error)
        assert error.fatal
        assert DOCUMENTED[error.code]


@pytest.mark.parametrize(
    ("first", "word"),
    [(0x16, "TLS"), *[(ord(letter), "IRC") for letter in "CNUP"], (ord("G"), "web"), (ord("{"), "JSON")],
)
def test_who_comes_to_a_door_that_is_kept_free_is_told_which_it_is(first: int, word: str) -> None:
    error = who_is_there(first)
    assert isinstance(error, Error)
    assert word in error.text
