"""Gives back to the system what a crowd that has gone left behind.

Knows the C library's allocator, where it has a word for that: glibc keeps the memory of every thread that ever ran.
Knows nothing of who the crowd was.
"""

import ctypes
import sys
from collections.abc import Callable

CROWD = 100
"""When so many have gone it is worth the while."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def be_frugal() -> None:
    """For a process that is a server and nothing else. Threads share a few arenas, where else many would keep their own
    for good; and what is large, as for hashing a password, comes from the system and goes back to it at once. What is
    free beside that stays for the next batch, which is built in as much as the one before."""
    if sys.platform == "linux":
        tune = getattr(ctypes.CDLL(None), "mallopt", None)
        if tune:
            tune(_TRIM_THRESHOLD, 8 << 20)
            tune(_MMAP_THRESHOLD, 1 << 20)
            tune(_ARENA_MAX, 4)


def give_back() -> None:
    """Does nothing where the C library does it by itself, or knows no way."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)


class Trimmer:
    """One thread's. Told how many there are, it sees when a crowd has gone."""

    def __init__(self, give_back: Callable[[], object] = give_back) -> None:
        self._give_back = give_back
        self._most = 0

    def look(self, number: int) -> None:
        self._most = max(self._most, number)
        if self._most - number >= max(CROWD, self._most // 2):
            self._most = number
            self._give_back()
