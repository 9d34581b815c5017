"""What one person lived through, a fact a line, in a file that outlives whoever writes it: a kill cuts off one line at
most, and what stood in that was not lived through.

Knows facts, and what follows from them of where one is in each room. Knows nothing of clients, servers or promises.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct


class Fact(Struct, frozen=True, tag=True):
    """Something that happened to one person."""


class Typed(Fact, frozen=True):
    """This is about to be said; `to` and `once` as in a say."""

    id: str
    room: str
    text: str
    to: list[str] | None = None
    once: bool = False


class Said(Fact, frozen=True):
    """The client has taken it: from now on it must not be lost, whoever dies."""

    id: str


class Receipted(Fact, frozen=True):
    id: str
    room: str
    seq: int


class Refused(Fact, frozen=True):
    """It was not done, and will not be."""

    id: str
    code: str


class Entered(Fact, frozen=True):
    """One is in the room, whose history has this epoch, and sees what follows on `since`."""

    room: str
    epoch: str
    since: int


class Departed(Fact, frozen=True):
    room: str


class Restarted(Fact, frozen=True):
    """One was told that the history is another one now."""

    room: str


class Missed(Fact, frozen=True):
    """One was told that these numbers are no longer held."""

    room: str
    first: int
    last: int


class Shown(Fact, frozen=True):
    room: str
    seq: int
    id: str
    by: str
    text: str


class Found(Fact, frozen=True):
    """What a search brought."""

    messages: list[Shown]


AnyFact = Typed | Said | Receipted | Refused | Entered | Departed | Restarted | Missed | Shown | Found

_decode = msgspec.json.Decoder(AnyFact).decode
_encode = msgspec.json.Encoder().encode


@dataclass
class Place:
    """How far one has been shown a room, and whether one is in it."""

    epoch: str = ""
    shown: int = 0
    inside: bool = False

    def enter(self, epoch: str, since: int) -> None:
        self.shown = max(self.shown, since) if epoch == self.epoch else since
        self.epoch, self.inside = epoch, True

    def follow(self, fact: AnyFact) -> None:
        match fact:
            case Entered(epoch=epoch, since=since):
                self.enter(epoch, since)
            case Departed():
                self.inside = False
            case Shown(seq=seq) | Missed(last=seq):
                self.shown = max(self.shown, seq)


def _nothing(fact: AnyFact) -> None:
    """Nobody listens."""


class Record:
    """One person's file, gone on with where an earlier life ended. Any thread may call any method."""

    def __init__(self, path: Path, on_fact: Callable[[AnyFact], object] = _nothing) -> None:
        self._changed = threading.Condition()
        self._on_fact = on_fact
        self._places: dict[str, Place] = {}
        self._typed = 0
        self._file: IO[bytes] = path.open("ab", buffering=0)
        self._file.truncate(len(_whole_lines(path)))
        for fact in facts_in(path):
            self._learn(fact)

    def add(self, *facts: AnyFact) -> None:
        for fact in facts:
            with self._changed:
                self._file.write(_encode(fact) + b"\n")
                self._learn(fact)
                self._changed.notify_all()
            self._on_fact(fact)

    def _learn(self, fact: AnyFact) -> None:
        self._typed += isinstance(fact, Typed)
        if isinstance(fact, Entered | Departed | Shown | Missed):
            self._places.setdefault(fact.room, Place()).follow(fact)

    def typed(self) -> int:
        """How much was said so far."""
        with self._changed:
            return self._typed

    def place(self, room: str) -> Place:
        """As it is now; of a room that one does not know yet, an empty one."""
        with self._changed:
            place = self._places.get(room, Place())
            return Place(place.epoch, place.shown, place.inside)

    def inside(self) -> list[str]:
        """The rooms that one is in, by name."""
        with self._changed:
            return sorted(room for room, place in self._places.items() if place.inside)

    def wait_until_shown(self, goals: Mapping[str, int], patience: float) -> bool:
        """Whether in each of these rooms one was shown so much, or is no longer in it."""
        with self._changed:
            return self._changed.wait_for(lambda: all(self._has_seen(*goal) for goal in goals.items()), patience)

    def _has_seen(self, room: str, seq: int) -> bool:
        place = self._places.get(room, Place())
        return place.shown >= seq or not place.inside

    def close(self) -> None:
        self._file.close()


def facts_in(path: Path) -> list[AnyFact]:
    return [_decode(line) for line in _whole_lines(path).splitlines()]


def places_after(facts: Iterable[AnyFact]) -> dict[str, Place]:
    """Where these facts led to, by the room's name."""
    places: dict[str, Place] = {}
    for fact in facts:
        if isinstance(fact, Entered | Departed | Shown | Missed):
            places.setdefault(fact.room, Place()).follow(fact)
    return places


def _whole_lines(path: Path) -> bytes:
    """Without the one that a kill cut off."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]
