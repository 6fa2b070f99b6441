"""Cost, and energy by region, as rows of the results table."""

from __future__ import annotations

from collections.abc import Iterator

from computesim.accounts.cost import runs, tco, tokens
from computesim.accounts.cost.hours import Hours, hours, workload_costs
from computesim.calendar import HOURS
from computesim.cells.sites import by_region, sites_at
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import least, number


def rows(world: World) -> Yearly:
    """Yield what hours, tokens and runs cost in every year, and what falls to each region."""
    for t, year in enumerate(world.years):
        hour = hours(year, world.cohorts[t])
        energy, watts = sum(world.energy[t].values()), sum(year.facility_watts.values())
        costs = workload_costs(year, hour)
        yield [
            *_hours(year, hour),
            *((f"Cost of compute|{name}", cost * HOURS) for name, cost in costs.items()),
            *tokens.rows(year, hour, world.memo),
            *runs.rows(year, hour),
            *by_region(sites_at(year.moment), energy, watts).items(),
        ]


def _hours(year: Year, hour: Hours) -> Iterator[tuple[str, float]]:
    """Yield the cost of an hour of every accelerator in service."""
    for index, machine in enumerate(year.accelerators):
        if year.fleet.installed[index] <= 0:
            continue
        parts = hour.parts(index)
        yield f"TCO|{machine.name}", tco.total(parts)
        yield from ((f"TCO|{machine.name}|{name}", value) for name, value in parts.items())
        if (busy := least(number(hour.busy[index]), 1.0)) > 0:
            yield f"TCO per used hour|{machine.name}", tco.per_used_hour(tco.total(parts), busy)
