"""Switches, optics, NICs and cables: bought in a year, and in service."""

from __future__ import annotations

from computesim.study.explain.node import Node, product, total
from computesim.study.explain.parts import fleet, networks
from computesim.study.explain.parts.cohorts import cohorts
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World

_UNITS = {"Switches": "switch", "Optics": "transceiver", "NICs": "NIC", "Copper cables": "cable"}
_FIELDS = {"NICs": "nics", "Copper cables": "copper_cables"}


def _each(world: World, t: int, index: int, item: str) -> Node:
    """Return what one accelerator has of an item of the network of a year."""
    group = item.split("|")[0]
    return networks.share(world, t, index, _FIELDS.get(item, item), _UNITS[group])


def _has(world: World, t: int, index: int, item: str) -> bool:
    """Tell whether an accelerator has any of an item of the network of a year."""
    group, _, kind = item.partition("|")
    share = world.years[t].around.networks[index]
    own = {"Switches": share.switches, "Optics": share.optics}.get(group)
    return bool(own.get(kind) if own is not None else getattr(share, _FIELDS[item]))


@explains("Network shipped")
def shipped(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what is bought of an item of the network in a year."""
    item = "|".join(rest)
    terms = [
        product(f"{item} of {machine.name}", _UNITS[rest[0]], fleet.shipped(world, t, index),
                _each(world, t, index, item))
        for index, machine in enumerate(world.road.accelerators)
        if world.road.mixes[t, index] > 0 and _has(world, t, index, item)
    ]  # fmt: skip
    return total(f"{item} shipped in {world.key(t)}", _UNITS[rest[0]], terms)


@explains("Network")
def in_service(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return an item of the network in service: cohorts leave with their accelerators."""
    item = "|".join(rest)
    terms = [
        product(f"{item} of {machine.name} bought in {world.key(born)}", _UNITS[rest[0]],
                kept, _each(world, born, index, item))
        for index, machine in enumerate(world.road.accelerators)
        for born, kept in cohorts(world, t, index)
        if kept.value and _has(world, born, index, item)
    ]  # fmt: skip
    return total(f"{item} in service in {world.key(t)}", _UNITS[rest[0]], terms)
