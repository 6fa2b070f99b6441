"""The bill of what is shipped in a year, by supply-chain segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from computesim.accounts.bill.content import Amounts, content
from computesim.accounts.bill.ratios import CASES, Ratios, cases, class_of
from computesim.accounts.bill.value import PARTS, Money, facility, short, split
from computesim.arrays import Floats
from computesim.cells.sites import build_cost_range
from computesim.fleet.network import Plan, share_of
from computesim.hardware.fabric import Fabric
from computesim.results import Yearly
from computesim.traced import dot, dots, most, number

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.fleet.world import World
    from computesim.fleet.year import Year
    from computesim.hardware.accelerator import Accelerator

_PRICES = ("switch", "switch_module", "nic_module", "nic", "copper", "ocs")
#: prefix of the names of each case; the central one has none
PREFIX = {"low": " low", "central": "", "high": " high"}


def rows(world: World) -> Yearly:
    """Yield quantities and values of every segment in every year.

    `Bill|…`, `Bill value|…` and `Bill content|…`; low and high where there is a range.
    """
    ratios, contents = world.once(ratios_of), world.once(contents_of)
    for year, watts, each in zip(world.years, world.new_watts, contents, strict=True):
        yield _named(_bill(year, watts, each, ratios))


def ratios_of(world: World) -> Ratios:
    """Return the ratios of the catalog of a world."""
    return Ratios(world.catalog)


def contents_of(world: World) -> list[Amounts]:
    """Return what comes with the accelerators that are shipped in every year."""
    ratios = world.once(ratios_of)
    return [
        shipped(y.accelerators, y.fleet.shipped, y.around.network, ratios, y.year)
        for y in world.years
    ]


def _named(amounts: Amounts) -> list[tuple[str, float]]:
    """Return names and numbers: the central case, the others of values and of what has a range.

    The low case of `Bill|HBM|GPU` is `Bill low|HBM|GPU`.
    """
    found = []
    for name, three in amounts.items():
        head, _, tail = name.partition("|")
        ranged = head != "Bill" or three[0] != three[1] or three[2] != three[1]
        for case, value in zip(CASES, three, strict=True):
            if case == "central" or ranged:
                found.append((f"{head}{PREFIX[case]}|{tail}", number(value)))
    return found


def _bill(year: Year, watts: float, bought: Amounts, ratios: Ratios) -> Amounts:
    """Return the bill of one year by name of the results, each of shape (3,).

    Watts are nameplate IT power that is built in the year; for what was bought see `shipped`.
    """
    amounts = dict(bought)
    parts = {part: amounts.pop(f"Part|{part}") for part in PARTS}
    money = _prices(year, ratios)
    classes = [class_of(machine) for machine in year.accelerators]
    value = split(year.fleet.shipped, classes, money, parts)
    machines = dots(year.fleet.shipped, money.accelerators)
    amounts["Bill content|Servers and racks"] = machines * (1.0 + money.server_share)
    amounts["Bill|Site power"] = np.full(3, most(watts, 0.0) * year.around.site.pue)
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


def _prices(year: Year, ratios: Ratios) -> Money:
    """Return the prices of a year: those of the capital spending, with their ranges."""
    around, own = year.around, year.moment.scenario.prices
    ranges = [
        (a.price_low / a.price, 1.0, a.price_high / a.price) if a.price else (1.0, 1.0, 1.0)
        for a in year.accelerators
    ]
    at = year.year
    if own.facility:
        built = own.facility.at(at, "low"), own.facility.at(at, "high")
    else:
        built = build_cost_range(year.moment)
    server = own.server_share.at(at, "low"), own.server_share.at(at, "high")
    return Money(
        around.price[:, None] * np.array(ranges),
        network_prices(year.accelerators, around.network, ratios.catalog),
        np.array([server[0], around.server_share, server[1]]),
        np.array([built[0], around.facility_price, built[1]]),
    )


def network_prices(
    machines: Sequence[Accelerator], plan: Plan, catalog: Catalog
) -> list[Mapping[str, Floats]]:
    """Return the price of the network of one accelerator of each kind, by part.

    Parameters
    ----------
    machines : sequence of Accelerator
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
    for machine in machines:
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
            found[price] = number(cases(catalog.figure("fabrics", fabric.name, price))[case])
    return replace(fabric, **found)


def remarks(world: World) -> list[str]:
    """Return what a reader must know: parts of servers that cost more than is spent on them."""
    texts = []
    for year, amounts in zip(world.years, world.once(contents_of), strict=True):
        parts = {part: amounts[f"Part|{part}"] for part in PARTS}
        spent = dot(year.fleet.shipped, year.around.price) * year.around.server_share
        share = short(np.full(3, spent), parts)
        if 0.0 < share < 1.0:  # 0: servers cost nothing, there is nothing to cut
            texts.append(
                f"{year.year}: the rack model prices parts of servers at {1 / share:.2f} times "
                "what is spent on servers; the bill cuts them to it"
            )
    return texts
