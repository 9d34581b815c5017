"""A server, people in many ways connected to it, and what they lived through in the end: one run of many.

Knows how to start, break off and end all of them. Knows nothing of faults, and judges nothing; that those who are not
broken go on, it waits for, and not for ever.
"""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.server.processes import ServerProcess
from tests.stress.apart import Apart
from tests.stress.bad_line import BadLine
from tests.stress.checker import Violation, violations
from tests.stress.kept import Holding, holding_of
from tests.stress.library_people import LibraryPerson
from tests.stress.people import PATIENCE, Part, Person
from tests.stress.record import AnyFact, Receipted, Record, facts_in, places_after
from tests.stress.whims import Whims
from tests.stress.wire_people import WirePerson

Someone = Person | Apart


class Size(NamedTuple):
    """How many of whom, and how busy they are."""

    library: int = 4
    wire: int = 3
    apart: int = 2
    """In processes of their own."""
    breath: float = 0.1


class Pulse:
    """Counts receipts, for whoever waits for more of them. Any thread may call any method."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._receipts = 0

    def hear(self, fact: AnyFact) -> None:
        if isinstance(fact, Receipted):
            with self._changed:
                self._receipts += 1
                self._changed.notify_all()

    def wait_for_more(self, count: int) -> None:
        with self._changed:
            goal = self._receipts + count
            went_on = self._changed.wait_for(lambda: self._receipts >= goal, PATIENCE)
            assert went_on, f"people got {count - goal + self._receipts} receipts where {count} were awaited"


def within(seconds: float, people: Sequence[Someone]) -> Iterator[tuple[Someone, float]]:
    """Each of them, with what is left of the time that they have together."""
    deadline = time.monotonic() + seconds
    for person in people:
        yield person, max(0.0, deadline - time.monotonic())


class Office:
    """One run. Used by one thread; the people have their own."""

    def __init__(self, folder: Path, seed: int, size: Size, *, how: str = "unbroken", tls: bool = True) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.pulse = Pulse()
        self.whims = Whims(folder / "whims")
        self._command = (sys.executable, "-m", "tests.stress.broken_server", str(self.whims.folder), how)
        self.server = self.start_server(0)
        self.port = self.server.port
        self.line = BadLine(self.port)
        self._records = folder / "records"
        self._records.mkdir()
        names = [f"{kind}{n}" for kind, count in size._asdict().items() if kind != "breath" for n in range(count)]
        parts = [self._part(name, names, place, seed, size.breath, tls=tls) for place, name in enumerate(names)]
        self.library = [LibraryPerson(part, self._record(part)) for part in parts if "library" in part.name]
        self.wire = [WirePerson(part, self._record(part)) for part in parts if "wire" in part.name]
        self.apart = [Apart(part, self._path(part.name)) for part in parts if "apart" in part.name]
        self._names = names

    def _part(self, name: str, names: Sequence[str], place: int, seed: int, breath: float, *, tls: bool) -> Part:
        """Every other one sits at the bad end of the line."""
        others = [other for other in names if other != name]
        port = self.line.port if place % 2 else self.port
        return Part(name, seed, others, port, str(self.folder / "clients"), breath, tls)

    def _record(self, part: Part) -> Record:
        return Record(self._path(part.name), self.pulse.hear)

    def _path(self, name: str) -> Path:
        return self._records / f"{name}.jsonl"

    # ------------------------------------------------------------------------------------------------ the server

    @property
    def database(self) -> Path:
        (database,) = self.data.glob("*.db")
        return database

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("--data", str(self.data), "--rate", "off", "--log-level", "error")

    def start_server(self, port: int) -> ServerProcess:
        """Where it was, if that is given, on the same data."""
        self.server = ServerProcess(*self.arguments, "--port", str(port), command=self._command, clean=False)
        return self.server

    def kill_server(self) -> None:
        """By kill -9, and it stays down."""
        self.server.kill()

    def stop_server(self) -> None:
        """As a user would."""
        code = self.server.stop()
        told = self.server.stdout.lines + self.server.stderr.lines
        assert code == 0, told
        assert not any("Traceback" in line for line in told), "\n".join(told)

    def restart_server(self) -> None:
        self.start_server(self.port)

    # ------------------------------------------------------------------------------------------------- the people

    @property
    def people(self) -> list[Someone]:
        return [*self.library, *self.wire, *self.apart]

    def __enter__(self) -> Self:
        for person in self.people:
            person.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.line.tear()
        for person in self.people:
            person.end()
        self.line.__exit__()
        self.server.kill()

    def judge(self, patience: float = PATIENCE) -> list[Violation]:
        """Lets everybody finish, ends the server, and looks what became of the promises. Who does not finish was not
        told something, which is found then."""
        for person in self.people:
            person.hush()
        for person, left in within(patience, self.people):
            person.wait_until_silent(left)
        goals = self._goals(holding_of(self.database))
        for person, left in within(patience, self.people):
            person.finish(goals[person.part.name], left)
        self.stop_server()
        return violations(self.histories(), holding_of(self.database))

    def histories(self) -> dict[str, list[AnyFact]]:
        return {name: facts_in(self._path(name)) for name in self._names}

    def _goals(self, holding: Holding) -> dict[str, dict[str, int]]:
        """For everybody, how much of each room they will have been shown, unless something is broken."""
        places = {name: places_after(history) for name, history in self.histories().items()}
        return {
            name: {
                room: holding.last_owed(name, holding.key_of(name, room, place.epoch)) for room, place in own.items()
            }
            for name, own in places.items()
        }
