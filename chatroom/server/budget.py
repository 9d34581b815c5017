"""How many bytes may wait in all outboxes: for one who does not read, and for all of them together.

Knows sums. Knows no outbox and no socket. What the system takes at once never waits, and costs nothing here.
"""

import threading

from chatroom.server.limits import MEMORY, WAITING

KIB, MIB = 1 << 10, 1 << 20

BOUND = WAITING * KIB
"""With more bytes than this waiting for somebody, nothing more is queued for it."""


class Budget:
    """Any thread may call any method."""

    __slots__ = ("_lock", "_total", "each", "waiting")

    def __init__(self, each: int = BOUND, total: int = MEMORY * MIB) -> None:
        self._lock = threading.Lock()
        self._total = total
        self.each = each
        self.waiting = 0
        """In all outboxes together. Any thread may read it."""

    def move(self, more: int) -> None:
        """So many bytes more wait, or fewer."""
        with self._lock:
            self.waiting += more

    def bound(self) -> int:
        """With more bytes than this waiting for somebody, nothing more is queued for it just now. Once the memory for
        all is spent that is none: who is behind is fed from the store later."""
        return self.each if self.waiting < self._total else 0
