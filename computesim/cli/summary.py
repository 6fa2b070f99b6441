"""The results of a run as a person reads them in a terminal, and as a program reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from computesim.report.text.tables import fitting

if TYPE_CHECKING:
    from computesim.results import Anchor, Results

_BY_WORKLOAD = ("H100-equivalents", "Accelerators|Required", "Power|Facility", "Power|Provisioned",
                "Energy")  # fmt: skip
#: compute and accelerators are what is asked, watts and energy what a limited fleet draws
_HEADS = ("compute required", "accelerators required", "mean power", "to be built", "electricity")
_MOST_WARNINGS = 8


def run_text(results: Results) -> str:
    """Return what a run found: totals by year, workloads, costs, published figures, warnings."""
    from computesim.report.costs import cost_text
    from computesim.report.sourcing import count_estimates
    from computesim.report.supply import balance_text
    from computesim.report.tables import reference_year, summary_text

    manifest = results.manifest
    years = fitting(results.years, label=48)
    parts = [f"{manifest['title']} ({manifest['hash'][:8]}, seed {manifest['seed']})"]
    parts.append(summary_text(results, years))
    parts.append(balance_text(results, years))
    parts += [
        workload_text(results, year)
        for year in dict.fromkeys((reference_year(results), results.years[-1]))
    ]
    parts.append(cost_text(results, years))
    parts.append(anchor_text(results))
    estimates, count = count_estimates(results)
    parts.append(f"{estimates} of {count} inputs are estimates: computesim sources says which.")
    parts.append("\n".join(_warnings(results)))
    return "\n\n".join(part for part in parts if part)


def workload_text(results: Results, year: int) -> str:
    """Return compute, accelerators, power and energy of one year by workload.

    Parameters
    ----------
    results : Results
    year : int
    """
    from computesim.report.scales import rounded, scaled
    from computesim.report.tables import aligned
    from computesim.results import WORKLOADS

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
    from computesim.report.tables import aligned

    anchors = results.manifest.get("anchors", [])
    if not anchors:
        return ""
    outside = sum(not anchor["within"] for anchor in anchors)
    head = [f"Against published figures: {len(anchors) - outside} inside, {outside} outside",
            "year", "ours", "published", "ours/published", "allowed", ""]  # fmt: skip
    return aligned([head, *map(_anchor_row, anchors)])


def _anchor_row(anchor: Anchor) -> list[str]:
    """Return one line of the comparison with published figures."""
    from computesim.report.scales import rounded, scaled

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


def run_data(results: Results) -> dict[str, Any]:
    """Return what a run found as plain data: base units, totals and parts by year.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict
        Keys `scenario`, `hash`, `seed`, `variables`, `costs` and `supply` (in the units of the
        tables), `anchors`, `inputs`, `estimates`, `warnings`, `wall_time`.
    """
    from computesim.report.costs import cost_rows
    from computesim.report.sourcing import count_estimates
    from computesim.report.supply import balance_rows
    from computesim.report.tables import SUMMARY_VARIABLES

    manifest = results.manifest
    estimates, count = count_estimates(results)
    return {
        "scenario": results.scenario,
        "hash": manifest["hash"],
        "seed": manifest["seed"],
        "variables": {
            name: {
                "unit": results.unit(name),
                "total": results.series(name),
                "parts": {c.split("|")[-1]: results.series(c) for c in results.children(name)},
            }
            for _, name in SUMMARY_VARIABLES
            if name in results
        },
        "costs": {
            row.label: {"unit": row.unit, "values": dict(row.values)} for row in cost_rows(results)
        },
        "supply": [
            {"quantity": row.label, "unit": row.unit, "values": dict(row.values)}
            for row in balance_rows(results)
        ],
        "anchors": manifest.get("anchors", []),
        "inputs": count,
        "estimates": estimates,
        "warnings": manifest.get("warnings", []),
        "wall_time": manifest.get("wall_time"),
    }
