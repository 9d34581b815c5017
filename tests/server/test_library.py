"""`chatroom.Server` as a library: in a script, a test, a notebook. It comes and goes, and leaves nothing behind."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import chatroom
from chatroom.errors import StoreFailed
from chatroom.server.store import Reader
from chatroom.server.store.sqlite import SqliteStore
from tests.server.processes import environment
from tests.server.wire_client import PATIENCE, WireClient, person, texts_of


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """No thread outlives its server; a forgotten socket or file would be a ResourceWarning, which is an error here."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
    gc.collect()


def test_a_server_lives_as_long_as_its_with_statement() -> None:
    with chatroom.Server(port=0) as server:
        assert server.port
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        ada.say("lobby", "hello")
        assert texts_of(bob.settled()) == ["hello"]
    assert ada.rest()[-1]["type"] == "bye"
    with pytest.raises(ConnectionRefusedError):
        WireClient(server.port)


def test_it_listens_on_this_computer_alone_unless_told_otherwise() -> None:
    with chatroom.Server(port=0) as server:
        assert server.host == "127.0.0.1"


def test_two_servers_live_side_by_side(tmp_path: Path) -> None:
    with chatroom.Server(port=0, data=tmp_path / "a") as one, chatroom.Server(port=0, data=tmp_path / "b") as other:
        assert one.port != other.port
        ada, eve = person(one.port, "ada", "lobby"), person(other.port, "ada", "lobby")
        ada.say("lobby", "only here")
        assert eve.settled() == []
        ada.close()
        eve.close()


def test_it_may_be_closed_twice_and_before_it_was_started() -> None:
    server = chatroom.Server(port=0)
    server.close()
    server.start()
    server.close()
    server.close()


def test_it_may_be_closed_inside_its_with_statement() -> None:
    with chatroom.Server(port=0) as server:
        ada = person(server.port, "ada")
        server.close()
        assert ada.rest()[-1]["type"] == "bye"


def test_it_may_be_started_by_hand() -> None:
    server = chatroom.Server(port=0).start()
    try:
        person(server.port, "ada").close()
    finally:
        server.close()


def test_an_error_inside_the_with_statement_comes_out_and_the_server_ends() -> None:
    server = chatroom.Server(port=0)
    with pytest.raises(ZeroDivisionError), server:
        person(server.port, str(1 // 0))
    with pytest.raises(ConnectionRefusedError):
        WireClient(server.port)


def test_data_are_there_for_the_next_server(tmp_path: Path) -> None:
    for n in range(3):
        with chatroom.Server(port=0, data=str(tmp_path)) as server:
            ada = person(server.port, "ada")
            assert texts_of(ada.join("lobby")) == [f"words {k}" for k in range(n)]
            ada.say("lobby", f"words {n}")
            ada.close()


def test_what_was_read_is_there_for_the_next_server_however_soon_it_stops(tmp_path: Path) -> None:
    with chatroom.Server(port=0, data=tmp_path) as server:
        ada = person(server.port, "ada", "lobby")
        ada.say("lobby", "one")
        ada.say("lobby", "two")
        ada.send("seen", room="lobby", seq=1)
        assert ada.settled() == []
        session = ada.session
        ada.close()
    with chatroom.Server(port=0, data=tmp_path) as server, WireClient(server.port) as ada:
        ada.hello("ada", session=session)
        assert ada.join("lobby")[0]["seen"] == 1


def test_what_was_read_is_written_down_while_the_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()
    keep_seen = SqliteStore.keep_seen

    def keep_and_tell(store: SqliteStore, positions: Mapping[Reader, int]) -> None:
        keep_seen(store, positions)
        written.set()

    monkeypatch.setattr(SqliteStore, "keep_seen", keep_and_tell)
    monkeypatch.setattr("chatroom.server.server.TICK_SECONDS", 0.01)
    with chatroom.Server(port=0, data=tmp_path) as server, person(server.port, "ada", "lobby") as ada:
        ada.say("lobby", "one")
        ada.send("seen", room="lobby", seq=1)
        assert written.wait(PATIENCE)


def test_without_data_nothing_is_kept_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with chatroom.Server(port=0) as server:
            ada = person(server.port, "ada")
            assert texts_of(ada.join("lobby")) == []
            ada.say("lobby", "gone tomorrow")
            ada.close()
    assert list(tmp_path.iterdir()) == []


def test_what_keeps_it_from_starting_is_a_start_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "chatroom.db").write_text("not a database\n" * 500)
    with pytest.raises(chatroom.StoreUnusable):
        chatroom.Server(port=0, data=tmp_path).start()
    with chatroom.Server(port=0) as server, pytest.raises(chatroom.StartError):
        chatroom.Server(port=server.port).start()
    with pytest.raises(chatroom.StartError):
        chatroom.Server(port=0, store="nothing:").start()


def test_after_a_start_that_failed_it_may_be_tried_again() -> None:
    with chatroom.Server(port=0) as first:
        second = chatroom.Server(port=first.port)
        with pytest.raises(chatroom.StartError):
            second.start()
    with second:
        person(second.port, "ada")


def test_it_works_inside_a_running_event_loop() -> None:
    """As in a notebook's cell, where a loop runs already."""

    async def cell() -> list[str]:
        with chatroom.Server(port=0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x00\x00\x00\x0f" + b'{"type":"ping"}')
            answer = await reader.readexactly(4 + 15)
            writer.close()
            await writer.wait_closed()
            return [answer[4:].decode()]

    assert asyncio.run(cell()) == ['{"type":"pong"}']


def test_it_works_in_any_thread_and_many_times() -> None:
    problems: list[BaseException] = []

    def live() -> None:
        try:
            for _ in range(3):
                with chatroom.Server(port=0) as server, person(server.port, "ada", "lobby") as ada:
                    ada.say("lobby", "hello")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_script_that_forgets_to_close_it_still_ends() -> None:
    script = "import chatroom; server = chatroom.Server(port=0).start(); print(server.port)"
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, encoding="utf-8", env=environment(), timeout=10, check=False,
    )  # fmt: skip
    assert result.returncode == 0
    assert "Traceback" not in result.stderr


def test_it_prints_nothing_by_itself() -> None:
    script = (
        "import chatroom, socket\n"
        "with chatroom.Server(port=0) as server:\n"
        "    with socket.create_connection(('127.0.0.1', server.port)) as s:\n"
        "        s.sendall(b'x'); s.recv(1000)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, encoding="utf-8", env=environment(), timeout=10, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_start_that_fails_half_way_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot make the lobby: the next server may have the file and the port at once."""

    def fail(*_: object) -> None:
        raise StoreFailed("The disk is full; nothing was stored.")

    server = chatroom.Server(port=0, data=tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(SqliteStore, "add_room", fail)
        with pytest.raises(chatroom.StartError, match="The disk is full"):
            server.start()
    with chatroom.Server(port=0, data=tmp_path) as second:
        assert second.port
