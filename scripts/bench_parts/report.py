"""Figures as lines for people, ratios of two servers round by round, or all of it as JSON. Measures nothing."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from .figures import middle, ratios

Rounds = dict[str, list[float | None]]  # a figure's name -> its value in each round


class Line(NamedTuple):
    name: str
    label: str
    form: str
    compared: bool = True


LINES = (
    Line("deliveries_per_second", "deliveries a second", "{:,.0f}"),
    Line("server_cpu_us_per_delivery", "server CPU per delivery", "{:.3f} µs"),
    Line("flood_server_share", "server's share of its core in the flood", "{:.0%}", compared=False),
    Line("flood_load_share", "load's share of its core in the flood", "{:.0%}", compared=False),
    Line("flood_others_share", "others' share of a core in the flood", "{:.0%}", compared=False),
    Line("p50_ms", "latency p50", "{:.3f} ms"),
    Line("p99_ms", "latency p99", "{:.3f} ms"),
    Line("p999_ms", "latency p99.9", "{:.3f} ms"),
    Line("paced_load_share", "load's share of its core when paced", "{:.0%}", compared=False),
    Line("idle_kib", "memory per idle client", "{:.1f} KiB"),
)
BUSY = 0.95
DISTURBED = 0.2


def lines(measured: dict[str, Rounds]) -> Iterator[str]:
    """What each server did, and the first one's ratio to each other one."""
    for name, rounds in measured.items():
        yield from results(name, rounds)
    first, *others = measured
    for other in others:
        yield from comparison(first, measured[first], other, measured[other])


def results(name: str, rounds: Rounds) -> Iterator[str]:
    """The medians of one server."""
    yield f"{name}:"
    for line in LINES:
        if line.name in rounds:
            value = middle(rounds[line.name])
            yield f"  {line.label:<42}{'not measured here' if value is None else line.form.format(value):>18}"
    if (middle(rounds.get("flood_load_share", [])) or 0) > BUSY:
        yield "  The load process was busy all the time: it was the limit, the server can do more."
    if (middle(rounds.get("flood_others_share", [])) or 0) > DISTURBED:
        yield "  Something else was busy on this machine: these figures say little."


def comparison(name: str, ours: Rounds, other: str, theirs: Rounds) -> Iterator[str]:
    """Ours to theirs, round by round."""
    yield f"{name} : {other}"
    for line in LINES:
        if line.compared and line.name in ours:
            each = ratios(ours[line.name], theirs[line.name])
            if each:
                rounds = " ".join(f"{ratio:.2f}" for ratio in each)
                yield f"  {line.label:<42}{middle(each):>17.2f} x   (rounds: {rounds})"


def as_json(parameters: dict[str, object], measured: dict[str, Rounds]) -> str:
    servers = {
        name: {figure: {"median": middle(values), "rounds": values} for figure, values in rounds.items()}
        for name, rounds in measured.items()
    }
    first, *others = measured
    compared = {
        other: {
            line.name: ratios(measured[first][line.name], measured[other][line.name])
            for line in LINES
            if line.compared and line.name in measured[first]
        }
        for other in others
    }
    return json.dumps({"parameters": parameters, "servers": servers, "ratios": compared}, indent=2)
