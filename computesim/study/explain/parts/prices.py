"""What an accelerator and all around it costs when it is bought, and the power that is built."""

from __future__ import annotations

from typing import NamedTuple

from computesim.study.explain.inputs import value
from computesim.study.explain.node import (
    Node,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import chips, fleet, networks
from computesim.study.explain.parts.draws import nameplate
from computesim.study.explain.parts.ranges import CENTRAL, figure_at
from computesim.study.explain.parts.sites import facility_price, pue
from computesim.study.explain.world import World, remembered

_NOTHING = constant("none before", 0.0, "W")


class Outlay(NamedTuple):
    """What is paid for one accelerator and its share of all around it, USD."""

    accelerator: Node
    server: Node
    network: Node
    facility: Node


@remembered
def price_of(world: World, t: int, index: int) -> Node:
    """Return the price of an accelerator: the scenario's own, else the catalog's."""
    return chips.price(world, world.road.accelerators[index].name, world.key(t))


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


def metered_plate(world: World, t: int, index: int) -> Node:
    """Return the facility power that is built for one accelerator."""
    name = f"facility power of one {world.road.accelerators[index].name}"
    return product(name, "W", nameplate(world, t, index), pue(world, t)[0])


@remembered
def built(world: World, t: int, metered: bool) -> Node:
    """Return the power for all accelerators in service: nameplate IT power, or at the meter."""
    each = metered_plate if metered else nameplate
    what = "facility power" if metered else "nameplate"
    terms = [
        product(f"{what} of {machine.name}", "W", fleet.installed(world, t, index),
                each(world, t, index))
        for index, machine in enumerate(world.road.accelerators)
        if world.years[t].fleet.installed[index] > 0
    ]  # fmt: skip
    label = "facility power for all" if metered else "nameplate IT power"
    return total(f"{label} in {world.key(t)}", "W", terms)


@remembered
def risen(world: World, t: int, metered: bool) -> Node:
    """Return by how much the power of a year exceeds the most that there was."""
    what = "facility" if metered else "IT"
    earlier = (built(world, before, metered) for before in range(t))
    most = computed(f"most {what} power before", "W", "maximum", (_NOTHING, *earlier))
    rise = difference(f"{what} power beyond it", "W", built(world, t, metered), most)
    return computed(f"new {what} power", "W", "maximum", (rise, _NOTHING))
