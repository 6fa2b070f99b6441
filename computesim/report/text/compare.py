"""Scenarios beside each other, as text and data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from computesim.report.comparison import labels
from computesim.report.scales import rounded, scaled
from computesim.report.tables import SUMMARY_VARIABLES, aligned
from computesim.report.text.tables import fitting
from computesim.results import Results


def _headlines(runs: Sequence[Results]) -> Iterator[tuple[str, str]]:
    """Yield label and name of every headline variable that all runs hold."""
    for label, name in SUMMARY_VARIABLES:
        if all(name in run for run in runs) and any(any(r.series(name).values()) for r in runs):
            yield label, name


def comparison_text(runs: Sequence[Results]) -> str:
    """Return the headline variables by year, each run's ratio to the first one below it.

    Parameters
    ----------
    runs : sequence of Results
        Two or more.
    """
    names = labels(runs)
    years = fitting(sorted({y for run in runs for y in run.years}), label=48)
    lines = [["", *map(str, years)]]
    for label, variable in _headlines(runs):
        series = [run.series(variable) for run in runs]
        factor, unit = scaled(runs[0].unit(variable), max(max(s.values()) for s in series))
        lines.append([f"{label}, {unit}", *[""] * len(years)])
        for name, values in zip(names, series, strict=True):
            cells = [rounded(values[y] / factor if y in values else None) for y in years]
            lines.append([f"  {name}", *cells])
        for name, values in zip(names[1:], series[1:], strict=True):
            ratio = [_ratio(values.get(y), series[0].get(y)) for y in years]
            lines.append([f"  {name} ÷ {names[0]}", *map(rounded, ratio)])
    return aligned(lines)


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


@dataclass(frozen=True, slots=True)
class Compared:
    """One variable in all scenarios."""

    unit: str
    values: dict[str, dict[int, float]]  #: by scenario and year
    ratios: dict[str, dict[int, float | None]]  #: to the first scenario


@dataclass(frozen=True, slots=True)
class Comparison:
    """The headline variables of scenarios beside each other."""

    scenarios: list[str]
    hashes: dict[str, str]
    variables: dict[str, Compared]


def comparison_of(runs: Sequence[Results]) -> Comparison:
    """Return the headline variables by year with their ratios, in base units.

    Parameters
    ----------
    runs : sequence of Results
        Two or more.
    """
    names = labels(runs)
    variables = {}
    for _, variable in _headlines(runs):
        series = {n: run.series(variable) for n, run in zip(names, runs, strict=True)}
        first = series[names[0]]
        ratios = {n: {y: _ratio(v, first.get(y)) for y, v in series[n].items()} for n in names[1:]}
        variables[variable] = Compared(runs[0].unit(variable), series, ratios)
    hashes = {n: run.manifest["hash"] for n, run in zip(names, runs, strict=True)}
    return Comparison(names, hashes, variables)
