"""USD per accelerator-hour of the fleet of a year, and what each task pays for its hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from computesim.accounts.cost import tco
from computesim.arrays import Floats
from computesim.calendar import HOUR
from computesim.cells.measured import Task
from computesim.fleet.year import Year
from computesim.hardware.power import electricity_cost
from computesim.traced import dot, named, number, summed_along, zeros


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


def hours(year: Year, cohorts: Sequence[tuple[Year, Floats]]) -> Hours:
    """Return what the accelerators in service in a year cost in an hour.

    Parameters
    ----------
    year : Year
    cohorts : sequence of tuple of Year and ndarray of float64, shape (accelerators,)
        What is in service then by the year of its purchase, the newest first.

    Returns
    -------
    Hours
        A cohort keeps the price and the terms of the year in which it was bought; kinds that are
        not in service cost what a new one would.
    """
    weight = np.array([units for _, units in cohorts])
    alive = weight.sum(axis=0) > 0
    share = np.where(alive, weight / np.where(alive, summed_along(weight, axis=0), 1.0), 0.0)
    share[0] = np.where(alive, share[0], 1.0)  # the newest cohort comes first
    fixed = {name: zeros(len(year.accelerators)) for name in tco.FIXED_PARTS}
    for (born, _), part in zip(cohorts, share, strict=True):
        terms = tco.terms_at(born.moment)
        for index in np.flatnonzero(part):
            for name, value in tco.fixed_cost(outlay(born, int(index)), terms).items():
                fixed[name][index] += part[index] * value
    watts, busy = _work(year)
    return Hours(fixed, watts, busy, electricity_cost(year.around.site, HOUR))


@named()
def outlay(year: Year, index: int) -> tco.Outlay:
    """Return what accelerator `index` costs with all around it when it is bought in a year."""
    around, price = year.around, year.around.price[index]
    return tco.Outlay(
        accelerator=price,
        server=price * around.server_share,
        network=around.networks[index].price,
        facility=around.plates[index] * around.facility_price,
    )


def _work(year: Year) -> tuple[Floats, Floats]:
    """Return mean watts at the meter and the share of time at work of what is in service."""
    everything = zeros(len(year.accelerators))
    watts = np.zeros_like(everything)
    for workload, units in year.units.items():
        everything = everything + units
        watts = watts + units * year.draws[workload].facility
    worked = np.zeros_like(everything)
    for column, task in enumerate(year.tasks):
        units = year.fleet.allocation.units[:, column]
        for index in map(int, np.flatnonzero(units)):
            worked[index] += units[index] * year.work.uses[task][index].busy
    at_work = summed_along(year.fleet.allocation.units, axis=1)
    # other AI works its accelerators as the rest does
    share = np.divide(worked, at_work, out=np.zeros_like(worked), where=at_work > 0)
    other = year.around.other_ai * year.fleet.installed
    there = everything > 0
    busy = np.divide(worked + share * other, everything, out=np.zeros_like(worked), where=there)
    return np.divide(watts, everything, out=np.zeros_like(watts), where=there), busy


def task_cost(year: Year, task: Task, hour: Hours) -> TaskCost:
    """Return what one task pays for its accelerators in an hour.

    Parameters
    ----------
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
    for index in map(int, np.flatnonzero(units)):
        watts[index] = year.work.draws[task][index].facility
    operations = hour.fixed["Operations"]
    return TaskCost(
        units=units,
        capital=units * (hour.standing - operations),
        operations=units * operations,
        electricity=units * watts * hour.price,
        watts=units * watts,
    )


def workload_costs(year: Year, hour: Hours) -> dict[str, float]:
    """Return what every workload costs at the rate of the year's end, USD/h.

    Parameters
    ----------
    year : Year
    hour : Hours

    Returns
    -------
    dict of str to float
        `Other AI` and `Idle` included: together all that is in service costs.
    """
    return {
        workload: dot(units, hour.standing + hour.price * year.draws[workload].facility)
        for workload, units in year.units.items()
    }
