"""The charts of supply and demand: both worlds, and how much of every limit is used."""

from __future__ import annotations

from computesim.report.chart import Chart, Series
from computesim.report.scales import scaled
from computesim.report.sourcing import source_line
from computesim.report.stacks import actuals, along, counted, peak, values
from computesim.report.supply import DEMAND, NOTHING, SUPPLY, balance_rows, used_shares
from computesim.report.theme import BAD, CYCLE, GOOD
from computesim.results import Results


def supply_and_demand(results: Results) -> Chart | None:
    """Return compute with and without limits on the supply, on a logarithmic axis."""
    if not balance_rows(results):
        return None
    factor, unit = scaled(results.unit(DEMAND), peak(results, (DEMAND, SUPPLY)))
    lines = ((DEMAND, "Without limits", BAD), (SUPPLY, "With limits, in service", GOOD))
    return Chart(
        "supply-and-demand",
        "Supply and demand",
        "How much more would be in service if nothing limited the supply?",
        "lines",
        f"Compute at year end, {unit}",
        f"{counted(DEMAND)} {counted(SUPPLY)}",
        source_line(results, ("supply", "limits", "fleet")),
        tuple(results.years),
        log_y=True,
        series=tuple(
            Series(label, tuple(v or None for v in values(results, name, factor)), shade, line=True)
            for name, label, shade in lines
        ),
        points=actuals(results, SUPPLY, factor),
    )


def limits_used(results: Results) -> Chart | None:
    """Return how much of every limit is used, in per cent: what stands at 100 binds."""
    rows = {row.label: row for row in balance_rows(results)}
    if not rows:
        return None
    binding = rows["Binding limit"].values
    told = ", ".join(f"{year} {name}" for year, name in binding.items() if name != NOTHING)
    shares = used_shares(results)
    lines = tuple(
        Series(label, along(results, share), CYCLE[place % len(CYCLE)], line=True)
        for place, (label, share) in enumerate(shares.items())
    )
    return Chart(
        "limits-used",
        "What limits the supply",
        "Which input runs out first?",
        "lines",
        "Used of what is available, %",
        "What the accelerators bought in the year take, over what there is for them.",
        source_line(results, ("supply", "limits")),
        tuple(results.years),
        series=lines,
        notes=(f"Binding: {told}." if told else "No limit binds.",),
    )
