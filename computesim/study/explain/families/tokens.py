"""Tokens of a day: requests of every product times the tokens of one."""

from __future__ import annotations

from computesim.projection.demand import COT
from computesim.study.explain.inputs import value
from computesim.study.explain.node import Node, complement, product, total
from computesim.study.explain.parts.asked import requests_per_day, where
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World


@explains("Tokens")
def tokens(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the tokens of a workload and kind in data centres."""
    return _tokens(world, t, rest, device=False)


@explains("Device tokens")
def device_tokens(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the tokens of a workload and kind on devices."""
    return _tokens(world, t, rest, device=True)


def _tokens(world: World, t: int, rest: tuple[str, ...], device: bool) -> Node:
    """Return the sum over products of requests times tokens."""
    workload, kind = rest
    name = f"{kind} tokens, {workload}"
    terms = [
        product(
            f"{kind} tokens of {each}",
            "token/day",
            requests_per_day(world, t, each, workload),
            where(world, t, each, device),
            *_of_one(world, t, each, workload, kind),
        )
        for each in world.scenario.products
    ]
    return total(name, "token/day", terms, every=True)


def _of_one(world: World, t: int, name: str, workload: str, kind: str) -> list[Node]:
    """Return the factors that give the tokens of one request."""

    def read(key: str) -> Node:
        return value(world, f"products.{name}.{key}", t)

    if kind == "Cached prompt":
        return [read("prompt_tokens"), read("cached_share")]
    if kind == "Prompt":
        fresh = complement("share of the prompt that is read", read("cached_share"))
        return [read("prompt_tokens"), fresh]
    chains = [read("samples")] if workload == COT else []
    return [*chains, read("reasoning_tokens" if kind == "Reasoning" else "answer_tokens")]
