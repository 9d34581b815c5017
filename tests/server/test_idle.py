"""What somebody costs who is here and silent. Most of it is the stack of the connection's thread, which keeps what it
once grew to: a call that goes deep, made once by each, is paid for by all."""

import sys

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire_client import person

WARM, MANY = 50, 400
KIB = 1024


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="what a process weighs is read from /proc")
@pytest.mark.parametrize("store", [[], ["--store", "memory:"]], ids=["as it comes", "memory"])
def test_a_silent_client_costs_at_most_30_kib(store: list[str]) -> None:
    with ServerProcess(*store) as server:
        people = [person(server.port, f"p{number}", "lobby") for number in range(WARM)]
        before = server.memory()
        people += [person(server.port, f"p{number}", "lobby") for number in range(WARM, WARM + MANY)]
        cost = (server.memory() - before) / MANY
        for client in people:
            client.close()
    assert cost <= 30 * KIB
