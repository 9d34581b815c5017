"""PROTOCOL.md, held to the code: its tables are what the structs and the constants say, its codes are those the server
can send, its session is replayed by a real server, and its client is run."""

import ast
import contextlib
import json
import re
import socket
import sys
from collections.abc import Iterator
from inspect import signature
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
from msgspec import inspect

import chatroom
from chatroom.messages import EVENT_FRAME, PROTOCOL, REQUEST_FRAME, AnyEvent, AnyRequest, Hello
from chatroom.net.stream import DEAD_AFTER
from chatroom.server.budget import BOUND
from chatroom.server.hub import SESSION_DAYS
from chatroom.server.limits import BURST_SECONDS, FAREWELL_SECONDS, HELLO_SECONDS, ROOMS_EACH
from chatroom.text import MESSAGE_LENGTH, ROOM_LENGTH, TOPIC_LENGTH, USERNAME_LENGTH
from chatroom.wire import native
from tests.support.wire import frame

PACKAGE = Path(chatroom.__file__).parent
DOCUMENT = (PACKAGE / "wire" / "PROTOCOL.md").read_text(encoding="utf-8")

PATIENCE = 20.0
"""So many seconds a socket of these tests waits before it gives up."""


# ------------------------------------------------------------------------------------------ reading the document


def section(title: str) -> str:
    [text] = re.findall(rf"^## {title}$(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    return str(text)


def tables(title: str) -> list[list[list[str]]]:
    """The section's tables, each as its rows, without the heading."""
    lines = iter(section(title).splitlines())
    found = []
    for line in lines:
        if line.startswith("|"):
            rows = [line, *takewhile(lambda row: row.startswith("|"), lines)]
            found.append([[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]])
    return found


def names(cell: str) -> list[str]:
    """What stands between backticks; a cell without any is its own name."""
    return re.findall(r"`([^`]+)`", cell) or [cell]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


# -------------------------------------------------------------------------------------------- reading the structs


class Member(NamedTuple):
    """One member of a message, in the words of the document."""

    name: str
    type: str
    presence: str


def structs(vocabulary: Any) -> dict[str, list[Member]]:
    """The messages by their type, each with its members."""
    infos = [inspect.type_info(struct) for struct in get_args(vocabulary)]
    return {str(info.tag): members(info) for info in infos if isinstance(info, inspect.StructType)}


def members(struct: inspect.StructType) -> list[Member]:
    return [Member(field.encode_name, words_for(field.type), presence(field)) for field in struct.fields]


def presence(field: inspect.Field) -> str:
    if field.required:
        return "required"
    if field.default in (None, msgspec.NODEFAULT):  # the latter for what is UNSET
        return "optional"
    return f"`{json.dumps(field.default)}`"


def words_for(info: inspect.Type) -> str:
    match info:
        case inspect.UnionType(types=types):
            [it] = [each for each in types if type(each) is not inspect.NoneType]
            return words_for(it)
        case inspect.ListType(item_type=item):
            return f"list of {_ITEMS.get(type(item)) or words_for_one(item)}"
        case inspect.LiteralType(values=values):
            return " or ".join(sorted(f"`{value}`" for value in values))
        case inspect.StrType(min_length=shortest, max_length=longest):
            return "string" if longest is None else f"string, {shortest} to {longest} characters"
        case inspect.IntType(ge=least, le=most):
            if most == (1 << 63) - 1:
                return "seq"
            return "integer" if most is None else f"integer, {least} to {most}"
    return _WORDS[type(info)]


def words_for_one(item: inspect.Type) -> str:
    tag = item.tag if isinstance(item, inspect.StructType) else None
    return f"`{tag}`" if tag else "objects"


_ITEMS: dict[type, str] = {inspect.StrType: "strings", inspect.UnionType: "events"}
_WORDS: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.DictType: "object",
    inspect.FloatType: "number",
    inspect.RawType: "anything",
    inspect.StructType: "object",
}


