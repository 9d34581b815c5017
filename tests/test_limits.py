"""A token bucket gives what its rate allows, whoever asks however often; a budget knows what waits in all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.server.budget import Budget
from chatroom.server.limits import Bucket, Caps
from tests.support.rooms import at_once


def test_a_full_bucket_gives_its_burst_at_once_and_then_nothing() -> None:
    bucket = Bucket(rate=10, burst=20, now=0)
    assert [bucket.take(15, 0), bucket.take(15, 0), bucket.take(15, 0)] == [15, 5, 0]


def test_tokens_flow_in_by_the_rate() -> None:
    bucket = Bucket(rate=10, burst=20, now=0)
    bucket.take(20, 0)
    assert [bucket.take(99, 0.05), bucket.take(99, 0.1), bucket.take(99, 0.6)] == [0, 1, 5]


def test_no_more_than_the_burst_is_kept() -> None:
    bucket = Bucket(rate=10, burst=20, now=0)
    assert bucket.take(99, 1_000) == 20
    assert bucket.take(99, 1_000_000) == 20


def test_nobody_gets_more_than_asked_for() -> None:
    bucket = Bucket(rate=10, burst=20, now=0)
    assert [bucket.take(wanted, 0) for wanted in (0, 1, 2)] == [0, 1, 2]


def test_without_a_rate_anything_is_given() -> None:
    assert Bucket(rate=0, burst=0, now=0).take(1_000_000, 0) == 1_000_000


@pytest.mark.parametrize("rate", [0.1, 0.3, 1, 3, 10, 333])
def test_after_the_time_it_names_a_token_is_there_and_not_before(rate: float) -> None:
    bucket, now = Bucket(rate, burst=max(1, 2 * rate), now=0), 0.0
    bucket.take(1_000, now)
    for _ in range(10):
        assert bucket.take(1, now) == 0
        wait = bucket.seconds_to_next()
        assert 0 < wait <= 1 / rate
        assert bucket.take(1, now + wait * 0.99) == 0
        now += wait + 1e-6
        assert bucket.take(1, now) == 1
    assert now == pytest.approx(10 / rate, rel=0.01)


def test_a_small_rate_lets_one_speak_now_and_then() -> None:
    """Though what it allows as a burst is less than one message."""
    bucket, given = Bucket(rate=0.2, burst=0.4, now=0), 0
    for now in range(1, 101):
        given += bucket.take(1, now)
    assert given == pytest.approx(20, abs=1)


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), max_size=30))
def test_no_pattern_of_asking_gets_more_than_burst_and_rate(asked: list[tuple[int, float]]) -> None:
    bucket, now, given = Bucket(rate=10, burst=20, now=0), 0.0, 0
    for wanted, pause in asked:
        now += pause
        given += bucket.take(wanted, now)
        assert given <= 20 + 10 * now + 1e-6


# What an operator may choose


def test_the_burst_is_what_two_seconds_allow_unless_it_is_chosen() -> None:
    assert Caps().bucket(0).take(99, 0) == 20
    assert Caps(rate=3).bucket(0).take(99, 0) == 6
    assert Caps(rate=3, burst=50).bucket(0).take(99, 0) == 50


def test_without_a_rate_no_burst_slows_anybody_down() -> None:
    assert Caps(rate=0, burst=1).bucket(0).take(1_000, 0) == 1_000


# What may wait in all


def test_each_may_have_its_bytes_waiting_while_there_is_memory_for_all() -> None:
    budget = Budget(each=100, total=250)
    budget.move(249)
    assert (budget.waiting, budget.bound()) == (249, 100)
    budget.move(1)
    assert (budget.waiting, budget.bound()) == (250, 0)
    budget.move(-1)
    assert budget.bound() == 100


def test_bytes_moved_by_many_threads_are_all_counted() -> None:
    budget = Budget()

    def come_and_go() -> None:
        for _ in range(2_000):
            budget.move(3)
            budget.move(-2)

    at_once(*[come_and_go] * 4)
    assert budget.waiting == 8_000
