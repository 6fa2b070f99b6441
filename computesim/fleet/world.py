"""Everything about one replication of a scenario, year by year, before it becomes a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from computesim.arrays import Floats
from computesim.cells.jobs import OTHER_AI
from computesim.cells.measured import OTHER_TASK, CellYear, Task, Use, use
from computesim.cells.memo import Memo
from computesim.cells.operation import Operation
from computesim.demand.demand import Demand
from computesim.fleet.cohorts import FleetYear, at_delivery, build
from computesim.fleet.goodput import asked, goodput
from computesim.fleet.limits import Limit, Maker
from computesim.fleet.network import Plan, Share, share_of
from computesim.fleet.power import Draw, draw, energy
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.supply import NOTHING_LIMITED, Available, Priced, limits, nameplates
from computesim.hardware.power import Site
from computesim.traced import average, maximum, number, summed, summed_along, zeros

IDLE = "Idle"  # power of accelerators that nothing asks for, in years of falling demand


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around the accelerators in one year."""

    site: Site
    network: Plan
    other_ai: float  #: share of the fleet that is neither product nor lab
    server_share: float
    facility_price: float  #: USD per IT watt
    price: Mapping[str, float] = field(hash=False)  #: of accelerators that replace the catalog's
    supply: Available = field(default=NOTHING_LIMITED, hash=False)  #: what limits the fleet


@dataclass(frozen=True, slots=True)
class Year:
    """One year of the world; arrays have the accelerators of the roadmap."""

    year: int
    demand: Demand
    operation: Operation
    cells: CellYear
    around: Surroundings
    tasks: tuple[Task, ...]
    wanted: Floats  #: what each task asks of the calibrated software, shape (tasks,)
    fleet: FleetYear
    networks: tuple[Share, ...]
    goodput: Floats  #: of one accelerator, shape (accelerators, tasks); 0 where it cannot
    free: FleetYear | None = None  #: the fleet without any limit, where there is one

    def units(self) -> dict[str, Floats]:
        """Return the accelerators of every workload, `Other AI` and `Idle` included."""
        found: dict[str, Floats] = {}
        for column, task in enumerate(self.tasks):
            own = self.fleet.allocation.units[:, column]
            found[task.workload] = found.get(task.workload, 0.0) + own
        at_work = summed_along(self.fleet.allocation.units, axis=1)
        other = self.around.other_ai * self.fleet.installed
        if other.any():
            found[OTHER_AI] = other
        idle = maximum(self.fleet.installed - at_work - other, 0.0)
        if summed(idle) > 1e-6 * summed(self.fleet.installed):
            found[IDLE] = idle
        return found


def stock(
    road: Roadmap,
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
    networks = [tuple(share_of(a, s.network) for a in road.accelerators) for s in around]
    free = _bought(road, tables, columns, around, (), (), memo)
    bounds, makers = limits(
        road.accelerators,
        [s.supply for s in around],
        [_priced(road, s, row) for s, row in zip(around, networks, strict=True)],
    )
    limited = bool(bounds or makers)
    fleet = _bought(road, tables, columns, around, bounds, makers, memo) if limited else free
    return [
        Year(
            road.years[t],
            demands[t],
            operations[t],
            cells[t],
            around[t],
            tasks,
            columns[t],
            fleet[t],
            networks[t],
            tables[t],
            free[t] if limited else None,
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
    limits: tuple[Limit | Maker, ...] = (*bounds, *makers)
    return build(road.years, road.mixes, tables, columns, road.lifetime, share, limits, memo)


def _priced(road: Roadmap, around: Surroundings, networks: Sequence[Share]) -> Priced:
    """Return what every accelerator costs and draws in a year."""
    own = np.array([around.price.get(a.name, a.price) for a in road.accelerators])
    return Priced(
        own * (1.0 + around.server_share) + np.array([n.price for n in networks]),
        nameplates(road.accelerators, [n.watts for n in networks]),
        around.site.pue,
        around.facility_price,
    )


def draws(road: Roadmap, year: Year) -> dict[str, tuple[Draw, ...]]:
    """Return the mean watts of one accelerator of each kind on every workload.

    `Other AI` works its accelerators as the rest of the fleet does on the average; nothing is
    published about how hard recommenders and vision models do.
    """
    found: dict[str, tuple[Draw, ...]] = {}
    measured = np.array([number(task != OTHER_TASK) for task in year.tasks])
    for index, machine in enumerate(road.accelerators):
        per_task = [
            draw(
                machine,
                use(year.cells, task, index, year.operation),
                year.networks[index].watts,
                year.around.site,
            )
            for task in year.tasks
        ]
        weight = year.fleet.allocation.units[index] * measured
        mean = _mean(per_task, weight) if weight.any() else _mean(per_task, measured)
        still = draw(machine, Use(0.0, 0.0, 0.0), year.networks[index].watts, year.around.site)
        for workload in year.units():
            members = [c for c, task in enumerate(year.tasks) if task.workload == workload]
            own = [per_task[c] for c in members]
            if workload == IDLE:
                value = still
            elif not members or not weight[members].any():
                value = mean
            else:
                value = _mean(own, weight[members])
            found[workload] = (*found.get(workload, ()), value)
    return found


def _mean(values: Sequence[Draw], weight: Floats) -> Draw:
    """Return the weighted mean of draws."""
    return Draw(
        average([v.it for v in values], weight),
        average([v.facility for v in values], weight),
    )


def energies(watts: Sequence[Mapping[str, float]], lag: float) -> list[dict[str, float]]:
    """Return the energy of every year by workload from the mean power at year ends, Wh/year."""
    names = tuple(dict.fromkeys(name for year in watts for name in year))
    series = {name: energy([year.get(name, 0.0) for year in watts], lag) for name in names}
    return [{name: series[name][t] for name in names} for t in range(len(watts))]
