"""Who is let in, by number alone: so many from one address, so many strangers, so many in all.

Knows IP addresses and counts. Knows no sockets, and nothing of what anybody says. Someone is a stranger until it has
been welcomed. Strangers who stall must keep no colleague out: when there are too many, the oldest of the address with
the most of them is hung up to make place for a newcomer.
"""

import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from chatroom.addresses import is_loopback
from chatroom.server.limits import PER_ADDRESS

_FULL = "The server has no room for you just now; try later."


class NoRoom(Exception):
    """There is no place for a newcomer just now. `str()` is the sentence that it is told."""

    def __init__(self, text: str = _FULL) -> None:
        super().__init__(text)


class Place:
    """One connection's. The doorkeeper's, under its lock."""

    __slots__ = ("address", "hang_up", "state")

    def __init__(self, address: str, hang_up: Callable[[], object]) -> None:
        self.address = address
        self.hang_up = hang_up
        self.state: Literal["stranger", "seated", "leaving"] = "stranger"


class Doorkeeper:
    """Any thread may call any method. Nothing here takes longer the more there are."""

    def __init__(self, *, max_clients: int, strangers: int, per_address: int | None = None) -> None:
        """Without `per_address` the default holds, and this computer itself may open as many as it likes."""
        self._max_strangers = strangers
        self._most_in_all = max_clients + strangers
        self._per_address = PER_ADDRESS if per_address is None else per_address
        self._spares_loopback = per_address is None
        self._lock = threading.Lock()
        self._here: Counter[str] = Counter()
        """How many each address has, without those that are leaving."""
        self._all = 0
        self._strangers: dict[str, OrderedDict[Place, None]] = {}
        """Of each address, the oldest first."""
        self._crowds: defaultdict[int, OrderedDict[str, None]] = defaultdict(OrderedDict)
        """For each number, the addresses that have so many strangers."""
        self._largest = 0
        self.strangers = 0
        """How many there are. This and the following may be read by any thread."""
        self.leaving = 0
        """How many were hung up and are not gone yet."""
        self.hung_up = 0
        """How many had to make place, ever."""
        self.turned_away = 0
        """How many were not let in, ever."""

    def let_in(self, address: str, hang_up: Callable[[], object]) -> Place:
        """A newcomer's place, as a stranger; or NoRoom. `hang_up` is called if it has to make place for another."""
        place = Place(address, hang_up)
        with self._lock:
            try:
                oldest = self._make_place(address)
            except NoRoom:
                self.turned_away += 1
                raise
            self._here[address] += 1
            self._all += 1
            self._add_stranger(place)
        if oldest:
            oldest.hang_up()
        return place

    def make_way(self) -> bool:
        """Hangs up a stranger, because the system has no room for more. Whether there was one."""
        with self._lock:
            oldest = self._turn_out(self._most_crowded()) if self.strangers else None
        if oldest:
            oldest.hang_up()
        return oldest is not None

    def seat(self, place: Place) -> None:
        """It has been welcomed, and is no stranger any more."""
        with self._lock:
            if place.state == "stranger":
                self._remove_stranger(place)
                place.state = "seated"

    def let_out(self, place: Place) -> None:
        """It is gone."""
        with self._lock:
            if place.state == "leaving":
                self.leaving -= 1
                return
            if place.state == "stranger":
                self._remove_stranger(place)
            self._discount(place.address)

    # ------------------------------------------------------------------------------------- under the lock

    def _make_place(self, address: str) -> Place | None:
        """Who has to go for it, if anybody."""
        if self.leaving >= self._max_strangers:  # they come faster than their predecessors can go
            raise NoRoom
        if self._here[address] >= self._per_address and not (self._spares_loopback and is_loopback(address)):
            if address not in self._strangers:
                raise NoRoom(f"Your address has {self._per_address} connections already; close one of them first.")
            return self._turn_out(address)
        if self.strangers < self._max_strangers and self._all < self._most_in_all:
            return None
        if not self.strangers:
            raise NoRoom
        return self._turn_out(self._most_crowded())

    def _most_crowded(self) -> str:
        return next(iter(self._crowds[self._largest]))

    def _turn_out(self, address: str) -> Place:
        oldest = next(iter(self._strangers[address]))
        self._remove_stranger(oldest)
        self._discount(address)
        oldest.state = "leaving"
        self.leaving += 1
        self.hung_up += 1
        return oldest

    def _discount(self, address: str) -> None:
        self._all -= 1
        self._here[address] -= 1
        if not self._here[address]:
            del self._here[address]

    def _add_stranger(self, place: Place) -> None:
        crowd = self._strangers.setdefault(place.address, OrderedDict())
        crowd[place] = None
        self._move(place.address, len(crowd) - 1, len(crowd))
        self.strangers += 1

    def _remove_stranger(self, place: Place) -> None:
        crowd = self._strangers[place.address]
        del crowd[place]
        self._move(place.address, len(crowd) + 1, len(crowd))
        self.strangers -= 1
        if not crowd:
            del self._strangers[place.address]

    def _move(self, address: str, before: int, now: int) -> None:
        """The address has one stranger more, or one less."""
        if before:
            del self._crowds[before][address]
            if not self._crowds[before]:
                del self._crowds[before]
        if now:
            self._crowds[now][address] = None
        if now > self._largest or self._largest not in self._crowds:
            self._largest = now


class Handshakes:
    """So many threads may compute a step of a TLS handshake at once: `with handshakes: ...`. Any thread may; but none
    may wait for its peer meanwhile, so that those who stall hold nothing."""

    def __init__(self, at_once: int) -> None:
        self._turns = threading.BoundedSemaphore(at_once)

    def __enter__(self) -> None:
        self._turns.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.release()
