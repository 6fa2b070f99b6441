"""Buying the fleet of every year, from the memo where it has been bought before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from computesim.arrays import Floats
from computesim.cells.measured import OTHER_TASK, CellYear
from computesim.cells.memo import Memo
from computesim.cells.operation import Operation
from computesim.demand.demand import Demand
from computesim.fleet.cohorts import FleetYear, at_delivery, build
from computesim.fleet.goodput import asked, goodput
from computesim.fleet.limits import Limit, Maker, Standing
from computesim.fleet.purchase import Allocation
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.supply import Priced, limits
from computesim.fleet.year import Surroundings, Year, work_of
from computesim.traced import number, zeros

if TYPE_CHECKING:
    from computesim.scenario import Moment


@dataclass(frozen=True, slots=True)
class FleetTable:
    """The fleet of every year as plain lists, as a memo keeps it."""

    shipped: list[list[float]]
    retired: list[list[float]]
    installed: list[list[float]]
    units: list[list[list[float]]]
    unmet: list[list[float]]
    standings: list[list[list[Any]]]

    @classmethod
    def of(cls, fleet: Sequence[FleetYear]) -> FleetTable:
        """Return a fleet as plain lists."""
        return cls(
            [f.shipped.tolist() for f in fleet],
            [f.retired.tolist() for f in fleet],
            [f.installed.tolist() for f in fleet],
            [f.allocation.units.tolist() for f in fleet],
            [f.allocation.unmet.tolist() for f in fleet],
            [
                [
                    [s.name, s.limit, s.used, s.binding, s.relief.tolist(), s.then]
                    for s in f.standings
                ]
                for f in fleet
            ],
        )

    def fleet(self, years: Sequence[int]) -> list[FleetYear]:
        """Return the fleet of these years."""
        return [
            FleetYear(
                year,
                np.array(self.shipped[t]),
                np.array(self.retired[t]),
                np.array(self.installed[t]),
                Allocation(np.array(self.units[t]), np.array(self.unmet[t])),
                tuple(
                    Standing(name, limit, used, binding, np.array(relief), then)
                    for name, limit, used, binding, relief, then in self.standings[t]
                ),
            )
            for t, year in enumerate(years)
        ]


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
    """Return the fleet of every year, from the memo where it has been bought before."""
    share = np.array([1.0 - s.other_ai for s in around])
    parts: list[tuple[Any, ...]] = [
        (b.name, b.limit, b.weight, b.stock, b.plate, b.rate) for b in bounds
    ]
    parts += [(m.name, m.limit, m.member) for m in makers]
    key = tuple(
        part.tobytes() if isinstance(part, np.ndarray) else part
        for part in (
            road.mixes,
            *tables,
            *columns,
            share,
            *(x for several in parts for x in several),
        )
    )

    def compute() -> FleetTable:
        fleet = build(road.years, road.mixes, tables, columns, road.lifetime, share, bounds, makers)
        return FleetTable.of(fleet)

    return memo.get(FleetTable, (road.years, road.lifetime, key), compute).fleet(road.years)


def _priced(around: Surroundings) -> Priced:
    """Return what every accelerator costs and draws in a year."""
    return Priced(
        around.price * (1.0 + around.server_share) + np.array([n.price for n in around.networks]),
        around.plates,
        around.site.pue,
        around.facility_price,
    )
