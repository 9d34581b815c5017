"""What is kept on disk: what was said and has no receipt yet, and the session under which it was said.

Knows files and locks. Knows nothing of connections. A shelf belongs to one running client at a time, so that nobody
says a thing twice; a second client with the same name gets the next shelf, and what it leaves unsaid there is found by
whoever starts next. What was said is handed to the system before `add` returns: it survives this process's death.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import IO

import msgspec

from chatroom import text
from chatroom.claims import claim
from chatroom.messages import Say

SLACK = 64 * 1024
"""With nothing unsent, a journal that has grown to so many bytes is emptied."""

# Each line of the journal: what was said, or the id of what needs no more saying.
_SAID, _DONE = b"+", b"-"

_read_say = msgspec.json.Decoder(Say).decode
_write_say = msgspec.json.Encoder().encode


def folder_of(data: Path, host: str, port: int, username: str) -> Path:
    """Where a client keeps its shelves; a safe file name, whatever the host and the name are."""
    who = f"{text.fold(username)}@{host.casefold()}:{port}"
    legible = re.sub(r"[^a-z0-9]+", "-", who)[:40].strip("-")
    digest = hashlib.sha256(json.dumps(who).encode()).hexdigest()[:16]
    return data / f"{legible}-{digest}"


class Shelf:
    """One client's files, while it runs. Raises OSError where the disk does. Used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session: str | None = None
        self.unsent: list[Say] = []
        """What had no receipt when the shelf was claimed."""
        self._files = contextlib.ExitStack()
        self._path = folder
        self._journal: IO[bytes] | None = None
        self._size = 0
        self._torn = False
        self._open_ids: set[str] = set()

    def claim(self) -> None:
        """Takes a shelf of the folder, and reads what lies there."""
        with contextlib.ExitStack() as files:
            self._path = _take_free(self.folder, files)
            self.session = _read_session(self._path / "session")
            self.unsent = _read_journal(self._path / "unsent")
            self._open_ids = {say.id for say in self.unsent}
            # What needs no more saying is left out of the new journal, and so is what a crash cut off.
            self._replace("unsent", b"".join(_line_of(say) for say in self.unsent))
            self._journal = files.enter_context((self._path / "unsent").open("ab", buffering=0))
            self._files = files.pop_all()

    def add(self, say: Say) -> None:
        """From now on this is said after a restart, until it is done."""
        self._open_ids.add(say.id)
        self._write(_line_of(say))

    def done(self, ids: Iterable[str]) -> None:
        """These need no more saying."""
        lines = b"".join(_DONE + id.encode() + b"\n" for id in ids)
        self._open_ids.difference_update(ids)
        self._write(lines)
        if self._journal and not self._open_ids and self._size > SLACK:
            self._journal.truncate(0)
            self._size = 0

    def _write(self, lines: bytes) -> None:
        """A full disk may take half a line: what is written next begins with a new one."""
        if not self._journal:
            return
        lines = b"\n" + lines if self._torn else lines
        self._torn = True
        written = self._journal.write(lines)
        self._size += written
        if written < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

    def remember(self, session: str | None) -> None:
        """The session to come back with. A secret: nobody else on this computer may read it."""
        if session != self.session:
            self.session = session
            self._replace("session", (session or "").encode())

    def _replace(self, name: str, content: bytes) -> None:
        """The file has either its old content or the new one, whenever the computer stops."""
        new = self._path / f"{name}.new"
        with open(new, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path / name)

    def close(self) -> None:
        """The next client may claim it."""
        self._journal = None
        self._files.close()


def _take_free(folder: Path, files: contextlib.ExitStack) -> Path:
    """The first free shelf that holds something unsent, or else the first free one; held until `files` is closed."""
    free: Path | None = None
    for number in count(1):
        path = folder / str(number)
        if free and not path.exists():
            return free
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.ExitStack() as lock:
            if claim(lock.enter_context((path / "lock").open("ab"))):
                if _read_journal(path / "unsent"):
                    files.close()
                    files.enter_context(lock.pop_all())
                    return path
                if not free:
                    free = path
                    files.enter_context(lock.pop_all())
    raise AssertionError("numbers do not end")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line_of(say: Say) -> bytes:
    return _SAID + _write_say(say) + b"\n"


def _read_session(path: Path) -> str | None:
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        return path.read_text("utf-8").strip() or None
    return None


def _read_journal(path: Path) -> list[Say]:
    """In the order in which it was said. A line that a crash has cut off was never sent, and is skipped."""
    unsent: dict[str, Say] = {}
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().split(b"\n"):
            if line.startswith(_DONE):
                unsent.pop(line[1:].decode(errors="replace"), None)
            elif line.startswith(_SAID):
                with contextlib.suppress(msgspec.MsgspecError, ValueError):
                    say = _read_say(line[1:])
                    unsent[say.id] = say
    return list(unsent.values())
