"""What the doctor's observations of a network mean, as tables."""

import pytest

from chatroom.client import checks
from chatroom.client.checks import Attempt

SYSTEMS = ("linux", "darwin", "win32")


def test_addresses_are_told_but_not_a_hundred() -> None:
    assert checks.found("nas", ["10.0.0.1", "10.0.0.2"]).text == "nas is 10.0.0.1, 10.0.0.2."
    assert checks.found("nas", [f"10.0.0.{n}" for n in range(100)]).text.endswith("10.0.0.3 and 96 more.")


def test_only_a_silent_address_before_the_one_that_works_is_a_fault() -> None:
    works = Attempt("10.0.0.1", 3)
    silent, refused = Attempt("10.0.0.2", 0, TimeoutError()), Attempt("10.0.0.3", 0, ConnectionRefusedError())
    first, second, third = checks.connections([silent, works, silent], 5002, "linux")
    assert not first.is_well
    assert "`--host 10.0.0.1`" in first.advice
    assert second.text == "10.0.0.1 port 5002 is connected to in 3.0 ms."
    assert third.is_well
    assert all(finding.is_well for finding in checks.connections([refused, works, refused], 5002, "linux"))
    assert not any(finding.is_well for finding in checks.connections([silent, refused], 5002, "linux"))


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (TimeoutError(), "does not answer"),
        (ConnectionRefusedError(), "refuses"),
        (PermissionError(), "may not be connected to"),
        (OSError(next(iter(checks.UNREACHABLE)), "x"), "cannot be reached"),
        (ConnectionResetError(), "breaks off"),
        (OverflowError(), "breaks off"),
    ],
)
@pytest.mark.parametrize("system", SYSTEMS)
def test_each_problem_of_a_connection_has_a_cause_on_each_system(problem: Exception, said: str, system: str) -> None:
    (finding,) = checks.connections([Attempt("10.0.0.1", 0, problem)], 5002, system)
    assert said in finding.text
    assert "`" in finding.advice
    assert "{" not in finding.advice


def test_a_second_connection_that_fails_is_told() -> None:
    finding = checks.no_second_connection(TimeoutError(), 5002, "linux", "10.0.0.1")
    assert not finding.is_well
    assert "10.0.0.1 port 5002 does not answer" in finding.text


@pytest.mark.parametrize(
    ("ms", "is_well", "said"),
    [
        (0.04, True, "takes 0.0 ms: good."),
        (49.6, True, "takes 50 ms: good."),
        (50, True, "takes 50 ms: good enough."),
        (300, True, "takes 300 ms: good enough."),
        (301, False, "takes 301 ms: what you say is seen late."),
        (None, False, "answered once, and then no more"),
    ],
)
def test_a_round_trip_is_judged(ms: float | None, is_well: bool, said: str) -> None:
    finding = checks.round_trip(ms, "10.0.0.1")
    assert finding.is_well == is_well
    assert said in finding.text
    assert bool(finding.advice) != is_well


@pytest.mark.parametrize(("system", "command"), [*zip(SYSTEMS, ("timedatectl", "sntp", "w32tm"), strict=True)])
def test_a_clock_is_set_by_the_systems_own_command(system: str, command: str) -> None:
    assert command in checks.clock(10**6, system).advice
    assert checks.clock(10**6, "freebsd14").advice == checks.clock(10**6, "linux").advice
