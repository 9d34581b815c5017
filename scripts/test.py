"""Run the tests: the first run makes all that they need. Arguments go to pytest, and its exit code comes back.

Without arguments all tests run: first side by side on every core, then alone those that measure how fast or how heavy
something is, which a neighbour would disturb. Knows which tools outside Python the tests look for, and names at the end
those that are not here. Does not know the tests.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self
from xml.etree import ElementTree as ET

from _setup import advice, environment, launch, sharing, tools
from _setup.environment import Environment

INTERRUPTED = 2
"""How pytest says that somebody pressed Ctrl-C, or that it could not even collect the tests."""


class Phase(NamedTuple):
    """Some of the tests, and how they are run."""

    title: str
    arguments: tuple[str, ...]


class Count(NamedTuple):
    """How many tests there were, and what became of those that did not pass."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0

    @classmethod
    def read(cls, report: Path) -> Self:
        """What a report of pytest counts; nothing if it could not write one."""
        if not report.exists():
            return cls()
        suites = ET.parse(report).getroot().iter("testsuite")
        return cls.sum(cls(*(int(suite.get(name, 0)) for name in cls._fields)) for suite in suites)

    @classmethod
    def sum(cls, counts: Iterable[Self]) -> Self:
        """All of them together."""
        return cls(*map(sum, zip(cls(), *counts, strict=True)))


def phases(cores: int) -> tuple[Phase, ...]:
    """How all tests are run."""
    return (
        Phase("side by side", (*sharing.side_by_side(cores), "-m", "not alone")),
        Phase("one by one, those that a neighbour would disturb", (*files_with("mark.alone"), "-m", "alone")),
    )


def files_with(mark: str) -> list[str]:
    """The files in which this mark stands: to read all the others for it takes seconds."""
    return sorted(str(path) for path in Path("tests").rglob("test_*.py") if mark in path.read_text("utf-8"))


def run_all(pytest: Sequence[str], home: Environment) -> int:
    """Run every phase, say what they come to, and give back the worst exit code."""
    begun, codes, counts = time.monotonic(), [0], []
    with tempfile.TemporaryDirectory() as folder:
        for number, phase in enumerate(phases(sharing.cores()), 1):
            print(f"[*] Tests, part {number}: {phase.title}", flush=True)
            report = Path(folder, f"{number}.xml")
            codes.append(launch.run_beside([*pytest, *phase.arguments, f"--junit-xml={report}"], home))
            counts.append(Count.read(report))
            if codes[-1] == INTERRUPTED:
                break
    code = worst(codes)
    print(total(Count.sum(counts), code, time.monotonic() - begun), flush=True)
    return code


def worst(codes: Iterable[int]) -> int:
    """The code that says most clearly that something is wrong; that of a signal is negative."""
    return max(codes, key=abs)


def total(count: Count, code: int, seconds: float) -> str:
    """What all parts come to, in one line."""
    not_passed = [f", {number} {name}" for name, number in zip(count._fields[1:], count[1:], strict=True) if number]
    return f"{'[-]' if code else '[+]'} In all {count.tests} tests{''.join(not_passed)}, in {seconds:.0f} s."


def main() -> int:
    """Make the environment, run pytest in the checkout, say what was missing."""
    home = environment.prepare("test")
    facts = advice.look_around()
    if tools.may_install(facts, dict(os.environ)):
        tools.install(tools.missing())
    os.chdir(environment.ROOT)
    pytest = [home.command("python"), "-m", "pytest"]
    asked = sys.argv[1:]
    code = launch.run_beside([*pytest, *asked], home) if asked else run_all(pytest, home)
    print(tools.table(tools.missing(), facts), flush=True)
    return code


if __name__ == "__main__":
    with launch.in_plain_words():
        sys.exit(main())
