"""What limits the fleet: what there is, what is taken, what binds, and the world without limits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from computesim.fleet.limits import Standing
from computesim.study.explain.node import ALLOCATED, Node, product, total
from computesim.study.explain.parts import chips, fleet, limiting
from computesim.study.explain.registry import explainer_of, explains
from computesim.study.explain.world import World, remembered

_PROGRAM = "computesim/fleet/cohorts.py"


@explains("Supply|Available")
def available(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what there is of something that limits the fleet."""
    return limiting.available(world, t, "|".join(rest))


@explains("Supply|Used")
def used(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what the fleet takes of something that limits it."""
    return limiting.used(world, t, "|".join(rest))


@explains("Supply|Binding")
def binding(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return 1 where a limit holds purchases back, else 0."""
    name = "|".join(rest)
    note = "1 where the most that this limit allows is bought, and more is asked"
    return _told(world, t, name, f"{name} binds", float(_standing(world, t, name).binding), note)


@explains("Supply|Next")
def following(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return 1 where a limit would bind without one that does."""
    name = "|".join(rest)
    standings = world.years[t].fleet.standings
    own = any(other.binding and other.then == name for other in standings)
    note = "1 where this limit would bind first without one that does"
    return _told(world, t, name, f"{name} would bind next", float(own), note)


@explains("Supply|Relief")
def relief(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the compute that would be bought more without a limit."""
    name = "|".join(rest)
    more = np.asarray(_standing(world, t, name).relief, dtype=np.float64)
    note = "bought up to the next limit, or to what is asked, less what is bought"
    terms = [
        product(
            f"H100-equivalents of {machine.name} more", "H100e",
            _told(world, t, name, f"{machine.name} bought more without the limit",
                  float(count), note, fleet.UNIT),
            chips.weight(world, machine.name),
        )
        for machine, count in zip(world.road.accelerators, more, strict=True)
        if count
    ]  # fmt: skip
    if not terms:
        note = "this limit does not bind, or another does at the same purchase"
        return _told(world, t, name, f"relief of {name}", 0.0, note, "H100e")
    return total(f"relief of {name}", "H100e", terms)


def _standing(world: World, t: int, name: str) -> Standing:
    """Return how a limit stands in a year."""
    return next(s for s in world.years[t].fleet.standings if s.name == name)


def _told(
    world: World, t: int, name: str, label: str, number: float, note: str, unit: str = "1"
) -> Node:
    """Return what the purchase of a year says of a limit."""

    @cache
    def rests_on() -> tuple[Node, ...]:
        own = limiting.used(world, t, name), limiting.available(world, t, name)
        return (*own, fleet.bought(world, t))

    return Node(label, number, unit, ALLOCATED, origin=_PROGRAM, note=note, rests_on=rests_on)


@remembered
def _freed(world: World) -> World:
    """Return the world without any limit, whose nodes are its own."""
    years = [
        year if year.free is None else replace(year, fleet=year.free, free=None)
        for year in world.years
    ]
    return replace(world, years=years, known={})


@explains("Unconstrained")
def unconstrained(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a variable would be if nothing limited the supply."""
    make, after = explainer_of("|".join(rest))
    return make(_freed(world), t, after)
