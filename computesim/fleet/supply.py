"""The supply of a scenario: how much there is, and what an accelerator takes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from computesim.arrays import Floats
from computesim.calendar import YEAR
from computesim.catalog.makers import members
from computesim.errors import CatalogError, Fault
from computesim.fleet.limits import Limit, Maker
from computesim.fleet.power import nameplate
from computesim.traced import function, named, plain, resting

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator
    from computesim.scenario import Moment
    from computesim.scenario.values import Value

PACKAGING, HBM = "Packaging wafers", "HBM"
POWER, ADDED, CAPITAL = "Facility power", "Added power", "Capital"
MAKERS = "Makers"
STEPS_OF_YEAR = 48  #: in which a capacity is integrated over a year


class Available(NamedTuple):
    """What there is in one year; what is missing is no limit."""

    amounts: Mapping[str, float]  #: by limit: wafers, B, W, W and USD
    makers: Mapping[str, float]  #: accelerators, by maker
    members: Mapping[str, frozenset[str]]  #: the accelerators of every maker


def available(moment: Moment) -> Available:
    """Return what the supply of a scenario allows in a calendar year.

    Parameters
    ----------
    moment : Moment
        The end of the year.

    Notes
    -----
    Of capacity C(t) per month at time t, accelerators sold in year y get
    ``share · 12 · ∫ C(t) dt`` from ``y - 1 - lead`` to ``y - lead``, where y is the end of the
    year. Of memory M(y) made in year y they get ``share · ((1 - lead) M(y) + lead M(y - 1))``.
    """
    scenario, year = moment.scenario, moment.year
    supply, power = scenario.supply, scenario.limits.facility_power
    lead = supply.lead_time.at(year) / YEAR
    amounts: dict[str, float] = {}
    if supply.packaging is not None:
        wafers = YEAR * _mean(supply.packaging, year - lead, scenario.years[0])
        amounts[PACKAGING] = supply.packaging_share.at(year) * wafers
    if supply.hbm is not None:
        before = _known(supply.hbm, year - 1, scenario.years[0])
        made = (1.0 - lead) * supply.hbm.at(year) + lead * before
        amounts[HBM] = supply.hbm_share.at(year) * made * YEAR
    if power is not None:
        amounts[POWER] = power.at(year)
    if supply.power_added is not None:
        amounts[ADDED] = supply.power_added.at(year) * YEAR
    if supply.capital is not None:
        amounts[CAPITAL] = supply.capital.at(year) * YEAR
    names = {name: f"{MAKERS}|{name}" for name in supply.makers}
    return Available(
        amounts,
        {names[name]: value.at(year) * YEAR for name, value in supply.makers.items()},
        {names[name]: members(name, moment.catalog) for name in supply.makers},
    )


@named("mean of the year")
def _mean(value: Value, end: float, first: int) -> float:
    """Return the mean of a value over the year that ends at a time."""
    times = np.linspace(plain(end) - 1.0, plain(end), STEPS_OF_YEAR + 1)

    @function("mean of a path")
    def mean(*numbers: float) -> float:
        return float(np.trapezoid(numbers, times))

    return resting(mean(*(_known(value, float(time), first) for time in times)), end)


def _known(value: Value, time: float, first: int) -> float:
    """Return a value, or what it is in the first year where its path does not reach back."""
    try:
        return value.at(time)
    except ValueError:
        if time >= first:
            raise
        return value.at(first)


class Priced(NamedTuple):
    """What an accelerator costs and draws in one year; arrays have shape (accelerators,)."""

    price: Floats  #: with its share of server and network, USD
    plate: Floats  #: IT watts for which power is installed
    pue: float
    facility: float  #: USD per IT watt


def limits(
    machines: Sequence[Accelerator], years: Sequence[Available], priced: Sequence[Priced]
) -> tuple[tuple[Limit, ...], tuple[Maker, ...]]:
    """Return the limits on what is bought of some accelerators.

    Parameters
    ----------
    machines : sequence of Accelerator
    years : sequence of Available
        All with the same limits.
    priced : sequence of Priced
        One for each year.

    Returns
    -------
    tuple of tuples of Limit and of Maker

    Raises
    ------
    CatalogError
        If packaging is limited and the catalog does not say what an accelerator takes of it.
    """
    plate = np.array([p.plate for p in priced])
    facility = plate * np.array([[p.pue] for p in priced])
    none = np.zeros_like(plate)

    def same(own: Floats) -> Floats:
        return np.tile(own, (len(years), 1))

    found = []
    for name in years[0].amounts:
        most = np.array([year.amounts[name] for year in years])
        if name == PACKAGING:
            found.append(Limit(name, most, same(_wafers(machines))))
        elif name == HBM:
            memory = np.array([a.memory_bytes if a.hbm_stacks > 0 else 0.0 for a in machines])
            found.append(Limit(name, most, same(memory)))
        elif name == POWER:
            found.append(Limit(name, most, facility, stock=True))
        elif name == ADDED:
            found.append(Limit(name, most, none, plate=facility, rate=np.ones(len(years))))
        else:
            rate = np.array([p.facility for p in priced])
            price = np.array([p.price for p in priced])
            found.append(Limit(name, most, price, plate=plate, rate=rate))
    makers = [
        Maker(
            name,
            np.array([year.makers[name] for year in years]),
            np.array([a.name in own for a in machines]),
        )
        for name, own in years[0].members.items()
    ]
    return tuple(found), tuple(makers)


def _wafers(machines: Sequence[Accelerator]) -> Floats:
    """Return the packaging wafers that one accelerator of each kind takes, before losses."""
    faults = [
        Fault(
            f"accelerators.{a.name}.packages_per_wafer",
            f"{a.name} has no packages_per_wafer",
            "packages of one packaging wafer: supply.packaging limits the fleet",
            hint="give the row in a catalog overlay",
        )
        for a in machines
        if not a.packages_per_wafer > 0
    ]
    if faults:
        raise CatalogError(faults, "catalog")
    return np.array([1.0 / a.packages_per_wafer for a in machines])


def nameplates(machines: Sequence[Accelerator], watts: Sequence[float]) -> Floats:
    """Return the IT watts of one accelerator of each kind, its share of the network included."""
    return np.array([nameplate(a, w) for a, w in zip(machines, watts, strict=True)])
