"""`operate` in the place of a hello: for whoever runs the server, and from this computer alone."""

import threading
import time
from collections.abc import Iterator

import pytest

import chatroom
from chatroom.errors import Refusal
from chatroom.messages import Event, Operate, Report
from tests.server.wire_client import PATIENCE, WireClient, person


class Desk:
    """What a server is asked, and how long it takes."""

    def __init__(self) -> None:
        self.asked: list[Operate] = []
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self, request: Operate) -> Event:
        self.asked.append(request)
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        if request.secret != "the secret":
            raise Refusal("forbidden", "This is not the operator's secret.")
        return Report(lines=["done"], id=request.id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def office(desk: Desk) -> Iterator[chatroom.Server]:
    with chatroom.Server(port=0) as server:
        server._house = server._house._replace(operator=desk)
        yield server


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_the_operator_is_answered_by_a_report_and_stays_a_stranger(
    office: chatroom.Server, desk: Desk, tls: bool
) -> None:
    client = WireClient(office.port, tls=tls)
    for action in ("audit", "bans"):
        report = client.ask("operate", secret="the secret", action=action, arguments={"limit": 5, "name": None})
        assert (report["type"], report["lines"]) == ("report", ["done"])
    assert [(request.action, request.arguments) for request in desk.asked] == [
        (action, {"limit": 5, "name": None}) for action in ("audit", "bans")
    ]
    client.hello("ada")


def test_who_does_not_know_the_secret_is_refused_and_may_ask_again(office: chatroom.Server) -> None:
    client = WireClient(office.port)
    error = client.ask("operate", secret="a guess", action="audit")
    assert (error["code"], error["fatal"]) == ("forbidden", False)
    assert client.ask("operate", secret="the secret", action="audit")["type"] == "report"


def test_from_elsewhere_nobody_is_an_operator(
    office: chatroom.Server, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.server.server.ip_of", lambda address: "192.168.1.7")
    client = WireClient(office.port, tls=True)
    client.send("operate", secret="the secret", action="audit", id="7")
    assert [(event["code"], event["id"]) for event in client.rest()] == [("hello_first", "7")]
    assert desk.asked == []


def test_who_is_in_is_no_operator(office: chatroom.Server, desk: Desk) -> None:
    error = person(office.port, "ada").ask("operate", secret="the secret", action="audit")
    assert (error["type"], error["fatal"]) == ("error", False)
    assert desk.asked == []


def test_what_takes_long_is_answered_and_the_time_to_say_hello_begins_after_it(
    office: chatroom.Server, desk: Desk
) -> None:
    client = WireClient(office.port)
    desk.may_end.clear()
    client.send("operate", secret="the secret", action="backup")
    assert desk.begun.wait(PATIENCE)
    (connection,) = office._connections
    connection.check(time.monotonic() + 1_000)
    desk.may_end.set()
    assert client.receive()["type"] == "report"
    assert client.ask("ping")["type"] == "pong"
    connection.check(time.monotonic() + 1_000)
    assert [event["code"] for event in client.rest()] == ["timeout"]
