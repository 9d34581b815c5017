"""The SQLite file's connections, each with its lock: one writes, one reads, and one searches.

Knows transactions, flushes, and that a disk or a lock may fail. Knows nothing of what the tables mean.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

from chatroom.errors import StoreFailed
from chatroom.server.store.file import StoreFile

_FLUSHED, _UNFLUSHED = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"


class Database:
    """Any thread may call any method. With `flush`, what is to be safe is on the disk before its transaction ends.
    Lock order: `writing`, then the reader's; who searches holds no other."""

    def __init__(self, path: Path, *, flush: bool) -> None:
        self._file = StoreFile(path)
        self._path = path
        self._flush = flush
        self._synchronous = ""
        """How the writer stands; each PRAGMA is parsed anew, so it is only said when it changes."""
        self.writing = threading.RLock()
        """Held by whoever writes, and by whoever must not be written around."""
        self._reading = threading.Lock()
        self._searching = threading.Lock()
        self._unwiped = False
        (self._patience,) = self._file.writer.execute("PRAGMA busy_timeout").fetchone()
        self._waits = self._patience
        """So many milliseconds the writer waits for who else has locked the file, just now."""

    def transaction(self, *, safe: bool = False) -> "_Transaction":
        """All or nothing; whatever the disk or a lock says against it becomes StoreFailed. `safe`: flushed, if this
        store flushes."""
        synchronous = _FLUSHED if safe and self._flush else _UNFLUSHED
        return _Transaction(self._file.writer, self.writing, lambda: self._begin(synchronous))

    def _begin(self, synchronous: str) -> None:
        """Who has locked the file for longer than is waited for is not waited for again before letting go: else all who
        have something to write would wait so long, one after the other."""
        db = self._file.writer
        if synchronous != self._synchronous:
            db.execute(synchronous)
            self._synchronous = synchronous
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            self._wait_for_locks(db, 0)
            raise
        self._wait_for_locks(db, self._patience)

    def _wait_for_locks(self, db: sqlite3.Connection, ms: int) -> None:
        if ms != self._waits:
            db.execute(f"PRAGMA busy_timeout = {ms}")
            self._waits = ms

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """What was committed, as it stands at one moment."""
        return _one_moment(self._file.reader, self._reading)

    def searching(self) -> AbstractContextManager[sqlite3.Connection]:
        """The same, for what may take long: only those who search wait for it."""
        return _one_moment(self._file.searcher, self._searching)

    @contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """What was committed, while nobody writes."""
        with self.writing, _failing_softly():
            yield self._file.writer

    def wipe(self) -> None:
        """Takes what was erased out of the write-ahead log too. Where somebody reads what was there before, in a
        search or a backup, nobody waits for that: `wipe_again` does it then."""
        db = self._file.writer
        with self.writing, self._reading, suppress(sqlite3.Error):
            self._unwiped = True
            waits = self._waits
            self._wait_for_locks(db, 0)
            try:
                busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._unwiped = bool(busy)
            finally:
                self._wait_for_locks(db, waits)

    def wipe_again(self) -> None:
        """Called now and then."""
        if self._unwiped:
            self.wipe()

    def backup(self, path: Path) -> None:
        """Into a new file, which only its owner may read. All of it is read as it stood at one moment, for a copy that
        lets go in between starts over whenever somebody writes; nobody waits for it."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StoreFailed(f"{path} cannot be made: {error.strerror}; name a new file.") from error
        try:
            self._copy_into(path)
        except sqlite3.Error as error:
            path.unlink(missing_ok=True)
            raise StoreFailed(f"The backup could not be written ({error}); try again elsewhere.") from error

    def _copy_into(self, path: Path) -> None:
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)

    def close(self) -> None:
        with self.writing, self._reading, self._searching:
            self._file.close()


class _Transaction:
    """No generator: what a thread's stack once grew to it keeps, and nowhere does it grow as much as in a commit."""

    __slots__ = ("_begin", "_db", "_lock")

    def __init__(self, db: sqlite3.Connection, lock: "threading.RLock", begin: Callable[[], object]) -> None:
        self._db = db
        self._lock = lock
        self._begin = begin

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            with _failing_softly():
                self._begin()
        except BaseException:
            self._let_go()
            raise
        return self._db

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            with _failing_softly():
                if error:
                    raise error
                self._db.execute("COMMIT")
        finally:
            self._let_go()

    def _let_go(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.rollback()
        finally:
            self._lock.release()


@contextmanager
def _one_moment(db: sqlite3.Connection, lock: threading.Lock) -> Iterator[sqlite3.Connection]:
    """Whatever is read in it, nothing was written in between. Each thread that ever came here keeps the stack that it
    took, so it takes little: no more managers within managers, and nothing that SQLite must parse each time."""
    with lock, _failing_softly():
        db.execute("BEGIN")
        try:
            yield db
        finally:
            if db.in_transaction:
                db.execute("COMMIT")


@contextmanager
def _failing_softly() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise StoreFailed(f"The server cannot use its store just now ({error}); nothing was stored.") from error


def new_key(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # an INSERT always sets it
    return cursor.lastrowid
