"""What an owner said, as the store in memory remembers it for ever: the ids, their numbers, and hashes of the texts.

Knows ids and numbers. Knows no texts and no locks.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice
from operator import lt

from msgspec import Struct


class Run(Struct, frozen=True, gc=False):
    """What was said in one go. Its ids share it, so that what is kept of a message is little beside its id, and
    nothing that the garbage collector must visit."""

    room: int
    first: int
    time: int
    ids: tuple[str, ...]
    hashes: "array[int]"
    """Of the texts."""


class Spoken:
    """All that one owner said.

    Clients count upwards, so nearly every run begins after all that was said before: that is seen by comparing it
    with one id, however many there are. Only what comes in another order stands in a table.
    """

    __slots__ = ("_beginnings", "_greatest", "_runs", "_strays")

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._beginnings: list[str] = []
        """Of each run its first id, in the same order; both ascend."""
        self._strays: dict[str, Run] = {}
        self._greatest = ""
        """Of all ids; not one is empty."""

    def add(self, run: Run) -> bool:
        """Whether not one of its ids was known, nor comes twice in it; else nothing is added."""
        ids = run.ids
        if ids[0] > self._greatest and ascend(ids):
            self._runs.append(run)
            self._beginnings.append(ids[0])
            self._greatest = ids[-1]
            return True
        new = dict.fromkeys(ids, run)
        if len(new) < len(ids) or any(map(self.find, ids)):
            return False
        self._strays.update(new)
        self._greatest = max(self._greatest, *ids)
        return True

    def find(self, id: str) -> Run | None:
        """The run that has this id."""
        if stray := self._strays.get(id):
            return stray
        place = bisect_right(self._beginnings, id) - 1
        return self._runs[place] if place >= 0 and _has(self._runs[place].ids, id) else None


def ascend(ids: Sequence[str]) -> bool:
    """Whether each is greater than the one before: so none comes twice."""
    return all(map(lt, ids, islice(ids, 1, None)))


def _has(ascending: Sequence[str], id: str) -> bool:
    place = bisect_left(ascending, id)
    return place < len(ascending) and ascending[place] == id
