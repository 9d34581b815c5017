"""A whole server, spoken to by strangers and by people whose requests went wrong on the way, over TLS and plainly: it
says nothing but what is documented, serves the others, and holds no more afterwards than before.

Everything follows from the seed. What a server does is judged from outside: its answers, its log, what /proc says.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire_client import Closed, Event, WireClient, framed, person, texts_of
from tests.stress.mutating import REQUESTS, chopped, mutated, twisted
from tests.stress.scale import SEED, scaled
from tests.test_protocol_document import names, tables

if sys.platform != "linux":
    pytest.skip("what a process holds is read from /proc", allow_module_level=True)

ROUNDS, EACH = scaled(4, 20), scaled(150, 300)
"""So many rounds, each of so many connections."""

GROWTH = 12 << 20
"""So much more may be held after all rounds than after the first one."""

OPENED_LATE = 4
"""Files that SQLite opens when it first needs them."""

DOCUMENTED = {names(code)[0]: fatal for code, fatal, *_ in tables("Errors")[0]}
"""The errors that there are, and when they are fatal."""

PATIENCE = 30.0
EXAMPLES = tuple(framed(json.dumps(request).encode()) for request in REQUESTS)


def what_is_sent(random: Random) -> bytes:
    """Frames whose bodies went wrong, or bytes that are hardly frames any more."""
    if random.random() < 0.7:
        return b"".join(framed(twisted(random, random.choice(REQUESTS)) or b" ") for _ in range(random.randrange(1, 8)))
    return b"".join(mutated(random, EXAMPLES) for _ in range(random.randrange(1, 8)))


def misbehave(port: int, random: Random) -> list[Event]:
    """One connection; what it was answered."""
    heard: list[Event] = []
    with suppress(Closed, OSError), WireClient(port, tls=random.random() < 0.5) as client:
        if random.random() < 0.7:
            heard.append(client.hello(f"fuzz{random.getrandbits(40)}"))
            heard += client.join("lobby")
        for piece in chopped(random, what_is_sent(random)):
            client.send_bytes(piece)
        client.send("ping")
        heard += client.until(lambda event: event["type"] == "pong", patience=0.5)
    return heard


def judge(heard: list[Event]) -> None:
    """Every error is one of the protocol's, and is fatal where it says so."""
    for event in heard:
        if event["type"] == "error":
            assert not event["fatal"] or DOCUMENTED[event["code"]].startswith("yes")
            assert event["code"] in DOCUMENTED
            assert event["text"].isprintable()


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """On leaving, what it printed is looked through for a trace of a fault."""
    options = ("--rate", "off", "--log-level", "debug", "--per-address", "1000")
    with ServerProcess("--data", str(tmp_path / "data"), *options) as server:
        yield server


def test_whatever_is_sent_the_server_lives_and_others_talk(server: ServerProcess) -> None:
    random = Random(SEED)
    ada, bob = (person(server.port, name, "lobby") for name in ("ada", "bob"))
    threads, memory, descriptors = server.threads(), 0, 0
    for number in range(ROUNDS):
        for _ in range(EACH):
            judge(misbehave(server.port, random))
        text = f"still here after round {number}"
        ada.say("lobby", text)
        assert text in texts_of(bob.settled()), f"seed {SEED}"
        wait_until(lambda: server.threads() <= threads)
        memory, descriptors = memory or server.memory(), descriptors or server.descriptors()
    assert server.descriptors() <= descriptors + OPENED_LATE, f"seed {SEED}"
    assert server.memory() - memory < GROWTH, f"seed {SEED}"
    assert not [line for line in server.stdout.lines if "Something went wrong" in line], f"seed {SEED}"
