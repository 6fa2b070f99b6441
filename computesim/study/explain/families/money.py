"""Price and emissions of electricity, and capital spending."""

from __future__ import annotations

from collections.abc import Callable

from computesim.study.explain.families.watts import yearly_energy
from computesim.study.explain.inputs import value
from computesim.study.explain.node import Node, product, total
from computesim.study.explain.parts import fleet, networks
from computesim.study.explain.parts.prices import price_of, risen
from computesim.study.explain.parts.sites import (
    JOULES,
    carbon_intensity,
    electricity_price,
    facility_price,
)
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World


@explains("Electricity cost")
def electricity_cost(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the price of the electricity of a workload."""
    price = electricity_price(world, t)
    return product("electricity", "USD/year", yearly_energy(world, t, rest[0]), JOULES, price)


@explains("Emissions")
def emissions(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the carbon dioxide of the electricity of a workload."""
    carbon = carbon_intensity(world, t)
    return product("emissions", "gCO2/year", yearly_energy(world, t, rest[0]), JOULES, carbon)


@explains("Capex")
def capex(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the capital spending on a part of what is shipped."""
    part = rest[0]
    if part == "Facility":
        return _facility(world, t)
    if part == "Network":
        return _bought(world, t, "network", lambda i: networks.share(world, t, i, "price", "USD"))
    machines = _bought(world, t, "accelerators", lambda i: price_of(world, t, i))
    if part == "Servers":
        return product("servers", "USD/year", machines, value(world, "prices.server_share", t))
    return machines


def _bought(world: World, t: int, what: str, price: Callable[[int], Node]) -> Node:
    """Return the sum over kinds of accelerators shipped times the price of something of one."""
    terms = [
        product(f"{what} of {machine.name}", "USD/year", fleet.shipped(world, t, i), price(i))
        for i, machine in enumerate(world.road.accelerators)
        if world.road.mixes[t, i] > 0
    ]
    return total(f"{what} bought in {world.key(t)}", "USD/year", terms)


def _facility(world: World, t: int) -> Node:
    """Return the price of the buildings for the power that is new."""
    return product(
        "facilities", "USD/year", risen(world, t, metered=False), facility_price(world, t)
    )
