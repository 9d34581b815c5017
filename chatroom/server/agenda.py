"""What was posted in a room and is not handed out yet, who is in the room or about to be, and who waits for what.

Knows batches, tickets and counts. Knows no store, no sockets, and nothing of how things are handed out. Who comes and
goes is counted here, since it must be noted in the same moment in which the news of it finds its place in the order.
"""

import threading
from collections import Counter
from collections.abc import Callable

from chatroom.server.batch import Batch, News

PENDING = 128 * 1024
"""With so much pending, whoever posts waits: its socket fills, and TCP slows that sender down. All that is made of so
much on its way out, some six times as much, still fits a processor's own cache; of twice as much it does not."""


class Agenda:
    """Any thread may call any method. Its lock is held with no other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._space = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._pending = Batch()
        self._posted = 0
        self._done = 0
        self._closed = False
        self._connections: Counter[int] = Counter()

    # ---------------------------------------------------------------------------------------- what is added

    def add(self, put: Callable[[Batch], object]) -> int | None:
        """Has `put` add to what is pending. A ticket for it, or None once the agenda is closed."""
        with self._lock:
            while self._pending.weight > PENDING:
                self._space.wait()
            if self._closed:
                return None
            put(self._pending)
            return self._next_ticket()

    def add_news(self, news: News) -> int:
        with self._lock:
            return self._put_news(news)

    def come(self, owner: int, news: News) -> int:
        """Somebody came; there is news in it if it is not by one more connection only."""
        with self._lock:
            self._connections[owner] += 1
            return self._put_news(news) if self._connections[owner] == 1 else self._posted

    def go(self, owner: int, news: News) -> int:
        """Somebody left; there is news in it if no other connection stays."""
        with self._lock:
            self._connections[owner] -= 1
            if self._connections[owner]:
                return self._posted
            del self._connections[owner]
            return self._put_news(news)

    def owners(self) -> frozenset[int]:
        """Who is here, or about to be."""
        with self._lock:
            return frozenset(self._connections)

    def _put_news(self, news: News) -> int:
        self._pending.add_news(news)
        return self._next_ticket()

    def _next_ticket(self) -> int:
        self._posted += 1
        return self._posted

    # ----------------------------------------------------------------------------------------- what is done

    def is_empty(self) -> bool:
        return not self._pending.entries

    def take(self) -> Batch:
        """All that is pending."""
        with self._lock:
            batch, self._pending = self._pending, Batch()
            self._space.notify_all()
        return batch

    def finish(self, batch: Batch) -> None:
        """What was taken has been handed out."""
        with self._lock:
            self._done += batch.entries
            self._settled.notify_all()

    def close(self, *, unless: Callable[[], bool]) -> bool:
        """Nothing is posted any more, if nothing is under way; whether it is so."""
        with self._lock:
            self._closed = self._done == self._posted and not unless()
            return self._closed

    def reopen(self) -> None:
        with self._lock:
            self._closed = False

    # -------------------------------------------------------------------------------------------- who waits

    def settle(self, ticket: int | None = None, timeout: float | None = None) -> None:
        """Waits until what the ticket was given for has been handed out; without one, until all has."""
        with self._lock:
            until = self._posted if ticket is None else ticket
            self._settled.wait_for(lambda: self._done >= until, timeout)

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Looks whenever something was done, or at a `wake`."""
        with self._lock:
            self._settled.wait_for(reached)

    def wake(self) -> None:
        """Has those who wait look again."""
        with self._lock:
            self._settled.notify_all()
