"""Cores, limits, the disk's pace, and what a process has used, as Linux tells it; elsewhere None: "not measured".

Knows nothing of servers and sockets.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = bytes(4_096)
PACE_SECONDS = 0.005


def cores() -> tuple[int, int] | None:
    """A core for the server and another one for the load, where processes can be pinned."""
    if sys.platform == "linux":
        usable = sorted(os.sched_getaffinity(0))
        return (usable[0], usable[-1]) if len(usable) > 1 else None
    return None


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Run the body, and keep what it starts, on one core."""
    if sys.platform == "linux" and core is not None:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)
    else:
        yield


def allow_descriptors(count: int) -> None:
    """Let this process, and those it starts, open ``count`` files and sockets; ValueError if the system forbids it."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            most = hard if hard == resource.RLIM_INFINITY else max(hard, count)
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))


def cpu_seconds(pid: int) -> float | None:
    """What a process has used of the cores so far, all its threads together, in the system and outside of it."""
    if sys.platform == "linux":
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
    return None


def busy_seconds() -> float | None:
    """What all that runs on this machine has used of its cores so far."""
    if sys.platform == "linux":
        user, nice, system, _idle, _waiting, irq, softirq, steal = Path("/proc/stat").read_text().split()[1:9]
        ticks = map(int, (user, nice, system, irq, softirq, steal))
        return sum(ticks) / os.sysconf("SC_CLK_TCK")
    return None


def resident_bytes(pid: int) -> int | None:
    """The memory of a process that lies in RAM."""
    if sys.platform == "linux":
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")
    return None


def flush_ms(folder: Path | None, times: int) -> float:
    """How long the disk under this folder takes to keep a page for good, where now and then one is to be kept: whoever
    flushes before it shows anything cannot be faster."""
    flush = getattr(os, "fdatasync", os.fsync)
    with tempfile.TemporaryFile(dir=folder) as file:
        return statistics.median(_seconds_to_keep(file.fileno(), flush) for _ in range(times)) * 1_000


def _seconds_to_keep(file: int, flush: Callable[[int], object]) -> float:
    time.sleep(PACE_SECONDS)
    start = time.perf_counter()
    os.write(file, PAGE)
    flush(file)
    return time.perf_counter() - start
