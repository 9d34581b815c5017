"""The events between the thread that receives and whoever iterates over them: bounded, and it never blocks for long.

Knows a queue and its bounds. Knows nothing of what the events mean.

With nobody listening, only the newest are kept. With a listener that is slow, the receiver first waits a moment, so
that TCP slows the server down; a listener that is slower still makes the feed *overflow* until it is half empty. What
is numbered is then not put in but asked of the server's history later, at the listener's pace. So the receiver goes on
whatever the listener does: receipts and answers arrive even while the listener itself waits for one.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from chatroom.client.events import ClientEvent

KEPT = 10_000
"""So many events wait for a listener."""

PATIENCE = 0.5
"""So many seconds the receiver waits for a listener."""


class Feed:
    """Any thread may call any method. Listeners share the events: each goes to one of them."""

    def __init__(self, on_room: Callable[[], object]) -> None:
        self._on_room = on_room
        self._changed = threading.Condition()
        self._events: deque[ClientEvent] = deque()
        self._listening = False
        self._overflowing = False
        self._ended = False

    def put(self, events: Sequence[ClientEvent]) -> None:
        with self._changed:
            self._events.extend(events)
            while not self._listening and len(self._events) > KEPT:
                self._events.popleft()
            self._changed.notify_all()

    def is_overflowing(self) -> bool:
        """Whether the listener is too slow for what comes; waits a moment for it before it says so first."""
        with self._changed:
            if self._listening and not self._overflowing and len(self._events) >= KEPT:
                self._overflowing = not self._changed.wait_for(self._has_room, PATIENCE)
            return self._overflowing

    def end(self) -> None:
        """Listeners get what is there still, and then no more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def listen(self) -> Iterator[ClientEvent]:
        with self._changed:
            self._listening = True
        return self._all()

    def _all(self) -> Iterator[ClientEvent]:
        while event := self._take():
            yield event

    def _take(self) -> ClientEvent | None:
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._ended)
            if not self._events:
                return None
            event = self._events.popleft()
            half_empty = len(self._events) == KEPT // 2
            caught_up = half_empty and self._overflowing
            if half_empty:
                self._overflowing = False
                self._changed.notify_all()
        if caught_up:
            self._on_room()
        return event

    def _has_room(self) -> bool:
        return self._ended or len(self._events) <= KEPT // 2
