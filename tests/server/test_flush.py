"""What system calls show and kills cannot: with `--durability power` the log is flushed before anybody sees a message.

strace must be there on Linux; scripts/test.py says what installs it.
"""

import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire_client import WireClient

if sys.platform != "linux":
    pytest.skip("strace is Linux's", allow_module_level=True)

SPEAKERS = 3
EACH = 25

_ID = re.compile(r'\\"id\\":\s*\\"(flush-[0-9]+-[0-9]+)\\"')
_LINE = re.compile(r"(?P<thread>[0-9]+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\()(?P<rest>.*)")


class Call(NamedTuple):
    """A system call: the lines at which it began and ended, and all that was printed of it."""

    name: str
    began: int
    ended: int
    text: str


def calls_of(trace: Path) -> Iterator[Call]:
    """The calls of all threads. The lines stand in the order in which things happened."""
    open_calls: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        match = _LINE.match(line)
        if not match:
            continue
        thread, rest = match["thread"], match["rest"]
        if match["resumed"]:
            began, text = open_calls.pop(thread)
            yield Call(match["resumed"], began, number, text + rest)
        elif rest.endswith("<unfinished ...>"):
            open_calls[thread] = (number, rest)
        else:
            yield Call(match["call"], number, number, rest)


def traced(tmp_path: Path, durability: str) -> list[Call]:
    """A few people speak at the same time; every call of the server that matters."""
    strace = shutil.which("strace")
    assert strace, "strace is not installed: without it nobody can tell whether receipts wait for the disk"
    trace = tmp_path / "trace"
    wrapper = (
        strace, "-D", "-f", "-y", "-s", "8192", "-e", "signal=none", "-o", str(trace),
        "-e", "trace=recvfrom,recvmsg,read,sendto,sendmsg,write,writev,fsync,fdatasync,sync_file_range",
    )  # fmt: skip
    arguments = ("--data", str(tmp_path / "data"), "--durability", durability, "--rate", "off")
    with ServerProcess(*arguments, wrapper=wrapper) as server:
        threads = [threading.Thread(target=speak, args=(server.port, n)) for n in range(SPEAKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return list(calls_of(trace))


def speak(port: int, number: int) -> None:
    with WireClient(port) as client:
        client.hello(f"speaker{number}")
        client.join("lobby")
        for n in range(EACH):
            client.say("lobby", f"words of {number}", f"flush-{number}-{n}")


def unflushed(calls: list[Call]) -> set[str]:
    """The ids that were sent to anybody without a flush of the log that began after their arrival and had ended."""
    arrivals: dict[str, int] = {}
    departures: dict[str, int] = {}
    for call in calls:
        for id in _ID.findall(call.text):
            if call.name in ("recvfrom", "recvmsg", "read"):
                arrivals.setdefault(id, call.ended)
            elif call.name in ("sendto", "sendmsg", "write", "writev") and "-wal>" not in call.text:
                departures[id] = min(call.began, departures.get(id, call.began))
    assert len(arrivals) == len(departures) == SPEAKERS * EACH
    flushes = [call for call in calls if is_flush(call)]
    return {
        id
        for id in arrivals
        if not any(arrivals[id] < flush.began and flush.ended < departures[id] for flush in flushes)
    }


def is_flush(call: Call) -> bool:
    return call.name in ("fsync", "fdatasync") and "-wal>" in call.text and call.text.rstrip().endswith("= 0")


def test_every_message_is_flushed_to_the_disk_between_its_arrival_and_its_showing(tmp_path: Path) -> None:
    assert unflushed(traced(tmp_path, "power")) == set()


def test_durability_process_leaves_the_flush_out_and_this_trace_can_tell(tmp_path: Path) -> None:
    assert len(unflushed(traced(tmp_path, "process"))) > SPEAKERS * EACH / 2
