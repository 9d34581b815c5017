"""What lies on disk: the journal of what is unsent, the session, and who may use them."""

import contextlib
import stat
import sys
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest

from chatroom.client import unsent
from chatroom.client.unsent import Shelf, folder_of
from chatroom.messages import Say

Claim = Callable[[], Shelf]


@pytest.fixture
def claim(tmp_path: Path) -> Iterator[Claim]:
    """Makes shelves in one folder, as clients that start one after the other do."""
    with contextlib.ExitStack() as stack:

        def make() -> Shelf:
            shelf = Shelf(tmp_path / "folder")
            shelf.claim()
            stack.callback(shelf.close)
            return shelf

        yield make


def say(n: int) -> Say:
    return Say(id=f"id{n}", room="lobby", message=f"löng\nstory {n}", kind="action", reply_to=n)


def journal(shelf: Shelf) -> Path:
    return shelf._path / "unsent"


def test_what_has_no_receipt_is_found_again_in_order(claim: Claim) -> None:
    shelf = claim()
    for n in range(5):
        shelf.add(say(n))
    shelf.done(["id1", "id3"])
    shelf.close()
    assert claim().unsent == [say(0), say(2), say(4)]


def test_it_is_with_the_system_at_once(claim: Claim) -> None:
    """Not in a buffer that dies with the process."""
    shelf = claim()
    shelf.add(say(1))
    assert unsent._read_journal(journal(shelf)) == [say(1)]


@pytest.mark.parametrize(
    "private",
    [
        Say(id="w", room="lobby", message="psst", to=["bob", "eve"]),
        Say(id="o", room="@bob", message="burn this", once=True),
        Say(id="n", room="lobby", message="to nobody", to=[]),
    ],
    ids=lambda say: say.id,
)
def test_for_whom_it_is_is_not_forgotten(claim: Claim, private: Say) -> None:
    """Else a whisper would be for all, after a restart."""
    shelf = claim()
    shelf.add(private)
    shelf.close()
    assert claim().unsent == [private]


@pytest.mark.parametrize("more", ["", ',"kind":"text","reply_to":null', ',"mood":"what only later versions know"'])
def test_what_another_version_left_is_read(claim: Claim, more: str) -> None:
    shelf = claim()
    shelf.close()
    line = f'+{{"type":"say","id":"id1","room":"lobby","message":"hello"{more}}}\n'
    journal(shelf).write_text(line, "utf-8")
    assert claim().unsent == [Say(id="id1", room="lobby", message="hello")]


@pytest.mark.parametrize("cut", range(2, 30, 7))
def test_a_last_line_that_a_crash_cut_off_is_skipped(claim: Claim, cut: int) -> None:
    shelf = claim()
    shelf.add(say(1))
    shelf.add(say(2))
    shelf.close()
    journal(shelf).write_bytes(journal(shelf).read_bytes()[:-cut])
    again = claim()
    assert again.unsent == [say(1)]
    again.add(say(3))
    again.close()
    assert claim().unsent == [say(1), say(3)]


@pytest.mark.parametrize(
    "rubbish", [b"\0" * 100, b"+{}\n", b"?\n\n-\n", b"-\xff\xfe\n", b'+{"type":"bye"}\n', b"+\xff\n"]
)
def test_rubbish_costs_nothing_else(claim: Claim, rubbish: bytes) -> None:
    shelf = claim()
    shelf.add(say(1))
    shelf.close()
    content = journal(shelf).read_bytes()
    journal(shelf).write_bytes(rubbish + b"\n" + content)
    assert claim().unsent == [say(1)]


def test_the_journal_is_compacted_at_the_start(claim: Claim) -> None:
    shelf = claim()
    for n in range(100):
        shelf.add(say(n))
    shelf.done([f"id{n}" for n in range(99)])
    large = journal(shelf).stat().st_size
    shelf.close()
    assert claim().unsent == [say(99)]
    assert journal(shelf).stat().st_size < large / 50


