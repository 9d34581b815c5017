"""What an owner said, as the store in memory remembers it for ever: the ids, their numbers, and hashes of the texts.

Knows ids and numbers. Knows no texts and no locks.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import lt

from msgspec import Struct, json

packed = json.Encoder().encode
unpacked = json.Decoder(list[str]).decode


class Run(Struct, frozen=True, gc=False):
    """What was said in one go. What is kept of it are a few plain pieces of memory, however much it was: nothing that
    the garbage collector must visit, and not one object for each id."""

    room: int
    first: int
    time: int
    ids: bytes
    """As JSON."""
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

    def add(self, room: int, first: int, time: int, texts: Iterable[str], ids: Sequence[str]) -> Run | None:
        """What was said in one go, if not one of its ids was known, nor comes twice in it; else nothing is added."""
        run = Run(room, first, time, packed(ids), array("q", [*map(hash, texts)]))  # out of a list is quicker
        if ids[0] > self._greatest and ascend(ids):
            self._runs.append(run)
            self._beginnings.append(ids[0])
            self._greatest = ids[-1]
            return run
        new = dict.fromkeys(ids, run)
        if len(new) < len(ids) or any(map(self.find, ids)):
            return None
        self._strays.update(new)
        self._greatest = max(self._greatest, *ids)
        return run

    def find(self, id: str) -> tuple[Run, int] | None:
        """The run that has this id, and its place there."""
        place = bisect_right(self._beginnings, id) - 1
        run = self._strays.get(id) or (self._runs[place] if place >= 0 else None)
        if not run or packed(id) not in run.ids:  # nearly all that is looked for is new, and this is quickly seen
            return None
        ids = unpacked(run.ids)
        return (run, ids.index(id)) if id in ids else None


def ascend(ids: Sequence[str]) -> bool:
    """Whether each is greater than the one before: so none comes twice."""
    return all(map(lt, ids, islice(ids, 1, None)))
