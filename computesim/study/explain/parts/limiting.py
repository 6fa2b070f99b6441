"""What limits the fleet: what there is of everything, and what accelerators take of it."""

from __future__ import annotations

import numpy as np

from computesim.calendar import YEAR
from computesim.fleet.supply import ADDED, CAPITAL, HBM, MAKERS, PACKAGING, POWER, STEPS_OF_YEAR
from computesim.scenario.yaml_loader import dotted
from computesim.study.explain.inputs import SECONDS_PER_YEAR, figure, value, value_at
from computesim.study.explain.node import (
    Node,
    complement,
    computed,
    constant,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import chips, fleet, networks
from computesim.study.explain.parts.draws import nameplate
from computesim.study.explain.parts.prices import built, metered_plate, risen
from computesim.study.explain.parts.sites import facility_price
from computesim.study.explain.world import World, remembered

_ONE = constant("one", 1.0)
_YEARLY = {
    ADDED: ("supply.power_added", "W/year"),
    CAPITAL: ("supply.capital", "USD/year"),
}


@remembered
def available(world: World, t: int, name: str) -> Node:
    """Return what there is of something that limits the fleet.

    Parameters
    ----------
    world : World
    t : int
    name : str
        Of the limit: `HBM`, `Makers|NVIDIA`.
    """
    if name == POWER:
        return value(world, "limits.facility_power", t)
    if name == PACKAGING:
        wafers = product("packaging wafers in the year before the lead time", "wafer/year",
                         _capacity(world, t), SECONDS_PER_YEAR)  # fmt: skip
        return product(name, "wafer/year", value(world, "supply.packaging_share", t), wafers)
    if name == HBM:
        return product(name, "B/year", value(world, "supply.hbm_share", t), _memory(world, t),
                       SECONDS_PER_YEAR)  # fmt: skip
    if name in _YEARLY:
        key, unit = _YEARLY[name]
    else:
        key = dotted(("supply", "makers", name.removeprefix(f"{MAKERS}|")))
        unit = "accelerator/year"
    return product(name, unit, value(world, key, t), SECONDS_PER_YEAR)


def _known(world: World, key: str, time: float) -> Node:
    """Return a value, or what it is in the first year where its path does not reach back."""
    try:
        return value_at(world, key, time)
    except ValueError:
        return value(world, key, 0)


def _capacity(world: World, t: int) -> Node:
    """Return the mean packaging capacity of the year that ends a lead time before the sale."""
    lead = value(world, "supply.lead_time", t)
    end = world.key(t) - lead.number() / YEAR
    times = np.linspace(end - 1.0, end, STEPS_OF_YEAR + 1)
    points = [_known(world, "supply.packaging", float(time)) for time in times]
    name = "mean packaging capacity before the lead time"
    return computed(name, "wafer/s", "mean of a path", points, given=(lead,))


def _memory(world: World, t: int) -> Node:
    """Return the memory that was made for what is sold in a year, in B/s."""
    key = "supply.hbm"
    lead = quotient("lead time in years", "year", value(world, "supply.lead_time", t),
                    SECONDS_PER_YEAR)  # fmt: skip
    parts = (
        product("memory made in the year", "B/s", complement("less the lead time", lead),
                value(world, key, t)),
        product("memory made in the year before", "B/s", lead,
                _known(world, key, world.key(t) - 1)),
    )  # fmt: skip
    return total("memory for what is sold", "B/s", parts, every=True)


@remembered
def taken(world: World, t: int, name: str, index: int) -> Node | None:
    """Return what one accelerator takes of something, None where it takes nothing."""
    machine = world.road.accelerators[index]
    if name == PACKAGING:
        per_wafer = figure(world, "accelerators", machine.name, "packages_per_wafer", "1/wafer")
        return quotient(f"wafers of one {machine.name}", "wafer", _ONE, per_wafer)
    if name == HBM:
        if not machine.hbm_stacks > 0:
            return None
        return figure(world, "accelerators", machine.name, "memory", "B")
    if name in (POWER, ADDED):
        return metered_plate(world, t, index)
    if name == CAPITAL:
        own = chips.price(world, machine.name, world.key(t))
        server = total("accelerator and server over accelerator", "1",
                       (_ONE, value(world, "prices.server_share", t)))  # fmt: skip
        parts = (product(f"price of one {machine.name} in its server", "USD", own, server),
                 networks.share(world, t, index, "price", "USD"))  # fmt: skip
        return total(f"price of one {machine.name} with server and network", "USD", parts)
    return _ONE if machine.name in world.years[t].around.supply.members[name] else None


@remembered
def used(world: World, t: int, name: str) -> Node:
    """Return what the fleet of a year takes of something that limits it."""
    kinds = range(len(world.road.accelerators))
    if name == ADDED:
        return risen(world, t, metered=True)
    if name == POWER:
        return built(world, t, metered=True)
    parts = [
        product(f"{name}: {world.road.accelerators[index].name}", each.unit,
                fleet.shipped(world, t, index), each)
        for index in kinds
        if (each := taken(world, t, name, index)) and world.road.mixes[t, index] > 0
    ]  # fmt: skip
    if name == CAPITAL:
        parts.append(product("facilities", "USD/year", risen(world, t, metered=False),
                             facility_price(world, t)))  # fmt: skip
    return total(f"{name} taken in {world.key(t)}", parts[0].unit if parts else "1", parts)


def grounds(world: World, t: int) -> tuple[Node, ...]:
    """Return what the limits of a year say, and what every accelerator in the mix takes."""
    names = [standing.name for standing in world.years[t].fleet.standings]
    kinds = [i for i in range(len(world.road.accelerators)) if world.road.mixes[t, i] > 0]
    found = [available(world, t, name) for name in names]
    found += [
        each
        for name in names
        for index in kinds
        if (each := taken(world, t, name, index)) is not None
    ]
    if CAPITAL in names:
        found += [facility_price(world, t), *(nameplate(world, t, index) for index in kinds)]
    return tuple(found)
