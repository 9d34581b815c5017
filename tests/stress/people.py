"""People who say, whisper, come, go and search, as their seed has them do; what they live through is written down.

Knows what people do and in which order. By what means is their subclass's: `Person` needs a few verbs. The breath
between two acts is theirs, too: it makes the load, and nobody waits for anything by it.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import NamedTuple

from msgspec import Struct

from tests.stress.record import Record, Said, Typed

PATIENCE = 60.0
"""So long it may take, once nothing is broken any more, until everything is said and shown."""

ROOMS = ("lobby", "attic", "den")

RECEIPT_PATIENCE = 3.0
"""Whoever lives for so long, is quiet, and still waits for a receipt, begins anew and asks again."""

MOST_UNSENT = 40
"""Who has so much without a receipt listens for a while."""

WEIGHTS = {
    "say": 60, "say_much": 5, "shout": 2, "whisper": 9, "show_once": 3, "take_aside": 6, "wander": 6, "search": 5,
    "go": 3,
}  # fmt: skip
"""How often people do what."""

LONG = "é😀" * 1_900

MUCH = 12
"""So much at a time is kept as one burst."""


class Part(Struct, frozen=True):
    """Somebody in a run."""

    name: str
    seed: int
    others: list[str]
    port: int
    folder: str
    breath: float
    """How many seconds pass between two acts, as a mean."""
    tls: bool = True


class Order(Struct, frozen=True):
    """What somebody in another process is told: to be quiet, or with goals, to finish."""

    patience: float
    goals: dict[str, int] | None = None


class Act(NamedTuple):
    what: str
    draw: int
    """A number from which follows to whom, and where."""


def acts(seed: int, name: str, life: int) -> Iterator[Act]:
    """What this person does in this life, for ever; the same each time."""
    chance = Random(f"{seed} {name} {life}")
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    while True:
        yield Act(chance.choices(kinds, weights)[0], chance.getrandbits(30))


class Ended(Exception):
    """This connection, or this life, is over; there may be another one."""


class Person(threading.Thread, ABC):
    """Lives again and again, until told to be quiet, and then until all is said and shown. Any thread may call the
    public methods."""

    def __init__(self, part: Part, record: Record) -> None:
        super().__init__(name=part.name)
        self.part = part
        self.record = record
        self.lives = 0
        self._quiet = threading.Event()
        self._silent = threading.Event()
        self._over = threading.Event()
        self._chance = Random(f"{part.seed} {part.name} breath")
        self._acts = acts(part.seed, part.name, record.typed())

    # ---------------------------------------------------------------------------------------------- any thread

    def hush(self) -> None:
        """From now on it only says what has no receipt yet."""
        self._quiet.set()

    def wait_until_silent(self, patience: float) -> bool:
        return self._silent.wait(patience)

    def finish(self, goals: Mapping[str, int], patience: float) -> bool:
        """Ends it once it was shown so much of each of these rooms; whether it was."""
        was_shown = self.record.wait_until_shown(goals, patience)
        self.end()
        return was_shown

    def end(self) -> None:
        """Ends it now."""
        self._quiet.set()
        self._over.set()
        if self.ident:
            self.join(PATIENCE)
        self.record.close()

    # --------------------------------------------------------------------------------------------- its own thread

    def run(self) -> None:
        while not self._over.is_set():
            self.lives += 1
            self.live()
            self._breathe(self._over)

    def stay(self) -> None:
        """Acts, or finishes what was begun, as long as this life lasts; it may end by Ended."""
        impatient_at = time.monotonic() + RECEIPT_PATIENCE
        while not self._over.is_set():
            if not self._quiet.is_set():
                self._act(next(self._acts))
            elif not self.unsent():
                self._silent.set()
            elif time.monotonic() > impatient_at:
                raise Ended("the last receipts may come to the next life")
            self.listen(self._breath())

    def _breath(self) -> float:
        return min(self._chance.expovariate(1 / self.part.breath), 5 * self.part.breath)

    def _breathe(self, until: threading.Event) -> None:
        until.wait(self._breath())

    def _act(self, act: Act) -> None:
        if self.unsent() < MOST_UNSENT:
            ACTS[act.what](self, act.draw)

    def say_one(self, draw: int) -> None:
        self._utter("says", self._room(draw))

    def say_much(self, draw: int) -> None:
        room = self._room(draw)
        self.say(*(self._type("says much", room) for _ in range(MUCH)))

    def shout(self, draw: int) -> None:
        self._utter("shouts", self._room(draw), LONG[: draw % len(LONG)])

    def whisper(self, draw: int) -> None:
        self._utter("whispers", self._room(draw), to=[self._other(draw)])

    def show_once(self, draw: int) -> None:
        self._utter("shows once", self._room(draw), once=True)

    def take_aside(self, draw: int) -> None:
        room = f"@{self._other(draw)}"
        if not self.record.place(room).inside:
            self.enter(room)
        self._utter("says aside", room)

    def wander(self, draw: int) -> None:
        """Out of a room, or into it. The lobby is never left."""
        room = ROOMS[1 + draw % (len(ROOMS) - 1)]
        (self.leave if self.record.place(room).inside else self.enter)(room)

    def seek(self, draw: int) -> None:
        """For what everybody says, in secret too."""
        self.search(("says", "whispers", "shows", "aside", self._other(draw))[draw % 5])

    def go(self, draw: int) -> None:
        raise Ended("gone, to come back")

    def _utter(self, verb: str, room: str, more: str = "", *, to: list[str] | None = None, once: bool = False) -> None:
        self.say(self._type(verb, room, more, to=to, once=once))

    def _type(self, verb: str, room: str, more: str = "", *, to: list[str] | None = None, once: bool = False) -> Typed:
        number = self.record.typed()
        text = f"{self.part.name} {verb} {number} {more}".rstrip()
        typed = Typed(f"{self.part.name}-{number}", room, text, to, once)
        self.record.add(typed)
        return typed

    def _room(self, draw: int) -> str:
        rooms = [room for room in self.record.inside() if not room.startswith("@")] or [ROOMS[0]]
        return rooms[draw % len(rooms)]

    def _other(self, draw: int) -> str:
        return self.part.others[draw % len(self.part.others)]

    # --------------------------------------------------------------------------------------------- by which means

    @abstractmethod
    def live(self) -> None:
        """One life: comes in, goes where it was, and stays."""

    @abstractmethod
    def unsent(self) -> int:
        """How much has neither a receipt nor a refusal."""

    @abstractmethod
    def listen(self, seconds: float) -> None: ...

    @abstractmethod
    def say(self, *typed: Typed) -> None: ...

    @abstractmethod
    def enter(self, room: str) -> None: ...

    @abstractmethod
    def leave(self, room: str) -> None: ...

    @abstractmethod
    def search(self, query: str) -> None: ...

    def knew_before_a_call(self, room: str, seq: int, *, replayed: bool) -> bool:
        """Who is called into a direct room is sent its newest messages, wherever one was before; who remembers that
        passes over them."""
        return replayed and room.startswith("@") and seq <= self.record.place(room).shown

    def taken(self, typed: Typed) -> None:
        """The client has it."""
        self.record.add(Said(typed.id))


ACTS: dict[str, Callable[[Person, int], None]] = {
    "say": Person.say_one,
    "say_much": Person.say_much,
    "shout": Person.shout,
    "whisper": Person.whisper,
    "show_once": Person.show_once,
    "take_aside": Person.take_aside,
    "wander": Person.wander,
    "search": Person.seek,
    "go": Person.go,
}