def test_the_journal_of_a_long_life_does_not_grow(claim: Claim) -> None:
    shelf = claim()
    for n in range(5_000):
        shelf.add(say(n))
        shelf.done([f"id{n}"])
    assert journal(shelf).stat().st_size <= unsent.SLACK + 1_000
    shelf.add(say(1))
    shelf.close()
    assert claim().unsent == [say(1)]


def test_what_is_unsent_is_not_cut_off_with_the_rest(claim: Claim) -> None:
    shelf = claim()
    shelf.add(say(0))
    for n in range(1, 2_000):
        shelf.add(say(n))
        shelf.done([f"id{n}"])
    shelf.close()
    assert claim().unsent == [say(0)]


def test_half_a_line_on_a_full_disk_does_not_spoil_the_next(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = claim()
    shelf.add(say(1))
    with monkeypatch.context() as full, journal(shelf).open("ab", buffering=0) as file:
        full.setattr(shelf, "_journal", HalfFull(file))
        with pytest.raises(OSError, match="No space left"):
            shelf.add(say(2))
    shelf.add(say(3))
    shelf.close()
    assert claim().unsent == [say(1), say(3)]


class HalfFull:
    """A file on a disk that takes ten bytes more."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data[:10])


# ------------------------------------------------------------------------------------------------- one at a time


def test_a_second_client_gets_a_shelf_of_its_own(claim: Claim) -> None:
    first = claim()
    first.remember("secret")
    first.add(say(1))
    second = claim()
    assert (second.session, second.unsent) == (None, [])
    assert second._path != first._path


def test_a_shelf_is_free_again_when_it_is_closed(claim: Claim) -> None:
    first = claim()
    first.close()
    assert claim()._path == first._path


def test_what_the_second_left_is_found_by_who_starts_next(claim: Claim) -> None:
    first, second = claim(), claim()
    second.remember("second")
    second.add(say(2))
    first.close()
    second.close()
    third = claim()
    assert (third.unsent, third.session) == ([say(2)], "second")
    assert claim()._path == first._path  # which was not kept from anybody
    third.done(["id2"])


def test_what_both_left_is_found_one_after_the_other(claim: Claim) -> None:
    for n, shelf in enumerate([claim(), claim()]):
        shelf.add(say(n))
        shelf.close()
    assert [claim().unsent, claim().unsent] == [[say(0)], [say(1)]]


# ------------------------------------------------------------------------------------------------------ the session


def test_the_session_is_remembered_and_secret(claim: Claim) -> None:
    shelf = claim()
    shelf.remember("old")
    shelf.remember("secret")
    shelf.close()
    again = claim()
    assert again.session == "secret"
    if sys.platform != "win32":
        assert all(stat.S_IMODE((shelf._path / name).stat().st_mode) == 0o600 for name in ("session", "unsent"))
        assert stat.S_IMODE(shelf._path.stat().st_mode) == 0o700
    again.remember(None)
    again.close()
    assert claim().session is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"  \n"])
def test_a_damaged_session_is_none(claim: Claim, content: bytes) -> None:
    shelf = claim()
    shelf.close()
    (shelf._path / "session").write_bytes(content)
    assert claim().session is None


# -------------------------------------------------------------------------------------------------------- the folder


@pytest.mark.parametrize("name", ["ada", "..", "a/b", "a\0b", "con", "Ünï\ud83d", "x" * 300, "", "名前"])
def test_any_name_makes_a_safe_folder(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path, f"host{name}", 5002, name)
    assert folder.parent == tmp_path
    assert folder.name.isascii()
    assert len(folder.name) < 64
    assert not set('/\\:*?"<>|\0 ') & set(folder.name)
    folder.mkdir()


def test_each_server_and_name_has_its_own_folder(tmp_path: Path) -> None:
    who = [("a", 1, "x"), ("b", 1, "x"), ("a", 2, "x"), ("a", 1, "y"), ("a", 11, ""), ("a:1", 1, "")]
    assert len({folder_of(tmp_path, *each) for each in who}) == len(who)
    assert folder_of(tmp_path, "HOST", 1, "Ada") == folder_of(tmp_path, "host", 1, "ada")
