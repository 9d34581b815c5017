"""A claim on a file: one process has it, and the system gives it back when that process ends, however it ends.

Knows how the systems lock files. Knows nothing of what is claimed.
"""

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def claim(file: IO[bytes]) -> bool:
        """Takes the open file for this process until it is closed, or says that somebody else has it."""
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def claim(file: IO[bytes]) -> bool:
        """Takes the open file for this process until it is closed, or says that somebody else has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
