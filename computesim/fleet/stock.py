"""Buying the fleet of every year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from computesim.arrays import Floats
from computesim.cells.measured import OTHER_TASK, CellYear
from computesim.cells.memo import Memo
from computesim.cells.operation import Operation
from computesim.demand.demand import Demand
from computesim.fleet.cohorts import FleetYear, at_delivery, build
from computesim.fleet.goodput import asked, goodput
from computesim.fleet.limits import Limit, Maker
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.supply import Priced, limits
from computesim.fleet.year import Surroundings, Year, work_of
from computesim.traced import number, zeros

if TYPE_CHECKING:
    from computesim.scenario import Moment


def stock(
    road: Roadmap,
    moments: Sequence[Moment],
    demands: Sequence[Demand],
    operations: Sequence[Operation],
    cells: Sequence[CellYear],
    around: Sequence[Surroundings],
    memo: Memo,
) -> list[Year]:
    """Buy the fleet that the demand of every year needs."""
    wanted = [asked(demand) for demand in demands]
    tasks = tuple(dict.fromkeys(task for year in wanted for task in year))
    paths = {
        task: at_delivery([year.get(task, 0.0) for year in wanted], road.lag) for task in tasks
    }
    tables, columns = [], []
    for t, demand in enumerate(demands):
        later = {task: number(paths[task][t]) for task in tasks}
        table = goodput(cells[t], later, demand, operations[t])
        table[OTHER_TASK] = np.array([a.h100_equivalents for a in road.accelerators])
        empty = zeros(len(road.accelerators))
        tables.append(np.stack([table.get(task, empty) for task in tasks], axis=1))
        columns.append(np.array([later[task] if task in table else 0.0 for task in tasks]))
    free = _bought(road, tables, columns, around, (), (), memo)
    bounds, makers = limits(
        road.accelerators, [s.supply for s in around], [_priced(s) for s in around]
    )
    limited = bool(bounds or makers)
    fleet = _bought(road, tables, columns, around, bounds, makers, memo) if limited else free
    return [
        Year(
            moment=moments[t],
            accelerators=road.accelerators,
            demand=demands[t],
            operation=operations[t],
            cells=cells[t],
            around=around[t],
            tasks=tasks,
            wanted=columns[t],
            goodput=tables[t],
            work=work_of(road.accelerators, tasks, cells[t], operations[t], around[t]),
            fleet=fleet[t],
            free=free[t] if limited else None,
        )
        for t in range(len(road.years))
    ]


def _bought(
    road: Roadmap,
    tables: Sequence[Floats],
    columns: Sequence[Floats],
    around: Sequence[Surroundings],
    bounds: Sequence[Limit],
    makers: Sequence[Maker],
    memo: Memo,
) -> list[FleetYear]:
    """Return the fleet of every year."""
    share = np.array([1.0 - s.other_ai for s in around])
    limits: tuple[Limit | Maker, ...] = (*bounds, *makers)
    return build(road.years, road.mixes, tables, columns, road.lifetime, share, limits, memo)


def _priced(around: Surroundings) -> Priced:
    """Return what every accelerator costs and draws in a year."""
    return Priced(
        around.price * (1.0 + around.server_share) + np.array([n.price for n in around.networks]),
        around.plates,
        around.site.pue,
        around.facility_price,
    )
