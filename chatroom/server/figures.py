"""What a server counts, and how to read it: cheap where it is counted, put together when somebody asks.

Knows numbers, and the parts that they stand in. Knows nothing of who asks. A room counts for itself, under locks that
it holds anyway; what happens seldom is counted here under a lock of its own.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol


class Stopwatch:
    """Adds up how long something took: `with watch: ...`. One thread at a time; any thread may read."""

    __slots__ = ("_began", "count", "seconds")

    def __init__(self) -> None:
        self._began = 0.0
        self.count = 0
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._began
        self.count += 1


class Tally:
    """What one room counts: the store under its lock for storing, the others under its floor. Any thread may read.

    A room that goes away has no history, so that nothing that was counted goes with it.
    """

    __slots__ = ("deliveries", "messages", "store")

    def __init__(self) -> None:
        self.store = Stopwatch()
        self.messages = 0
        """What was numbered and stored: messages, and changes of them."""
        self.deliveries = 0
        """The same, times the members who took it live."""


class RoomLike(Protocol):
    @property
    def tally(self) -> Tally: ...


class MemberLike(Protocol):
    def is_behind(self) -> bool: ...


class DirectoryLike(Protocol):
    def every_room(self) -> Sequence[RoomLike]: ...


class HubLike(Protocol):
    @property
    def directory(self) -> DirectoryLike: ...

    def all_members(self) -> Sequence[MemberLike]: ...


class BudgetLike(Protocol):
    waiting: int


class DoorkeeperLike(Protocol):
    strangers: int
    hung_up: int
    turned_away: int


class Snapshot(NamedTuple):
    """Everything as it stands now."""

    clients: int
    behind: int
    strangers: int
    rooms: int
    waiting: int
    messages: int
    deliveries: int
    store_seconds: float
    store_batches: int
    refusals: Mapping[str, int]
    handshakes: Mapping[str, int]
    hung_up: int
    turned_away: int


class Figures:
    """Any thread may call any method."""

    def __init__(self, hub: HubLike, budget: BudgetLike, doorkeeper: DoorkeeperLike) -> None:
        self._hub = hub
        self._budget = budget
        self._doorkeeper = doorkeeper
        self._lock = threading.Lock()
        self._refusals: Counter[str] = Counter()
        self._handshakes: Counter[str] = Counter(done=0, failed=0)

    def refuse(self, code: str) -> None:
        """Somebody is told that code."""
        with self._lock:
            self._refusals[code] += 1

    def handshake(self, *, done: bool) -> None:
        """A TLS handshake came to its end."""
        with self._lock:
            self._handshakes["done" if done else "failed"] += 1

    def read(self) -> Snapshot:
        members = self._hub.all_members()
        tallies = [room.tally for room in self._hub.directory.every_room()]
        with self._lock:
            refusals, handshakes = dict(self._refusals), dict(self._handshakes)
        return Snapshot(
            clients=len(members),
            behind=sum(member.is_behind() for member in members),
            strangers=self._doorkeeper.strangers,
            rooms=len(tallies),
            waiting=self._budget.waiting,
            messages=sum(tally.messages for tally in tallies),
            deliveries=sum(tally.deliveries for tally in tallies),
            store_seconds=sum(tally.store.seconds for tally in tallies),
            store_batches=sum(tally.store.count for tally in tallies),
            refusals=refusals,
            handshakes=handshakes,
            hung_up=self._doorkeeper.hung_up,
            turned_away=self._doorkeeper.turned_away,
        )
