"""USD per accelerator-hour of the fleet of a year, and what each task pays for its hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from computesim.accounts.cost import tco
from computesim.arrays import Floats
from computesim.cells.measured import Task, use
from computesim.fleet.power import draw, nameplate
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.world import Year, draws
from computesim.hardware.power import electricity_cost
from computesim.traced import dot, minimum, number, summed_along, zeros


@dataclass(frozen=True, slots=True)
class Hours:
    """What an accelerator-hour costs in one year; arrays have shape (accelerators,)."""

    fixed: dict[str, Floats]  #: USD/h by part of `tco.FIXED_PARTS`
    watts: Floats  #: mean at the meter of an accelerator in service, W
    busy: Floats  #: share of the hours in service in which it works
    price: float  #: of electricity, USD/(W·h)

    @property
    def standing(self) -> Floats:
        """All but electricity, USD/h."""
        return np.asarray(sum(self.fixed.values()))

    def parts(self, index: int) -> dict[str, float]:
        """Return the parts of an hour of accelerator `index`, USD/h."""
        found = {name: number(values[index]) for name, values in self.fixed.items()}
        return found | {tco.ELECTRICITY: number(self.watts[index]) * self.price}


@dataclass(frozen=True, slots=True)
class TaskCost:
    """What a task pays; arrays have shape (accelerators,) and count all units that it holds."""

    units: Floats  #: accelerators
    capital: Floats  #: USD/h
    operations: Floats  #: USD/h
    electricity: Floats  #: USD/h
    watts: Floats  #: at the meter, W

    @property
    def total(self) -> Floats:
        """All together, USD/h."""
        return self.capital + self.operations + self.electricity


def hours(road: Roadmap, years: Sequence[Year], terms: Sequence[tco.Terms], t: int) -> Hours:
    """Return what the accelerators in service in year `t` cost in an hour.

    Parameters
    ----------
    road : Roadmap
    years : sequence of Year
    terms : sequence of Terms
        Of what is bought in each year.
    t : int

    Returns
    -------
    Hours
        A cohort keeps the price and the terms of the year in which it was bought; kinds that are
        not in service cost what a new one would.
    """
    year = years[t]
    kept = cohorts(years, t)
    weight = np.array([units for _, units in kept])
    alive = weight.sum(axis=0) > 0
    share = np.where(alive, weight / np.where(alive, summed_along(weight, axis=0), 1.0), 0.0)
    share[0] = np.where(alive, share[0], 1.0)  # the newest cohort comes first
    fixed = {name: zeros(len(road.accelerators)) for name in tco.FIXED_PARTS}
    for (born, _), part in zip(kept, share, strict=True):
        for index in np.flatnonzero(part):
            own = tco.fixed_cost(outlay(road, years[born], int(index)), terms[born])
            for name, value in own.items():
                fixed[name][index] += part[index] * value
    watts, busy = _work(road, year)
    return Hours(fixed, watts, busy, electricity_cost(year.around.site, 3600.0))


def cohorts(years: Sequence[Year], t: int) -> list[tuple[int, Floats]]:
    """Return what is left in year `t` of each year's purchase, the newest first.

    Parameters
    ----------
    years : sequence of Year
    t : int

    Returns
    -------
    list of tuple of int and ndarray of float64, shape (accelerators,)
        Index of the year, and how many; the oldest accelerators of a kind leave first.
    """
    left = years[t].fleet.installed.copy()
    found = []
    for born in range(t, -1, -1):
        kept = minimum(years[born].fleet.shipped, left)
        left = left - kept
        found.append((born, kept))
    return found


def outlay(road: Roadmap, year: Year, index: int) -> tco.Outlay:
    """Return what accelerator `index` costs with all around it when it is bought in a year."""
    machine, around = road.accelerators[index], year.around
    price = around.price.get(machine.name, machine.price)
    return tco.Outlay(
        accelerator=price,
        server=price * around.server_share,
        network=year.networks[index].price,
        facility=nameplate(machine, year.networks[index].watts) * around.facility_price,
    )


def _work(road: Roadmap, year: Year) -> tuple[Floats, Floats]:
    """Return mean watts at the meter and the share of time at work of what is in service."""
    everything = zeros(len(road.accelerators))
    watts = np.zeros_like(everything)
    drawn = draws(road, year)
    for workload, units in year.units().items():
        everything = everything + units
        watts = watts + units * np.array([d.facility for d in drawn[workload]])
    worked = np.zeros_like(everything)
    for column, task in enumerate(year.tasks):
        own = year.fleet.allocation.units[:, column]
        for index in np.flatnonzero(own):
            worked[index] += own[index] * use(year.cells, task, int(index), year.operation).busy
    at_work = summed_along(year.fleet.allocation.units, axis=1)
    # other AI works its accelerators as the rest does
    share = np.divide(worked, at_work, out=np.zeros_like(worked), where=at_work > 0)
    other = year.around.other_ai * year.fleet.installed
    there = everything > 0
    busy = np.divide(worked + share * other, everything, out=np.zeros_like(worked), where=there)
    return np.divide(watts, everything, out=np.zeros_like(watts), where=there), busy


def task_cost(road: Roadmap, year: Year, task: Task, hour: Hours) -> TaskCost:
    """Return what one task pays for its accelerators in an hour.

    Parameters
    ----------
    road : Roadmap
    year : Year
    task : Task
    hour : Hours

    Returns
    -------
    TaskCost
        Peak load, spares and time between jobs are in the units; each task pays for the watts
        that it draws.
    """
    units = year.fleet.allocation.units[:, year.tasks.index(task)]
    watts = np.zeros_like(units)
    for index in np.flatnonzero(units):
        work = use(year.cells, task, int(index), year.operation)
        network = year.networks[index].watts
        watts[index] = draw(road.accelerators[index], work, network, year.around.site).facility
    operations = hour.fixed["Operations"]
    return TaskCost(
        units=units,
        capital=units * (hour.standing - operations),
        operations=units * operations,
        electricity=units * watts * hour.price,
        watts=units * watts,
    )


def workload_costs(road: Roadmap, year: Year, hour: Hours) -> dict[str, float]:
    """Return what every workload costs at the rate of the year's end, USD/h.

    Parameters
    ----------
    road : Roadmap
    year : Year
    hour : Hours

    Returns
    -------
    dict of str to float
        `Other AI` and `Idle` included: together all that is in service costs.
    """
    drawn = draws(road, year)
    return {
        workload: dot(
            units, hour.standing + hour.price * np.array([d.facility for d in drawn[workload]])
        )
        for workload, units in year.units().items()
    }
