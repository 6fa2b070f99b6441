"""What labs decide that follow the least cost, and the requests that they weigh."""

from __future__ import annotations

from computesim.study.explain.node import Node
from computesim.study.explain.parts import policies
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World

_FIELDS = {
    "Chain length": ("tokens", "token"),
    "Samples": ("samples", "1"),
    "Accuracy": ("accuracy", "1"),
    "RL share of spending": ("rl_share", "1"),
}


@explains("Balance")
def balance(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return a number of the balance of a group of labs."""
    what, lab = rest
    if what == "RL compute":
        return policies.rl_flop(world, t, lab)
    if what == "Requests":
        return policies.requests(world, t, lab)
    return policies.balanced(world, t, lab, *_FIELDS[what])
