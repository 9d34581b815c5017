"""What was typed comes back after a restart; a password never does; and no disk can spoil a conversation."""

import asyncio
import contextlib
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.buffer import Buffer

from chatroom.client.inputs import KEPT, LONGEST, InputHistory, path_of


def is_secret(line: str) -> bool:
    return line.lstrip().startswith("/password")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history" / "input-lobby"


def opened(path: Path) -> InputHistory:
    """As a client that starts does it."""
    history = InputHistory(path, is_secret)
    assert asyncio.run(_all(history)) == history.get_strings()[::-1]
    return history


async def _all(history: InputHistory) -> list[str]:
    return [string async for string in history.load()]


def typed(path: Path, *lines: str) -> InputHistory:
    history = opened(path)
    for line in lines:
        history.append_string(line)
    return history


def test_what_was_typed_is_there_after_a_restart_in_order(path: Path) -> None:
    typed(path, "one", "two")
    typed(path, "three")
    assert opened(path).get_strings() == ["one", "two", "three"]


@pytest.mark.parametrize(
    "line",
    [
        "two\nlines",
        "\n\nindented\n    code\n\n",
        "line\r\nend\r",
        'quotes " and \\ and \\n',
        "schön 好 😄 \u2028 \x85 \x00 \x1b[31m",
        '"',
        "+",
        "# 1",
        "x" * LONGEST,
    ],
)
def test_any_text_comes_back_as_it_was(path: Path, line: str) -> None:
    typed(path, "before", line, "after")
    assert opened(path).get_strings() == ["before", line, "after"]


