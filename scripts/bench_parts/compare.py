"""The command ``bench.py compare``: its options, and what becomes of the results.

Knows which words choose what; the tables of ``contest`` say what there is to choose from.
"""

import argparse
import platform
from collections.abc import Callable
from pathlib import Path

from . import machine, page, rounds, table
from .contest import FIGURES, ROWS, TARGETS
from .results import Results
from .servers import Setup

EXAMPLES = """\
examples:
  bench.py compare                                    everything, five rounds of it: takes an hour
  bench.py compare --only room-100 --only coming-in   these figures alone
  bench.py compare --server chatroom --server nats    these servers alone
  bench.py compare --rounds 3 --html report.html      also as a page with plots
"""
ROUNDS = 5
FLUSHES = 200


def options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.py compare",
        description="Run chatroom in its ways and every peer that is installed, by turns, under the same load; print "
        "the medians, chatroom's ratios to the others round by round, and which targets are met.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--only", choices=FIGURES, action="append", metavar="NAME", help=f"one of {', '.join(FIGURES)}; may be repeated"
    )
    add("--server", choices=ROWS, action="append", metavar="NAME", help=f"one of {', '.join(ROWS)}; may be repeated")
    add("--rounds", type=int, choices=range(1, 100), default=ROUNDS, metavar="N", help="of each (default: %(default)s)")
    add("--quick", action="store_true", help="hardly anybody, for a moment: shows that it works, and measures nothing")
    add("--folder", type=Path, help="where the servers' data lies while they run (default: the system's)")
    add("--json", action="store_true", help="print the results as JSON")
    add("--html", type=Path, metavar="FILE", help="also write them there, as one page with plots")
    return parser.parse_args(words)


def main(words: list[str], python: Callable[[], str], say: rounds.Say) -> None:
    """``python`` gives the one that chatroom runs with."""
    asked = options(words)
    chosen = {name: figure for name, figure in FIGURES.items() if name in (asked.only or FIGURES)}
    figures = {name: figure.quick() if asked.quick else figure for name, figure in chosen.items()}
    versions, left_out = rounds.installed(name for name in ROWS if name in (asked.server or ROWS))
    for why in left_out.values():
        say(f"{why}; it is left out")
    results = Results(figures, versions, left_out, quick=asked.quick)
    server_core, load_core = machine.cores() or (None, None)
    with machine.pinned(load_core):
        rounds.measure(results, asked.rounds, Setup(folder=asked.folder, core=server_core, python=python()), say)
        flush = machine.flush_ms(asked.folder, 1 if asked.quick else FLUSHES)
    _report(results, asked, _about(asked.rounds, flush, isolated=load_core is not None))


def _report(results: Results, asked: argparse.Namespace, about: str) -> None:
    if asked.html:
        asked.html.write_text(page.page(results, TARGETS, about), encoding="utf-8")
    if asked.json:
        print(results.as_json(TARGETS, {"rounds": asked.rounds, "quick": asked.quick, "about": about}))
    else:
        print("\n".join([about, "", *table.lines(results, TARGETS)]))


def _about(rounds: int, flush: float, *, isolated: bool) -> str:
    cores = "the server on one core, the load on another" if isolated else "server and load share all cores"
    system = f"Python {platform.python_version()} on {platform.system()} {platform.release()}, {platform.machine()}"
    disk = f"to write a page and flush it, and nothing else, takes the disk {flush:.2f} ms"
    return f"Rounds, by turns: {rounds}; {cores}; messages of 64 bytes; {system}; {disk}."
