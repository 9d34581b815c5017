"""Batches on their way into a store: whoever comes first carries out all that has gathered, for others too.

Knows how they gather and what each is told. Knows no SQL.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatroom.server.store import Appended, RoomRecord, Speech, Talk


class Order:
    """What is to be added to one room. Whoever carries it out settles it; then its own thread takes the outcome."""

    __slots__ = ("_appended", "_failure", "now", "room", "said", "talk")

    def __init__(self, room: RoomRecord, said: Sequence[Speech], now: int) -> None:
        self.room = room
        self.said = said
        self.talk = [group for group in said if isinstance(group, Talk)]
        self.now = now
        self._appended: Appended | None = None
        self._failure: Exception | None = None

    def is_talk(self) -> bool:
        """All of it."""
        return len(self.talk) == len(self.said)

    def numbered(self) -> Iterator[tuple[int, Talk]]:
        """Its talk, each with its first number."""
        first = self.room.last + 1
        for talk in self.talk:
            yield first, talk
            first += len(talk.ids)

    def time(self) -> int:
        """When it is stored: a room's time never goes back."""
        return max(self.now, self.room.time)

    def settle(self, appended: Appended) -> None:
        """It is stored: the room has come so far."""
        if appended.events:
            self.room.time = self.time()
            self.room.last += len(appended.events)
        self._appended = appended

    def fail(self, failure: Exception) -> None:
        self._failure = failure

    def is_settled(self) -> bool:
        return self._appended is not None or self._failure is not None

    def outcome(self) -> Appended:
        if self._failure:
            raise self._failure
        assert self._appended is not None
        return self._appended


class Orders:
    """Those that nobody carries out yet. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Order] = []

    def add(self, order: Order) -> None:
        with self._lock:
            self._waiting.append(order)

    def take(self) -> list[Order]:
        """All of them, in the order in which they came."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken


@contextmanager
def telling(order: Order) -> Iterator[None]:
    """What goes wrong is told to who gave the order, and keeps nobody else's from being stored."""
    try:
        yield
    except Exception as failure:
        order.fail(failure)