@given(lines=st.lists(st.text(max_size=8), max_size=8))
def test_what_comes_back_is_what_is_known_while_it_runs(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("history") / "input"
    assert opened(path).get_strings() == []
    history = typed(path, *lines)
    assert opened(path).get_strings() == history.get_strings()
    assert set(history.get_strings()) == {line for line in lines if line.strip()}


def test_the_same_again_and_nothing_are_not_kept(path: Path) -> None:
    history = typed(path, "one", "one", "", "  \n", "two", "one")
    assert history.get_strings() == ["one", "two", "one"]
    assert typed(path, "one").get_strings() == ["one", "two", "one"]
    assert path.read_bytes().count(b"one") == 2


def test_what_two_clients_typed_in_a_row_comes_back_once(path: Path) -> None:
    for client in [opened(path), opened(path)]:
        client.append_string("hello")
    assert opened(path).get_strings() == ["hello"]
    assert path.read_bytes().count(b"hello") == 1


def test_a_password_is_kept_nowhere(path: Path) -> None:
    history = typed(path, "hello", "/password hunter2", "  /password hunter2")
    assert history.get_strings() == ["hello"]
    assert b"hunter2" not in path.read_bytes()


def test_a_password_that_an_older_client_kept_leaves_the_file(path: Path) -> None:
    old = InputHistory(path, lambda line: False)
    for line in ("hello", "/password hunter2", "goodbye"):
        old.append_string(line)
    assert b"hunter2" in path.read_bytes()
    assert opened(path).get_strings() == ["hello", "goodbye"]
    assert b"hunter2" not in path.read_bytes()


def test_a_buffer_takes_what_is_typed_to_the_file(path: Path) -> None:
    buffer = Buffer(history=opened(path), multiline=True)
    for line in ("hello", "/password hunter2", "two\nlines"):
        buffer.text = line
        buffer.reset(append_to_history=True)
    assert opened(path).get_strings() == ["hello", "two\nlines"]


def test_the_newest_are_kept_in_the_file_and_in_memory(path: Path) -> None:
    history = typed(path, *(f"line {number}" for number in range(KEPT + 10)))
    newest = [f"line {number}" for number in range(10, KEPT + 10)]
    assert history.get_strings() == newest
    assert opened(path).get_strings() == newest
    assert len(path.read_bytes().split()) == 2 * KEPT
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing is left lying about"


def test_a_file_pasted_by_mistake_is_known_until_the_program_ends(path: Path) -> None:
    slip = "x" * (LONGEST + 1)
    assert typed(path, "before", slip, "after").get_strings() == ["before", slip, "after"]
    assert opened(path).get_strings() == ["before", "after"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_read_it(path: Path) -> None:
    for _ in range(2):
        typed(path, *(f"line {number}" for number in range(KEPT)), "x")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# Broken files, full disks


@pytest.mark.parametrize("cut", range(1, 8))
def test_an_entry_that_was_cut_off_does_not_take_the_next_one_along(path: Path, cut: int) -> None:
    typed(path, "one", "two\nlines")
    os.truncate(path, path.stat().st_size - cut)
    typed(path, "three")
    assert opened(path).get_strings() == ["one", "three"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        b"\x00\xff\xfe" * 100,
        b"[" * 100_000,
        b'"open\n{"a": 1}\n[1]\n1e999\nnull\n"\\ud800"\n"\xff"\n"tab\t"\n"\\x"',
    ],
    ids=["empty", "lines", "bytes", "deep", "json"],
)
def test_a_broken_file_is_an_empty_history_that_can_be_written_again(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert typed(path, "hello").get_strings() == ["hello"]
    assert opened(path).get_strings() == ["hello"]


def test_what_cannot_be_read_or_written_is_an_empty_history(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "below"):
        assert typed(path, "hello").get_strings() == ["hello"]
        assert opened(path).get_strings() == []


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """As long as this lasts, no file of this process grows beyond so many bytes."""
    resource = pytest.importorskip("resource", reason="this system has no limits of this kind")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_silent_and_what_comes_after_it_is_kept(path: Path) -> None:
    history = typed(path, "one")
    with disk_of(path.stat().st_size + 3):
        history.append_string("two")
        history.append_string("three")
    history.append_string("four")
    assert history.get_strings() == ["one", "two", "three", "four"]
    assert opened(path).get_strings() == ["one", "four"]


def test_a_file_that_cannot_be_trimmed_stays_as_it_is(path: Path) -> None:
    typed(path, *(f"line {number}" for number in range(KEPT + 1)))
    before = path.read_bytes()
    with disk_of(100):
        assert len(opened(path).get_strings()) == KEPT
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_clients_that_share_a_file_leave_each_others_entries_whole(path: Path) -> None:
    both = [opened(path), opened(path)]
    start = threading.Barrier(len(both))

    def type_much(number: int) -> None:
        start.wait()
        for count in range(200):
            both[number].append_string(f"client {number} line {count}\n" + "x" * 5_000)

    threads = [threading.Thread(target=type_much, args=[number]) for number in range(len(both))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = opened(path).get_strings()
    for history in both:
        assert [entry for entry in together if entry in set(history.get_strings())] == history.get_strings()
    assert len(together) == 400


class Slow(InputHistory):
    """While it looks through what it has read, another client writes."""

    def _entries(self, lines: Iterable[bytes]) -> list[str]:
        InputHistory(self._path, is_secret).append_string("from elsewhere")
        return super()._entries(lines)


def test_what_another_client_writes_during_a_trim_is_not_lost(path: Path) -> None:
    typed(path, *(f"line {number}" for number in range(KEPT + 1)))
    asyncio.run(_all(Slow(path, is_secret)))
    assert opened(path).get_strings()[-1] == "from elsewhere"


# Where it is kept


ROOMS = ["lobby", "@bob", "", "好", "x" * 999]
TRICKS = ["../../etc/passwd", "a/b", "a\\b", "C:", "con", "nul.txt", "a.", "a ", "\x00\n", "\ud800", "*?<>|"]


@pytest.mark.parametrize("room", ROOMS + TRICKS, ids=ascii)
@pytest.mark.parametrize("host", ["localhost", "fe80::1%eth0", "con.example.org", "x" * 300])
def test_a_room_has_a_file_whatever_it_is_called(tmp_path: Path, host: str, room: str) -> None:
    path = path_of(tmp_path, host, 4321, room)
    assert path.parent == tmp_path
    assert path.name.isascii()
    assert path.name.replace("-", "").isalnum()
    assert path.name.startswith("input-")
    assert len(path.name) < 80
    typed(path, "hello")
    assert opened(path).get_strings() == ["hello"]


def test_each_server_and_room_has_a_file_of_its_own() -> None:
    places = [(host, port, room) for host in ("a", "b", "a-1") for port in (1, 11) for room in ("r", "@r", "r-a", "ř")]
    paths = {path_of(Path(), *place) for place in places}
    assert len(paths) == len(places)
    assert path_of(Path(), "A", 1, "LOBBY") == path_of(Path(), "a", 1, "lobby")
