"""Who takes what: tokens, requests and accelerators by product, by tier and by group of labs."""

from __future__ import annotations

from functools import partial

from computesim.cells.jobs import COT, OTHER
from computesim.cells.measured import Task
from computesim.study.explain.families.flop import stream
from computesim.study.explain.families.machines import more
from computesim.study.explain.families.tokens import of_product
from computesim.study.explain.node import Node, complement, constant, product, quotient, total
from computesim.study.explain.parts import chips, fleet, usage
from computesim.study.explain.parts.asked import of_tier
from computesim.study.explain.parts.cells import cell
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered

_WORKLOADS = {"Reasoning": COT, "Direct": OTHER}
_UNITS = {"H100-equivalents": "H100e", "Accelerators": fleet.UNIT}


@explains("Tokens by product")
def tokens(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the tokens of a kind that a product takes in data centres."""
    return _tokens(world, t, rest, device=False)


@explains("Device tokens by product")
def device_tokens(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the tokens of a kind that a product takes on devices."""
    return _tokens(world, t, rest, device=True)


def _tokens(world: World, t: int, rest: tuple[str, ...], device: bool) -> Node:
    """Return the tokens of requests with and without reasoning."""
    name, kind = rest
    terms = [of_product(world, t, name, workload, kind, device) for workload in (COT, OTHER)]
    return total(f"{kind} tokens of {name}", "token/day", terms, every=True)


@explains("Requests by product")
def requests(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the requests of a product to data centres, by how they are answered."""
    name, answered = rest
    asked = usage.requests_per_day(world, t, name, _WORKLOADS[answered])
    there = usage.where(world, t, name, device=False)
    return product(f"requests of {name} to data centres", "request/day", asked, there)


@explains("Price")
def price(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the price of a product over that of its reference year."""
    return usage.price(world, t, rest[0])


@explains("Price response")
def response(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the use of a product over that at the price of its reference year."""
    return usage.response(world, t, rest[0])


def _of_part(family: str, world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators of a workload that a tier or a group of labs takes."""
    part, workload = rest
    terms = [
        _size(family, world, index, fleet.units(world, t, Task(workload, part), index))
        for index in _at_work(world, t, Task(workload, part))
    ]
    there = total(f"{family} of {workload}, {part}", _UNITS[family], terms)
    return _required(family, world, t, workload, there)


def _of_product(family: str, world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the accelerators of a workload that the requests of a product take."""
    name, workload = rest
    task = Task(workload, world.scenario.products[name].tier.at(world.key(t)))
    terms = [
        _size(family, world, index, fleet.units(world, t, task, index),
              share(world, t, name, task, index))
        for index in _at_work(world, t, task)
    ]  # fmt: skip
    there = total(f"{family} of {workload}, {name}", _UNITS[family], terms)
    return _required(family, world, t, workload, there)


for _family in _UNITS:
    explains(f"{_family} by product")(partial(_of_product, _family))
    explains(f"{_family} by tier", f"{_family} by lab")(partial(_of_part, _family))


def _at_work(world: World, t: int, task: Task) -> list[int]:
    """Return the kinds of accelerators that work on a task."""
    kinds = range(len(world.road.accelerators))
    return [index for index in kinds if fleet.units(world, t, task, index).value]


def _size(family: str, world: World, index: int, *factors: Node) -> Node:
    """Return accelerators times factors in the unit of a family."""
    machine = world.road.accelerators[index].name
    if family == "H100-equivalents":
        factors = (*factors, chips.weight(world, machine))
    return product(f"{family}: {machine}", _UNITS[family], *factors)


def _required(family: str, world: World, t: int, workload: str, there: Node) -> Node:
    """Return accelerators at work with those that lack, which are of the same kinds."""
    factor = more(world, t, workload)
    return product("required", _UNITS[family], there, factor) if factor else there


@remembered
def share(world: World, t: int, name: str, task: Task, index: int) -> Node:
    """Return the share of a product in the accelerators of a kind that work on a serving task.

    Parameters
    ----------
    world : World
    t : int
    name : str
        Of the product.
    task : Task
        The workload of its tier.
    index : int
        Of the accelerator.
    """
    parts = {}
    for part in ("Prefill", "Decode"):
        each = {n: stream(world, t, task.part, n, task.workload, part) for n in
                of_tier(world, t, task.part)}  # fmt: skip
        every = total(f"{part} FLOP/s of {task.part}, {task.workload}", "FLOP/s",
                      list(each.values()))  # fmt: skip
        if every.value:
            parts[part] = quotient(f"share of {name} in {part}", "1", each[name], every)
    if len(parts) == 1:  # all of every prompt is cached, or nothing is generated
        return next(iter(parts.values()))
    if not parts:
        return constant(f"share of {name}", 0.0, note="nothing is asked")
    reading = cell(world, t, task, index, "reading")
    machine = world.road.accelerators[index].name
    terms = (
        product("by reading prompts", "1", reading, parts["Prefill"]),
        product("by generating", "1", complement("share of the rest", reading), parts["Decode"]),
    )
    return total(f"share of {name} in {task.workload} of {task.part} on {machine}", "1", terms)
