"""PROTOCOL part 1: frames, what is wrong with a bad one, and who is answered before the welcome; plain and over TLS."""

import contextlib
import json
import re
import struct
import time
from collections.abc import Callable

import pytest

from tests.server.conftest import Enter, Stranger, both_ways
from tests.server.processes import ServerProcess, wait_until
from tests.server.wire_client import Event, WireClient, frame, framed, fresh

LIMIT = 65_536

tls = both_ways


def padded(size: int) -> bytes:
    """A ping whose body is exactly so long."""
    body = json.dumps({"type": "ping", "data": 7, "padding": ""}).encode()
    return framed(body[:-2] + b"x" * (size - len(body)) + body[-2:])


def nested(levels: int) -> bytes:
    """A ping whose arrays, counting the object around them, nest so deep."""
    return framed(b'{"type":"ping","data":1,"padding":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}")


@pytest.fixture(params=["a stranger", "a member"])
def client(request: pytest.FixtureRequest, stranger: Stranger, enter: Enter) -> WireClient:
    """The rules for frames are the same before the welcome and after it."""
    return stranger() if request.param == "a stranger" else enter("lobby")


def assert_alive(client: WireClient) -> None:
    """What follows is answered, and by nothing but its answer."""
    data = fresh("alive")
    client.send("ping", data=data)
    assert client.receive() == {"type": "pong", "data": data}


def assert_ends_with(client: WireClient, *codes: str) -> Event:
    """One fatal error, then the end of the stream."""
    started = time.monotonic()
    events = [event for event in client.rest() if event["type"] != "joined"]
    assert time.monotonic() - started < 5
    assert [(event["type"], event.get("fatal")) for event in events] == [("error", True)], events
    assert events[0]["code"] in codes
    assert_is_sentence(events[0]["text"])
    return events[0]


def assert_is_sentence(text: str) -> None:
    assert text[0].isupper()
    assert text.endswith((".", "!", "?"))
    assert text.isprintable()


# ------------------------------------------------------------------------------------------------------ good frames


def test_a_frame_may_come_byte_by_byte(client: WireClient) -> None:
    for byte in frame({"type": "ping", "data": "slowly"}):
        client.send_bytes(bytes([byte]))
    assert client.receive() == {"type": "pong", "data": "slowly"}


def test_many_frames_may_come_at_once_and_are_answered_in_order(client: WireClient) -> None:
    client.send_bytes(b"".join(frame({"type": "ping", "data": n}) for n in range(500)))
    assert [client.receive()["data"] for _ in range(500)] == list(range(500))


def test_a_frame_may_be_as_long_as_the_limit(client: WireClient) -> None:
    client.send_bytes(padded(LIMIT))
    assert client.receive() == {"type": "pong", "data": 7}


def test_members_that_are_not_known_are_ignored(client: WireClient) -> None:
    client.send("ping", data=1, colour="red", deep={"er": [1, {"x": None}]}, room=7)
    assert client.receive() == {"type": "pong", "data": 1}


def test_the_order_of_members_and_white_space_do_not_matter(client: WireClient) -> None:
    client.send_bytes(framed(b' \n\t{ "data" : [ 1 ] ,\r\n "id":"a","type" : "ping" } \n'))
    assert client.receive() == {"type": "pong", "data": [1], "id": "a"}


def test_sixteen_levels_are_not_too_deep(client: WireClient) -> None:
    client.send_bytes(nested(16))
    assert client.receive() == {"type": "pong", "data": 1}


def test_brackets_inside_a_text_are_no_levels(client: WireClient) -> None:
    text = '[{"\\' * 100
    client.send("ping", data=text)
    assert client.receive() == {"type": "pong", "data": text}


def test_text_may_be_written_as_utf8_or_as_escapes(enter: Enter, room: str) -> None:
    ada = enter(room)
    for id, text in (("u", "Grüße 😀"), ("e", "Gr\\u00fc\\u00dfe \\ud83d\\ude00")):
        start = json.dumps({"type": "say", "id": id, "room": room})[:-1]
        ada.send_bytes(framed(f'{start},"message":"{text}"}}'.encode()))
        assert ada.receive()["message"] == "Grüße 😀"


# ------------------------------------------------------------------------------------------------------- bad frames


def test_a_length_over_the_limit_is_refused_before_a_byte_of_the_body(client: WireClient) -> None:
    client.send_bytes(struct.pack(">I", LIMIT + 1))
    assert_ends_with(client, "too_large")


def test_the_longest_length_behind_a_zero_byte_is_refused_at_once(client: WireClient) -> None:
    client.send_bytes(struct.pack(">I", 0x00FFFFFF))
    assert_ends_with(client, "too_large")


def test_a_length_of_zero_is_refused(client: WireClient) -> None:
    client.send_bytes(struct.pack(">I", 0))
    assert_ends_with(client, "bad_frame", "too_large")


BAD_BODIES = {
    "not UTF-8": b'{"type":"ping","data":"\xff"}',
    "Latin-1": '{"type":"ping","data":"ü"}'.encode("latin-1"),
    "not UTF-8 in a member nobody knows": b'{"type":"ping","padding":"\xc3"}',
    "an overlong form": b'{"type":"ping","data":"\xc0\x80"}',
    "a surrogate in UTF-8": b'{"type":"ping","data":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"type":"ping","data":"\xf4\x90\x80\x80"}',
    "UTF-16": '{"type":"ping"}'.encode("utf-16"),
    "not JSON": b"hello",
    "a single byte": b"x",
    "white space alone": b"   ",
    "half an object": b'{"type":"ping"',
    "two objects": b'{"type":"ping"}{"type":"ping"}',
    "something behind the object": b'{"type":"ping"} x',
    "a comma too many": b'{"type":"ping",}',
    "single quotes": b"{'type':'ping'}",
    "a byte order mark": b'\xef\xbb\xbf{"type":"ping"}',
    "NaN": b'{"type":"ping","data":NaN}',
    "Infinity": b'{"type":"ping","data":Infinity}',
    "a raw control character": b'{"type":"ping","data":"a\nb"}',
    "a wrong escape": b'{"type":"ping","data":"\\x41"}',
    "a misspelt word where nobody looks": b'{"type":"ping","padding":nul}',
    "a number with a leading zero": b'{"type":"ping","data":01}',
    "null": b"null",
    "a string": b'"ping"',
    "a number": b"7",
    "an array": b'[{"type":"ping"}]',
    "no type": b'{"data":1}',
    "an empty object": b"{}",
    "a type that is a number": b'{"type":7}',
    "a type that is null": b'{"type":null}',
    "a type that is an array": b'{"type":["ping"]}',
    "seventeen levels of arrays": nested(17)[4:],
    "seventeen levels of objects": b'{"type":"ping","data":' + b'{"a":' * 15 + b"{}" + b"}" * 15 + b"}",
    "a depth that would exhaust any stack": b'{"type":"ping","data":' + b"[" * 32_000 + b"]" * 32_000 + b"}",
    "brackets that never close": b'{"type":"ping","data":' + b"[" * 65_000,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_frame_gets_one_fatal_error_and_the_connection_is_closed(client: WireClient, body: bytes) -> None:
    client.send_bytes(framed(body))
    assert_ends_with(client, "bad_frame")


def test_what_came_before_a_bad_frame_is_answered_and_what_comes_after_it_is_not(client: WireClient) -> None:
    client.send_bytes(
        frame({"type": "ping", "data": 1}) + framed(b"bad") + frame({"type": "ping", "data": 2}) + framed(b"worse")
    )
    assert client.receive() == {"type": "pong", "data": 1}
    assert_ends_with(client, "bad_frame")


def test_the_error_arrives_also_when_much_more_was_on_its_way(client: WireClient) -> None:
    client.send_bytes(framed(b"bad") + b"\x00" * 3_000_000)
    assert_ends_with(client, "bad_frame")


def test_the_last_error_is_not_awaited_for_ever_from_one_who_never_stops_sending(
    server: ServerProcess, stranger: Stranger
) -> None:
    client = stranger()
    address = re.escape(str(client.socket.getsockname()))
    client.send_bytes(framed(b"bad"))
    client.socket.settimeout(0.1)

    def is_gone() -> bool:
        with contextlib.suppress(OSError):
            client.socket.send(b"\x00" * 100_000)
        return any(re.search(rf"{address} left", line) for line in server.stdout.lines)

    started = time.monotonic()
    wait_until(is_gone)
    assert time.monotonic() - started < 8


def test_half_a_frame_and_the_end_of_the_stream_is_no_trouble(stranger: Stranger) -> None:
    client = stranger()
    client.send_bytes(b"\x00\x00\x00\x20half")
    client.socket.shutdown(1)
    assert client.rest() == []


# --------------------------------------------------------------------------------------- errors after which it goes on


@pytest.mark.parametrize("name", ["dance", "", "PING", "welcome", "message", "hello ", "😀"])
def test_an_unknown_type_is_an_error_and_the_connection_goes_on(enter: Enter, name: str) -> None:
    ada = enter()
    error = ada.ask(name, room="lobby")
    assert (error["type"], error["code"], error["fatal"]) == ("error", "unknown_type", False)
    assert_is_sentence(error["text"])
    assert_alive(ada)


BAD_REQUESTS: list[dict[str, object]] = [
    {"type": "join"},
    {"type": "join", "room": 7},
    {"type": "join", "room": None},
    {"type": "join", "room": ["lobby"]},
    {"type": "join", "room": "lobby", "since": "3"},
    {"type": "join", "room": "lobby", "since": -1},
    {"type": "join", "room": "lobby", "since": 1.5},
    {"type": "join", "room": "lobby", "since": True},
    {"type": "join", "room": "lobby", "since": 1, "epoch": 5},
    {"type": "join", "room": "lobby", "recent": "all"},
    {"type": "join", "room": "lobby", "recent": -1},
    {"type": "leave"},
    {"type": "leave", "room": False},
    {"type": "say", "room": "lobby"},
    {"type": "say", "message": "x"},
    {"type": "say", "room": "lobby", "message": 7},
    {"type": "say", "room": "lobby", "message": None},
    {"type": "say", "room": "lobby", "message": "x", "kind": "shout"},
    {"type": "say", "room": "lobby", "message": "x", "kind": 1},
    {"type": "say", "room": "lobby", "message": "x", "reply_to": "1"},
    {"type": "say", "room": "lobby", "message": "x", "to": "bob"},
    {"type": "say", "room": "lobby", "message": "x", "to": [1]},
    {"type": "say", "room": "lobby", "message": "x", "once": "yes"},
    {"type": "history"},
    {"type": "history", "room": "lobby", "before": "x"},
    {"type": "history", "room": "lobby", "after": -5},
    {"type": "history", "room": "lobby", "limit": 201},
    {"type": "history", "room": "lobby", "limit": "50"},
    {"type": "who"},
    {"type": "who", "room": {}},
    {"type": "topic", "room": "lobby"},
    {"type": "topic", "topic": "x"},
    {"type": "topic", "room": "lobby", "topic": 3},
]


@pytest.mark.parametrize("request_", BAD_REQUESTS, ids=json.dumps)
def test_a_missing_or_ill_typed_member_is_bad_request_and_the_connection_goes_on(
    enter: Enter, request_: dict[str, object]
) -> None:
    ada = enter("lobby")
    ada.send_bytes(frame({"id": "the id", **request_}))
    error = ada.until(lambda event: event["type"] == "error")[-1]
    assert (error["code"], error["fatal"], error["id"]) == ("bad_request", False, "the id")
    assert_is_sentence(error["text"])
    assert [event for event in ada.settled() if event["type"] not in ("joined", "left")] == []


@pytest.mark.parametrize(
    "members",
    [
        {"username": "ada"},
        {"protocol": "1", "username": "ada"},
        {"protocol": 1},
        {"protocol": 1, "username": 5},
        {"protocol": 1, "username": "ada", "session": 5},
        {"protocol": 1, "username": "ada", "password": 5},
        {"protocol": 1, "username": "ada", "server_password": []},
        {"protocol": 1, "username": "ada", "agent": 5},
    ],
    ids=json.dumps,
)
def test_an_ill_typed_hello_may_be_said_again_rightly(stranger: Stranger, members: dict[str, object]) -> None:
    client = stranger()
    error = client.ask("hello", **members)
    assert (error["code"], error["fatal"]) == ("bad_request", False)
    client.hello(fresh("again"))


# --------------------------------------------------------------------------------------------------------------- ids


@pytest.mark.parametrize("id", ["1", "x" * 64, "a b", "~!@#$%^&*()_+{}|:\"<>?\\'", " ", "null"])
def test_every_answer_carries_the_id_of_its_request(enter: Enter, room: str, id: str) -> None:
    ada = enter(room)
    requests: list[tuple[str, str, dict[str, object]]] = [
        ("ping", "pong", {}),
        ("join", "room", {"room": room}),
        ("say", "message", {"room": room, "message": "x"}),
        ("history", "history", {"room": room}),
        ("who", "members", {"room": room}),
        ("rooms", "rooms", {}),
        ("topic", "topic", {"room": room, "topic": "new"}),
        ("leave", "left", {"room": room}),
        ("leave", "error", {"room": room}),
        ("dance", "error", {}),
    ]
    for request, answer, members in requests:
        ada.send(request, id=id, **members)
        assert ada.until(lambda event: event.get("id") == id and "replayed" not in event)[-1]["type"] == answer


def test_the_welcome_and_a_refused_hello_carry_the_id(stranger: Stranger) -> None:
    assert stranger().hello(fresh("ada"), id="7")["id"] == "7"
    refused = stranger()
    refused.send("hello", protocol=1, username="!", id="8")
    assert assert_ends_with(refused, "bad_name")["id"] == "8"


@pytest.mark.parametrize("id", ["", "x" * 65, "ü", "a\nb", "\x7f", "\x00", 7, [], True], ids=repr)
def test_an_id_that_breaks_the_rules_is_bad_request(enter: Enter, id: object) -> None:
    ada = enter()
    ada.send("rooms", id=id)
    error = ada.receive()
    assert (error["type"], error["code"], error["fatal"]) == ("error", "bad_request", False)
    assert "id" not in error or error["id"] is None
    assert_alive(ada)


def test_a_request_without_an_id_is_answered_without_one(enter: Enter) -> None:
    ada = enter()
    for request in ("ping", "rooms", "dance"):
        ada.send(request)
        assert ada.receive().get("id") is None


# ------------------------------------------------------------------------------------------------- before the welcome


BEFORE_THE_WELCOME: dict[str, Callable[[WireClient], None]] = {
    "join": lambda client: client.send("join", id="early", room="lobby"),
    "say": lambda client: client.send("say", id="early", room="lobby", message="x"),
    "rooms": lambda client: client.send("rooms", id="early"),
    "bye": lambda client: client.send("bye", id="early"),
    "a bad request": lambda client: client.send("join", id="early", room=7),
    "an unknown type": lambda client: client.send("dance", id="early"),
}


@pytest.mark.parametrize("speak", BEFORE_THE_WELCOME.values(), ids=BEFORE_THE_WELCOME.keys())
def test_until_the_welcome_anything_but_hello_and_ping_is_hello_first(
    stranger: Stranger, speak: Callable[[WireClient], None]
) -> None:
    client = stranger()
    speak(client)
    assert assert_ends_with(client, "hello_first")["id"] == "early"


def test_a_ping_is_answered_before_the_welcome(stranger: Stranger) -> None:
    client = stranger()
    assert client.ask("ping", data="early")["data"] == "early"
    client.hello(fresh("ada"))


def test_requests_may_follow_the_hello_without_waiting_for_the_welcome(stranger: Stranger, room: str) -> None:
    client = stranger()
    client.send_bytes(
        frame({"type": "hello", "protocol": 1, "username": fresh("ada")})
        + frame({"type": "join", "room": room})
        + frame({"type": "say", "id": "1", "room": room, "message": "all at once"})
        + frame({"type": "ping"})
    )
    types = [event["type"] for event in client.until_type("pong")]
    assert types == ["welcome", "room", "live", "message", "pong"]


def test_times_are_milliseconds_since_1970_and_never_go_backwards(enter: Enter, room: str) -> None:
    ada = enter(room)
    before = time.time_ns() // 1_000_000
    times = [ada.say(room, str(n))["time"] for n in range(20)]
    assert all(type(at) is int for at in times)
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= time.time_ns() // 1_000_000
