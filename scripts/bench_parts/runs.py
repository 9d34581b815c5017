"""What is measured: a flood, a paced conversation, and a crowd that is idle. Prints nothing.

Each run takes a server that listens and gives figures by name; None is "not measured on this system". Only what
happens between the warm-up and the last delivery counts, and a run ends only when every client has heard every
message, each once.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Self

from . import machine
from .crowd import Client, Crowd, Room, StuckError, gathered
from .dialects import Flood
from .figures import Heard, Stamps, flaw, marker_of, percentile, stamped
from .servers import Running

ROOM = "bench"
WITNESSED = 16 * 1024 * 1024  # bytes of the flood that one client parses whole
SAMPLE = 10  # clients that take the time of every message
COMPANY = 50  # idle clients in a room
WORDS = 1000  # said by some of them at the end

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Load:
    """How many say how much, how fast. A run is over after ``messages``, or where that is None after ``seconds``.

    The clients spread over the ``rooms``; the first ``senders`` of them speak. ``window`` is for all rooms together.
    """

    clients: int = 100
    rooms: int = 1
    senders: int = 10
    size: int = 64
    warm_up: float = 0.5
    seconds: float = 3.0
    messages: int | None = None
    window: int = 4096
    burst: int = 16
    rate: float = 200.0
    idle: int = 200
    history: int = 100_000


class Clocks(NamedTuple):
    """The clocks of a run, in seconds: passed, used by this process, by the server, by all on this machine."""

    passed: float
    load: float
    server: float | None
    machine: float | None

    @classmethod
    def read(cls, server: Running) -> Self:
        pid = server.process.pid
        return cls(time.perf_counter(), time.process_time(), machine.cpu_seconds(pid), machine.busy_seconds())

    def since(self, start: Self) -> "Clocks":
        server = _less(self.server, start.server)
        return Clocks(self.passed - start.passed, self.load - start.load, server, _less(self.machine, start.machine))

    def others(self) -> float | None:
        """What neither the server nor this process used."""
        rest = _less(_less(self.machine, self.server), self.load)
        return None if rest is None else max(0.0, rest)  # the system counts in ticks


def _less(value: float | None, by: float | None) -> float | None:
    return None if value is None or by is None else value - by


def over(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


class Witness:
    """Keeps what one client hears, up to a bound, to be parsed when the clock has stopped."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept = bytearray()
        client.ear = self._hear

    def _hear(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > WITNESSED:
            self._client.ear = None

    def check(self, crowd: Crowd, burst: int) -> None:
        heard: list[Heard] = list(crowd.dialect.heard(bytes(self._kept)))
        if found := flaw(heard, burst) or ("" if heard else "nothing could be read"):
            raise StuckError(f"u{self._client.index}: {found}")


class Tap:
    """The senders of one room by turns."""

    def __init__(self, crowd: Crowd, room: Room, senders: list[Client], load: Load) -> None:
        self._crowd, self._room, self._burst = crowd, room, load.burst
        self._ahead = load.burst - max(load.burst, load.window // load.rooms)
        self._count = len(senders)
        floods = (Flood.of(crowd.dialect, room.name, client.index, load.size, load.burst) for client in senders)
        taps = [(client, flood, itertools.count()) for client, flood in zip(senders, floods, strict=True)]
        self._turn = itertools.cycle(taps)

    def top_up(self, enough: Callable[[], bool]) -> None:
        """Say as much as the window lets through, and the senders' sockets take."""
        idle = 0
        while idle < self._count and self._has_space() and not enough():
            client, flood, numbers = next(self._turn)
            idle = idle + 1 if client.unsent else 0
            if not client.unsent:
                self._crowd.say(client, flood.blob(next(numbers)), self._burst)

    def _has_space(self) -> bool:
        wanted = self._room.said + self._ahead
        return self._room.slowest(wanted) >= wanted


class Pump:
    """Pours messages into all rooms, never more than a window ahead of the slowest client of each."""

    def __init__(self, crowd: Crowd, load: Load) -> None:
        self._crowd, self._burst = crowd, load.burst
        senders = crowd.clients[: load.senders]
        each = {room: [client for client in senders if client.room is room] for room in crowd.rooms.values()}
        self._taps = [Tap(crowd, room, speaking, load) for room, speaking in each.items() if speaking]

    def run(self, enough: Callable[[], bool]) -> None:
        self._crowd.listen_until(lambda: self._poured(enough), lambda: "nobody hears anything any more")
        self._crowd.settle()

    def _poured(self, enough: Callable[[], bool]) -> bool:
        for tap in self._taps:
            tap.top_up(enough)
        return enough()


def flood(server: Running, load: Load) -> Figures:
    """As many deliveries a second as the server makes of a flood."""
    with gather(server, load) as crowd:
        _assemble(crowd, load)
        witness = Witness(crowd.clients[-1])
        pump = Pump(crowd, load)
        pump.run(_after(load.warm_up))
        said, start = crowd.said, Clocks.read(server)
        pump.run(_after(load.seconds) if load.messages is None else beyond(crowd, said + load.messages))
        took = Clocks.read(server).since(start)
        witness.check(crowd, load.burst)
    deliveries = crowd.dialect.deliveries(crowd.said - said, load.clients // load.rooms)
    return {
        "deliveries_per_second": deliveries / took.passed,
        "server_cpu_us_per_delivery": over(took.server, deliveries / 1e6),
        "flood_server_share": over(took.server, took.passed),
        "flood_load_share": took.load / took.passed,
        "flood_others_share": over(took.others(), took.passed),
    }


def paced(server: Running, load: Load) -> Figures:
    """How long a message takes from its sender to the others, at a steady rate."""
    with gather(server, load) as crowd:
        _assemble(crowd, load)
        idents = itertools.count()
        speakers = crowd.clients[: load.senders]
        _pace(crowd, speakers, load, max(1, round(load.rate * load.warm_up)), idents)
        samples = [_timed(client) for client in crowd.clients[:: max(1, load.clients // SAMPLE)]]
        start = Clocks.read(server)
        _pace(crowd, speakers, load, load.messages or max(1, round(load.rate * load.seconds)), idents)
        took = Clocks.read(server).since(start)
    delays = sorted(delay for sample in samples for delay in sample.delays)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
    return {
        **{name: over(percentile(delays, share), 1e-3) for name, share in shares.items()},
        "paced_load_share": took.load / took.passed,
        "paced_others_share": over(took.others(), took.passed),
    }


def idle(server: Running, load: Load) -> Figures:
    """The memory that a client costs which has joined a room and is silent; then words are said in every room."""
    with gather(server, load) as crowd:
        crowd.enter(COMPANY, lambda _: ROOM)
        crowd.level_out()
        before, start = machine.resident_bytes(server.process.pid), Clocks.read(server)
        crowd.enter(load.idle, lambda index: f"{ROOM}{index // COMPANY}")
        crowd.level_out()
        after = machine.resident_bytes(server.process.pid)
        speakers = crowd.clients[:: max(1, len(crowd.clients) // WORDS)]
        _pace(crowd, speakers, load, len(speakers), itertools.count())
        took = Clocks.read(server).since(start)
    return {
        "idle_kib": over(_less(after, before), load.idle * 1024),
        "talking_clients": float(len(crowd.clients)),
        "idle_load_share": took.load / took.passed,
        "idle_others_share": over(took.others(), took.passed),
    }


def gather(server: Running, load: Load) -> AbstractContextManager[Crowd]:
    kind, marker = server.kind, marker_of(load.size)
    return gathered(kind.dialect, server.port, kind.backlog, marker, encrypted=kind.encrypted)


def _assemble(crowd: Crowd, load: Load) -> None:
    crowd.enter(load.clients, lambda index: f"{ROOM}{index % load.rooms or ''}")
    crowd.level_out()


def _after(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end


def beyond(crowd: Crowd, said: int) -> Callable[[], bool]:
    return lambda: crowd.said >= said


def _timed(client: Client) -> Stamps:
    stamps = Stamps()
    client.ear = lambda chunk: stamps.hear(chunk, time.perf_counter_ns())
    return stamps


def _pace(crowd: Crowd, speakers: Sequence[Client], load: Load, messages: int, idents: "itertools.count[int]") -> None:
    start = time.perf_counter()
    for turn in range(messages):
        _listen_until(crowd, start + turn / load.rate)
        speaker, text = speakers[turn % len(speakers)], stamped(time.perf_counter_ns(), load.size)
        crowd.say(speaker, crowd.dialect.say(speaker.room.name, f"paced-{next(idents):09d}", text), 1)
    crowd.settle()


def _listen_until(crowd: Crowd, due: float) -> None:
    """Listen at least once, so that a load which is late still hears."""
    crowd.listen(max(0.0, due - time.perf_counter()))
    while (wait := due - time.perf_counter()) > 0:
        crowd.listen(wait)
