"""Thousands whose lines all break in the same moment, as when a switch goes off."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

if sys.platform != "linux":
    pytest.skip("limits of descriptors are raised as on Linux", allow_module_level=True)

from tests.server.processes import ROOT, ServerProcess, environment
from tests.server.wire_client import WireClient, person
from tests.stress.crowd import COMPANY
from tests.stress.scale import scaled

NUMBER = scaled(500, 10_000)
SECONDS = 15
"""Two are enough, on two cores. When each that waited for the interpreter knocked at its door every 5 ms, it was up to
a minute."""

WIDE = ("--store", "memory:", "--rate", "off", "--max-clients", str(NUMBER + 100), "--per-address", str(NUMBER + 100))


@contextmanager
def crowd(server: ServerProcess) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.stress.crowd", str(server.port), str(NUMBER)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment()) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == f"{NUMBER} are in\n"
            yield process
        finally:
            process.kill()


def rooms(witness: WireClient) -> int:
    return len(witness.ask("rooms")["rooms"])


def test_a_crowd_whose_lines_all_break_at_once_is_gone_soon_and_leaves_no_room_behind() -> None:
    with ServerProcess(*WIDE) as server:
        witness = person(server.port, "witness", "lobby")
        with crowd(server) as holder:
            assert rooms(witness) > NUMBER // COMPANY
            holder.kill()
            broken = time.monotonic()
            while rooms(witness) > 1:
                assert time.monotonic() < broken + SECONDS
        witness.say("lobby", "what was that?")
        witness.close()
