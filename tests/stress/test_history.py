"""Whatever breaks, the promises hold: people talk while everything that can happen to them happens, and in the end what
each of them lived through is held against what the store has. And each way to break a promise is found by that."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

if sys.platform != "linux":
    pytest.skip("limits of another process are Linux's", allow_module_level=True)

from tests.stress.broken_server import MUTATIONS
from tests.stress.checker import ONCE, ORDER, PRIVATE, RECEIPT, Violation
from tests.stress.faults import FAULTS, plan
from tests.stress.office import Office, Size
from tests.stress.scale import SEED, scaled

ROUNDS = scaled(1, 2)
"""How often each fault happens."""

MOST_SHOWN = 10


@contextmanager
def telling(seed: int, done: list[str]) -> Iterator[None]:
    """By which seed the same can be had again."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"Again: python3 scripts/stress.py{scaled(' --short', '')} --seed {SEED} (here: {seed})")
        error.add_note(f"Up to then: {', '.join(done)}")
        raise


def in_lines(found: list[Violation]) -> str:
    return "\n".join(f"promise {promise}, {name}: {what}" for promise, name, what in found[:MOST_SHOWN])


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
def test_whatever_breaks_the_promises_hold(tmp_path: Path, tls: bool) -> None:
    seed = 2 * SEED + tls
    done: list[str] = []
    with telling(seed, done), Office(tmp_path, seed, Size(), tls=tls) as office:
        for number, name in enumerate(plan(seed, ROUNDS)):
            done.append(name)
            FAULTS[name](office, Random(f"{seed} {number}"))
            office.pulse.wait_for_more(20)
        found = office.judge()
        assert not found, f"{len(found)} violations\n{in_lines(found)}"


def test_the_same_seed_is_the_same_plan() -> None:
    assert plan(SEED, 3) == plan(SEED, 3)
    assert set(plan(SEED, 1)) == set(FAULTS)


BROKEN = {
    "drops": ORDER,
    "repeats": ONCE,
    "swaps": ORDER,
    "garbles": RECEIPT,
    "leaks": PRIVATE,
    "tells_of_direct_rooms": PRIVATE,
    "forgets": RECEIPT,
    "stores_later": RECEIPT,
}
KILLS = 3
"""What a kill takes away is luck: it may be that all had just been committed."""


def broken_promises(folder: Path, how: str) -> set[int]:
    """Of a short run, in which the server is killed a few times."""
    with Office(folder, SEED, Size(library=2, wire=3, apart=0, breath=0.05), how=how, tls=False) as office:
        for _ in range(KILLS):
            office.pulse.wait_for_more(100)
            office.kill_server()
            office.restart_server()
        office.pulse.wait_for_more(20)
        return {violation.promise for violation in office.judge(patience=10)}


@pytest.mark.parametrize("how", BROKEN)
def test_a_server_that_breaks_a_promise_is_found_out(tmp_path: Path, how: str) -> None:
    with telling(SEED, [how]):
        assert BROKEN[how] in broken_promises(tmp_path, how)


def test_a_server_that_breaks_none_is_not(tmp_path: Path) -> None:
    with telling(SEED, []):
        assert not broken_promises(tmp_path, "unbroken")


def test_every_way_to_break_one_is_tried() -> None:
    assert set(BROKEN) == MUTATIONS.keys() - {"unbroken"}
