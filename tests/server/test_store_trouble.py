"""The store fails while the server runs: `store_failed` to who spoke, nothing shown that is not stored, and it passes.

The disk is full by a limit on the size of the process' files; the database is locked by another process.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("limits of another process are Linux's", allow_module_level=True)

from tests.server.processes import ServerProcess
from tests.server.trouble import assert_store_failed, empty_the_disk, fill_the_disk, say_until_it_fails
from tests.server.wire_client import WireClient, fresh, messages_of, person, said, texts_of


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess("--data", str(tmp_path), "--rate", "off", clean=False) as process:
        yield process


def test_a_full_disk_is_store_failed_to_who_spoke_and_passes_by_itself(fragile: ServerProcess, tmp_path: Path) -> None:
    ada, bob = person(fragile.port, "ada", "lobby"), person(fragile.port, "bob", "lobby")
    fill_the_disk(fragile, tmp_path)
    stored, failed = say_until_it_fails(ada)
    assert texts_of(bob.settled()) == stored
    # Those who said nothing notice nothing, and what needs no store works on.
    assert bob.settled() == []
    assert bob.ask("who", room="lobby")["members"] == ["ada", "bob"]
    assert bob.ask("history", room="lobby", limit=1)["messages"][0]["message"] == stored[-1]
    assert_store_failed(bob.say("lobby", "y" * 3_000, "me too"), "me too")
    empty_the_disk(fragile)
    # The same ids are good now: nothing of what failed was kept.
    receipt = ada.say("lobby", failed, f"full-{len(stored)}")
    assert (receipt["type"], receipt["seq"]) == ("message", len(stored) + 1)
    assert bob.say("lobby", "y" * 3_000, "me too")["type"] == "message"
    assert texts_of(person(fragile.port, "eve").join("lobby", since=0)) == [*stored, failed, "y" * 3_000]


def test_on_a_full_disk_each_of_many_is_told_with_its_id(fragile: ServerProcess, tmp_path: Path) -> None:
    ada, bob = person(fragile.port, "ada", "lobby"), person(fragile.port, "bob", "lobby")
    fill_the_disk(fragile, tmp_path)
    say_until_it_fails(ada)
    shown = len(texts_of(bob.settled()))
    ada.send_bytes(said("lobby", ["z" * 3_000] * 50, "many-"))
    answers = ada.settled()
    for n, answer in enumerate(answers):
        assert_store_failed(answer, f"many-{n}")
    assert len(answers) == 50
    assert bob.settled() == []
    empty_the_disk(fragile)
    ada.send_bytes(said("lobby", ["z" * 3_000] * 50, "many-"))
    assert [event["seq"] for event in messages_of(ada.settled())] == list(range(shown + 1, shown + 51))


def test_on_a_full_disk_newcomers_get_a_clear_answer_and_later_they_get_in(
    fragile: ServerProcess, tmp_path: Path
) -> None:
    ada = person(fragile.port, "ada", "lobby")
    fill_the_disk(fragile, tmp_path)
    say_until_it_fails(ada)
    for n in range(40):  # a guest needs little room; but it runs out too
        client = WireClient(fragile.port)
        client.send("hello", protocol=1, username=f"guest{n}")
        answer = client.receive()
        assert answer["type"] == "welcome" or (answer["code"], answer["fatal"]) == ("store_failed", True)
    topic = ada.ask("topic", room="lobby", topic="t" * 300)
    assert topic["type"] == "topic" or topic["code"] == "store_failed"
    room = ada.ask("join", room=fresh("room"))
    assert room["type"] == "room" or room["code"] == "store_failed"
    empty_the_disk(fragile)
    person(fragile.port, "late", "lobby").say("lobby", "I am in")


def test_what_was_receipted_on_a_full_disk_is_there_after_a_kill(tmp_path: Path) -> None:
    server = ServerProcess("--data", str(tmp_path), "--rate", "off", clean=False)
    try:
        ada = person(server.port, "ada", "lobby")
        fill_the_disk(server, tmp_path)
        stored, _ = say_until_it_fails(ada)
    finally:
        server.kill()
    with ServerProcess("--data", str(tmp_path)) as again:
        assert texts_of(person(again.port, "bob").join("lobby", since=0)) == stored


def test_the_server_ends_well_on_a_full_disk(fragile: ServerProcess, tmp_path: Path) -> None:
    ada = person(fragile.port, "ada", "lobby")
    fill_the_disk(fragile, tmp_path)
    say_until_it_fails(ada)
    started = time.monotonic()
    assert fragile.stop() == 0
    assert time.monotonic() - started < 5
    assert not any("Traceback" in line for line in fragile.stderr.lines + fragile.stdout.lines)


def test_a_locked_database_is_store_failed_and_passes_by_itself(fragile: ServerProcess, tmp_path: Path) -> None:
    ada, bob = person(fragile.port, "ada", "lobby"), person(fragile.port, "bob", "lobby")
    ada.say("lobby", "before")
    (database,) = tmp_path.glob("*.db")
    other = sqlite3.connect(database, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        ada.send("say", id="locked", room="lobby", message="during")
        # Who asks for something else is not delayed by the wait for the lock.
        assert bob.ask("history", room="lobby")["messages"][0]["message"] == "before"
        assert not ada.hears_something(), "the wait was over first"
        assert_store_failed(ada.until(lambda event: event.get("id") == "locked")[-1], "locked")
        assert bob.settled() == []
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert ada.say("lobby", "during", "locked")["seq"] == 2
    assert texts_of(bob.settled()) == ["during"]


def test_a_database_that_is_locked_for_a_moment_is_waited_for(fragile: ServerProcess, tmp_path: Path) -> None:
    ada = person(fragile.port, "ada", "lobby")
    (database,) = tmp_path.glob("*.db")
    other = sqlite3.connect(database, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        ada.send("say", id="locked", room="lobby", message="during")
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert ada.until(lambda event: event.get("id") == "locked")[-1]["type"] == "message"
