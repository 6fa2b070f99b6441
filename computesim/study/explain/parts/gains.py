"""Progress of software and algorithms: what it leaves of the work."""

from __future__ import annotations

from computesim.study.explain.inputs import value_at
from computesim.study.explain.node import Node, constant, quotient
from computesim.study.explain.world import World, remembered

ONE = constant("one", 1.0)
SERVING, TRAINING = "serving_software", "training_software"
OF_INFERENCE, OF_TRAINING = "algorithms.inference", "algorithms.training"


def gain(world: World, key: str, year: float) -> Node:
    """Return a multiplier of progress at a time.

    Parameters
    ----------
    world : World
    key : str
        `serving_software`, `algorithms.inference`.
    year : float
    """
    return value_at(world, f"progress.{key}", year)


@remembered
def left(world: World, t: int, key: str) -> Node:
    """Return the share of the work that a kind of progress leaves in a year."""
    name = f"work that {key.replace('_', ' ').replace('.', ' of ')} leaves"
    return quotient(name, "1", ONE, gain(world, key, world.key(t)))
