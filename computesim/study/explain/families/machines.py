"""Accelerators by workload and by kind, their H100-equivalents, and those that lack."""

from __future__ import annotations

from computesim.study.explain.node import Node, constant, product, quotient, total
from computesim.study.explain.parts import chips, fleet
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered

UNIT = "accelerator"


def index_of(world: World, name: str) -> int:
    """Return the place of an accelerator in the roadmap."""
    return next(i for i, a in enumerate(world.road.accelerators) if a.name == name)


@remembered
def more(world: World, t: int, workload: str) -> Node | None:
    """Return required accelerators over those at work, None where nothing lacks."""
    lacking = fleet.unmet(world, t, workload) if _limited(world, t) else None
    if lacking is None or not lacking.value:
        return None
    kinds = fleet.kinds(world, t, workload)
    there = [fleet.of_workload(world, t, workload, index) for index in kinds]
    share = quotient("lacking over at work", "1", lacking, total("at work", UNIT, there))
    return total("required over at work", "1", (constant("one", 1.0), share))


def _limited(world: World, t: int) -> bool:
    """Tell whether a limit, or a task that nothing can do, leaves work undone in a year."""
    return bool(world.years[t].fleet.allocation.unmet.any())


@explains("Accelerators|Required")
def required(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators that a workload needs."""
    kinds = fleet.kinds(world, t, rest[0])
    terms = [fleet.of_workload(world, t, rest[0], index) for index in kinds]
    there = total(f"accelerators for {rest[0]}", UNIT, terms)
    factor = more(world, t, rest[0])
    return product("required", UNIT, there, factor) if factor else there


def weight(world: World, index: int) -> Node:
    """Return the H100-equivalents of an accelerator."""
    return chips.weight(world, world.road.accelerators[index].name)


@explains("H100-equivalents")
def equivalents(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the required accelerators of a workload in H100-equivalents."""
    terms = [
        product(
            f"H100-equivalents of {world.road.accelerators[index].name}", "H100e",
            fleet.of_workload(world, t, rest[0], index), weight(world, index),
        )
        for index in fleet.kinds(world, t, rest[0])
    ]  # fmt: skip
    there = total(f"H100-equivalents for {rest[0]}", "H100e", terms)
    factor = more(world, t, rest[0])
    return product("required", "H100e", there, factor) if factor else there


@explains("Accelerators|Installed")
def installed(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators of a kind that are sold and not retired."""
    return fleet.installed(world, t, index_of(world, rest[0]))


@explains("Accelerators|Shipped")
def shipped(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators of a kind that are bought in a year."""
    return fleet.shipped(world, t, index_of(world, rest[0]))


@explains("Accelerators|Retired")
def retired(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators of a kind that are taken out in a year."""
    return fleet.retired(world, t, index_of(world, rest[0]))


@explains("H100-equivalents by generation")
def by_generation(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the H100-equivalents of a kind in service."""
    index = index_of(world, rest[0])
    name = f"H100-equivalents of {rest[0]}"
    return product(name, "H100e", fleet.installed(world, t, index), weight(world, index))


@explains("Unmet")
def unmet(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators of a workload that lack."""
    return fleet.unmet(world, t, rest[0])
