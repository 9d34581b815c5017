"""A comparison as one page of HTML that needs nothing else: bars for each figure, the same tables, the targets.

Knows how things look, in the light and in the dark; the words and numbers come from ``table`` and ``results``.
"""

from collections.abc import Iterable, Iterator
from html import escape

from . import table
from .contest import Target, Value
from .results import Results, Series

NAME_WIDTH, BAR_WIDTH, VALUE_WIDTH = 230, 360, 130
LINE, BAR = 24, 14  # heights

STYLE = """\
:root { color-scheme: light dark; --ink: #1c2330; --dim: #667085; --paper: #ffffff; --line: #e2e6ee;
  --ours: #0f766e; --theirs: #a3adc2; --good: #15803d; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --dim: #98a2b3; --paper: #14181f; --line: #2b313d;
  --ours: #2dd4bf; --theirs: #5d6880; --good: #4ade80; --bad: #f97066; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
p, figcaption { color: var(--dim); } figure { margin: 1rem 0; } svg { width: 100%; max-width: 720px; height: auto; }
svg text { font-size: 13px; fill: var(--ink); } svg .ours { fill: var(--ours); } svg .theirs { fill: var(--theirs); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
th { color: var(--dim); font-weight: normal; }
.met { color: var(--good); } .missed { color: var(--bad); } .trouble { color: var(--bad); }
"""


def page(results: Results, targets: Iterable[Target], about: str) -> str:
    """The whole comparison; ``about`` is a sentence on how it was made."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>',
            f"<title>chatroom and its peers</title><style>{STYLE}</style></head>",
            f"<body><h1>chatroom and its peers</h1><p>{escape(about)}</p>",
            *_targets(results, targets),
            *(part for name in results.figures for part in _figure(results, name)),
            *(f"<p>{escape(note)}</p>" for note in table.notes(results)),
            "</body></html>\n",
        ]
    )


def _targets(results: Results, targets: Iterable[Target]) -> Iterator[str]:
    yield "<h2>Targets</h2>"
    yield from _table(("", "measured", "target", "outcome"), table.judged(results, targets))


def _figure(results: Results, name: str) -> Iterator[str]:
    figure = results.figures[name]
    yield f"<h2>{escape(figure.title)}</h2>"
    for value in figure.values:
        yield f"<figure><figcaption>{escape(value.label)}</figcaption>"
        yield from _bars(results, results.series[name], value)
        yield "</figure>"
    yield from _table(table.head(figure), table.rows(results, name))
    yield from (f'<p class="trouble">{escape(trouble)}</p>' for trouble in table.troubles(results, name))


def _bars(results: Results, found: dict[str, Series], value: Value) -> Iterator[str]:
    most = max((series.median(value.name) or 0.0 for series in found.values()), default=0.0)
    width, height = NAME_WIDTH + BAR_WIDTH + VALUE_WIDTH, LINE * len(found)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    yield f"<title>{escape(value.label)}</title>"
    for place, (row, series) in enumerate(found.items()):
        yield from _bar(results.title(row), series, value, most, LINE * place)
    yield "</svg>"


def _bar(title: str, series: Series, value: Value, most: float, top: int) -> Iterator[str]:
    median, middle = series.median(value.name), top + LINE / 2 + 4
    length = BAR_WIDTH * median / most if median and most else 0.0
    side = "ours" if series.is_ours else "theirs"
    rounds = " · ".join(table.written(each, value.form) for each in series.rounds(value.name))
    words = "stuck" if series.troubles() and median is None else table.written(median, value.form)
    yield f"<g><title>{escape(f'{title}: {rounds}')}</title>"
    yield f'<text x="{NAME_WIDTH - 10}" y="{middle}" text-anchor="end">{escape(title)}</text>'
    yield (
        f'<rect class="{side}" x="{NAME_WIDTH}" y="{top + (LINE - BAR) / 2}" width="{length:.1f}" height="{BAR}"'
        ' rx="2"/>'
    )
    yield f'<text x="{NAME_WIDTH + length + 8:.1f}" y="{middle}">{escape(words)} {table.marks(series)}</text></g>'


def _table(head: table.Cells, rows: Iterable[table.Cells]) -> Iterator[str]:
    yield '<div class="scroll"><table><tr>'
    yield "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    for row in rows:
        yield f"<tr>{''.join(map(_cell, row))}</tr>"
    yield "</table></div>"


def _cell(words: str) -> str:
    outcome = words.strip(f" {table.LIMIT}{table.DISTURBED}")
    kind = f' class="{outcome}"' if outcome in ("met", "missed") else ""
    return f"<td{kind}>{escape(words.strip())}</td>"
