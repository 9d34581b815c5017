"""A comparison in words: a table for each figure, and the targets at the end. Measures and prints nothing."""

from collections.abc import Iterable, Iterator, Sequence

from .contest import FIGURES, FIRST, ROWS, Figure, Target
from .results import Results, Series

Cells = Sequence[str]

NOT_MEASURED = "–"
SENSE = f"“{FIRST} : it” is the median of the ratios within each round, of the first row's value to this row's."
LIMIT, DISTURBED = "*", "~"
FOOTNOTES = {
    LIMIT: "The load was busy for over 90 % of the time: it was the limit, and the server can do more.",
    DISTURBED: "Something else on this machine took over 20 % of a core meanwhile: the figure says little.",
}


def lines(results: Results, targets: Iterable[Target]) -> Iterator[str]:
    """The whole comparison."""
    for name, figure in results.figures.items():
        yield f"{figure.title} (--only {name})"
        yield from _aligned([head(figure), *rows(results, name)])
        yield from (f"  {trouble}" for trouble in troubles(results, name))
        yield ""
    yield from notes(results)
    yield ""
    yield "Targets; a quick run judges none" if results.quick else "Targets"
    yield from _aligned([("", "measured", "target", "outcome"), *judged(results, targets)])


def head(figure: Figure) -> Cells:
    pairs = [(value.label, f"{FIRST} : it") for value in figure.values]
    return ("", *(word for pair in pairs for word in pair), "load's share")


def rows(results: Results, name: str) -> Iterator[Cells]:
    """A figure's rows as cells: what people call it, each value and its ratio, and the load's share of its core."""
    for row, series in results.series[name].items():
        share = written(series.median(series.figure.share_of("load")), "{:.0%}")
        yield (results.title(row), *_values(results, name, row, series), f"{share} {marks(series):<2}")


def _values(results: Results, name: str, row: str, series: Series) -> Iterator[str]:
    for value in series.figure.values:
        yield written(series.median(value.name), value.form)
        ratio = None if row == FIRST else results.ratio(name, value.name, FIRST, row)
        yield written(ratio, "{:.2f} ×")


def troubles(results: Results, name: str) -> Iterator[str]:
    """What went wrong, with how often."""
    for row, series in results.series[name].items():
        for trouble, times in series.troubles().items():
            yield f"{results.title(row)}, {times} of {len(series.trials)} rounds: {trouble}"


def notes(results: Results) -> Iterator[str]:
    """What the signs mean, and who is not there."""
    yield SENSE
    yield from (f"{mark} {text}" for mark, text in FOOTNOTES.items())
    yield from (f"Left out: {why}." for why in results.left_out.values())


def judged(results: Results, targets: Iterable[Target]) -> Iterator[Cells]:
    """Each target in words: what it is of, what was measured, what is asked, and the outcome."""
    for target in targets:
        verdict = results.judge(target)
        bound = f"at {'most' if target.at_most else 'least'} {target.form.format(target.bound)}"
        outcome = f"{verdict.outcome()} {marks(*verdict.of):<2}"
        yield _words_of(target), written(verdict.value, target.form), bound, outcome


def _words_of(target: Target) -> str:
    figure = FIGURES[target.figure]
    [label] = [value.label for value in figure.values if value.name == target.value]
    to = f" to {ROWS[target.against].title}" if target.against else ""
    return f"{figure.title}, {label}: {ROWS[target.row].title}{to}"


def written(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else form.format(value)


def marks(*series: Series) -> str:
    """The footnotes that hold for any of them."""
    limit, disturbed = any(s.load_was_the_limit() for s in series), any(s.was_disturbed() for s in series)
    return LIMIT * limit + DISTURBED * disturbed


def _aligned(table: Sequence[Cells]) -> Iterator[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        yield ("  " + "   ".join(cells)).rstrip()
