"""All that follows from a world, in the order of the results table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from computesim.accounts import (
    capex,
    context,
    devices,
    jobs,
    machines,
    network,
    power,
    prefix,
    progress,
    quality,
    revenue,
    solved,
    split,
    tokens,
)
from computesim.accounts.bill import rows as bill
from computesim.accounts.cost import rows as cost
from computesim.fleet.world import World
from computesim.results import Row, Yearly, rows_of

Room = Callable[[World], Yearly]
#: rooms of one line stand together year by year
ROOMS: Final[tuple[tuple[Room, ...], ...]] = (
    (tokens.rows, machines.rows, power.rows, network.rows, capex.rows, quality.rows),
    (split.rows,),
    (progress.rows,),
    (cost.rows,),
    (prefix.rows,),
    (solved.unconstrained,),
    (solved.standings,),
    (bill.rows,),
    (devices.rows,),
    (solved.policies,),
    (revenue.rows,),
)


def rows(world: World) -> Iterator[Row]:
    """Yield every variable of every year, room by room."""
    for together in ROOMS:
        parts = zip(*(room(world) for room in together), strict=True)
        for year, pairs in zip(world.years, parts, strict=False):  # a room may have nothing to say
            yield from rows_of(chain(*pairs), year.year, world.replication)


def remarks(world: World) -> list[str]:
    """Return what a reader of the results must know."""
    rooms = (machines.remarks, jobs.remarks, bill.remarks, devices.remarks, context.remarks)
    return [text for say in rooms for text in say(world)]
