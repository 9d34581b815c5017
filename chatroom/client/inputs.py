"""What was typed before, per room and over restarts.

Knows files, and what never goes into one. Knows nothing of keys and rooms: `is_secret` says what may hold a password.
Several clients may share a file: each entry is one line, appended by one write.
"""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit.history import History

from chatroom.text import fold

KEPT = 1_000
"""So many of the newest entries are kept."""
LONGEST = 16_000
"""An entry of more characters is a slip, such as a whole file pasted; it is known until the program ends."""


def path_of(folder: Path, host: str, port: int, room: str) -> Path:
    """Where a room's history is: a safe file name, whatever the room is called."""
    place = f"{fold(room)} {host.casefold()}:{port}"
    legible = re.sub("[^a-z0-9]+", "-", place)[:40].strip("-")
    digest = hashlib.sha256(json.dumps(place).encode()).hexdigest()[:16]
    return folder / f"input-{legible}-{digest}"


class InputHistory(History):
    """The history of one room. Whatever the disk does, nothing is raised: the worst is an empty history.

    Used by one thread at a time.
    """

    def __init__(self, path: Path, is_secret: Callable[[str], bool]) -> None:
        super().__init__()
        self._path = path
        self._is_secret = is_secret

    def append_string(self, string: str) -> None:
        """Takes what was typed, unless it is a secret, nothing, or the same again."""
        if self._is_worth_keeping(string) and self._loaded_strings[:1] != [string]:
            super().append_string(string)
            del self._loaded_strings[KEPT:]

    def store_string(self, string: str) -> None:
        """Appends an entry to the file, by one write."""
        if len(string) <= LONGEST:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with open(self._path, "ab", buffering=0, opener=_private) as file:
                    file.write(_line_of(string))

    def load_history_strings(self) -> Iterable[str]:
        """The newest first. What is not kept, for whatever reason, leaves the file as well."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return []
        lines = [line for line in content.split(b"\n") if line]
        entries = self._entries(lines)
        if len(entries) < len(lines):
            with contextlib.suppress(OSError):
                self._rewrite(entries, len(content))
        return reversed(entries)

    def _entries(self, lines: Iterable[bytes]) -> list[str]:
        entries: list[str] = []
        for line in lines:
            string = _string_of(line)
            if self._is_worth_keeping(string) and entries[-1:] != [string]:
                entries.append(string)
        return entries[-KEPT:]

    def _is_worth_keeping(self, string: str) -> bool:
        return bool(string.strip()) and not self._is_secret(string)

    def _rewrite(self, entries: Iterable[str], size: int) -> None:
        """Unless another client has written since: then the next start does it."""
        with tempfile.TemporaryDirectory(dir=self._path.parent, prefix="new-") as folder:
            new = Path(folder) / "history"
            with open(new, "wb", opener=_private) as file:
                file.write(b"".join(map(_line_of, entries)))
            if self._path.stat().st_size == size:
                new.replace(self._path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line_of(string: str) -> bytes:
    """It begins with its line end: so it stands by itself, wherever the entry before it was cut off."""
    return b"\n" + json.dumps(string).encode()


def _string_of(line: bytes) -> str:
    """What a line holds; nothing, if it is broken."""
    with contextlib.suppress(ValueError):
        if line.startswith(b'"'):
            string: str = json.loads(line)
            string.encode()  # half of a surrogate pair could not be sent
            return string
    return ""
