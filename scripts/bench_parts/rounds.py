"""Measures the figures of a comparison, row after row by turns, each run on a freshly started server.

Knows how a run may go wrong: what gets stuck or does not start is a trial with a trouble, and the others go on. Prints
nothing; whoever wants to know how far it is gives it an ear.
"""

from collections.abc import Callable, Iterable

from . import machine
from .contest import ROWS, Figure, Row
from .crowd import StuckError
from .results import Results, Trial
from .servers import NotStarted, Setup, started, version

DESCRIPTORS = 200  # that a process needs beside those of the clients
WORDS = 200  # characters of what a server said last, where it got stuck

Say = Callable[[str], None]


def installed(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Of these rows, those that can be measured, with their versions; and why the others cannot."""
    versions, left_out = {}, {}
    for name in names:
        program = ROWS[name].kind.program
        try:
            versions[name] = version(program) if program else ""
        except NotStarted as error:
            left_out[name] = str(error)
    return versions, left_out


def measure(results: Results, rounds: int, setup: Setup, say: Say) -> None:
    """Every figure on every row that it is for, by turns."""
    for name, figure in results.figures.items():
        taking_part = [row for row in results.versions if row in figure.rows]
        for turn in range(rounds):
            for row in taking_part:
                say(f"{figure.title}, round {turn + 1} of {rounds}: {ROWS[row].title}")
                trial = _try(figure, ROWS[row], setup)
                if trial.trouble:
                    say(f"    {trial.trouble}")
                results.add(name, row, trial)


def _try(figure: Figure, row: Row, setup: Setup) -> Trial:
    clients = figure.clients()
    try:
        machine.allow_descriptors(clients + DESCRIPTORS)
        with started(row.kind, row.setup(setup, clients)) as server:
            try:
                return Trial(figure.run(server, figure.load))
            except (StuckError, OSError) as error:
                last = " ".join(server.last_words()[-WORDS:].split())
                return Trial({}, f"stuck: {error}; the server said last: … {last}")
    except (NotStarted, OSError, ValueError) as error:
        return Trial({}, f"not started: {error}")