def inner_members(vocabulary: Any) -> Iterator[tuple[str, str]]:
    """The members of the objects that stand within messages, as `outer.inner` or `outer[].inner`."""
    for message in map(inspect.type_info, get_args(vocabulary)):
        assert isinstance(message, inspect.StructType)
        for field in message.fields:
            match field.type:
                case inspect.StructType() as inner:
                    yield from ((f"{field.name}.{member.name}", member.type) for member in members(inner))
                case inspect.ListType(item_type=inspect.StructType(tag=None) as inner):
                    yield from ((f"{field.name}[].{member.name}", member.type) for member in members(inner))


REQUESTS, EVENTS = structs(AnyRequest), structs(AnyEvent)


# ------------------------------------------------------------------------------------------------- the vocabulary


def test_every_request_is_described_with_its_members_types_bounds_and_defaults() -> None:
    described = [
        (request, Member(member, kind, presence))
        for requests, its_members, kind, presence, _ in tables("Requests")[0]
        for request in names(requests)
        for member in names(its_members)
    ]
    in_common = Member("id", "string, 1 to 64 characters", "optional")
    expected = [("every one", in_common)]
    for request, its in REQUESTS.items():
        own = [member for member in its if member != in_common]
        assert any(member.name == "id" for member in its)
        expected += [(request, member) for member in own or [Member("", "", "")]]
    assert sorted(described) == sorted(expected)


def test_every_request_has_its_answer_described() -> None:
    [answers] = re.findall(r"^`hello` is answered.*?\n\n", section("Requests"), re.DOTALL | re.MULTILINE)
    assert set(names(answers)) >= REQUESTS.keys()
    assert set(names(answers)) <= REQUESTS.keys() | EVENTS.keys()


def test_every_event_is_described_with_what_it_always_has_and_what_it_may_have() -> None:
    rows = tables("Events")[0]
    described = {names(event)[0]: (sorted(names(always)), sorted(names(may))) for event, always, may, _ in rows}
    assert len(described) == len(rows)
    assert described == {
        event: (
            sorted(member.name for member in its if member.presence == "required") or [""],
            sorted(member.name for member in its if member.presence != "required") or [""],
        )
        for event, its in EVENTS.items()
    }


def test_every_member_of_an_event_is_explained_with_its_type() -> None:
    explained = [(name, kind) for same, kind, _ in tables("Events")[1] for name in names(same)]
    outer = {(member.name, member.type) for its in EVENTS.values() for member in its}
    assert sorted(explained) == sorted(outer | set(inner_members(AnyEvent)))


# --------------------------------------------------------------------------------------------------- the errors


_MAKERS = {"Refusal", "Error", "fatal", "_fatal", "_error"}


