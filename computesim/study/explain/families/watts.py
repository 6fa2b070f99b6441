"""Power of the fleet, and the energy of a year."""

from __future__ import annotations

from computesim.fleet.year import IDLE
from computesim.study.explain.families.machines import index_of
from computesim.study.explain.inputs import HOURS_PER_YEAR, figure
from computesim.study.explain.node import (
    Node,
    complement,
    computed,
    constant,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import fleet
from computesim.study.explain.parts.asked import lag
from computesim.study.explain.parts.draws import mean_draw, nameplate
from computesim.study.explain.parts.sites import pue
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered


@explains("Power|Accelerator TDP")
def tdp(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the thermal design power of a kind of accelerator in service."""
    each = figure(world, "accelerators", rest[0], "tdp", "W")
    return product(f"TDP of {rest[0]}", "W", fleet.installed(world, t, index_of(world, rest[0])),
                   each)  # fmt: skip


@explains("Power|IT")
def it_power(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the mean IT power of a workload."""
    return mean_power(world, t, rest[0], facility=False)


@explains("Power|Facility")
def facility_power(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the mean power of a workload at the meter."""
    return mean_power(world, t, rest[0], facility=True)


@remembered
def mean_power(world: World, t: int, workload: str, facility: bool) -> Node:
    """Return the sum over kinds of accelerators times the watts of one."""
    what = "power at the meter" if facility else "IT power"
    terms = [
        product(
            f"{what} of {world.road.accelerators[index].name}", "W",
            fleet.of_workload(world, t, workload, index),
            mean_draw(world, t, workload, index, facility),
        )
        for index in fleet.kinds(world, t, workload)
    ]  # fmt: skip
    name = f"{what} of {workload}, end of {world.key(t)}"
    if not terms and workload == IDLE:
        return fleet.none_idle(world, t, name)
    return total(name, "W", terms, note="" if terms else "nothing works for it yet")


@explains("Power|Provisioned")
def provisioned(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the facility power that is built for a workload."""
    terms = [
        product(
            f"nameplate of {world.road.accelerators[index].name}", "W",
            fleet.of_workload(world, t, rest[0], index), nameplate(world, t, index),
        )
        for index in fleet.kinds(world, t, rest[0])
    ]  # fmt: skip
    plate = total(f"nameplate IT power of {rest[0]}", "W", terms)
    return product(f"provisioned power of {rest[0]}", "W", plate, pue(world, t)[0])


@explains("Energy")
def energy(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the energy of a workload in a year, from the power at both ends of it."""
    return yearly_energy(world, t, rest[0])


@remembered
def yearly_energy(world: World, t: int, workload: str) -> Node:
    """Return the energy of a year at the meter, Wh/year."""
    after = mean_power(world, t, workload, facility=True)
    before = mean_power(world, t - 1, workload, facility=True) if t else constant(
        "power before the first year", 0.0, "W")  # fmt: skip
    name, two = f"energy of {workload} in {world.key(t)}", constant("two", 2.0)
    if before.number() <= 0:
        left = complement("share of the year after the lag", lag(world))
        half = quotient("half of the power at the end", "W", after, two)
        return product(name, "Wh/year", half, left, left, HOURS_PER_YEAR)
    if after.number() <= 0:
        half = quotient("half of the power at the beginning", "W", before, two)
        return product(name, "Wh/year", half, HOURS_PER_YEAR)
    mean = computed("mean of the growth path", "W", "logarithmic mean", (before, after))
    fall = quotient("power at the beginning over that at the end", "1", before, after)
    late = computed("what the lag to service leaves", "1", "power", (fall, lag(world)))
    return product(name, "Wh/year", mean, late, HOURS_PER_YEAR)
