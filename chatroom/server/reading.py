"""How far everybody has read: the store's positions, and those that are newer than what the store has.

Knows the store. Knows nothing of members, and of what there is to read. A position may be told with every message
that somebody looks at: it is only noted here, and all that were are written together, every few seconds.
"""

import threading

from chatroom.server.store import Reader, Store


class Reading:
    """Any thread may call any method but `write`, which is one thread's at a time. Its lock is the last of all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._unwritten: dict[Reader, int] = {}

    def note(self, reader: Reader, seq: int) -> None:
        """The room has been read up to there. A position never goes back."""
        with self._lock:
            self._unwritten[reader] = max(seq, self._unwritten.get(reader, 0))

    def position(self, reader: Reader) -> int:
        """The newest, written or not; 0 if there is none."""
        with self._lock:  # first: what is written meanwhile is seen at either place
            unwritten = self._unwritten.get(reader, 0)
        return max(unwritten, self._store.seen(reader))

    def write(self) -> None:
        """Has the store keep what it does not have yet. If it fails, it is written the next time."""
        with self._lock:
            unwritten = dict(self._unwritten)
        if not unwritten:
            return
        self._store.keep_seen(unwritten)
        with self._lock:
            for reader, seq in unwritten.items():
                if self._unwritten[reader] == seq:
                    del self._unwritten[reader]
