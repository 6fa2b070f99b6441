"""Tokens of a day: requests of every product times the tokens of one."""

from __future__ import annotations

from computesim.cells.jobs import COT
from computesim.study.explain.inputs import value
from computesim.study.explain.node import Node, complement, constant, product, total
from computesim.study.explain.parts import policies, usage
from computesim.study.explain.parts.usage import requests_per_day, where
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered


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
    terms = [of_product(world, t, each, workload, kind, device) for each in world.scenario.products]
    return total(name, "token/day", terms, every=True)


@remembered
def of_product(world: World, t: int, name: str, workload: str, kind: str, device: bool) -> Node:
    """Return the tokens of a kind that the requests of a product take, here or on devices."""
    return product(
        f"{kind} tokens of {name}, {workload}",
        "token/day",
        requests_per_day(world, t, name, workload),
        where(world, t, name, device),
        *_of_one(world, t, name, workload, kind),
    )


def _of_one(world: World, t: int, name: str, workload: str, kind: str) -> list[Node]:
    """Return the factors that give the tokens of one request."""
    if kind == "Cached prompt":
        return [usage.prompt(world, t, name), usage.cached_share(world, t, name)]
    if kind == "Prompt":
        fresh = complement("share of the prompt that is read", usage.cached_share(world, t, name))
        return [usage.prompt(world, t, name), fresh]
    chains = [policies.samples(world, t, name)] if workload == COT else []
    if kind == "Answer":
        return [*chains, value(world, f"products.{name}.answer_tokens", t)]
    if workload == COT:
        return [*chains, policies.reasoning_tokens(world, t, name)]
    return [constant("reasoning tokens of a direct answer", 0.0, "token")]
