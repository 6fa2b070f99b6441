"""Scenarios beside each other, as text, data and files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computesim.cli.output import progress
from computesim.report.text.tables import fitting

if TYPE_CHECKING:
    from computesim.results import Results

_HEAD = ("variable", "unit", "year", "scenario", "value", "reference", "difference", "ratio")


def runs_of(names: Sequence[str], catalog: Path | None = None) -> list[Results]:
    """Return the results of scenarios, or of folders that hold results already.

    Parameters
    ----------
    names : sequence of str
        Files, shipped names or folders. All are read before the first is run.
    catalog : Path, optional
        Folder of the user's own tables, for the scenarios that are run.
    """
    from computesim import Results, load_results, load_scenario
    from computesim.pipeline import project

    read = [load_results(n) if Path(n).is_dir() else load_scenario(n, (), catalog) for n in names]
    with progress() as tell:
        return [r if isinstance(r, Results) else project(r, tell) for r in read]


def _headlines(runs: Sequence[Results]) -> Iterator[tuple[str, str]]:
    """Yield label and name of every headline variable that all runs hold."""
    from computesim.report.tables import SUMMARY_VARIABLES

    for label, name in SUMMARY_VARIABLES:
        if all(name in run for run in runs) and any(any(r.series(name).values()) for r in runs):
            yield label, name


def text(runs: Sequence[Results]) -> str:
    """Return the headline variables by year, each run's ratio to the first one below it.

    Parameters
    ----------
    runs : sequence of Results
        Two or more.
    """
    from computesim.report.comparison import labels
    from computesim.report.scales import rounded, scaled
    from computesim.report.tables import aligned

    names = labels(runs)
    years = fitting(sorted({y for run in runs for y in run.years}), label=48)
    lines = [["", *map(str, years)]]
    for label, variable in _headlines(runs):
        series = [run.series(variable) for run in runs]
        factor, unit = scaled(runs[0].unit(variable), max(max(s.values()) for s in series))
        lines.append([f"{label}, {unit}", *[""] * len(years)])
        for name, own in zip(names, series, strict=True):
            cells = [rounded(own[y] / factor if y in own else None) for y in years]
            lines.append([f"  {name}", *cells])
        for name, own in zip(names[1:], series[1:], strict=True):
            ratio = [_ratio(own.get(y), series[0].get(y)) for y in years]
            lines.append([f"  {name} ÷ {names[0]}", *map(rounded, ratio)])
    return aligned(lines)


def _ratio(above: float | None, below: float | None) -> float | None:
    """Return a ratio, None where there is none."""
    return above / below if above is not None and below else None


def data(runs: Sequence[Results]) -> dict[str, Any]:
    """Return the headline variables by year with their ratios, in base units.

    Parameters
    ----------
    runs : sequence of Results
        Two or more.
    """
    from computesim.report.comparison import labels

    names = labels(runs)
    found = {}
    for _, variable in _headlines(runs):
        series = {n: run.series(variable) for n, run in zip(names, runs, strict=True)}
        first = series[names[0]]
        ratios = {n: {y: _ratio(v, first.get(y)) for y, v in series[n].items()} for n in names[1:]}
        found[variable] = {"unit": runs[0].unit(variable), "values": series, "ratios": ratios}
    hashes = {n: run.manifest["hash"] for n, run in zip(names, runs, strict=True)}
    return {"scenarios": names, "hashes": hashes, "variables": found}


def write(runs: Sequence[Results], folder: Path) -> list[Path]:
    """Write `compare.csv` (every common variable) and `compare.html` into a folder.

    Parameters
    ----------
    runs : sequence of Results
        Two or more.
    folder : Path
        Made when it is not there.
    """
    from computesim.report.comparison import labels
    from computesim.report.export import write_comparison
    from computesim.results import written_whole

    table = folder / "compare.csv"
    with written_whole(table) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEAD)
        for label, other in zip(labels(runs)[1:], runs[1:], strict=True):
            for row in runs[0].compare(other):
                numbers = (row.other, row.ours, row.difference, row.ratio)
                writer.writerow([row.variable, row.unit, row.year, label, *numbers])
    return [table, write_comparison(runs, folder / "compare.html")]
