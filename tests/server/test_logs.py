"""What a busy server prints of itself: for people or as JSON, and never a word of what anybody said or kept secret."""

import json
import logging
import re
import secrets
import sys
from typing import Any

import pytest

from chatroom.server.facts import facts
from chatroom.server.lines import in_form, logging_lines
from tests.server.processes import ServerProcess
from tests.server.wire_client import Event, WireClient, frame, framed, hang_up_all, person

if sys.platform == "win32":
    pytest.skip("processes are stopped in another way there", allow_module_level=True)

MEMORY = ("--store", "memory:", "--rate", "off", "--log-level", "debug")
WHEN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Secrets:
    """Strings that occur nowhere else."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, kind: str) -> str:
        self.made.append(f"{kind}{secrets.token_hex(8)}")
        return self.made[-1]


def talk(ada: WireClient, bob: WireClient, secret: Secrets) -> None:
    """All that two can say, some of it well and some badly."""
    seq = ada.say("lobby", secret("text"), id=secret("id"))["seq"]
    ada.say("lobby", secret("again"), id=secret.made[-1])
    ada.say("lobby", secret("whisper"), to=["bob"])
    ada.say("lobby", secret("once"), to=["bob"], once=True)
    ada.ask("edit", room="lobby", seq=seq, message=secret("edited"))
    bob.ask("edit", room="lobby", seq=seq, message=secret("forbidden"))
    bob.ask("react", room="lobby", seq=seq, emoji=secret("emoji")[:10], on=True)
    ada.ask("join", room="@bob")
    ada.say("@bob", secret("direct"))
    for query in (secret("search"), f'"{secret("quoted")}', f"NEAR({secret('near')}, 'x", f"{secret('column')}:*"):
        bob.ask("search", query=query)
    ada.say("lobby", secret("long") * 1_000)
    ada.say(f"no such {secret('room')}!", secret("lost"))
    ada.ask("history", room="lobby", limit=secret("limit"))
    ada.ask(secret("type"))
    ada.send("ping", data=secret("data"))
    ada.settled()


def keep_secrets(port: int, ada: WireClient, secret: Secrets) -> None:
    """Passwords and sessions, right and wrong ones."""
    password = secret("password")
    assert ada.ask("register", password=password)["type"] == "registered"
    ada.ask("password", old=secret("old"), new=secret("new"))
    for hello in (
        {"password": password},
        {"password": secret("wrong"), "server_password": secret("office"), "agent": secret("agent")},
        {"session": secret("session")},
    ):
        client = WireClient(port)
        client.send("hello", protocol=1, username="ada", **hello)
        answer = client.receive()
        secret.made.append(answer.get("session", password))
        client.close()
    operator = WireClient(port)
    assert operator.ask("operate", secret=secret("operator"), action=secret("action"))["code"] == "auth_failed"
    operator.close()


def babble(port: int, secret: Secrets) -> None:
    """What nobody understands."""
    for data in (
        framed(f'{{"type": "hello", "{secret("half")}'.encode()),
        framed(secret("bad").encode() + b"\xff\xfe"),
        frame({"type": secret("unknown"), "protocol": secret("protocol")}),
        f"GET /{secret('path')} HTTP/1.1\r\n\r\n".encode(),
        b"\x16\x03\x01\x00\x40" + secret("tls").encode() * 4,
        frame({"type": "hello", "protocol": 1, "username": f"{secret('name')} !"}),
    ):
        client = WireClient(port)
        client.send_bytes(data)
        while client.socket.recv(65_536):
            """It is told in its own language what is wrong."""


def busy(form: str) -> tuple[list[str], Secrets]:
    """All lines of a server on which much happened, and what must not be in them."""
    secret = Secrets()
    with ServerProcess(*MEMORY, "--log-format", form) as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        secret.made += [ada.session, bob.session]
        talk(ada, bob, secret)
        keep_secrets(server.port, ada, secret)
        babble(server.port, secret)
        bob.send("bye", reason=secret("reason"))
        bob.rest()
        hang_up_all()
    return server.stdout.lines + server.stderr.lines, secret


@pytest.fixture(scope="module", params=["text", "json"])
def printed(request: pytest.FixtureRequest) -> tuple[str, list[str], Secrets]:
    return (request.param, *busy(request.param))


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [json.loads(line) for line in busy("json")[0]]


def test_no_word_and_no_secret_of_anybody_is_printed(printed: tuple[str, list[str], Secrets]) -> None:
    _, lines, secret = printed
    everything = "\n".join(lines)
    assert len(secret.made) > 30
    assert [each for each in secret.made if each in everything] == []
    assert len(lines) > 20, "much happened, and it was told"


def test_as_json_every_line_tells_when_how_grave_and_what(events: list[Event]) -> None:
    for event in events:
        assert re.fullmatch(WHEN, event["time"]), event
        assert event["level"] in ("debug", "info", "warning", "error"), event
        assert isinstance(event["event"], str), event


def test_as_json_it_tells_who_came_and_went_and_why(events: list[Event]) -> None:
    coming, going = ([event for event in events if event["event"] == what] for what in ("connected", "left"))
    assert len(coming) == len(going) > 10
    assert {(event["address"], event["level"]) for event in coming + going} == {("127.0.0.1", "info")}
    assert {event["port"] for event in coming} == {event["port"] for event in going}
    assert next(event for event in going if event.get("username") == "bob")["reason"] == "bye"
    assert {"auth_failed", "bad_frame", "bad_name", "hello_first"} <= {event.get("code") for event in going}


def test_as_json_it_tells_whom_it_refused_what(events: list[Event]) -> None:
    refused = {
        (event.get("username"), event["code"], event["level"]) for event in events if event["event"] == "refused"
    }
    assert {("bob", "forbidden", "debug"), ("ada", "too_long", "debug"), (None, "auth_failed", "debug")} <= refused


def test_the_greeting_is_json_too(events: list[Event]) -> None:
    assert re.fullmatch(r"\[\*\] Listening as 127\.0\.0\.1:\d+", events[0]["text"])
    assert events[0]["event"] == "started"


# One line by itself


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("chatroom.tests")


def fail(log: logging.Logger, **facts_of_it: Any) -> None:
    said = "what somebody said"
    try:
        raise ValueError(said)
    except ValueError:
        log.exception("It failed.", **facts_of_it)


def test_an_exception_is_told_by_its_kind_and_place_and_without_its_value(
    log: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    with logging_lines("info"):
        fail(log)
    printed = capfd.readouterr().out
    assert printed.startswith("It failed.\n")
    assert "ValueError" in printed
    assert "test_logs.py" in printed
    with logging_lines("info", "json"):
        fail(log, extra=facts("bug", address="192.0.2.1"))
    as_json = capfd.readouterr().out
    event = json.loads(as_json)
    assert (event["level"], event["event"], event["address"]) == ("error", "bug", "192.0.2.1")
    assert event["trace"].endswith("ValueError")
    assert "somebody" not in printed + as_json


def test_a_sentence_without_facts_is_told_as_it_is(log: logging.Logger, capfd: pytest.CaptureFixture[str]) -> None:
    with logging_lines("warning", "json"):
        log.warning("The disk is %s.", "full")
        log.info("This is below the level.")
    event = json.loads(capfd.readouterr().out)
    assert (event["level"], event["event"], event["text"]) == ("warning", "trouble", "The disk is full.")


def test_what_is_unknown_is_no_fact() -> None:
    assert facts("left", address="192.0.2.1", username=None, code="") == {
        "facts": {"event": "left", "address": "192.0.2.1"}
    }


def test_whatever_a_line_holds_it_is_one_line_of_json() -> None:
    for text in ("two\nlines", "\x1b[31mred", "\u2028", "\udcff"):
        assert in_form(text, "json").isascii()
        assert "\n" not in in_form(text, "json")
        assert json.loads(in_form(text, "json"))["text"] == text
    assert in_form("as it is", "text") == "as it is"
