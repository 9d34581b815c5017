"""Every limit that an operator may choose, over real sockets: what it keeps out, and what it does not."""

import contextlib
import socket
import time
import urllib.request

import pytest

import chatroom
from chatroom.server.cli import main
from tests.server import hostile
from tests.server.processes import ServerProcess
from tests.server.wire_client import Closed, WireClient, hang_up_all, person, said, seqs_of, texts_of

MEMORY = ("--store", "memory:", "--rate", "off")
KIB, MIB = 1 << 10, 1 << 20


def fatal_error(client: WireClient) -> tuple[str, str]:
    (error,) = client.rest()
    assert (error["type"], error["fatal"]) == ("error", True)
    return error["code"], error["text"]


# ------------------------------------------------------------------------------------------------------- who comes in


def test_an_address_has_as_many_connections_as_are_given_to_it() -> None:
    with ServerProcess(*MEMORY, "--per-address", "3") as server:
        people = [person(server.port, f"p{n}", "lobby") for n in range(3)]
        assert fatal_error(WireClient(server.port)) == (
            "full",
            "Your address has 3 connections already; close one of them first.",
        )
        with socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.2", 0)) as other:
            other.sendall(hostile.frame(hostile.HELLO))
            assert b'"welcome"' in other.recv(4_096)
        people[0].close()
        people[1].until_type("left")
        for _ in range(100):  # its place is free a moment after its name
            with contextlib.suppress(Closed, ConnectionError, AssertionError):
                person(server.port, "late")
                break
        else:
            pytest.fail("its place is not given to another")


def test_a_stranger_makes_place_for_a_colleague_from_its_own_address() -> None:
    with ServerProcess(*MEMORY, "--per-address", "2") as server:
        ada, stalled = person(server.port, "ada", "lobby"), WireClient(server.port)
        stalled.settled()
        bob = person(server.port, "bob", "lobby")
        assert stalled.rest() == []
        ada.say("lobby", "hello")
        assert texts_of(bob.settled()) == ["hello"]


def test_this_computer_has_any_number_unless_one_is_given() -> None:
    with ServerProcess(*MEMORY) as server:
        people = [person(server.port, f"p{n}") for n in range(260)]
        assert people[0].settled() == []


def test_of_many_strangers_the_oldest_makes_place_for_a_newcomer() -> None:
    with ServerProcess(*MEMORY, "--strangers", "5") as server:
        strangers = []
        for _ in range(8):
            strangers.append(WireClient(server.port))
            strangers[-1].settled()
        for gone in strangers[:3]:
            with contextlib.suppress(ConnectionError):
                assert gone.rest() == []
        for still_here in strangers[3:]:
            still_here.settled()
        strangers[-1].hello("no-stranger-any-more")


# ------------------------------------------------------------------------------------------------- how much one may do


def heard(client: WireClient, number: int) -> list[str]:
    """What somebody is shown until so many messages have come, and nothing more has by then."""
    texts: list[str] = []
    while len(texts) < number:
        texts += texts_of([client.receive()])
    return texts + texts_of(client.settled())


def test_as_many_messages_as_the_burst_come_at_once_and_the_next_ones_wait() -> None:
    with ServerProcess("--store", "memory:", "--rate", "0.05", "--burst", "5") as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        ada.send_bytes(said("lobby", map(str, range(8))))
        assert heard(bob, 5) == ["0", "1", "2", "3", "4"]
        ada.close()


def test_a_sender_that_is_slowed_down_loses_nothing() -> None:
    with ServerProcess("--store", "memory:", "--rate", "100", "--burst", "1") as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        started = time.monotonic()
        ada.send_bytes(said("lobby", map(str, range(51))))
        assert heard(bob, 51) == [str(n) for n in range(51)]
        assert time.monotonic() - started >= 0.49
        assert seqs_of(ada.settled()) == list(range(1, 52))


