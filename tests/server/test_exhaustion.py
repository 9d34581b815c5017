"""When descriptors, threads or places run out: newcomers are turned away, who is in goes on, and it passes by itself.

Descriptors run out for real, by a small limit of the process. Threads run out in a server of this process, whose
`threading.Thread.start` fails as it does at the system's limit: no limit of the system binds root.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("limits and /proc are Linux's", allow_module_level=True)

import resource

import chatroom
from tests.server.processes import COMMAND, LOCAL, ServerProcess
from tests.server.trouble import knock, knock_until_let_in
from tests.server.wire_client import Closed, WireClient, fresh, person, said, texts_of

MEMORY = ("--store", "memory:", "--rate", "off")
DESCRIPTORS = 60


@pytest.fixture
def narrow() -> Iterator[ServerProcess]:
    """A server that may have few descriptors."""
    with ServerProcess(*MEMORY) as server:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        yield server


# ---------------------------------------------------------------------------------------------------------- descriptors


def crowd_in(server: ServerProcess) -> list[WireClient]:
    """People, more than there are descriptors; those who were not turned away."""
    crowd = [WireClient(server.port) for _ in range(DESCRIPTORS + 20)]
    inside = []
    for client in crowd:
        try:
            client.hello(fresh("crowd"))
            inside.append(client)
        except (Closed, ConnectionError, AssertionError):
            client.close()
    assert 0 < len(inside) < DESCRIPTORS
    return inside


def test_without_descriptors_newcomers_are_turned_away_and_those_inside_talk_on(narrow: ServerProcess) -> None:
    ada, bob = person(narrow.port, "ada", "lobby"), person(narrow.port, "bob", "lobby")
    inside = crowd_in(narrow)
    for _ in range(10):
        answer = knock(narrow.port)
        assert answer is None or (answer["type"], answer["code"], answer["fatal"]) == ("error", "full", True)
    ada.say("lobby", "still here")
    assert texts_of(bob.settled()) == ["still here"]
    for client in inside:
        client.close()
    knock_until_let_in(narrow.port)


def test_strangers_who_have_all_descriptors_make_way_for_a_colleague(narrow: ServerProcess) -> None:
    strangers = [WireClient(narrow.port) for _ in range(DESCRIPTORS + 20)]
    ada, bob = person(narrow.port, "ada", "lobby"), person(narrow.port, "bob", "lobby")
    ada.say("lobby", "we are in")
    assert texts_of(bob.settled()) == ["we are in"]
    for client in strangers:
        client.close()


def test_who_is_turned_away_for_want_of_descriptors_is_told_so(narrow: ServerProcess) -> None:
    inside = crowd_in(narrow)
    client = WireClient(narrow.port)
    (error,) = client.rest()
    assert (error["type"], error["code"], error["fatal"]) == ("error", "full", True)
    for stranger in inside:
        stranger.close()


def test_without_descriptors_the_server_does_not_spin(narrow: ServerProcess) -> None:
    """Two thousand pings take a while; in that time it burns no more than they need."""
    ada = person(narrow.port, "ada", "lobby")
    plain = cost_of_pings(narrow, ada)
    inside = crowd_in(narrow)
    waiting = [WireClient(narrow.port) for _ in range(10)]
    assert cost_of_pings(narrow, ada) < plain * 2 + 0.3
    for client in inside + waiting:
        client.close()


def cost_of_pings(server: ServerProcess, client: WireClient) -> float:
    before = server.cpu_seconds()
    for _ in range(2_000):
        client.settled()
    return server.cpu_seconds() - before


# ----------------------------------------------------------------------------------------------------------- threads


@pytest.fixture
def thread_limit(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is set, no thread starts for a connection of a server in this process."""
    exhausted = threading.Event()
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if exhausted.is_set():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    return exhausted


def test_without_threads_newcomers_are_turned_away_and_those_inside_talk_on(thread_limit: threading.Event) -> None:
    with chatroom.Server(port=0, rate=0) as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        thread_limit.set()
        for _ in range(20):
            client = WireClient(server.port)
            (error,) = client.rest()
            assert (error["type"], error["code"], error["fatal"]) == ("error", "full", True)
        ada.say("lobby", "still here")
        assert texts_of(bob.settled()) == ["still here"]
        thread_limit.clear()
        knock_until_let_in(server.port)


