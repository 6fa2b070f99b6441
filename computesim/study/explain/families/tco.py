"""Total cost of ownership of an accelerator-hour, and what workloads pay for theirs."""

from __future__ import annotations

from computesim.accounts.cost.tco import ELECTRICITY, FIXED_PARTS
from computesim.study.explain.families.machines import index_of
from computesim.study.explain.inputs import HOURS_PER_YEAR
from computesim.study.explain.node import Node, product, quotient, total
from computesim.study.explain.parts import fleet
from computesim.study.explain.parts.draws import mean_draw
from computesim.study.explain.parts.ownership import (
    HOUR,
    busy,
    fixed,
    of_watts,
    standing,
    watts,
)
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered


@remembered
def _part(world: World, t: int, index: int, part: str) -> Node:
    """Return a part of an hour."""
    if part == ELECTRICITY:
        return of_watts(world, t, watts(world, t, index))
    return fixed(world, t, index, part)


@remembered
def _hour(world: World, t: int, index: int) -> Node:
    """Return the cost of an hour in service."""
    parts = [_part(world, t, index, part) for part in (*FIXED_PARTS, ELECTRICITY)]
    return total(f"an hour of {world.road.accelerators[index].name}", HOUR, parts)


@explains("TCO")
def tco(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the cost of an hour in service of a kind, or a part of it."""
    index = index_of(world, rest[0])
    return _part(world, t, index, rest[1]) if len(rest) > 1 else _hour(world, t, index)


@explains("TCO per used hour")
def per_used_hour(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the cost of an hour at work."""
    index = index_of(world, rest[0])
    return quotient("an hour at work", HOUR, _hour(world, t, index), busy(world, t, index))


@explains("Cost of compute")
def compute(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a workload pays at the rate of the year's end."""
    terms = []
    for index in fleet.kinds(world, t, rest[0]):
        draw = mean_draw(world, t, rest[0], index, facility=True)
        name = world.road.accelerators[index].name
        each = total(f"an hour of {name} at it", HOUR,
                     (standing(world, t, index), of_watts(world, t, draw)))  # fmt: skip
        units = fleet.of_workload(world, t, rest[0], index)
        terms.append(product(f"an hour of all {name} at it", HOUR, units, each))
    every = total(f"an hour of {rest[0]}", HOUR, terms)
    return product(f"cost of {rest[0]}", "USD/year", every, HOURS_PER_YEAR)
