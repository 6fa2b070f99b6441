"""Price and emissions of electricity, and capital spending."""

from __future__ import annotations

from collections.abc import Callable

from computesim.study.explain.families.watts import yearly_energy
from computesim.study.explain.inputs import figure, value
from computesim.study.explain.node import Node, constant, product, total
from computesim.study.explain.parts import chips, fleet, limiting, networks
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World

JOULES = constant("joules in a watt-hour", 3600.0, "J/Wh")


@explains("Electricity cost")
def electricity_cost(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the price of the electricity of a workload."""
    if world.scenario.prices.electricity is not None:
        price = value(world, "prices.electricity", t)
    else:
        price = figure(world, "sites", _site(world, t), "electricity_price", "USD/J")
    return product("electricity", "USD/year", yearly_energy(world, t, rest[0]), JOULES, price)


@explains("Emissions")
def emissions(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the carbon dioxide of the electricity of a workload."""
    if world.scenario.site.carbon_intensity is not None:
        carbon = value(world, "site.carbon_intensity", t)
    else:
        carbon = figure(world, "sites", _site(world, t), "carbon_intensity", "gCO2/J")
    return product("emissions", "gCO2/year", yearly_energy(world, t, rest[0]), JOULES, carbon)


def _site(world: World, t: int) -> str:
    """Return the name of the site of a year."""
    return world.years[t].around.site.name


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


def price_of(world: World, t: int, index: int) -> Node:
    """Return the price of an accelerator in a year."""
    return chips.price(world, world.road.accelerators[index].name, world.key(t))


def _facility(world: World, t: int) -> Node:
    """Return the price of the buildings for what exceeds the most power there was."""
    return product("facilities", "USD/year", limiting.risen(world, t, metered=False),
                   limiting.facility_price(world, t))  # fmt: skip