def test_a_server_whose_memory_has_a_small_limit_turns_people_away_and_goes_on() -> None:
    """Thread stacks need address space: here the system itself refuses to start more threads."""
    with ServerProcess(*MEMORY, clean=False) as server:
        ada = person(server.port, "ada", "lobby")
        size = int(Path(f"/proc/{server.pid}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(server.pid, resource.RLIMIT_AS, (size + 100 * (1 << 20), resource.RLIM_INFINITY))
        outcomes = []
        strangers = [WireClient(server.port) for _ in range(60)]
        for client in strangers:
            try:
                client.settled()
                outcomes.append(True)
            except (Closed, ConnectionError, KeyError):
                outcomes.append(False)
        assert True in outcomes
        assert False in outcomes
        assert ada.say("lobby", "still here")["seq"] == 1
        for client in strangers:
            client.close()
        resource.prlimit(server.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        knock_until_let_in(server.port)


# ------------------------------------------------------------------------------------------------------------ places


def test_a_full_server_says_so_and_has_room_again_when_somebody_leaves() -> None:
    with ServerProcess(*MEMORY, "--max-clients", "3") as server:
        people = [person(server.port, f"p{n}", "lobby") for n in range(3)]
        answer = knock(server.port)
        assert answer
        assert (answer["type"], answer["code"], answer["fatal"]) == ("error", "full", True)
        returning = WireClient(server.port)
        returning.hello("p0", session=people[0].session)  # who is in already takes no other's place
        people[1].close()
        knock_until_let_in(server.port)


@pytest.mark.alone
def test_a_thousand_silent_strangers_do_not_disturb_two_who_talk() -> None:
    with ServerProcess(*MEMORY) as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        before = server.memory()
        strangers = [WireClient(server.port) for _ in range(1_000)]
        for client in strangers[::100]:
            client.settled()
        slowest = 0.0
        for n in range(200):
            started = time.monotonic()
            ada.send("say", id=str(n), room="lobby", message=str(n))
            assert bob.until_type("message")[-1]["message"] == str(n)
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 0.5
        assert person(server.port, "a colleague who comes late".replace(" ", "-"), "lobby").settled() == []
        assert (server.memory() - before) / 1_000 < 60 * 1_024
        for client in strangers:
            client.close()


def test_five_hundred_who_come_and_go_at_once_leave_nothing_behind() -> None:
    with ServerProcess(*MEMORY) as server:
        watcher = person(server.port, "watcher", "lobby")
        person(server.port, "first", "lobby").close()
        watcher.until_type("left")
        descriptors, threads = server.descriptors(), server.threads()
        for round_ in range(2):
            clients = [WireClient(server.port) for _ in range(500)]
            for n, client in enumerate(clients):
                if n % 4 == 0:
                    client.hello(f"p{round_}-{n}")
                    client.join("lobby")
                elif n % 4 == 1:
                    client.send_bytes(b"\x00\x00\x01")
                elif n % 4 == 2:
                    client.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
            for n, client in enumerate(clients):
                client.reset() if n % 3 == 0 else client.close()
        deadline = time.monotonic() + 5
        while server.descriptors() > descriptors or server.threads() > threads:
            assert time.monotonic() < deadline, (server.descriptors(), server.threads(), descriptors, threads)
            watcher.settled()
        assert watcher.ask("who", room="lobby")["members"] == ["watcher"]


def test_who_floods_with_names_and_rooms_meets_a_limit() -> None:
    """Everything that a stranger can make grow has an end."""
    with ServerProcess(*MEMORY) as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        codes = {ada.ask("join", room=f"room{n}")["type"] for n in range(300)}
        assert "error" in codes
        bob.say("lobby", "not disturbed")
        ada.close()
        deadline = time.monotonic() + 5
        while len(bob.ask("rooms")["rooms"]) > 1:  # rooms without history go with their last member
            assert time.monotonic() < deadline


@pytest.mark.alone
def test_a_flood_of_many_senders_is_bounded_in_memory() -> None:
    with ServerProcess(*MEMORY[:1], "memory:", "--rate", "5") as server:
        before = server.memory()
        clients = [person(server.port, f"p{n}", "lobby") for n in range(5)]
        flood = said("lobby", ["x" * 3_000] * 5_000)
        for client in clients:
            client.send_until_stuck(flood, patience=0.2)
        assert server.memory() - before < 30 * (1 << 20)


def test_the_limit_of_descriptors_may_be_small_from_the_start() -> None:
    """It starts, or says in a sentence why not."""
    words = " ".join(["ulimit -n 20; exec", *COMMAND, *LOCAL, *MEMORY, "--version"])
    assert subprocess.run(["sh", "-c", words], capture_output=True, timeout=10, check=False).returncode == 0
