"""What an accelerator and all around it costs when it is bought, and the power that is built."""

from __future__ import annotations

from typing import NamedTuple

from computesim.study.explain.inputs import figure, value
from computesim.study.explain.node import (
    Node,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import fleet, networks
from computesim.study.explain.parts.draws import nameplate
from computesim.study.explain.parts.ranges import CENTRAL, figure_at
from computesim.study.explain.parts.sites import facility_price
from computesim.study.explain.world import World, remembered


class Outlay(NamedTuple):
    """What is paid for one accelerator and its share of all around it, USD."""

    accelerator: Node
    server: Node
    network: Node
    facility: Node


@remembered
def price_of(world: World, t: int, index: int) -> Node:
    """Return the price of an accelerator: the scenario's own, else the catalog's."""
    name = world.road.accelerators[index].name
    for alias in world.scenario.prices.accelerators:
        if world.catalog.resolve("accelerators", alias) == name:
            return value(world, f"prices.accelerators.{alias}", t)
    return figure(world, "accelerators", name, "price", "USD")


@remembered
def price_at(world: World, t: int, index: int, case: int) -> Node:
    """Return the price of an accelerator at an end of its range, that of the catalog."""
    name, own = world.road.accelerators[index].name, price_of(world, t, index)
    if case == CENTRAL or not world.catalog.has("accelerators", name, "price"):
        return own
    end, middle = (
        figure_at(world, "accelerators", name, "price", "USD", c) for c in (case, CENTRAL)
    )
    if own is middle:
        return end
    return product(f"price of {name}", "USD", own, quotient("end of its range", "1", end, middle))


@remembered
def outlay(world: World, t: int, index: int) -> Outlay:
    """Return what an accelerator costs with all around it when it is bought in a year."""
    name = world.road.accelerators[index].name
    price = price_of(world, t, index)
    return Outlay(
        price,
        product(f"server of one {name}", "USD", price, value(world, "prices.server_share", t)),
        networks.share(world, t, index, "price", "USD"),
        product(f"facility of one {name}", "USD", nameplate(world, t, index),
                facility_price(world, t)),
    )  # fmt: skip


@remembered
def plate(world: World, t: int) -> Node:
    """Return the nameplate IT power of all accelerators in service."""
    terms = [
        product(f"nameplate of {machine.name}", "W", fleet.installed(world, t, index),
                nameplate(world, t, index))
        for index, machine in enumerate(world.road.accelerators)
        if world.years[t].fleet.installed[index] > 0
    ]  # fmt: skip
    return total(f"nameplate IT power in {world.key(t)}", "W", terms)


@remembered
def new_power(world: World, t: int) -> Node:
    """Return the nameplate IT power that exceeds the most there was."""
    nothing = constant("none before", 0.0, "W")
    most = computed("most IT power before", "W", "maximum",
                    (nothing, *(plate(world, before) for before in range(t))))  # fmt: skip
    rise = difference("IT power beyond it", "W", plate(world, t), most)
    return computed("new IT power", "W", "maximum", (rise, nothing))
