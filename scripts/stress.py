"""Try to break what the README promises, in earnest and for minutes: everything in tests/stress, in under 15 of them.

`--short` takes about two minutes; `--soak 3600` has people talk for an hour, and weighs the server. What happens
follows from a seed, which is printed; `--seed N` has it happen again. Other arguments go to pytest, and its exit code
comes back. Does not know the tests.
"""

import argparse
import os
import secrets
import sys

from _setup import environment, launch, sharing

SEEDS = 1_000_000


def options(words: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """What is asked for, and what is pytest's."""
    parser = argparse.ArgumentParser(description="Try to break the promises: kills, cut lines, full disks, fuzzing.")
    parser.add_argument("--short", action="store_true", help="the part that takes two minutes")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(SEEDS), help="of an earlier run (default: any)")
    parser.add_argument("--soak", metavar="SECONDS", type=float, help="only talk so long; does the server stay level?")
    return parser.parse_known_args(words)


def command(asked: argparse.Namespace, others: list[str]) -> list[str]:
    """What pytest is told."""
    return ["tests/stress", *sharing.side_by_side(sharing.cores()), f"--hypothesis-seed={asked.seed}", *others]


def main() -> int:
    """Make the environment, and run it in the checkout."""
    asked, others = options()
    home = environment.prepare("test")
    python = [home.command("python"), "-m"]
    os.chdir(environment.ROOT)
    if asked.soak:
        return launch.run_beside([*python, "tests.stress.soak", str(asked.soak)], home)
    length = "short" if asked.short else "long"
    os.environ.update(CHATROOM_STRESS=length, CHATROOM_SEED=str(asked.seed))
    print(f"[*] Stress, {length}, with seed {asked.seed}", flush=True)
    code = launch.run_beside([*python, "pytest", *command(asked, others)], home)
    again = " --short" if asked.short else ""
    print(f"[*] The same again: python3 scripts/stress.py{again} --seed {asked.seed}", flush=True)
    return code


if __name__ == "__main__":
    with launch.in_plain_words():
        sys.exit(main())
