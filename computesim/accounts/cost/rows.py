"""Cost, and energy by region, as rows of the results table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from computesim.accounts.cost import runs as cost_runs
from computesim.accounts.cost import tco
from computesim.accounts.cost import tokens as cost_tokens
from computesim.accounts.cost.hours import Hours, hours, workload_costs
from computesim.calendar import HOURS
from computesim.cells.memo import Memo
from computesim.cells.sites import by_region, sites_at
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.world import Year, draws, energies
from computesim.results import Row, rows_of
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario

Pairs = Iterator[tuple[str, float]]


def rows(
    scenario: Scenario,
    catalog: Catalog,
    road: Roadmap,
    years: Sequence[Year],
    replication: int,
    memo: Memo,
) -> list[Row]:
    """Return what hours, tokens and runs cost in every year, and what falls to each region.

    Parameters
    ----------
    scenario : Scenario
    catalog : Catalog
    road : Roadmap
    years : sequence of Year
    replication : int
    memo : Memo

    Returns
    -------
    list of Row
    """
    terms = [tco.terms_at(Moment(scenario, catalog, year.year)) for year in years]
    power = [_facility(road, year) for year in years]
    energy = energies(power, road.lag)
    found: list[Row] = []
    for t, year in enumerate(years):
        hour = hours(road, years, terms, t)
        parts = sites_at(Moment(scenario, catalog, year.year))
        pairs = [
            *_hours(road, year, hour),
            *(
                (f"Cost of compute|{name}", cost * HOURS)
                for name, cost in workload_costs(road, year, hour).items()
            ),
            *cost_tokens.rows(road, year, hour, memo),
            *cost_runs.rows(scenario, road, year, hour),
            *by_region(parts, sum(energy[t].values()), sum(power[t].values())).items(),
        ]
        found += rows_of(pairs, year.year, replication)
    return found


def _hours(road: Roadmap, year: Year, hour: Hours) -> Pairs:
    """Yield the cost of an hour of every accelerator in service."""
    for index, machine in enumerate(road.accelerators):
        if year.fleet.installed[index] <= 0:
            continue
        parts = hour.parts(index)
        yield f"TCO|{machine.name}", tco.total(parts)
        yield from ((f"TCO|{machine.name}|{name}", value) for name, value in parts.items())
        if (busy := min(float(hour.busy[index]), 1.0)) > 0:
            yield f"TCO per used hour|{machine.name}", tco.per_used_hour(tco.total(parts), busy)


def _facility(road: Roadmap, year: Year) -> dict[str, float]:
    """Return the mean watts at the meter by workload."""
    drawn = draws(road, year)
    return {
        workload: float(units @ [d.facility for d in drawn[workload]])
        for workload, units in year.units().items()
    }
