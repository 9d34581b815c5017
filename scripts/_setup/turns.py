"""One at a time: a lock between processes, so that two first runs at once do not build in the same folder.

Knows file locks on POSIX and Windows, which the system lets go of by itself when a process dies, however it dies.
Does not know what the turn is for.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.2

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def turn(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at this path; `on_wait` is called once if somebody else holds it now.

    Programs started with `close_fds=False` hold it too, until they end (on POSIX): where a first run is killed and its
    installer lives on for a moment, the next one waits for that installer.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.set_inheritable(descriptor, True)
        _wait_for(descriptor, on_wait)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, on_wait: Callable[[], None]) -> None:
    if _try_lock(descriptor):
        return
    on_wait()
    while not _try_lock(descriptor):
        time.sleep(PAUSE)
