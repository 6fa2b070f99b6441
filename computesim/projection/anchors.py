"""What the scenario says of the past, beside what was published about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from computesim.projection.demand import demand_at
from computesim.results import Anchor, Results

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario


class Target(NamedTuple):
    """One published figure that a scenario about the real world should come near."""

    name: str
    series: str  #: name in the history table
    variable: str  #: ours
    factor: float  #: how far apart the two may be, as a ratio
    per: float = 1.0  #: base units of the figure for one unit of the variable


TARGETS = (
    Target("World AI compute sold", "world-h100e", "H100-equivalents by generation", 1.5),
    Target("Chip TDP of AI accelerators sold", "world-chip-tdp", "Power|Accelerator TDP", 1.5),
    Target("AI facility power capacity", "ai-facility-power", "Power|Provisioned", 1.5),
    Target("Electricity of AI servers", "ai-electricity", "Energy", 1.5),
    Target("Tokens processed in the world", "tokens-world", "Tokens", 2.0),
)


def anchors(results: Results, scenario: Scenario, catalog: Catalog) -> list[Anchor]:
    """Return ours and the published figure for every target inside the horizon.

    Parameters
    ----------
    results : Results
    scenario : Scenario
    catalog : Catalog

    Returns
    -------
    list of Anchor
        Also those that are outside their factor, marked so.
    """
    found: list[Anchor] = []
    for target in TARGETS:
        for date, figure in catalog.series("history", target.series).items():
            year, _, month = date.partition("-")
            if not month and int(year) in results.years:
                ours = results.series(target.variable)[int(year)]
            elif target.variable == "Tokens" and month.isdigit():
                ours = _tokens(scenario, catalog, int(year) - 1 + (int(month) - 0.5) / 12)
            else:
                continue
            if math.isnan(ours):  # outside the horizon
                continue
            actual = _in_unit(figure.number, target, results)
            low, high = (_in_unit(b, target, results) for b in figure.bounds)
            ratio = ours / actual
            found.append(
                Anchor(
                    name=target.name + (f", {date}" if month else ""),
                    year=int(year),
                    unit=results.unit(target.variable),
                    ours=ours,
                    actual=actual,
                    low=low,
                    high=high,
                    factor=target.factor,
                    within=1 / target.factor <= ratio <= target.factor,
                    source=figure.source,
                    variable=target.variable if not month else "",
                )
            )
    return found


def _tokens(scenario: Scenario, catalog: Catalog, year: float) -> float:
    """Return the tokens of a day at a time within a year; 2025.4 is May 2026."""
    if not scenario.years[0] <= year <= scenario.years[-1]:
        return float("nan")
    flows = demand_at(scenario, catalog, year).cloud.values()
    return sum(flow.prompt + flow.output for flow in flows)


def _in_unit(number: float, target: Target, results: Results) -> float:
    """Return a figure in base units as a number in the unit of the variable."""
    per_day, per_hour = 86400.0, 3600.0
    factors = {"token/day": per_day, "Wh/year": 365.25 * 86400.0 / per_hour}
    return number * factors.get(results.unit(target.variable), 1.0)
