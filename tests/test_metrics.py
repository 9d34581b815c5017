"""What a server counts, and how Prometheus reads it: on this computer alone, and always as it stands now."""

import builtins
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

import chatroom
from chatroom.errors import StartError
from chatroom.server.figures import Figures, Stopwatch
from tests.server.wire_client import WireClient, hang_up_all, person
from tests.support.rooms import at_once


def ask(server: chatroom.Server, path: str = "/metrics", accept: str = "") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{server.metrics_port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics" if accept else "text/plain")
        return str(answer.read().decode())


def figures(server: chatroom.Server) -> dict[str, float]:
    """By name, and by label where there is one."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(ask(server))
        for sample in family.samples
    }


@pytest.fixture
def server() -> Iterator[chatroom.Server]:
    with chatroom.Server(port=0, metrics=0, rate=0) as server:
        yield server
        hang_up_all()


def test_a_quiet_server_tells_that_nothing_happened(server: chatroom.Server) -> None:
    assert figures(server) == {
        f"chatroom_info/{chatroom.__version__}": 1,
        "chatroom_clients": 0,
        "chatroom_strangers": 0,
        "chatroom_members_behind": 0,
        "chatroom_rooms": 1,
        "chatroom_waiting_bytes": 0,
        "chatroom_messages_total": 0,
        "chatroom_deliveries_total": 0,
        "chatroom_strangers_hung_up_total": 0,
        "chatroom_turned_away_total": 0,
        "chatroom_store_seconds_count": 0,
        "chatroom_store_seconds_sum": 0,
        "chatroom_tls_handshakes_total/done": 0,
        "chatroom_tls_handshakes_total/failed": 0,
    }


def test_people_rooms_messages_and_deliveries_are_counted(server: chatroom.Server) -> None:
    ada, bob = person(server.port, "ada", "lobby", "hall"), person(server.port, "bob", "lobby")
    stranger = WireClient(server.port)
    stranger.settled()
    for n in range(5):
        ada.say("lobby", f"number {n}")
    ada.say("hall", "alone")
    bob.settled()
    now = figures(server)
    assert (now["chatroom_clients"], now["chatroom_strangers"], now["chatroom_rooms"]) == (2, 1, 2)
    assert (now["chatroom_messages_total"], now["chatroom_deliveries_total"]) == (6, 11)
    assert now["chatroom_store_seconds_count"] == 6
    assert 0 < now["chatroom_store_seconds_sum"] < 6
    bob.send("bye")
    bob.rest()
    assert figures(server)["chatroom_clients"] == 1


def test_a_change_of_what_was_said_counts_as_a_message(server: chatroom.Server) -> None:
    ada = person(server.port, "ada", "lobby")
    seq = ada.say("lobby", "hwllo")["seq"]
    assert ada.ask("edit", room="lobby", seq=seq, message="hello")["type"] == "edited"
    assert figures(server)["chatroom_messages_total"] == 2


def test_what_a_room_counted_stays_when_everybody_has_left_it(server: chatroom.Server) -> None:
    ada = person(server.port, "ada", "hall", "yard")
    ada.say("hall", "hello")
    for room in ("hall", "yard"):
        ada.ask("leave", room=room)
    now = figures(server)
    assert (now["chatroom_rooms"], now["chatroom_messages_total"]) == (2, 1)


def test_refusals_are_counted_by_their_code(server: chatroom.Server) -> None:
    ada = person(server.port, "ada", "lobby")
    for _ in range(3):
        ada.ask("leave", room="nowhere")
    ada.send("nonsense")
    ada.send("say", id="1", room="lobby", message="")
    ada.say("lobby", "one", id="2")
    ada.send("say", id="2", room="lobby", message="another")
    ada.settled()
    for hello in ({"protocol": 9}, {"protocol": 1, "username": "ada"}):
        client = WireClient(server.port)
        client.send("hello", **{"username": "bob", **hello})
        client.rest()
    early = WireClient(server.port)
    early.send("rooms")
    early.rest()
    foreign = WireClient(server.port)
    foreign.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
    foreign.rest()
    refusals = {name: value for name, value in figures(server).items() if "refusals" in name}
    assert refusals == {
        f"chatroom_refusals_total/{code}": count
        for code, count in {
            "no_such_room": 3, "unknown_type": 1, "empty_message": 1, "id_conflict": 1, "protocol": 1, "name_taken": 1,
            "hello_first": 1, "bad_frame": 1,
        }.items()
    }  # fmt: skip


def test_whoever_does_not_read_is_seen_as_behind_and_its_bytes_as_waiting(server: chatroom.Server) -> None:
    ada, deaf = person(server.port, "ada", "lobby"), person(server.port, "deaf", "lobby", receive_buffer=4_096)
    for number in range(60):
        for part in range(50):
            ada.send("say", id=f"{number} {part}", room="lobby", message="x" * 4_000)
        ada.settled()
        if figures(server)["chatroom_members_behind"]:
            break
    now = figures(server)
    assert now["chatroom_members_behind"] == 1
    assert now["chatroom_waiting_bytes"] > 0
    deaf.until(lambda event: event.get("id") == ada_last(ada))
    deaf.settled()
    now = figures(server)
    assert (now["chatroom_members_behind"], now["chatroom_waiting_bytes"]) == (0, 0)


def ada_last(ada: WireClient) -> str:
    """The id of the last thing that she said."""
    (last,) = ada.ask("history", room="lobby", limit=1)["messages"]
    return str(last["id"])


def test_openmetrics_is_spoken_to_whoever_asks_for_it(server: chatroom.Server) -> None:
    text = ask(server, accept="application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    assert "chatroom_clients 0.0" in text


def test_no_other_page_is_there(server: chatroom.Server) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(server, "/etc/passwd")


def test_who_asks_and_stalls_or_goes_keeps_nobody_from_the_figures(server: chatroom.Server) -> None:
    assert server.metrics_port
    with socket.create_connection(("127.0.0.1", server.metrics_port)) as stalled:
        stalled.sendall(b"GET /metr")
        socket.create_connection(("127.0.0.1", server.metrics_port)).close()
        assert figures(server)["chatroom_rooms"] == 1


def test_two_servers_in_one_process_count_for_themselves(server: chatroom.Server) -> None:
    with chatroom.Server(port=0, metrics=0) as other:
        with person(server.port, "ada"):
            assert (figures(server)["chatroom_clients"], figures(other)["chatroom_clients"]) == (1, 0)
        assert other.metrics_port != server.metrics_port


def test_the_figures_end_with_their_server_and_its_port_is_free_again() -> None:
    with chatroom.Server(port=0, metrics=0) as server:
        port = server.metrics_port
        figures(server)
    with closing(socket.socket()) as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))
    with chatroom.Server(port=0, metrics=port) as again:
        assert again.metrics_port == port


def test_a_port_that_is_taken_is_a_sentence_and_the_server_does_not_start() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = chatroom.Server(port=0, metrics=port)
        with pytest.raises(
            StartError, match=rf"^Cannot serve figures on 127\.0\.0\.1:{port}; choose another port .*\.$"
        ):
            server.start()


def test_without_figures_there_is_no_port() -> None:
    with chatroom.Server(port=0) as server:
        assert server.metrics_port is None


def test_without_the_extra_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def lacking(name: str, *more: object) -> object:
        if name.partition(".")[0] == "prometheus_client":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *more)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "chatroom.server.exposition", raising=False)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(StartError, match=r"^[^.]*pip install chatroom\[metrics\]\.$"):
        chatroom.Server(port=0, metrics=0).start()
    with chatroom.Server(port=0):
        """Nobody else needs it."""


# What stands behind the figures


class Empty:
    """A hub, its directory, a budget and a doorkeeper of a server in which nothing is."""

    waiting = strangers = hung_up = turned_away = 0

    @property
    def directory(self) -> "Empty":
        return self

    def every_room(self) -> list[chatroom.Server]:
        return []

    def all_members(self) -> list[chatroom.Server]:
        return []


def test_what_many_threads_count_is_counted() -> None:
    counted = Figures(Empty(), Empty(), Empty())  # type: ignore[arg-type]

    def count() -> None:
        for _ in range(1_000):
            counted.refuse("forbidden")
            counted.handshake(done=True)

    at_once(*[count] * 4)
    now = counted.read()
    assert (now.refusals, now.handshakes) == ({"forbidden": 4_000}, {"done": 4_000, "failed": 0})


def test_a_stopwatch_counts_what_failed_too() -> None:
    watch = Stopwatch()
    with watch:
        pass
    with pytest.raises(ValueError, match="no"), watch:
        raise ValueError("no")
    assert watch.count == 2
    assert watch.seconds > 0
