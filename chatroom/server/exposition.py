"""The figures as Prometheus reads them.

Knows prometheus_client, an extra that may not be installed: so this module is imported only when it is asked for.
Knows nothing of HTTP. Every reading starts from the figures as they stand then; nothing is counted here.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from chatroom import __version__
from chatroom.server.figures import Figures, Snapshot

_GAUGES: dict[str, tuple[str, Callable[[Snapshot], float]]] = {
    "chatroom_clients": ("Connections that have been welcomed.", lambda now: now.clients),
    "chatroom_strangers": ("Connections that have not said hello yet.", lambda now: now.strangers),
    "chatroom_members_behind": ("Clients that are fed from the store.", lambda now: now.behind),
    "chatroom_rooms": ("Rooms.", lambda now: now.rooms),
    "chatroom_waiting_bytes": ("Bytes that wait for clients to read them.", lambda now: now.waiting),
}
_COUNTERS: dict[str, tuple[str, Callable[[Snapshot], float]]] = {
    "chatroom_messages": ("Messages, and changes of messages, that were stored.", lambda now: now.messages),
    "chatroom_deliveries": ("Messages times the members who were sent them live.", lambda now: now.deliveries),
    "chatroom_strangers_hung_up": ("Strangers who had to make place for newcomers.", lambda now: now.hung_up),
    "chatroom_turned_away": ("Newcomers who were not let in.", lambda now: now.turned_away),
}


class _Collector(Collector):
    """Any thread may have it collect."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        now = self._figures.read()
        info = GaugeMetricFamily("chatroom_info", "The version that runs.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        for name, (text, value) in _GAUGES.items():
            yield GaugeMetricFamily(name, text, value(now))
        for name, (text, value) in _COUNTERS.items():
            yield CounterMetricFamily(name, text, value(now))
        yield SummaryMetricFamily(
            "chatroom_store_seconds", "What storing a batch took.", now.store_batches, now.store_seconds
        )
        yield _by("code", "chatroom_refusals", "Errors that clients were told.", now.refusals)
        yield _by("result", "chatroom_tls_handshakes", "TLS handshakes that came to their end.", now.handshakes)


def _by(label: str, name: str, text: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def exposition_of(figures: Figures) -> Callable[[str], tuple[bytes, str]]:
    """What to answer who accepts what it says."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures))

    def expose(accepted: str) -> tuple[bytes, str]:
        encode, kind = choose_encoder(accepted)
        return encode(registry), kind

    return expose
