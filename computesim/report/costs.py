"""What hours, tokens and runs cost: the compact table and the chart of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from computesim.report.scales import accelerator_label, scaled
from computesim.report.stacks import parts_of, tail
from computesim.report.tables import SummaryRow, aligned
from computesim.results import Results
from computesim.results.variables import PRETRAINING, RL

TOKENS = "Cost of tokens"
OUTPUT = "Output tokens"
MOST_HOURS = 6  #: accelerators of which the compact table names the cost of an hour


def label_of(results: Results, room: str, key: str) -> str:
    """Return what a scenario calls one of its products, tiers or labs."""
    entries = results.manifest.get("scenario", {}).get(room, {})
    entry = entries.get(key, {}) if isinstance(entries, dict) else {}
    return str(entry.get("label") or key) if isinstance(entry, dict) else key


def products(results: Results) -> list[str]:
    """Return the products whose tokens cost something, in the order of the scenario."""
    found = [tail(name) for name in parts_of(results, TOKENS)]
    order = [*results.manifest.get("scenario", {}).get("products", {})]
    return sorted(found, key=lambda key: order.index(key) if key in order else len(order))


def _row(results: Results, label: str, name: str) -> SummaryRow:
    series = results.series(name)
    shown = [value for value in series.values() if value > 0] or [0.0]
    # the middle of what grows by orders of magnitude
    factor, unit = scaled(results.unit(name), math.sqrt(min(shown) * max(shown)))
    return SummaryRow(label, unit, {year: value / factor for year, value in series.items()})


def _named(results: Results) -> Iterator[tuple[str, str]]:
    """Yield label and variable of every line."""
    yield "Cost of compute, annualised", "Cost of compute"
    for name in _leading(results):
        yield f"Hour of {accelerator_label(name)}", f"TCO|{name}"
    for key in products(results):
        yield f"All tokens, {label_of(results, 'products', key)}", f"{TOKENS}|{key}"
    for key in products(results):
        yield f"{OUTPUT}, {label_of(results, 'products', key)}", f"{TOKENS}|{key}|Output"
    for workload, kind in ((PRETRAINING, "Pretraining run"), (RL, "RL run")):
        for name in results.children(f"Cost of run|{workload}"):
            yield f"{kind}, {label_of(results, 'labs', tail(name))}", name
    regions = results.children("Energy by region")
    for name in regions if len(regions) > 1 else ():
        yield f"Electricity in {tail(name)}", name
        yield f"Emissions in {tail(name)}", f"Emissions by region|{tail(name)}"


def _leading(results: Results) -> list[str]:
    """Return the accelerators that ever carried most of the compute, in order of release."""
    group = "H100-equivalents by generation"
    hours = [tail(name) for name in parts_of(results, "TCO")]
    if group not in results:
        return hours[:MOST_HOURS]
    whole = results.series(group)

    def lead(name: str) -> float:
        own = results.series(f"{group}|{name}") if f"{group}|{name}" in results else {}
        return max((v / whole[year] for year, v in own.items() if whole.get(year)), default=0.0)

    return sorted(sorted(hours, key=lead, reverse=True)[:MOST_HOURS], key=hours.index)


def cost_rows(results: Results) -> list[SummaryRow]:
    """Return the compact table of costs by year.

    Parameters
    ----------
    results : Results
        What is not there leaves its line out.

    Returns
    -------
    list of SummaryRow
        The year's whole bill, an hour of the largest accelerators, tokens by product, runs by
        group of labs and, where there are several, regions.
    """
    return [
        _row(results, label, name)
        for label, name in _named(results)
        if name in results and any(results.series(name).values())
    ]


def cost_text(results: Results, years: Sequence[int]) -> str:
    """Return the table without output tokens as plain text; nothing where nothing costs."""
    rows = [row for row in cost_rows(results) if not row.label.startswith(OUTPUT)]
    if not rows:
        return ""
    lines = [["Cost of ownership", *map(str, years)]]
    lines += [[f"{row.label}, {row.unit}", *row.cells(years)] for row in rows]
    return aligned(lines)
