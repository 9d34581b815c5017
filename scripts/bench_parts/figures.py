"""Counting, and the arithmetic of the results. Knows bytes and numbers; no sockets, no clock, no server."""

import math
import re
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

STAMP = re.compile(rb"@(\d{20})@")
STAMP_LENGTH = 22
FILLING = "pack my box with five dozen jugs " + "all work and no play " * 20
LONGEST_HEAD = 24  # characters before the filling of a text
BEST_MARKER = 24  # characters: a longer or a shorter one is searched for more slowly


class Counter:
    """Counts a marker in many streams through one shared buffer; a marker cut by a chunk's end counts once.

    Each stream carries its last ``len(marker) - 1`` bytes from chunk to chunk, laid before the next chunk. That tail
    is too short to hold a whole marker, so nothing counts twice. The marker must not overlap itself.
    """

    def __init__(self, marker: bytes, size: int = 256 * 1024) -> None:
        self.marker = marker
        self.margin = len(marker) - 1
        self.buffer = bytearray(self.margin + size)
        self.room = memoryview(self.buffer)[self.margin :]
        self.blank = bytearray(self.margin)

    def count(self, tail: bytearray, size: int) -> tuple[int, bytearray]:
        """How many markers end in the ``size`` bytes just put in ``room``, and the tail to give for the next ones."""
        buffer, margin = self.buffer, self.margin
        buffer[:margin] = tail
        return buffer.count(self.marker, 0, margin + size), buffer[size : margin + size]


class Stamps:
    """Finds send times (``@`` 20 digits ``@``) in one stream and keeps how long each message took, in seconds."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._tail = b""

    def hear(self, chunk: bytes, now: int) -> None:
        data = self._tail + chunk
        self.delays += [(now - int(stamp)) / 1e9 for stamp in STAMP.findall(data)]
        self._tail = data[1 - STAMP_LENGTH :]


class Heard(NamedTuple):
    """One message as the witness read it; ``seq`` is 0 where the protocol has no numbers."""

    seq: int
    text: str


def text_of(sender: int, blob: str, place: int, size: int) -> str:
    """A message of the flood: who, which blob, which place in it, and filling up to ``size``."""
    return f"{sender:04d} {blob} {place:03d} {FILLING}"[:size]


def stamped(sent: int, size: int) -> str:
    """A message that says when it was sent, in nanoseconds, with filling up to ``size``."""
    return f"@{sent:020d}@ {FILLING}"[:size]


def marker_of(size: int) -> bytes:
    """What occurs once in every text of this size, and in nothing else that a server says.

    It is the beginning of the filling, so that counting costs the same whatever words a protocol wraps a text in.
    """
    return FILLING[: min(BEST_MARKER, size - LONGEST_HEAD)].encode()


def flaw(heard: Iterable[Heard], burst: int) -> str:
    """What is wrong with a flood as one witness heard it, from its first message on: "" if nothing is.

    The room's numbers must be 1, 2, 3 ... where there are any, and each sender's messages 0, 1, 2 ... in order: a
    message's place in its sender's flood is its blob's number * ``burst`` + its place in the blob.
    """
    nexts: dict[str, int] = {}
    for number, (seq, text) in enumerate(heard, 1):
        sender, blob, place, _ = text.split(" ", 3)
        ordinal = int(blob) * burst + int(place)
        expected = nexts.get(sender, 0)
        if ordinal != expected:
            return f"sender {sender}: message {ordinal} came where {expected} was due"
        if seq not in (0, number):
            return f"seq {seq} came where {number} was due"
        nexts[sender] = expected + 1
    return ""


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of the ordered values that at least ``share`` of them do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratios(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float]:
    """Ours to theirs, round by round, where both were measured."""
    return [a / b for a, b in zip(ours, theirs, strict=True) if a is not None and b]


def middle(values: Sequence[float | None]) -> float | None:
    """The median of what was measured."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
