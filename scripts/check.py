"""Check the source without running it: ruff's rules, its formatting, and mypy --strict for each system.

Knows which checks there are; their settings stand in pyproject.toml. Does not know the source.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from _setup import environment, launch
from _setup.environment import Environment

PARTS = ("chatroom", "scripts", "tests")
PLATFORMS = ("linux", "win32", "darwin")


class Check(NamedTuple):
    """One check: its name for people and the module with its arguments."""

    name: str
    arguments: tuple[str, ...]


def mypy(platform: str) -> Check:
    """The types as one platform sees them; each has a cache of its own, so that they can run at once."""
    flags = ("--strict", f"--platform={platform}", f"--cache-dir=.mypy_cache/{platform}", "--no-error-summary")
    return Check(f"mypy --strict for {platform}", ("mypy", *flags, *PARTS))


CHECKS = (
    Check("ruff check", ("ruff", "check", "--quiet", *PARTS)),
    Check("ruff format", ("ruff", "format", "--check", "--quiet", "--diff", *PARTS)),
    *map(mypy, PLATFORMS),
)


def run(check: Check, home: Environment) -> subprocess.CompletedProcess[str]:
    """Run one check and keep what it says."""
    return subprocess.run(
        [home.command("python"), "-m", *check.arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=environment.variables(home),
        check=False,
    )


def report(check: Check, result: subprocess.CompletedProcess[str]) -> bool:
    """Say how one check ended; True if all is well."""
    passed = result.returncode == 0
    print("[+]" if passed else "[-]", check.name, flush=True)
    if not passed:
        print(result.stdout, flush=True)
    return passed


def main() -> int:
    """Run every check, all at once, and report them in their order."""
    home = environment.prepare("test")
    os.chdir(environment.ROOT)
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda check: run(check, home), CHECKS)
        passed = [report(check, result) for check, result in zip(CHECKS, results, strict=True)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    with launch.in_plain_words():
        sys.exit(main())
