"""The results of a run as a person reads them in a terminal, and as a program reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from computesim.records import quantity
from computesim.report.costs import cost_rows, cost_text
from computesim.report.scales import rounded, scaled
from computesim.report.sourcing import count_estimates
from computesim.report.supply import balance_rows, balance_text
from computesim.report.tables import SUMMARY_VARIABLES, aligned, reference_year, summary_text
from computesim.report.text.tables import fitting
from computesim.results import WORKLOADS, Anchor, Results

_BY_WORKLOAD = ("H100-equivalents", "Accelerators|Required", "Power|Facility", "Power|Provisioned",
                "Energy")  # fmt: skip
#: compute and accelerators are what is asked, watts and energy what a limited fleet draws
_HEADS = ("compute required", "accelerators required", "mean power", "to be built", "electricity")
_MOST_WARNINGS = 8


def run_text(results: Results) -> str:
    """Return what a run found: totals by year, workloads, costs, published figures, warnings."""
    manifest = results.manifest
    years = fitting(results.years, label=48)
    parts = [f"{manifest['title']} ({manifest['hash'][:8]}, seed {manifest['seed']})"]
    parts.append(summary_text(results, years))
    parts.append(balance_text(results, years))
    parts += [
        _workload_text(results, year)
        for year in dict.fromkeys((reference_year(results), results.years[-1]))
    ]
    parts.append(cost_text(results, years))
    parts.append(anchor_text(results))
    estimates, count = count_estimates(results)
    parts.append(f"{estimates} of {count} inputs are estimates: computesim sources says which.")
    parts.append("\n".join(_warnings(results)))
    return "\n\n".join(part for part in parts if part)


def _workload_text(results: Results, year: int) -> str:
    """Return compute, accelerators, power and energy of one year by workload."""
    rows = [[f"By workload in {year}"]] + [[name] for name in WORKLOADS]
    for group, head in zip(_BY_WORKLOAD, _HEADS, strict=True):
        if group not in results:
            continue
        parts = [f"{group}|{name}" for name in WORKLOADS]
        values = [results.series(p).get(year, 0.0) if p in results else 0.0 for p in parts]
        factor, unit = scaled(results.unit(group), max(values))
        cells = (f"{head}, {_short(unit)}", *(rounded(value / factor) for value in values))
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell)
    return aligned(rows)


def _short(unit: str) -> str:
    """Return a unit as the head of a narrow column."""
    return unit.replace(" H100-equivalents", " H100e").replace(" accelerators", "")


def anchor_text(results: Results) -> str:
    """Return ours beside published figures, with what is outside its allowed factor marked."""
    anchors = results.manifest.get("anchors", [])
    if not anchors:
        return ""
    outside = sum(not anchor["within"] for anchor in anchors)
    head = [f"Against published figures: {len(anchors) - outside} inside, {outside} outside",
            "year", "ours", "published", "ours/published", "allowed", ""]  # fmt: skip
    return aligned([head, *map(_anchor_row, anchors)])


def _anchor_row(anchor: Anchor) -> list[str]:
    ours, actual, factor = anchor["ours"], anchor["actual"], anchor["factor"]
    size, unit = scaled(anchor["unit"], max(ours, actual))
    numbers = [rounded(ours / size), rounded(actual / size)]
    ratio = rounded(ours / actual) if actual else "–"
    verdict = "inside" if anchor["within"] else "OUTSIDE"
    label = f"{anchor['name']}, {unit}" if unit else anchor["name"]
    return [label, str(anchor["year"]), *numbers, ratio, f"÷ or × {factor:.3g}", verdict]


def _warnings(results: Results) -> Iterator[str]:
    """Yield the warnings of a run, the first ones of many."""
    warnings = results.manifest.get("warnings", [])
    yield from (f"Warning: {text}" for text in warnings[:_MOST_WARNINGS])
    if len(warnings) > _MOST_WARNINGS:
        yield f"Warning: {len(warnings) - _MOST_WARNINGS} more; they are all in manifest.json"


@dataclass(frozen=True, slots=True)
class Variable:
    """A total with its parts, by year."""

    unit: str
    total: dict[int, float]
    parts: dict[str, dict[int, float]]


@dataclass(frozen=True, slots=True)
class Values:
    """A quantity by year."""

    unit: str
    values: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A quantity with its name, by year."""

    quantity: str
    unit: str
    values: Mapping[int, float | str]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in short."""

    scenario: str
    hash: str
    seed: int
    variables: dict[str, Variable]  #: base units
    costs: dict[str, Values]  #: in the units of the table, as `supply`
    supply: list[Line]
    anchors: list[Anchor]
    inputs: int
    estimates: int
    warnings: list[str]
    wall_time: float | None = quantity("s")


def summary_of(results: Results) -> Summary:
    """Return a run in short: totals and parts by year.

    Parameters
    ----------
    results : Results
    """
    manifest = results.manifest
    estimates, count = count_estimates(results)
    return Summary(
        results.scenario,
        manifest["hash"],
        manifest["seed"],
        {name: _variable(results, name) for _, name in SUMMARY_VARIABLES if name in results},
        {row.label: Values(row.unit, row.values) for row in cost_rows(results)},
        [Line(row.label, row.unit, row.values) for row in balance_rows(results)],
        manifest.get("anchors", []),
        count,
        estimates,
        manifest.get("warnings", []),
        manifest.get("wall_time"),
    )


def _variable(results: Results, name: str) -> Variable:
    parts = {child.split("|")[-1]: results.series(child) for child in results.children(name)}
    return Variable(results.unit(name), results.series(name), parts)
