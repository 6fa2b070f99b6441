"""One year of the world: what is asked, the fleet that was bought for it, and what it draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from computesim.arrays import Floats
from computesim.cells.jobs import OTHER_AI
from computesim.cells.measured import OTHER_TASK, CellYear, Task, Use, use
from computesim.cells.operation import Operation
from computesim.cells.sites import site_at
from computesim.demand.demand import Demand
from computesim.demand.prices import price_of
from computesim.fleet.cohorts import FleetYear
from computesim.fleet.network import Plan, Share, share_of
from computesim.fleet.power import Draw, draw
from computesim.fleet.roadmap import Roadmap, network_at
from computesim.fleet.supply import Available, available, nameplates
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.power import Site
from computesim.traced import average, dot, maximum, number, summed, summed_along

if TYPE_CHECKING:
    from computesim.scenario import Moment

IDLE = "Idle"  # power of accelerators that nothing asks for, in years of falling demand

_STILL = Use(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around the accelerators in one year; arrays have shape (accelerators,)."""

    site: Site
    network: Plan
    networks: tuple[Share, ...]  #: of one accelerator of each kind
    plates: Floats = field(hash=False)  #: IT watts for which power is installed
    price: Floats = field(hash=False)  #: of an accelerator, USD
    other_ai: float  #: share of the fleet that is neither product nor lab
    server_share: float
    facility_price: float  #: USD per IT watt
    supply: Available = field(hash=False)  #: what limits the fleet

    def draw(self, accelerators: Sequence[Accelerator], index: int, use: Use) -> Draw:
        """Return the watts of one of the accelerators at work."""
        return draw(accelerators[index], use, self.networks[index].watts, self.site)


def surroundings_at(moment: Moment, road: Roadmap) -> Surroundings:
    """Return what stands around the accelerators of a roadmap in a year."""
    prices, other, site = moment.scenario.prices, moment.scenario.other_ai.share, site_at(moment)
    network = network_at(moment)
    networks = tuple(share_of(machine, network) for machine in road.accelerators)
    return Surroundings(
        site=site,
        network=network,
        networks=networks,
        plates=nameplates(road.accelerators, [share.watts for share in networks]),
        price=np.array([price_of(moment, machine) for machine in road.accelerators]),
        other_ai=0.0 if other is None else other.at(moment.year),
        server_share=prices.server_share.at(moment.year),
        facility_price=prices.facility.at(moment.year) if prices.facility else site.build_cost,
        supply=available(moment),
    )


class Work(NamedTuple):
    """What every task does with one accelerator of each kind."""

    uses: Mapping[Task, Sequence[Use]]
    draws: Mapping[Task, Sequence[Draw]]


def work_of(
    accelerators: Sequence[Accelerator],
    tasks: Sequence[Task],
    cells: CellYear,
    operation: Operation,
    around: Surroundings,
) -> Work:
    """Return what the tasks of a year do with one accelerator of each kind."""
    kinds = range(len(accelerators))
    uses = {task: [use(cells, task, index, operation) for index in kinds] for task in tasks}
    draws = {
        task: [around.draw(accelerators, index, each[index]) for index in kinds]
        for task, each in uses.items()
    }
    return Work(uses, draws)


class Watts(NamedTuple):
    """Mean watts of one accelerator of each kind; arrays have shape (accelerators,)."""

    it: Floats
    facility: Floats  #: at the meter


@dataclass(frozen=True)
class Year:
    """One year of the world; arrays have the accelerators of the roadmap."""

    moment: Moment
    accelerators: tuple[Accelerator, ...]
    demand: Demand
    operation: Operation
    cells: CellYear
    around: Surroundings
    tasks: tuple[Task, ...]
    wanted: Floats  #: what each task asks of the calibrated software, shape (tasks,)
    work: Work
    goodput: Floats  #: of one accelerator, shape (accelerators, tasks); 0 where it cannot
    fleet: FleetYear
    free: FleetYear | None = None  #: the fleet without any limit, where there is one

    @property
    def year(self) -> int:
        """The calendar year at whose end this is."""
        return self.fleet.year

    @cached_property
    def h100_equivalents(self) -> Floats:
        """H100-equivalents of one accelerator of each kind."""
        return np.array([machine.h100_equivalents for machine in self.accelerators])

    @cached_property
    def units(self) -> dict[str, Floats]:
        """The accelerators of every workload, `Other AI` and `Idle` included."""
        units: dict[str, Floats] = {}
        for column, task in enumerate(self.tasks):
            taken = self.fleet.allocation.units[:, column]
            units[task.workload] = units.get(task.workload, 0.0) + taken
        at_work = summed_along(self.fleet.allocation.units, axis=1)
        other = self.around.other_ai * self.fleet.installed
        if other.any():
            units[OTHER_AI] = other
        idle = maximum(self.fleet.installed - at_work - other, 0.0)
        if summed(idle) > 1e-6 * summed(self.fleet.installed):
            units[IDLE] = idle
        return units

    @cached_property
    def draws(self) -> dict[str, Watts]:
        """The mean watts of one accelerator of each kind on every workload.

        `Other AI` works its accelerators as the rest of the fleet does on the average; nothing
        is published about how hard recommenders and vision models do.
        """
        draws: dict[str, list[Draw]] = {workload: [] for workload in self.units}
        columns = {
            workload: [c for c, task in enumerate(self.tasks) if task.workload == workload]
            for workload in self.units
        }
        measured = np.array([number(task != OTHER_TASK) for task in self.tasks])
        for index in range(len(self.accelerators)):
            per_task = [self.work.draws[task][index] for task in self.tasks]
            weight = self.fleet.allocation.units[index] * measured
            mean = _mean(per_task, weight if weight.any() else measured)
            for workload, members in columns.items():
                if workload == IDLE:
                    value = self.around.draw(self.accelerators, index, _STILL)
                elif not members or not weight[members].any():
                    value = mean
                else:
                    value = _mean([per_task[c] for c in members], weight[members])
                draws[workload].append(value)
        return {
            workload: Watts(np.array([d.it for d in each]), np.array([d.facility for d in each]))
            for workload, each in draws.items()
        }

    @cached_property
    def facility_watts(self) -> dict[str, float]:
        """Mean watts at the meter by workload."""
        return {name: dot(units, self.draws[name].facility) for name, units in self.units.items()}


def _mean(values: list[Draw], weight: Floats) -> Draw:
    """Return the weighted mean of draws."""
    return Draw(
        average([v.it for v in values], weight),
        average([v.facility for v in values], weight),
    )
