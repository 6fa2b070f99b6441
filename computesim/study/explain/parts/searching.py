"""What a search generates for one problem, as nodes: segments, sequences, completions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from computesim.study.explain.inputs import value, word
from computesim.study.explain.node import Node, computed, constant, product, quotient, total
from computesim.study.explain.operations import MEANINGS, OPERATIONS
from computesim.study.explain.world import World, remembered
from computesim.workload.search import SearchCost, SearchPlan, search_cost


class Segment(NamedTuple):
    """Sequences that each generate `tokens` after `prefix` cached tokens."""

    n: Node
    prefix: Node
    tokens: Node


class Search(NamedTuple):
    """What the search for one problem generates and keeps."""

    segments: tuple[Segment, ...]
    generated: Node  #: tokens
    sequences: Node
    sequence_tokens: Node
    completions: Node


@lru_cache(maxsize=256)
def _cost(
    method: str,
    samples: float,
    depth: float,
    branching: float,
    width: float,
    simulations: float,
    step: float,
    length: float,
) -> SearchCost:
    """Return the cost of a search from its numbers."""
    counts = map(int, (samples, depth, branching, width, simulations))
    n_samples, n_depth, n_branching, n_width, n_simulations = counts
    plan = SearchPlan(
        method, n_samples, n_depth, n_branching, n_width, n_simulations, step_tokens=step
    )
    return search_cost(plan, length)


def _register(method: str) -> None:
    """Add the operations of a method: they play the rules of `workload.search`."""

    def of(pick: Callable[[SearchCost], float]) -> Callable[..., float]:
        return lambda *numbers: float(pick(_cost(method, *numbers)))

    def at(pick: Callable[[SearchCost, int], float]) -> Callable[..., float]:
        return lambda *numbers: float(pick(_cost(method, *numbers[:-1]), int(numbers[-1]) - 1))

    OPERATIONS[f"{method} search: sequences"] = of(lambda c: c.sequences)
    OPERATIONS[f"{method} search: tokens of a sequence"] = of(lambda c: c.sequence_tokens)
    OPERATIONS[f"{method} search: completions"] = of(lambda c: c.completions)
    OPERATIONS[f"{method} search: count of a segment"] = at(lambda c, i: c.segments[i].count)
    OPERATIONS[f"{method} search: prefix of a segment"] = at(lambda c, i: c.segments[i].prefix)
    OPERATIONS[f"{method} search: tokens of a segment"] = at(lambda c, i: c.segments[i].tokens)
    for name in OPERATIONS:
        if name.startswith(f"{method} search"):
            MEANINGS[name] = "the rules of computesim/workload/search.py"


for _method in ("samples", "consensus", "beam", "tree", "mcts", "revision"):
    _register(_method)


@remembered
def search(world: World, t: int, lab: str, length: Node, shortest: Node) -> Search:
    """Return the search for one problem whose responses have a length.

    Parameters
    ----------
    world : World
    t : int
    lab : str
    length, shortest : Node
        Of the response, and of the shortest of all lengths.
    """
    key = f"labs.{lab}.post_training.search"
    method = word(world, f"{key}.method", t).text

    def whole(name: str) -> Node:
        found = value(world, f"{key}.{name}", t)
        number = found.number()
        if number == round(number):
            return found
        return computed(f"{name}, rounded", "1", "rounded", (found,))

    if method in ("samples", "consensus"):
        samples = whole("samples")
        none = constant("tokens before a sample", 0.0, "token")
        tokens = product("tokens of all samples", "token", samples, length)
        return Search((Segment(samples, none, length),), tokens, samples, length, samples)
    names = ("samples", "depth", "branching", "width", "simulations")
    numbers = [whole(name) for name in names]
    shorter = quotient("shortest response over depth", "token", shortest, numbers[1])
    step = computed("tokens of a step", "token", "minimum",
                    (value(world, f"{key}.step_tokens", t), shorter))  # fmt: skip
    return _general(method, [*numbers, step, length])


def _general(method: str, numbers: list[Node]) -> Search:
    """Return a search of any method."""

    def make(what: str, unit: str, *more: Node) -> Node:
        return computed(what, unit, f"{method} search: {what}", [*numbers, *more])

    cost = _cost(method, *[node.number() for node in numbers])
    segments = tuple(
        Segment(
            make("count of a segment", "1", which),
            make("prefix of a segment", "token", which),
            make("tokens of a segment", "token", which),
        )
        for which in (constant("segment", i + 1) for i in range(len(cost.segments)))
    )
    products = [product("tokens of a segment, all", "token", s.n, s.tokens) for s in segments]
    return Search(
        segments,
        total("tokens that a search generates", "token", products),
        make("sequences", "1"),
        make("tokens of a sequence", "token"),
        make("completions", "1"),
    )
