"""Backups of the SQLite file: is one whole, and how it is put back.

Knows files and what can be wrong with them. Knows nothing of servers; a store that a server has open is not touched.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from chatroom.errors import StoreUnusable
from chatroom.server.store import new_epoch
from chatroom.server.store.file import looking_into, taken
from chatroom.server.store.schema import APPLICATION, MIGRATIONS

_BURSTS_SINCE = 4
"""From this version on a file may hold bursts."""
_PACKED = "(SELECT coalesce(sum(last - first + 1), 0) FROM burst {where})"
_HOLES = (
    "SELECT name FROM room WHERE last >= first AND last - first + 1 !="
    " (SELECT count(*) FROM event WHERE room = room.key AND seq BETWEEN room.first AND room.last) + {packed}"
)
_MESSAGES = "SELECT count(*) + {packed} FROM event"


def verify(path: Path) -> list[str]:
    """What a store or a backup holds, in lines for people; or StoreUnusable. Changes nothing."""
    with _reading(path) as db:
        if _number(db, "PRAGMA application_id") != APPLICATION:
            raise StoreUnusable(f"{path} is no store of chatroom's; name another file.")
        version = _number(db, "PRAGMA user_version")
        if version > len(MIGRATIONS):
            raise StoreUnusable(f"{path} is a newer chatroom's; use that one's chatroom-admin.")
        for (fault,) in db.execute("PRAGMA integrity_check(1)"):
            if fault != "ok":
                raise StoreUnusable(f"{path} is damaged: {fault}.")
        if holes := [name for (name,) in db.execute(_counting(_HOLES, version, "WHERE room = room.key"))]:
            raise StoreUnusable(f"{path} has holes: messages are missing in {', '.join(holes)}.")
        rooms, messages = _number(db, "SELECT count(*) FROM room"), _number(db, _counting(_MESSAGES, version))
    return [f"{path} is whole: {rooms} rooms, {messages} messages and changes, version {version}."]


def _counting(query: str, version: int, where: str = "") -> str:
    return query.format(packed=_PACKED.format(where=where) if version >= _BURSTS_SINCE else 0)


def restore(source: Path, target: Path) -> list[str]:
    """Puts a backup in the place of a store that nobody has open. What stood there, be it damaged, is kept beside it.

    Every room gets a new epoch: its numbers may start over, and clients must not take them for those they know."""
    verify(source)
    with taken(target):
        fresh = target.with_name(f"{target.name}.restoring")
        fresh.unlink(missing_ok=True)
        _copy(source, fresh)
        kept = _set_aside(target)
        fresh.replace(target)
    told = [f"What was there before lies in {kept}."] if kept else []
    return [f"{target} is now what {source} was; every room's history has a new name.", *told]


def _copy(source: Path, fresh: Path) -> None:
    with _reading(source) as old, contextlib.closing(sqlite3.connect(fresh)) as new:
        fresh.chmod(0o600)
        old.backup(new)
        rooms = new.execute("SELECT key FROM room").fetchall()
        new.executemany("UPDATE room SET epoch = ? WHERE key = ?", [(new_epoch(), key) for (key,) in rooms])
        new.commit()
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())


def _set_aside(path: Path) -> Path | None:
    """The file under its new name, and with it the write-ahead log that is a part of it."""
    if not path.exists():
        return None
    kept = path.with_name(f"{path.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}{suffix}").rename(kept.with_name(f"{kept.name}{suffix}"))
    return kept


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StoreUnusable(f"There is no file {path}.")
    try:
        with looking_into(path) as db:
            yield db
    except sqlite3.Error as error:
        raise StoreUnusable(f"{path} cannot be read as a store: {error}.") from error


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
