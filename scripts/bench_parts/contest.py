"""What the comparison is of, as tables: the servers in their ways, the figures, the targets. Measures nothing.

``ROWS``, ``FIGURES`` and ``TARGETS`` are all that has to be changed where something else shall be compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .arrivals import catching_up, coming_in
from .runs import COMPANY, Figures, Load, flood, idle, paced
from .servers import KINDS, Kind, Running, Setup


@dataclass(frozen=True)
class Row:
    """A server in one of its ways: which kind of server, and what is changed in its setup."""

    title: str
    kind: Kind
    changes: Mapping[str, str] = field(default_factory=dict)

    def is_ours(self) -> bool:
        return not self.kind.program

    def setup(self, common: Setup, clients: int) -> Setup:
        return replace(common, clients=clients, **self.changes)  # type: ignore[arg-type]


class Value(NamedTuple):
    """One of the numbers that a run gives: its name there, what people call it, and how it is written."""

    name: str
    label: str
    form: str = "{:,.0f}"


@dataclass(frozen=True)
class Figure:
    """One run with one load, and the rows that it is for; ``load_may_limit`` where it is about speed."""

    title: str
    run: Callable[[Running, Load], Figures]
    load: Load
    values: tuple[Value, ...]
    rows: tuple[str, ...]
    load_may_limit: bool = True

    def clients(self) -> int:
        """So many connections there are at most."""
        return self.load.idle + COMPANY if self.run is idle else self.load.clients

    def share_of(self, whom: str) -> str:
        """The name, among what the run gives, of the share of a core that the server, the load or others took."""
        return f"{self.run.__name__}_{whom}_share"

    def quick(self) -> "Figure":
        """The same with hardly anybody, for a moment."""
        load, rooms = self.load, min(self.load.rooms, 2)
        small = {"clients": min(load.clients, 10 * rooms), "senders": min(load.senders, 2 * rooms), "idle": 10}
        return replace(self, load=replace(load, rooms=rooms, warm_up=0.05, seconds=0.1, history=1600, **small))


class Target(NamedTuple):
    """What a row has to reach in a figure's value, alone or as a ratio to another row."""

    figure: str
    value: str
    row: str
    against: str | None
    bound: float
    at_most: bool = False
    form: str = "{:.2f} ×"


FIRST = "chatroom"
"""The row that is compared with all others."""

ROWS = {
    FIRST: Row("chatroom, as it comes", KINDS["chatroom"]),
    "process": Row("chatroom, --durability process", KINDS["chatroom"], {"durability": "process"}),
    "memory": Row("chatroom, --store memory:", KINDS["chatroom"], {"store": "memory:"}),
    "tls": Row("chatroom over TLS", KINDS["chatroom-tls"]),
    "inspircd": Row("InspIRCd", KINDS["inspircd"]),
    "ngircd": Row("ngircd", KINDS["ngircd"]),
    "nats": Row("nats-server", KINDS["nats"]),
}

EVERYBODY = tuple(ROWS)
PEERS = tuple(name for name, row in ROWS.items() if not row.is_ours())

DELIVERIES = Value("deliveries_per_second", "deliveries a second")
SPEED = (DELIVERIES, Value("server_cpu_us_per_delivery", "server CPU per delivery", "{:.3f} µs"))
LATENCY = (
    Value("p50_ms", "p50", "{:.2f} ms"),
    Value("p99_ms", "p99", "{:.2f} ms"),
    Value("p999_ms", "p99.9", "{:.2f} ms"),
)
TIME = (Value("coming_in_s", "time", "{:.2f} s"),)
MEMORY = (Value("idle_kib", "memory of one", "{:.1f} KiB"), Value("talking_clients", "that then hear words said"))
HISTORY = (Value("replay_per_second", "messages a second"), Value("pages_per_second", "asked for page by page"))

FIGURES = {
    "room-10": Figure("10 clients in one room", flood, Load(clients=10), SPEED, EVERYBODY),
    "room-100": Figure("100 clients in one room", flood, Load(clients=100), SPEED, EVERYBODY),
    "room-500": Figure("500 clients in one room", flood, Load(clients=500), SPEED, EVERYBODY),
    "room-2000": Figure("2,000 clients in one room", flood, Load(clients=2000, window=1024), SPEED, EVERYBODY),
    "rooms": Figure("100 rooms of 10 clients", flood, Load(clients=1000, rooms=100, senders=100), SPEED, EVERYBODY),
    "latency-200": Figure("latency at 200 messages a second", paced, Load(rate=200, seconds=5), LATENCY, EVERYBODY),
    "latency-2000": Figure("latency at 2,000 messages a second", paced, Load(rate=2000), LATENCY, EVERYBODY),
    "coming-in": Figure("1,000 clients come in", coming_in, Load(clients=1000), TIME, (FIRST, "tls", *PEERS)),
    "idle": Figure(
        "10,000 idle clients", idle, Load(idle=10_000), MEMORY, (FIRST, "tls", *PEERS), load_may_limit=False
    ),
    "catching-up": Figure("catching up 100,000 messages", catching_up, Load(), HISTORY, (FIRST, "memory")),
}

TARGETS = (
    *(Target(room, DELIVERIES.name, "process", "inspircd", 2.5) for room in ("room-100", "room-500")),
    *(Target(room, DELIVERIES.name, "process", "nats", 1.5) for room in ("room-100", "room-500")),
    *(Target(room, DELIVERIES.name, FIRST, "inspircd", 1.2) for room in ("room-100", "room-500")),
    Target("room-10", DELIVERIES.name, "memory", "inspircd", 1.2),
    Target("room-10", DELIVERIES.name, "process", "ngircd", 1.0),
    Target("room-2000", DELIVERIES.name, "process", "inspircd", 2.0),
    Target("latency-200", "p50_ms", FIRST, "inspircd", 1.5, at_most=True),
    Target("coming-in", "coming_in_s", FIRST, None, 2.0, at_most=True, form="{:.2f} s"),
    Target("idle", "idle_kib", FIRST, None, 30.0, at_most=True, form="{:.1f} KiB"),
    Target("idle", "talking_clients", FIRST, None, 10_000, form="{:,.0f}"),
    Target("catching-up", "replay_per_second", FIRST, None, 200_000, form="{:,.0f}"),
    Target("room-100", DELIVERIES.name, "tls", FIRST, 0.4),
)
