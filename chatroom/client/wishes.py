"""What a person wants to be called for: in which room, at what time of the day, and how urgent it must be.

Knows rules, how times are written, and the file in which the wishes for each room lie. Knows nothing of sounds.
"""

import contextlib
import json
import re
import tempfile
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from chatroom.text import fold


class Kind(StrEnum):
    """What calls, the most urgent last; each has a sound of its name."""

    MESSAGE = "message"
    MENTION = "mention"
    DIRECT = "direct"


URGENCY = tuple(Kind)


class Wish(StrEnum):
    """What one wants to be called for."""

    ALL = "all"
    MENTIONS = "mentions"
    NONE = "none"


_RINGS = {
    Wish.ALL: frozenset(Kind),
    Wish.MENTIONS: frozenset((Kind.MENTION, Kind.DIRECT)),
    Wish.NONE: frozenset[Kind](),
}


def what_rings(kind: Kind, wish: Wish) -> bool:
    """Whether this kind is heard where that is wished."""
    return kind in _RINGS[wish]


# ------------------------------------------------------------------------------------------------------- times

_SECONDS = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST = 366 * 24 * 3_600


def seconds_of(text: str) -> int | None:
    """`2d`, `1h`, `30m`, `1h30m`, `90s`; None for what is no such time."""
    if not re.fullmatch(r"([0-9]{1,6}[wdhms])+", text):
        return None
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([wdhms])", text))
    return seconds if 0 < seconds <= _LONGEST else None


_HOURS = re.compile("{0}-{0}".format("([01][0-9]|2[0-3]):[0-5][0-9]"))


class Quiet(NamedTuple):
    """Hours of each day, perhaps over midnight; `since` is among them, `until` is not."""

    since: time
    until: time

    @classmethod
    def of(cls, text: str) -> "Quiet | None":
        """The hours in `22:00-07:00`, or None if these are no hours."""
        return cls(*map(time.fromisoformat, text.split("-"))) if _HOURS.fullmatch(text) else None

    def holds_at(self, now: time) -> bool:
        """Whether it is quiet then. From an hour to the same hour is the whole day."""
        if self.since < self.until:
            return self.since <= now < self.until
        return now >= self.since or now < self.until


# ------------------------------------------------------------------------------------------------- room by room


class Wishes:
    """By room, over restarts. What the disk does not take holds as long as the program runs."""

    def __init__(self, path: Path, default: Wish) -> None:
        self._path = path
        self._default = default
        self._wishes = _read(path)
        self._unwritten: dict[str, Wish] = {}

    def of(self, room: str) -> Wish:
        """What is wished there; where nothing is, the default."""
        return self._wishes.get(fold(room), self._default)

    def set(self, room: str, wish: Wish) -> None:
        """From now on. What another client has written since the start stays as it is."""
        self._wishes[fold(room)] = self._unwritten[fold(room)] = wish
        with contextlib.suppress(OSError):
            _write(self._path, _read(self._path) | self._unwritten)
            self._unwritten.clear()


def _write(path: Path, wishes: dict[str, Wish]) -> None:
    """All of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as folder:
        new = Path(folder) / path.name
        new.write_text(json.dumps(wishes), "utf-8")
        new.replace(path)


def _read(path: Path) -> dict[str, Wish]:
    """What is there, if it makes sense."""
    try:
        known = json.loads(path.read_text("utf-8"))
        return {str(room): Wish(wish) for room, wish in known.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
