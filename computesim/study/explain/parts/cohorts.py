"""What is left of each year's purchase: the oldest accelerators of a kind leave first."""

from __future__ import annotations

from computesim.study.explain.node import Node, computed, difference
from computesim.study.explain.parts import fleet
from computesim.study.explain.world import World, remembered


@remembered
def cohorts(world: World, t: int, index: int) -> tuple[tuple[int, Node], ...]:
    """Return the year and what is left of each purchase of a kind, the youngest first."""
    name = world.road.accelerators[index].name
    left = fleet.installed(world, t, index)
    found = []
    for born in range(t, -1, -1):
        if not world.road.mixes[born, index] > 0:
            continue
        kept = computed(f"{name} of {world.key(born)} still there", "accelerator", "minimum",
                        (fleet.shipped(world, born, index), left))  # fmt: skip
        left = difference(f"{name} older than {world.key(born)}", "accelerator", left, kept)
        found.append((born, kept))
    return tuple(found)
