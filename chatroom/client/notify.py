"""One sound at the right moment, and never in the way.

Knows how to play a sound, that many wishes at once are one, and when all is to be quiet. Knows nothing of messages:
whoever wishes a sound says so by `ring`, which only leaves a note; a thread of its own does what may take long, fail,
or hang. What is one's own, what nobody wants to hear, and what was said long ago, the caller keeps away from here.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from chatroom.client.aside import begin
from chatroom.client.wishes import URGENCY, Kind, Quiet

SOUNDS = Path(__file__).parents[1] / "sounds"

GATHER_SECONDS = 0.05
"""So long a sound waits for what comes together with it and counts more."""
QUIET_SECONDS = 2.0
"""What is wished within so long after a sound is joined into it, unless it counts more: then it comes afterwards."""
PATIENCE_SECONDS = 5.0
"""A player that has not ended by then hangs: until it ends, the bell rings in its place."""


class Burst:
    """Joins wishes that come close together into one sound. The clock is an argument; for one thread at a time."""

    def __init__(self, gather_seconds: float = GATHER_SECONDS, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._gather_seconds = gather_seconds
        self._quiet_seconds = quiet_seconds
        self._wished: Kind | None = None
        self._due = 0.0
        self._sounded: Kind | None = None
        self._quiet_until = -math.inf

    def wish(self, kind: Kind, now: float) -> bool:
        """Takes the wish. Whether it counts: it does not if it is joined into something that counts as much."""
        sounding = self._sounded if now < self._quiet_until else None
        if _rank(kind) <= max(_rank(sounding), _rank(self._wished)):
            return False
        if self._wished is None:
            self._due = max(now + self._gather_seconds, self._quiet_until)
        self._wished = kind
        return True

    def seconds_left(self, now: float) -> float | None:
        """So long until the next sound is due, or None if none is wished."""
        return max(0.0, self._due - now) if self._wished else None

    def take(self, now: float) -> Kind | None:
        """The sound that is due now."""
        if self._wished is None or now < self._due:
            return None
        self._sounded, self._wished = self._wished, None
        self._quiet_until = now + self._quiet_seconds
        return self._sounded


def _rank(kind: Kind | None) -> int:
    return URGENCY.index(kind) if kind else -1


# -------------------------------------------------------------------------------------------------- how it is heard


def file_of(kind: Kind, sounds: Path | None) -> Path:
    """The sound's file: the person's own if there is one."""
    own = sounds / f"{kind}.wav" if sounds else None
    return own if own and own.is_file() else SOUNDS / f"{kind}.wav"


def play(file: Path) -> str:
    """Plays it to its end. The player's name; or raises whatever kept it from being heard."""
    # What it logs would be written into the line being typed.
    logging.getLogger("playsound3").addHandler(logging.NullHandler())
    logging.getLogger("playsound3").propagate = False
    from playsound3 import DEFAULT_BACKEND, playsound  # its import tries every player there may be: that takes a while

    if DEFAULT_BACKEND is None:
        raise LookupError("no player of sounds is found")
    # A player is killed when the thread that started it ends: it has to be waited for here.
    if code := playsound(file, block=False).subprocess.wait():
        raise OSError(f"{DEFAULT_BACKEND} could not play {file} (exit code {code})")
    return DEFAULT_BACKEND


class Player:
    """Plays sounds, and rings the bell where that fails. For one thread at a time."""

    def __init__(
        self,
        bell: Callable[[], None],
        sounds: Path | None = None,
        *,
        play: Callable[[Path], str] = play,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._bell = bell
        self._sounds = sounds
        self._play = play
        self._patience = patience
        self._attempt: Future[str] | None = None

    def sound(self, kind: Kind) -> str:
        """Makes it heard, and says which way it went: `played by PLAYER`, or `bell: WHY`."""
        try:
            return f"played by {self._try(file_of(kind, self._sounds))}"
        except Exception as error:  # whatever goes wrong with a sound, the bell is always there
            self._bell()
            return f"bell: {error}"

    def _try(self, file: Path) -> str:
        if self._attempt is None or self._attempt.done():
            self._attempt = begin(partial(self._play, file), "player")
            with suppress(TimeoutError):
                return self._attempt.result(self._patience)
        raise TimeoutError(f"the player does not come to an end (after {self._patience:g} s)")


def try_each(sounds: Path | None, bell: Callable[[], None]) -> Iterator[tuple[Kind, str]]:
    """Plays each sound, one after the other, and tells which way it went."""
    player = Player(bell, sounds)
    for kind in Kind:
        yield kind, player.sound(kind)


class Notifier:
    """Any thread may call any method; none of them waits."""

    def __init__(
        self,
        bell: Callable[[], None],
        *,
        muted: bool = False,
        sounds: Path | None = None,
        quiet: Quiet | None = None,
        player: Player | None = None,
        burst: Burst | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.muted_until = math.inf if muted else 0.0
        """By the clock that `now` is; infinite while nobody knows until when."""
        self._quiet = quiet
        self._player = player or Player(bell, sounds)
        self._burst = burst or Burst()
        self._now = now
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon: the bell, too, may hang, and must not keep the program from ending.
        threading.Thread(target=self._run, name="chatroom sounds", daemon=True).start()

    def ring(self, kind: Kind) -> bool:
        """Wishes a sound. Whether it calls for something new: what is joined into another sound does not."""
        if self.is_muted() or self.is_quiet():
            return False
        with self._changed:
            calls = self._burst.wish(kind, time.monotonic())
            if calls:
                self._changed.notify()
        return calls

    def mute(self) -> None:
        """Until `unmute`."""
        self.muted_until = math.inf

    def mute_for(self, seconds: float) -> None:
        self.muted_until = self._now() + seconds

    def unmute(self) -> None:
        self.muted_until = 0.0

    def is_muted(self) -> bool:
        """Whether the person has switched sounds off; quiet hours are another matter."""
        return self._now() < self.muted_until

    def is_quiet(self) -> bool:
        """Whether these are quiet hours, by the clock on the wall."""
        if self._quiet is None:
            return False
        return self._quiet.holds_at(datetime.fromtimestamp(self._now(), UTC).astimezone().time())

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _run(self) -> None:
        while kind := self._next():
            if not self.is_muted():
                self._player.sound(kind)

    def _next(self) -> Kind | None:
        """Waits for what is due; None in the end."""
        with self._changed:
            while not self._is_closed:
                if kind := self._burst.take(time.monotonic()):
                    return kind
                self._changed.wait(self._burst.seconds_left(time.monotonic()))
        return None
