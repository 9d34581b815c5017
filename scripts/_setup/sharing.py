"""How tests are shared among the cores. Knows what to tell pytest; knows no tests."""

import os

WAITING = 2
"""So many more tests at once than there are cores: many wait, for a process to start, a disk, or somebody to speak."""


def cores() -> int:
    return os.cpu_count() or 1


def side_by_side(number: int) -> tuple[str, ...]:
    """Options for pytest, on so many cores."""
    return ("-n", str(number + WAITING), "--dist", "worksteal")
