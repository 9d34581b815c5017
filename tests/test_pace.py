"""How often waiting threads knock at the interpreter's door."""

import sys
from collections.abc import Iterator

import pytest

import chatroom
from chatroom.server.pace import Pace


@pytest.fixture(autouse=True)
def usual() -> Iterator[float]:
    before = sys.getswitchinterval()
    yield before
    sys.setswitchinterval(before)


def test_a_few_knock_as_often_as_ever_and_of_a_crowd_each_more_seldom(usual: float) -> None:
    pace = Pace()
    pace.keep(10)
    assert sys.getswitchinterval() == pytest.approx(usual)
    pace.keep(1_000)
    assert sys.getswitchinterval() == pytest.approx(0.05)
    pace.keep(10_000)
    assert sys.getswitchinterval() == pytest.approx(0.5)
    pace.keep(0)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_a_server_that_has_ended_leaves_it_as_it_was(usual: float) -> None:
    with chatroom.Server(port=0, store="memory:") as server:
        server._pace.keep(10_000)
    assert sys.getswitchinterval() == pytest.approx(usual)
