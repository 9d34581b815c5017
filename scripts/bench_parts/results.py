"""What a comparison found: medians, ratios round by round, and which targets are met. Pure: prints nothing.

A trial is one run of one row in one round. It may have got stuck: then it has a trouble instead of figures.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from .contest import FIRST, ROWS, Figure, Target
from .figures import middle, ratios

BUSY, DISTURBED = 0.9, 0.2
"""Above these shares of a core the load was the limit, or somebody else on this machine was in the way."""


class Trial(NamedTuple):
    """What one run gave, or what went wrong."""

    figures: Mapping[str, float | None]
    trouble: str = ""


class Series:
    """One row in one figure, over all rounds."""

    def __init__(self, figure: Figure, *, is_ours: bool) -> None:
        self.figure = figure
        self.is_ours = is_ours
        self.trials: list[Trial] = []

    def rounds(self, value: str) -> list[float | None]:
        return [trial.figures.get(value) for trial in self.trials]

    def median(self, value: str) -> float | None:
        return middle(self.rounds(value))

    def troubles(self) -> Counter[str]:
        """What went wrong, and in how many rounds."""
        return Counter(trial.trouble for trial in self.trials if trial.trouble)

    def load_was_the_limit(self) -> bool:
        return self.figure.load_may_limit and self._share("load") > BUSY

    def was_disturbed(self) -> bool:
        return self._share("others") > DISTURBED

    def _share(self, whom: str) -> float:
        return self.median(self.figure.share_of(whom)) or 0.0


class Verdict(NamedTuple):
    """What became of a target. ``value`` is the ratio, or the value itself, in the middle of the rounds; ``of`` are the
    rows that it was found from."""

    target: Target
    value: float | None
    of: list[Series]

    def outcome(self) -> str:
        if self.value is None:
            return "not measured"
        better = self.value <= self.target.bound if self.target.at_most else self.value >= self.target.bound
        return "met" if better else "missed"


class Results:
    """Everything that was found, by the names of figures and rows.

    ``versions`` has those that take part; ``left_out`` says why others do not.
    """

    def __init__(
        self,
        figures: Mapping[str, Figure],
        versions: Mapping[str, str],
        left_out: Mapping[str, str],
        *,
        quick: bool = False,
    ) -> None:
        self.figures = figures
        self.versions = versions
        self.left_out = left_out
        self.quick = quick
        self.series: dict[str, dict[str, Series]] = {name: {} for name in figures}

    def add(self, figure: str, row: str, trial: Trial) -> None:
        new = Series(self.figures[figure], is_ours=ROWS[row].is_ours())
        self.series[figure].setdefault(row, new).trials.append(trial)

    def title(self, row: str) -> str:
        """What people call it, with its version."""
        return f"{ROWS[row].title} {self.versions[row]}".strip()

    def ratios(self, figure: str, value: str, row: str, against: str) -> list[float]:
        """The first row's value to the other's, round by round; nothing where one of them is missing."""
        found = self.series.get(figure, {})
        if row not in found or against not in found:
            return []
        return ratios(found[row].rounds(value), found[against].rounds(value))

    def ratio(self, figure: str, value: str, row: str, against: str) -> float | None:
        return middle(self.ratios(figure, value, row, against))

    def judge(self, target: Target) -> Verdict:
        found = self.series.get(target.figure, {})
        rows = [found[row] for row in (target.row, target.against) if row in found]
        if target.row not in found or self.quick:
            value = None
        elif target.against:
            value = self.ratio(target.figure, target.value, target.row, target.against)
        else:
            value = found[target.row].median(target.value)
        return Verdict(target, value, rows)

    def as_json(self, targets: tuple[Target, ...], parameters: Mapping[str, object]) -> str:
        figures = {name: self._figure_as_json(name) for name in self.figures}
        judged = [
            {**target._asdict(), "measured": verdict.value, "outcome": verdict.outcome()}
            for target in targets
            for verdict in [self.judge(target)]
        ]
        found = {"parameters": parameters, "left_out": self.left_out, "figures": figures, "targets": judged}
        return json.dumps(found, indent=2, default=dict)

    def _figure_as_json(self, name: str) -> dict[str, object]:
        return {
            "title": self.figures[name].title,
            "rows": {row: self._series_as_json(name, row, series) for row, series in self.series[name].items()},
        }

    def _series_as_json(self, figure: str, row: str, series: Series) -> dict[str, object]:
        names = dict.fromkeys(name for trial in series.trials for name in trial.figures)
        values = [value.name for value in series.figure.values]
        return {
            "title": self.title(row),
            "troubles": series.troubles(),
            "load_was_the_limit": series.load_was_the_limit(),
            "values": {name: {"median": series.median(name), "rounds": series.rounds(name)} for name in names},
            f"{FIRST}_to_it": {name: self.ratios(figure, name, FIRST, row) for name in values if row != FIRST},
        }
