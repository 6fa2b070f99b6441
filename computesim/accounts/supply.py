"""Supply and demand as rows of the results: limits, what binds, and the world without limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from computesim.accounts.variables import rows
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.world import Year
from computesim.results import Row, rows_of
from computesim.traced import dot

PREFIX = "Unconstrained|"
#: what is told of a world without limits
GROUPS = (
    "H100-equivalents",
    "Accelerators|Shipped",
    "Power|Provisioned",
    "Energy",
    "Capex",
)


def supply_rows(road: Roadmap, years: Sequence[Year], replication: int) -> list[Row]:
    """Return how every limit stands and what would be without any; nothing if there is none.

    Parameters
    ----------
    road : Roadmap
    years : sequence of Year
    replication : int

    Returns
    -------
    list of Row
    """
    freed = [replace(y, fleet=y.free, free=None) for y in years if y.free is not None]
    if not freed:
        return []
    found = []
    for row in rows(road, freed, replication):
        if row.variable.startswith(tuple(f"{group}|" for group in GROUPS)):
            found += rows_of([(PREFIX + row.variable, row.value)], row.year, replication)
    for year in years:
        found += rows_of(_standings(road, year), year.year, replication)
    return found


def _standings(road: Roadmap, year: Year) -> Iterator[tuple[str, float]]:
    """Yield what there is of everything, what is used, what binds, and what relief would give."""
    weight = np.array([a.h100_equivalents for a in road.accelerators])
    then = {standing.then for standing in year.fleet.standings if standing.binding}
    for standing in year.fleet.standings:
        yield f"Supply|Available|{standing.name}", standing.limit
        yield f"Supply|Used|{standing.name}", standing.used
        yield f"Supply|Binding|{standing.name}", standing.binding
        yield f"Supply|Relief|{standing.name}", dot(standing.relief, weight)
        yield f"Supply|Next|{standing.name}", standing.name in then
