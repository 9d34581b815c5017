"""The soak, for seconds; and that it would see what grows."""

import sys

import pytest

from tests.stress.scale import scaled
from tests.stress.soak import Sample, is_level, soak

if sys.platform != "linux":
    pytest.skip("what a process holds is read from /proc", allow_module_level=True)

LEVEL = Sample(memory=50 << 20, threads=20, descriptors=30)


@pytest.mark.parametrize("what", Sample._fields)
def test_what_grows_all_the_time_is_seen(what: str) -> None:
    step = {"memory": 1 << 20, "threads": 1, "descriptors": 1}[what]
    growing = [LEVEL._replace(**{what: getattr(LEVEL, what) + step * n}) for n in range(60)]
    assert not is_level(growing)


def test_what_grows_at_first_and_then_goes_up_and_down_is_level() -> None:
    warm = [LEVEL._replace(memory=n << 20) for n in range(20)]
    assert is_level([*warm, *[LEVEL._replace(threads=20 + n % 2, memory=(49 + n % 3) << 20) for n in range(40)]])


def test_a_server_on_which_people_talk_come_and_go_is_level_and_loses_nothing() -> None:
    assert soak(scaled(20, 120)) == []
