"""The SQLite file itself: taken by one server at a time, checked, brought to this version's form, opened.

Knows files, locks and what can be wrong with them. Knows nothing of what the tables mean. A file that cannot be used
is left as it is.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from chatroom.claims import claim
from chatroom.errors import StoreUnusable
from chatroom.server.store.schema import APPLICATION, MIGRATIONS

_BUSY_SECONDS = 2.0
"""How long a write waits for another process that has locked the file."""

# One writer alone may move the log into the file; it does so rarely enough that a busy room does not notice. What is
# erased is overwritten.
_SETTINGS = (
    "PRAGMA journal_mode = WAL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 4000; PRAGMA secure_delete = ON"
)


def digest_of(text: str) -> bytes:
    return sha256(text.encode()).digest()


class StoreFile:
    """An open file with its connections. Whoever uses a connection holds a lock of its own for it."""

    def __init__(self, path: Path) -> None:
        with _explaining(path), ExitStack() as stack:
            if path.is_dir():
                raise StoreUnusable(f"{path} is a folder; name a file in it.")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(taken(path))
            _check(path)
            self.writer = stack.enter_context(_connected(path))
            self.writer.executescript(_SETTINGS)
            _migrate(self.writer)
            self.reader = stack.enter_context(_connected(path))
            self.searcher = stack.enter_context(_connected(path))
            self.close = stack.pop_all().close


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.create_function("digest_of", 1, digest_of, deterministic=True)
        yield db
    finally:
        db.close()


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """A lock file beside the store, held as long as the store is open; the system frees it when a process dies."""
    with path.with_name(f"{path.name}.lock").open("ab") as file:
        if not claim(file):
            raise StoreUnusable(f"Another chatroom-server is using {path}; stop it, or choose another --data.")
        yield


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreUnusable(f"The store {path} cannot be opened: {reason}. Choose another --data.") from error
    except sqlite3.Error as error:
        raise StoreUnusable(
            f"The store {path} cannot be used: {error}. It was left as it is; restore a backup or move it away."
        ) from error


def _check(path: Path) -> None:
    """Refuses what is not ours, not whole, or from the future. Reads only: not even its log is moved into the file."""
    if not path.exists():
        return
    with looking_into(path) as db:
        tables = _number(db, "SELECT count(*) FROM sqlite_schema")
        if tables and _number(db, "PRAGMA application_id") != APPLICATION:
            raise StoreUnusable(f"{path} is a database, but not one of chatroom's; choose another --data or --store.")
        if _number(db, "PRAGMA user_version") > len(MIGRATIONS):
            raise StoreUnusable(f"The store {path} is a newer chatroom's; start that one, or choose another --data.")
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it is damaged")


@contextmanager
def looking_into(path: Path) -> Iterator[sqlite3.Connection]:
    """Reads only, and leaves nothing beside the file."""
    whole = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"  # then no log is made for it
    address = f"{path.absolute().as_uri()}?mode=ro{whole}"
    with contextlib.closing(sqlite3.connect(address, timeout=_BUSY_SECONDS, uri=True)) as db:
        yield db


def _migrate(db: sqlite3.Connection) -> None:
    """Takes the steps that this file has not taken yet, each whole or not at all."""
    for step in range(_number(db, "PRAGMA user_version"), len(MIGRATIONS)):
        db.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[step]};"
            f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {step + 1}; COMMIT;"
        )


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
