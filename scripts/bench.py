#!/usr/bin/env python3
"""How fast is the server? Starts it, loads it from this process over real sockets, and prints what it did.

Knows the options and the order of things: which runs, on which servers, by turns, how often. What a run is stands in
``bench_parts``. On Linux the server gets one core and this process another; elsewhere both share them all.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from _setup import environment, launch
from bench_parts import compare, machine, report, runs
from bench_parts.crowd import StuckError
from bench_parts.runs import Figures, Load
from bench_parts.servers import KINDS, NotStarted, Running, Setup, started

EXAMPLES = """\
examples:
  bench.py                                            a flood, a paced run, idle clients: the server as it comes
  bench.py --clients 500 --durability process         the same with 500 clients, safe from kill -9 but not a power cut
  bench.py --rate off --rounds 5 --against inspircd   only the flood, on both by turns, and the ratios
  bench.py --rate 2000 --seconds 10                   only latency, at 2,000 messages a second
  bench.py --idle 10000                               only the memory of ten thousand silent clients
  bench.py compare                                    all figures, of all servers, by turns; see compare --help
"""

Run = Callable[[Running, Load], Figures]


def options(words: list[str] | None = None) -> argparse.Namespace:
    default, setup = Load(), Setup()
    parser = argparse.ArgumentParser(
        description="Measure the server: deliveries a second, latency, CPU per delivery, memory per idle client.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--clients", type=_count, default=default.clients, help="in the room (default: %(default)s)")
    add("--senders", type=_count, default=default.senders, help="of them who speak (default: %(default)s)")
    add("--size", type=_size, default=default.size, help="bytes of a message's text (default: %(default)s)")
    add("--rate", type=_rate, help="off: a flood; N: so many messages a second (default: off, then 200)")
    add("--seconds", type=float, default=default.seconds, help="length of a run (default: %(default)s)")
    add("--messages", type=_count, help="end a run after so many messages instead")
    add("--window", type=_count, default=default.window, help="messages ahead of the slowest (default: %(default)s)")
    add("--burst", type=_count, default=default.burst, help="messages in one send (default: %(default)s)")
    add("--rounds", type=_count, default=1, help="each on freshly started servers (default: %(default)s)")
    add("--idle", type=int, metavar="N", help="silent clients to weigh (default: 200; 0: none)")
    add("--store", choices=("sqlite", "memory:"), default=setup.store, help="of chatroom (default: %(default)s)")
    add(
        "--durability",
        choices=("power", "process"),
        default=setup.durability,
        help="of chatroom (default: %(default)s)",
    )
    add("--server", choices=sorted(KINDS), default="chatroom", help="what is measured (default: %(default)s)")
    add("--against", choices=sorted(KINDS), action="append", default=[], help="and compared with; may be repeated")
    add("--folder", type=Path, help="where the servers' data lies while they run (default: the system's)")
    add("--json", action="store_true", help="print the results as JSON")
    asked = parser.parse_args(words)
    if asked.senders > asked.clients or asked.burst > asked.window:
        parser.error("no more senders than clients, no longer bursts than the window")
    return asked


def _count(word: str) -> int:
    if (number := int(word)) < 1:
        raise ValueError(word)
    return number


def _size(word: str) -> int:
    if not 32 <= (number := int(word)) <= 400:  # what is written at its head; what fits a line of IRC
        raise argparse.ArgumentTypeError("from 32 to 400")
    return number


def _rate(word: str) -> float:
    return 0.0 if word == "off" else float(_count(word))


def chosen(asked: argparse.Namespace) -> tuple[Load, list[Run]]:
    """The load asked for, and the runs: all three, or those that ``--rate`` and ``--idle`` name."""
    talk = asked.rate is None and not asked.idle
    wanted = {
        runs.flood: talk or asked.rate == 0.0,
        runs.paced: talk or bool(asked.rate),
        runs.idle: bool(asked.idle) or (asked.rate is None and asked.idle is None),
    }
    given = {field.name: getattr(asked, field.name, None) for field in fields(Load)}
    load = Load(**{name: value for name, value in given.items() if value})
    return load, [run for run, is_wanted in wanted.items() if is_wanted]


def measure(names: list[str], load: Load, setup: Setup, wanted: list[Run], rounds: int) -> dict[str, report.Rounds]:
    """Every run on every server, by turns, each time on one freshly started."""
    measured: dict[str, report.Rounds] = {name: {} for name in names}
    for turn in range(rounds):
        for run in wanted:
            for name in names:
                _say(f"round {turn + 1} of {rounds}: {name}, {run.__name__}")
                with started(KINDS[name], setup) as server:
                    for figure, value in _run(run, server, load).items():
                        measured[name].setdefault(figure, []).append(value)
    return measured


def _run(run: Run, server: Running, load: Load) -> Figures:
    try:
        return run(server, load)
    except (StuckError, OSError) as error:
        raise SystemExit(f"{run.__name__}: {error}; the server's last words:\n{server.last_words()}") from error


def _python() -> str:
    """This Python if it has what the server needs; else that of the checkout's environment, made now if need be."""
    if find_spec("msgspec"):
        return sys.executable
    return environment.prepare("run").command("python")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)  # through the context managers, which end the servers


def main() -> None:
    signal.signal(signal.SIGTERM, _on_sigterm)
    if sys.argv[1:2] == ["compare"]:
        compare.main(sys.argv[2:], _python, _say)
    else:
        single(options())


def single(asked: argparse.Namespace) -> None:
    """The load asked for, on the servers asked for."""
    load, wanted = chosen(asked)
    names = list(dict.fromkeys([asked.server, *asked.against]))
    most = max(load.clients, load.idle + runs.COMPANY)
    machine.allow_descriptors(most + 200)
    server_core, load_core = machine.cores() or (None, None)
    setup = Setup(most, asked.store, asked.durability, asked.folder, server_core, _python())
    try:
        with machine.pinned(load_core):
            measured = measure(names, load, setup, wanted, asked.rounds)
    except NotStarted as error:
        raise SystemExit(str(error)) from error
    if asked.json:
        print(report.as_json({**asdict(load), "store": asked.store, "durability": asked.durability}, measured))
    else:
        print("\n".join(report.lines(measured)))


if __name__ == "__main__":
    with launch.in_plain_words():
        main()