@pytest.mark.parametrize(
    ("request_", "members"),
    [
        ("edit", {"seq": 1, "message": "changed"}),
        ("delete", {"seq": 1}),
        ("react", {"seq": 1, "emoji": "👍", "on": True}),
        ("search", {"query": "hello"}),
        ("topic", {"topic": "New"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_changes_and_searches_take_their_turn_as_messages_do(request_: str, members: dict[str, object]) -> None:
    with ServerProcess("--store", "memory:", "--rate", "0.05", "--burst", "1") as server:
        ada = person(server.port, "ada", "lobby")
        ada.say("lobby", "hello")
        ada.send(request_, id="asked", room="lobby", **members)
        with pytest.raises(TimeoutError):
            ada.receive(patience=0.3)
        bob = person(server.port, "bob", "lobby")
        assert bob.ask("history", room="lobby")["messages"][0].get("message") == "hello"
        ada.close()


def test_one_client_is_in_as_many_rooms_as_it_may_be() -> None:
    with ServerProcess(*MEMORY, "--rooms-each", "2") as server:
        ada = person(server.port, "ada", "lobby", "hall")
        assert ada.ask("join", room="yard")["code"] == "full"
        ada.ask("leave", room="hall")
        ada.join("yard")


# ------------------------------------------------------------------------------------------------------ what may wait


class Measured:
    """A server in this process that tells how many bytes wait, and people in its lobby who read nothing."""

    def __init__(self, server: chatroom.Server, deaf: int) -> None:
        self._server = server
        self.ada = person(server.port, "ada", "lobby")
        self.deaf = [person(server.port, f"deaf{n}", "lobby", receive_buffer=4_096) for n in range(deaf)]

    def figure(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._server.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def flood(self, mib: int) -> float:
        """How many bytes waited at most while so much was said."""
        most = 0.0
        for batch in range(mib * 16):
            self.ada.send_bytes(said("lobby", ["x" * 3_900] * 16, f"{batch}-"))
            self.ada.settled()
            most = max(most, self.figure("chatroom_waiting_bytes"))
        return most

    def check_all_arrives(self, last: int) -> None:
        for client in self.deaf:
            events = client.until(lambda event: event.get("seq") == last and event["type"] == "message")
            assert seqs_of(events) == list(range(1, last + 1))


def test_no_more_waits_for_one_client_than_may_and_it_loses_nothing() -> None:
    with chatroom.Server(port=0, rate=0, metrics=0, waiting=64) as server:
        measured = Measured(server, 1)
        assert 0 < measured.flood(8) < 64 * KIB + 2 * 64 * KIB, "what is queued last may be as long as a batch"
        assert measured.figure("chatroom_members_behind") == 1
        measured.check_all_arrives(8 * 256)
        hang_up_all()


def test_no_more_waits_for_all_together_than_may_and_nobody_loses_anything() -> None:
    with chatroom.Server(port=0, rate=0, metrics=0, waiting=1_024, memory=1) as server:
        measured = Measured(server, 12)
        assert 0 < measured.flood(12) < 1 * MIB + 12 * 2 * 64 * KIB, "each may have one batch waiting"
        measured.check_all_arrives(12 * 256)
        hang_up_all()


# --------------------------------------------------------------------------------------------------------- handshakes


def test_those_who_stall_in_a_handshake_keep_nobody_from_making_theirs() -> None:
    """Not even where only one may be computed at a time."""
    with ServerProcess(*MEMORY, "--handshakes", "1") as server:
        stalled = [hostile.connect(server.port, None) for _ in range(60)]
        hello = hostile.client_hello()
        for place, line in enumerate(stalled):
            line.sendall(hello if place % 2 else hello[:100])
        lines = [hostile.connect(server.port, hostile.encryption()) for _ in range(3)]
        for line in lines:
            line.sendall(hostile.frame(b'{"type":"ping"}'))
            assert b"pong" in line.recv(4_096)
        for line in stalled + lines:
            line.close()


# ------------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "option", ["--per-address", "--strangers", "--burst", "--rooms-each", "--handshakes", "--waiting", "--memory"]
)
@pytest.mark.parametrize("word", ["0", "-1", "many", "1.5", "²", "9999999999"])
def test_a_limit_that_is_none_is_said_and_nothing_is_started(
    option: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main([f"{option}={word}"])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith(
        f"chatroom-server: error: argument {option}: '{word}' is no number of"
    )


def test_a_port_for_figures_that_is_none_is_said_and_nothing_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["--metrics", "70000"])
    assert "'70000' is no port" in capsys.readouterr().err


def test_the_command_tells_where_its_figures_are() -> None:
    with ServerProcess(*MEMORY, "--metrics", "0") as server:
        line = server.stdout.wait_for("Figures for Prometheus")
        with urllib.request.urlopen(line.rpartition(" ")[2], timeout=10) as answer:
            assert b"chatroom_clients 0.0" in answer.read()
