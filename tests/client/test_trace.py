"""The log for stack traces: what stands in it, who may read it, and how long it gets."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from chatroom.client import trace
from chatroom.client.trace import Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "some" / "folder" / "client.log")


def fault() -> Exception:
    """An error with a cause, as it would be caught."""
    try:
        try:
            _divide("terces"[::-1])
        except ZeroDivisionError as error:
            raise KeyError("room") from error
    except KeyError as error:
        return error
    raise AssertionError


def _divide(said: str) -> float:
    return 1 / 0


def test_it_says_where_it_went_wrong_and_what_was_first(log: Log) -> None:
    log.keep(fault())
    text = log.path.read_text("utf-8")
    assert text.index("in _divide") < text.index("ZeroDivisionError") < text.index("KeyError: 'room'")
    assert (log.is_needed, log.is_kept) == (True, True)


def test_no_value_of_a_variable_is_written_down(log: Log) -> None:
    log.keep(fault())
    assert "secret" not in log.path.read_text("utf-8")


def test_what_was_there_stays_until_it_is_long(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.keep(fault())
    length = log.path.stat().st_size
    log.keep(fault())
    assert log.path.stat().st_size == 2 * length
    monkeypatch.setattr(trace, "LONGEST", 2 * length)
    log.keep(fault())
    assert log.path.stat().st_size == length


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a user's folders to the user by itself")
def test_nobody_else_may_read_it(log: Log) -> None:
    before = os.umask(0)
    try:
        log.keep(fault())
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_no_other_error(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.keep(fault())
    assert (log.is_needed, log.is_kept) == (True, False)


def test_what_goes_wrong_in_threads_is_kept_and_printed_nowhere(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    def run() -> None:
        raise fault()

    before = threading.excepthook
    with log.of_threads():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert "in _divide" in log.path.read_text("utf-8")
    assert capfd.readouterr() == ("", "")
    assert threading.excepthook is before


def test_a_thread_that_ends_itself_is_no_fault(log: Log) -> None:
    with log.of_threads():
        thread = threading.Thread(target=sys.exit)
        thread.start()
        thread.join()
    assert not log.is_needed


def test_it_has_a_place_of_the_system() -> None:
    assert trace.default_file().name == "client.log"
    assert "chatroom" in str(trace.default_file())