def codes_in(tree: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """What is given as the code to all that makes an error, or is called `code`; and whether it is fatal for sure."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((code, False) for code in codes_assigned(node))
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            if name in _MAKERS:
                yield keywords.get("code") or node.args[0], "fatal" in name or literal(keywords.get("fatal")) is True


def codes_assigned(node: ast.Assign) -> Iterator[ast.expr]:
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=True))
        for name, value in pairs:
            if isinstance(name, ast.Name) and name.id == "code":
                yield from (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)


def literal(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def sent_by_the_server() -> dict[str, bool]:
    """Every code in every module but the client's, and whether it is fatal somewhere, whatever was asked. One that is
    no literal must be on its way from one."""
    found: dict[str, bool] = {}
    for path in PACKAGE.rglob("*.py"):
        if "client" in path.relative_to(PACKAGE).parts or path.name == "errors.py":
            continue  # what a client finds out by itself is on no wire
        for node, fatal in codes_in(ast.parse(path.read_text(encoding="utf-8"))):
            code = literal(node)
            if isinstance(code, str):
                found[code] = found.get(code, False) or fatal
            else:
                assert ast.unparse(node) in ("code", "error.code", "_code_of(self._last_word)"), (
                    f"{path}: a code that this test cannot read"
                )
    return found


def test_the_errors_described_are_those_that_the_server_can_send() -> None:
    described = {names(code)[0]: fatal for code, fatal, *_ in tables("Errors")[0]}
    sent = sent_by_the_server()
    assert sorted(described) == sorted(sent)
    assert [code for code, fatal in sent.items() if fatal and not described[code].startswith("yes")] == []


# --------------------------------------------------------------------------------------------------- the limits


def test_the_limits_are_those_of_the_code() -> None:
    rate = signature(chatroom.Server).parameters["rate"].default
    assert {row[0]: row[1] for row in tables("Limits")[0]} == {
        "a frame from a client": f"{REQUEST_FRAME:,} bytes",
        "a frame from the server": f"{EVENT_FRAME:,} bytes",
        "arrays and objects within each other": f"{native.DEEPEST} levels, the outermost included",
        "a username, a room's name": f"{USERNAME_LENGTH}, {ROOM_LENGTH} characters",
        "a topic, a message": f"{TOPIC_LENGTH}, {MESSAGE_LENGTH:,} characters",
        "rooms that one client is in": f"{ROOMS_EACH}",
        "messages of one client": (
            f"{rate} a second, those of {BURST_SECONDS} seconds at once; unless the operator chose another rate"
        ),
        "waiting for a client that does not read": f"{BOUND:,} bytes",
        "from connecting to a good `hello`": f"{HELLO_SECONDS} seconds",
        "from the last word to the server's closing": f"{FAREWELL_SECONDS} seconds",
        "until a line that is dead counts as such": f"{DEAD_AFTER} seconds",
        "a session that is not used": f"{SESSION_DAYS} days",
    }


def test_a_seq_is_as_large_as_it_says() -> None:
    assert f"{(1 << 63) - 1:,}" in section("Requests")
    assert f"version {PROTOCOL} of" in DOCUMENT


# ------------------------------------------------------------------------------------------------- the examples


class Turn(NamedTuple):
    """A line of the example session."""

    is_request: bool
    message: dict[str, Any]


@contextlib.contextmanager
def serving(data: Path) -> Iterator[chatroom.Server]:
    """A server that keeps its history there. The sockets of its clients give up when they wait too long for it."""
    with chatroom.Server(port=0, data=data) as server:
        socket.setdefaulttimeout(PATIENCE)
        try:
            yield server
        finally:
            socket.setdefaulttimeout(None)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[chatroom.Server]:
    with serving(tmp_path) as server:
        yield server


class Person:
    """Somebody who speaks frames by hand."""

    def __init__(self, server: chatroom.Server) -> None:
        self._socket = socket.create_connection((server.host, server.port))
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def asks(self, *requests: dict[str, Any]) -> None:
        self._socket.sendall(b"".join(map(frame, requests)))

    def hears(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self._file.read(int.from_bytes(self._file.read(4), "big")))
        return event


def session() -> list[Turn]:
    [lines] = blocks("session")
    return [Turn(line[0] == "→", json.loads(line[2:])) for line in lines.splitlines()]


def test_the_frame_given_in_bytes_is_the_first_of_the_session() -> None:
    [digits] = blocks("hex")
    data = bytes.fromhex(digits)
    assert native.requests().receive(data) == [Hello(protocol=PROTOCOL, username="ada")]
    assert json.loads(data[4:]) == session()[0].message


def lasting(message: dict[str, Any]) -> dict[str, Any]:
    """What is the same whenever the session is held; of the rest, that it is there."""
    messages = {"messages": list(map(lasting, message["messages"]))} if "messages" in message else {}
    return message | dict.fromkeys(message.keys() & {"session", "epoch", "time"}) | messages


def test_a_server_answers_as_in_the_example_session(server: chatroom.Server) -> None:
    with Person(server) as ada, Person(server) as bob:
        for is_request, message in session():
            if is_request:
                ada.asks(message)
                continue
            if message["type"] == "joined":
                bob.asks({"type": "hello", "protocol": PROTOCOL, "username": message["username"]})
                bob.asks({"type": "join", "room": message["room"]})
            elif message.get("username") == "bob":
                bob.asks({"type": "say"} | {name: message[name] for name in ("id", "room", "message")})
            assert lasting(ada.hears()) == lasting(message)


@pytest.fixture
def chat() -> Any:
    """The class in the document."""
    space: dict[str, Any] = {}
    exec(blocks("python")[0], space)
    return space["Chat"]


def test_the_client_is_short_and_needs_python_alone() -> None:
    client, bot = blocks("python")
    assert len([line for line in client.splitlines() if line]) <= 35
    imported = [node for node in ast.walk(ast.parse(client)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {alias.name for node in imported for alias in node.names} <= sys.stdlib_module_names
    assert "Chat(" in ast.unparse(ast.parse(bot))


def test_the_client_shows_everything_once_over_lost_receipts_and_a_restart(chat: Any, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        ada, bob = (chat(server.host, server.port, name) for name in ("ada", "bob"))
        shown_to_ada = list(hear_until(ada, {"one"}, say="one"))
        with contextlib.closing(ada.events()) as events:
            next(events)
            ada.say("two")
        with pytest.raises(OSError, match=r"descriptor|socket"):
            ada.say("three")
        assert [say["message"] for say in ada.unsent.values()] == ["two", "three"]
        shown_to_bob = list(hear_until(bob, {"four"}, say="four"))
    with serving(tmp_path) as server:
        ada.address = bob.address = (server.host, server.port)
        shown_to_ada += hear_until(ada, {"two", "three", "four", "five"}, say="five")
        shown_to_bob += hear_until(bob, {"two", "three", "five", "six"} - texts(shown_to_bob), say="six")
    assert texts(shown_to_ada) == {"one", "two", "three", "four", "five"}
    assert [message["seq"] for message in shown_to_ada] == [1, 2, 3, 4, 5]
    assert [message["seq"] for message in shown_to_bob] == [1, 2, 3, 4, 5, 6]


def test_the_client_says_again_what_the_server_has_and_adds_nothing(server: chatroom.Server, chat: Any) -> None:
    ada = chat(server.host, server.port, "ada")
    with contextlib.closing(ada.events()) as events:
        next(event for event in events if event["type"] == "live")
        ada.say("one")
        without_receipt = dict(ada.unsent)
        next(event for event in events if event["type"] == "message")
    assert not ada.unsent
    ada.unsent |= without_receipt
    assert texts(list(hear_until(ada, {"two"}, say="two"))) == {"two"}


def hear_until(chat: Any, awaited: set[str], say: str) -> Iterator[dict[str, Any]]:
    """What somebody is shown who comes in and says this, until all it said is receipted and these texts were shown."""
    with contextlib.closing(chat.events()) as events:
        for event in events:
            if event["type"] == "live":
                chat.say(say)
            if event["type"] == "message":
                awaited = awaited - {event["message"]}
                yield event
            if not (awaited or chat.unsent):
                return
    pytest.fail("The connection was lost.")


def texts(messages: list[dict[str, Any]]) -> set[str]:
    return {message["message"] for message in messages}


ROOM = {"type": "room", "room": "lobby", "since": 4, "epoch": "e", "gap": False, "reset": False}


def told(chat: Any, monkeypatch: pytest.MonkeyPatch, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client makes of a server that tells this and hangs up."""
    here, there = socket.socketpair()
    with there:
        there.sendall(b"".join(map(frame, events)))
        there.shutdown(socket.SHUT_WR)
        monkeypatch.setattr(socket, "create_connection", lambda address: here)
        return list(chat.events())


def test_the_client_goes_on_from_where_the_room_says(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = chat("", 0, "ada")
    gap = ROOM | {"since": 9, "gap": True}
    reset = ROOM | {"since": 2, "epoch": "f", "reset": True}
    assert told(ada, monkeypatch, ROOM, gap) == [ROOM, gap]
    assert ada.place == {"room": "lobby", "since": 9, "epoch": "e"}
    assert told(ada, monkeypatch, reset) == [reset]
    assert ada.place == {"room": "lobby", "since": 2, "epoch": "f"}


def test_the_client_comes_in_again_at_a_hole(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = chat("", 0, "ada")
    late = {"type": "message", "room": "lobby", "seq": 6, "id": "x", "username": "bob", "message": "hi"}
    assert told(ada, monkeypatch, ROOM, late, late | {"seq": 7}) == [ROOM]
    assert ada.place["since"] == 4


def test_the_client_stops_at_a_fatal_error_but_not_because_of_the_store(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = chat("", 0, "ada")
    error = {"type": "error", "text": "Enough.", "fatal": True}
    assert told(ada, monkeypatch, error | {"code": "store_failed"}) == []
    with pytest.raises(RuntimeError, match="Enough"):
        told(ada, monkeypatch, error | {"code": "internal"})
