"""Energy, power, price and emissions of the fleet by region."""

from __future__ import annotations

from computesim.study.explain.families.watts import mean_power, yearly_energy
from computesim.study.explain.node import Node, product, total
from computesim.study.explain.parts.sites import JOULES, Place, energy_share, places
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered


def _workloads(world: World, *years: int) -> list[str]:
    """Return the workloads that anything works for in some years."""
    return list(dict.fromkeys(name for t in years for name in world.years[t].units))


@remembered
def _energy(world: World, t: int, region: str) -> Node:
    """Return the energy of a region in a year."""
    names = _workloads(world, *([t - 1] if t else []), t)
    every = [yearly_energy(world, t, name) for name in names]
    whole = total("energy of all regions", "Wh/year", every)
    return product(f"energy in {region}", "Wh/year", whole, energy_share(world, t, region))


def _place(world: World, t: int, name: str) -> Place:
    """Return a region by its name."""
    return next(place for place in places(world, t) if place.name == name)


@explains("Energy by region")
def energy(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the electricity at the meters of a region."""
    return _energy(world, t, rest[0])


@explains("Power by region")
def power(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the mean power at the meters of a region."""
    every = [mean_power(world, t, name, facility=True) for name in _workloads(world, t)]
    whole = total("power of all regions", "W", every)
    return product(f"power in {rest[0]}", "W", whole, energy_share(world, t, rest[0]))


@explains("Electricity cost by region")
def electricity_cost(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the electricity of a region at its price."""
    price = _place(world, t, rest[0]).price
    return product("electricity", "USD/year", _energy(world, t, rest[0]), JOULES, price)


@explains("Emissions by region")
def emissions(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the carbon dioxide of the electricity of a region."""
    carbon = _place(world, t, rest[0]).carbon
    return product("emissions", "gCO2/year", _energy(world, t, rest[0]), JOULES, carbon)
