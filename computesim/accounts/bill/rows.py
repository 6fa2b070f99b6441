"""The bill of what is shipped in a year, by supply-chain segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from computesim.accounts.bill.content import Amounts, content
from computesim.accounts.bill.ratios import CASES, Ratios, cases, class_of
from computesim.accounts.bill.value import PARTS, Money, facility, short, split
from computesim.accounts.capex import additions
from computesim.arrays import Floats
from computesim.cells.sites import build_cost_range
from computesim.fleet.network import Plan, share_of
from computesim.fleet.power import nameplate
from computesim.hardware.fabric import Fabric
from computesim.results import Row, rows_of
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.fleet.roadmap import Roadmap
    from computesim.fleet.world import Year
    from computesim.hardware.accelerator import Accelerator
    from computesim.scenario import Scenario

_PRICES = ("switch", "switch_module", "nic_module", "nic", "copper", "ocs")
#: prefix of the names of each case; the central one has none
PREFIX = {"low": " low", "central": "", "high": " high"}


def rows(
    scenario: Scenario, ratios: Ratios, road: Roadmap, years: Sequence[Year], replication: int
) -> list[Row]:
    """Return quantities and values of every segment in every year.

    Parameters
    ----------
    scenario : Scenario
    ratios : Ratios
    road : Roadmap
    years : sequence of Year
    replication : int

    Returns
    -------
    list of Row
        `Bill|…`, `Bill value|…` and `Bill content|…`; low and high where there is a range.
    """
    built = new_watts(road, years)
    found = []
    for year, watts in zip(years, built, strict=True):
        amounts = bill(scenario, road, year, watts, ratios)
        found += rows_of(named(amounts), year.year, replication)
    return found


def named(amounts: Amounts) -> list[tuple[str, float]]:
    """Return names and numbers: the central case, the others of values and of what has a range.

    Parameters
    ----------
    amounts : dict of str to ndarray of float64, shape (3,)
        Names such as `Bill|HBM|GPU`; the low case becomes `Bill low|HBM|GPU`.
    """
    found = []
    for name, three in amounts.items():
        head, _, tail = name.partition("|")
        ranged = head != "Bill" or three[0] != three[1] or three[2] != three[1]
        for case, value in zip(CASES, three, strict=True):
            if case == "central" or ranged:
                found.append((f"{head}{PREFIX[case]}|{tail}", float(value)))
    return found


def bill(scenario: Scenario, road: Roadmap, year: Year, watts: float, ratios: Ratios) -> Amounts:
    """Return the bill of one year.

    Parameters
    ----------
    scenario : Scenario
    road : Roadmap
    year : Year
    watts : float, W
        Nameplate IT power that is built in the year.
    ratios : Ratios

    Returns
    -------
    dict of str to ndarray of float64, shape (3,)
        By name of the results.
    """
    amounts = _shipped(road, year, ratios)
    parts = {part: amounts.pop(f"Part|{part}") for part in PARTS}
    money = prices(scenario, road, year, ratios)
    classes = [class_of(a) for a in road.accelerators]
    value = split(year.fleet.shipped, classes, money, parts)
    machines = year.fleet.shipped @ money.accelerators
    amounts["Bill content|Servers and racks"] = machines * (1.0 + money.server_share)
    amounts["Bill|Site power"] = np.full(3, max(watts, 0.0) * year.around.site.pue)
    value |= facility(watts, money, ratios)
    return amounts | {f"Bill value|{name}": three for name, three in value.items()}


def shipped(
    machines: Sequence[Accelerator], units: Floats, plan: Plan, ratios: Ratios, year: float
) -> Amounts:
    """Return what comes with so many accelerators of each kind.

    Parameters
    ----------
    machines : sequence of Accelerator
    units : ndarray of float64, shape (accelerators,)
    plan : Plan
        Of their network.
    ratios : Ratios
    year : float

    Returns
    -------
    dict of str to ndarray of float64, shape (3,)
        Names of the results; `Part|…` are parts of servers that `bill_value` fits into the money.
    """
    found: Amounts = {}
    for count, machine in zip(units, machines, strict=True):
        share = share_of(machine, plan)
        for name, each in content(machine, share, plan.fabric, ratios, year).items():
            found[name] = found.get(name, np.zeros(3)) + count * each
    return found


def _shipped(road: Roadmap, year: Year, ratios: Ratios) -> Amounts:
    """Return what comes with the accelerators that are shipped in a year."""
    plan = year.around.network
    return shipped(road.accelerators, year.fleet.shipped, plan, ratios, year.year)


def prices(scenario: Scenario, road: Roadmap, year: Year, ratios: Ratios) -> Money:
    """Return the prices of a year: those of the capital spending, with their ranges.

    Parameters
    ----------
    scenario : Scenario
    road : Roadmap
    year : Year
    ratios : Ratios
    """
    around, own = year.around, scenario.prices
    central = [around.price.get(a.name, a.price) for a in road.accelerators]
    ranges = [
        (a.price_low / a.price, 1.0, a.price_high / a.price) if a.price else (1.0, 1.0, 1.0)
        for a in road.accelerators
    ]
    at = year.year
    if own.facility:
        built = own.facility.at(at, "low"), own.facility.at(at, "high")
    else:
        built = build_cost_range(Moment(scenario, ratios.catalog, at))
    server = own.server_share.at(at, "low"), own.server_share.at(at, "high")
    return Money(
        np.array(central)[:, None] * np.array(ranges),
        network_prices(road, around.network, ratios.catalog),
        np.array([server[0], around.server_share, server[1]]),
        np.array([built[0], around.facility_price, built[1]]),
    )


def network_prices(road: Roadmap, plan: Plan, catalog: Catalog) -> list[Mapping[str, Floats]]:
    """Return the price of the network of one accelerator of each kind, by part.

    Parameters
    ----------
    road : Roadmap
    plan : Plan
    catalog : Catalog
        Where the ranges of the prices stand.

    Returns
    -------
    list of mapping of str to ndarray of float64, shape (3,), USD
    """
    plans = [
        replace(plan, fabric=_at(plan.fabric, catalog, c), torus=_at(plan.torus, catalog, c))
        for c in range(len(CASES))
    ]
    found: list[Mapping[str, Floats]] = []
    for machine in road.accelerators:
        each = [share_of(machine, p).prices for p in plans]
        found.append({n: np.array([e.get(n, 0.0) for e in each]) for n in each[1]})
    return found


def _at(fabric: Fabric, catalog: Catalog, case: int) -> Fabric:
    """Return a fabric at the low, central or high end of its prices."""
    if CASES[case] == "central":
        return fabric
    found: dict[str, Any] = {}
    for price in (f"{part}_price" for part in _PRICES):
        if catalog.has("fabrics", fabric.name, price):
            found[price] = float(cases(catalog.figure("fabrics", fabric.name, price))[case])
    return replace(fabric, **found)


def new_watts(road: Roadmap, years: Sequence[Year]) -> list[float]:
    """Return the nameplate IT power that is built in every year, W."""
    plates = [
        [nameplate(a, n.watts) for a, n in zip(road.accelerators, y.networks, strict=True)]
        for y in years
    ]
    return additions([float(y.fleet.installed @ p) for y, p in zip(years, plates, strict=True)])


def remarks(road: Roadmap, years: Sequence[Year], ratios: Ratios) -> list[str]:
    """Return what a reader must know: parts of servers that cost more than is spent on them."""
    found = []
    for year in years:
        amounts = _shipped(road, year, ratios)
        parts = {part: amounts[f"Part|{part}"] for part in PARTS}
        price = [year.around.price.get(a.name, a.price) for a in road.accelerators]
        spent = float(year.fleet.shipped @ np.array(price)) * year.around.server_share
        share = short(np.full(3, spent), parts)
        if 0.0 < share < 1.0:  # 0: servers cost nothing, there is nothing to cut
            found.append(
                f"{year.year}: the rack model prices parts of servers at {1 / share:.2f} times "
                "what is spent on servers; the bill cuts them to it"
            )
    return found
