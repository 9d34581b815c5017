"""Whether the computer slept, told from two clocks of which neither is to be trusted alone."""

import pytest

from chatroom.client.clock import ASLEEP_SECONDS, LOOK_SECONDS, Moment, Watch, now

START = Moment(100.0, 1_000_000.0)


@pytest.mark.parametrize(
    ("monotonic", "wall", "slept"),
    [
        (0, 0, False),
        (LOOK_SECONDS, LOOK_SECONDS, False),
        (ASLEEP_SECONDS, ASLEEP_SECONDS, False),
        (LOOK_SECONDS, 3_600, True),
        (3_600, 3_600, True),
        (3_600, -3_600, True),
        (LOOK_SECONDS, -3_600, False),
    ],
)
def test_a_clock_that_went_on_far_means_sleep(monotonic: float, wall: float, slept: bool) -> None:
    moments = iter([START, Moment(START.monotonic + monotonic, START.wall + wall)])
    assert Watch(moments.__next__).asleep_since() == (START if slept else None)


def test_each_look_counts_from_the_one_before() -> None:
    moments = iter([Moment(START.monotonic + n, START.wall + n) for n in (0, 10, 20, 60, 70)])
    watch = Watch(moments.__next__)
    assert [watch.asleep_since() is not None for _ in range(4)] == [False, False, True, False]


def test_the_computers_own_clock_goes_on() -> None:
    first, second = now(), now()
    assert second.monotonic >= first.monotonic
    assert 0 <= first.until(second) < ASLEEP_SECONDS
