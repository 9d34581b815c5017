"""One sound at the right moment, and never in the way.

Knows how to play a sound, and that many wishes at once are one. Knows nothing of messages: who wishes a sound says so
by `ring`, which only leaves a note; a thread of its own does what may take long, fail, or hang.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

SOUND = Path(__file__).parents[1] / "sounds" / "message.wav"

QUIET_SECONDS = 2.0
"""What is wished within so long after a sound is joined into it."""


def play(sound: Path = SOUND) -> None:
    """Starts the sound, or raises whatever kept it from that."""
    # What it logs would be written into the line being typed.
    logging.getLogger("playsound3").addHandler(logging.NullHandler())
    logging.getLogger("playsound3").propagate = False
    from playsound3 import playsound  # its import tries every player there may be, which takes a while

    playsound(sound, block=False)


class Notifier:
    """Any thread may call any method; none of them waits."""

    def __init__(
        self,
        bell: Callable[[], None],
        *,
        muted: bool = False,
        play: Callable[[], None] = play,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self.muted = muted
        self._bell = bell
        self._play = play
        self._quiet_seconds = quiet_seconds
        self._wanted = threading.Event()
        self._closed = threading.Event()
        # A daemon: a player that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="chatroom sounds", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        if not self.muted:
            self._wanted.set()

    def close(self) -> None:
        self._closed.set()
        self._wanted.set()

    def _run(self) -> None:
        while self._wanted.wait() and not self._closed.is_set():
            self._sound()
            self._closed.wait(self._quiet_seconds)
            if not self._closed.is_set():
                self._wanted.clear()

    def _sound(self) -> None:
        try:
            self._play()
        except Exception:  # whatever goes wrong with a sound, the bell is always there
            self._play = self._bell
            self._bell()
