"""What the scenario says of the past, beside what was published about it."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, NamedTuple

from computesim.calendar import YEAR
from computesim.cells.jobs import COT, OTHER, OTHER_AI
from computesim.demand.asked import demand_at
from computesim.results import Anchor, Results, unit_of
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario

SHARE = "Share|Inference"  # computed here: not a variable of the table


class Target(NamedTuple):
    """One published figure that a scenario about the real world should come near."""

    name: str
    series: str  #: name in the history table
    variable: str  #: ours
    factor: float  #: how far apart the two may be, as a ratio


TARGETS = (
    Target("World AI compute sold", "world-h100e", "H100-equivalents by generation", 1.5),
    Target("Chip TDP of AI accelerators sold", "world-chip-tdp", "Power|Accelerator TDP", 1.5),
    Target("AI facility power capacity", "ai-facility-power", "Power|Provisioned", 1.5),
    Target("Electricity of AI servers", "ai-electricity", "Energy", 1.5),  # without PUE
    Target("800G modules shipped", "modules-800g", "Network shipped|Optics|800G", 1.5),
    Target("Inference share of a lab's compute", "inference-share-openai", SHARE, 1.5),
    Target("Tokens a day in the world", "tokens-world", "Tokens", 2.0),
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
        unit = "1" if target.variable == SHARE else unit_of(target.variable)
        for date, figure in catalog.series("history", target.series).items():
            ours = _ours(results, scenario, catalog, target, date)
            if ours is None:
                continue
            actual = in_unit(figure.number, unit)
            low, high = (in_unit(bound, unit) for bound in figure.bounds)
            found.append(
                Anchor(
                    name=target.name + (f" in {_month(date)}" if "-" in date else ""),
                    year=int(date[:4]),
                    unit=unit,
                    ours=ours,
                    actual=actual,
                    low=low,
                    high=high,
                    factor=target.factor,
                    within=1 / target.factor <= ours / actual <= target.factor,
                    source=figure.source,
                    variable=""
                    if "-" in date or target.variable in (SHARE, "Energy")
                    else target.variable,
                )
            )
    return found


def _ours(
    results: Results, scenario: Scenario, catalog: Catalog, target: Target, date: str
) -> float | None:
    """Return our figure at a date (a year's end, or a month), None outside the horizon."""
    year, _, month = date.partition("-")
    if month:
        if target.variable != "Tokens" or not month.isdigit():
            return None
        when = int(year) - 1 + (int(month) - 0.5) / 12
        return tokens_at(Moment(scenario, catalog, when))
    if int(year) not in results.years:
        return None
    if target.variable == SHARE:
        return inference_share(results, int(year))
    if target.variable not in results:
        return 0.0  # modules of a speed that no network of the scenario has
    ours = results.series(target.variable).get(int(year), 0.0)
    return ours * it_share(results, int(year)) if target.variable == "Energy" else ours


def it_share(results: Results, year: int) -> float:
    """Return IT watts over facility watts at the year's end; 1 where nothing draws power."""
    facility = results.series("Power|Facility")[year]
    return results.series("Power|IT")[year] / facility if facility > 0 else 1.0


def _month(date: str) -> str:
    """Return the name of the month of a date such as 2026-05."""
    return calendar.month_name[int(date.split("-")[1])]


def inference_share(results: Results, year: int) -> float:
    """Return the share of inference in the accelerators of labs and their products."""
    parts = {
        name.split("|")[1]: results.series(name)[year]
        for name in results.variables("H100-equivalents|*")
    }
    labs = sum(parts.values()) - parts.get(OTHER_AI, 0.0)
    return (parts.get(COT, 0.0) + parts.get(OTHER, 0.0)) / labs if labs > 0 else 0.0


def tokens_at(moment: Moment) -> float | None:
    """Return the tokens of a day at a time within a year; 2025.4 is May 2026."""
    years = moment.scenario.years
    if not years[0] <= moment.year <= years[-1]:
        return None
    flows = demand_at(moment).cloud.values()
    return sum(flow.prompt + flow.output for flow in flows)


def in_unit(number: float, unit: str) -> float:
    """Return a figure in base units as a number in the unit of a variable."""
    factors = {
        "token/day": 86400.0,
        "Wh/year": YEAR / 3600.0,
        "transceiver": YEAR,
        "USD/year": YEAR,
        "B/year": YEAR,
        "wafer/year": YEAR,
    }
    return number * factors.get(unit, 1.0)
