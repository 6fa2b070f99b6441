"""What the streams of a serving pool pay: its hours shared out by the time of each phase."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from computesim.accounts.cost.tokens import tokens_of
from computesim.cells import serving_phases
from computesim.cells.jobs import COT, ServingDemand
from computesim.cells.measured import Task
from computesim.cells.serving_phases import CACHED, FRESH, KINDS, Phases
from computesim.study.explain.inputs import value
from computesim.study.explain.node import (
    TIMED,
    Node,
    complement,
    constant,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import chips, policies, usage
from computesim.study.explain.parts.asked import requests
from computesim.study.explain.parts.cells import cell, conditions
from computesim.study.explain.parts.ownership import HOUR, at_work, done, drawn, paid
from computesim.study.explain.world import World, remembered
from computesim.workload.requests import RequestStream

SECONDS = constant("seconds in an hour", 3600.0, "s/h")
_FIELDS = dict(zip(KINDS, ("fresh", "cached", "output"), strict=True))
_WHAT = dict(zip(KINDS, ("reading new prompts", "attending to cached prompts", "writing"),
                 strict=True))  # fmt: skip


class Own(NamedTuple):
    """A stream of a pool that somebody serves."""

    task: Task
    place: int  #: in the streams of the pool

    def stream(self, world: World, t: int) -> RequestStream:
        """Return the stream itself."""
        return demand_of(world, t, self.task).streams[self.place]


def demand_of(world: World, t: int, task: Task) -> ServingDemand:
    """Return what is asked of a pool."""
    every = world.years[t].demand.serving
    return next(d for d in every if Task(d.workload, d.tier) == task)


@remembered
def streams(world: World, t: int) -> tuple[Own, ...]:
    """Return all streams that anybody serves."""
    return tuple(
        Own(task, place)
        for demand in world.years[t].demand.serving
        if at_work(world, t, task := Task(demand.workload, demand.tier))
        for place in range(len(demand.streams))
    )


@remembered
def _measured(world: World, t: int, task: Task, index: int) -> Phases:
    """Return the seconds of all phases of a replica."""
    year = world.years[t]
    batch = year.cells.serving[task][index].batch
    machine, play = world.road.accelerators[index], year.operation.play
    return serving_phases.measure(demand_of(world, t, task), machine, play, batch)


@remembered
def _seconds(world: World, t: int, own: Own, index: int, kind: str) -> Node:
    """Return the seconds of a phase of a stream in a second of the mean load."""
    task = own.task
    number = getattr(_measured(world, t, task, index), _FIELDS[kind])[own.place]
    product_ = own.stream(world, t).name
    label = (
        f"{_WHAT[kind]} of {product_}, {task.workload}, on {world.road.accelerators[index].name}"
    )

    @cache
    def rests_on() -> tuple[Node, ...]:
        batch = cell(world, t, task, index, "batch", "sequence")
        return (
            batch,
            *conditions(world, t, task),
            *chips.figures(world, world.road.accelerators[index].name),
        )

    return Node(label, float(number), "s/request", TIMED, rests_on=rests_on,
                origin="computesim/cells/serving_phases.py",
                note="time that the phase takes alone at the batch of the mean load")  # fmt: skip


@remembered
def _whole(world: World, t: int, task: Task, index: int) -> Node:
    """Return the seconds of all phases of all streams."""
    places = range(len(demand_of(world, t, task).streams))
    parts = [_seconds(world, t, Own(task, p), index, kind) for p in places for kind in KINDS]
    return total("all phases of all products", "s/request", parts)


@remembered
def _share(world: World, t: int, own: Own, index: int, kind: str) -> Node:
    """Return the share of a phase of a stream in the time of a pool."""
    part = _seconds(world, t, own, index, kind)
    whole = _whole(world, t, own.task, index)
    if not whole.value:
        return constant("no phase takes time", 0.0)
    return quotient(f"share of {_WHAT[kind]}", "1", part, whole)


@remembered
def usd(world: World, t: int, own: Own, kind: str) -> Node:
    """Return what a kind of tokens of a stream costs in an hour."""
    terms = [
        product(f"{kind} on {world.road.accelerators[index].name}", HOUR,
                paid(world, t, own.task, index, ""), _share(world, t, own, index, kind))
        for index in at_work(world, t, own.task)
    ]  # fmt: skip
    return total(f"{kind} of {own.stream(world, t).name}, {own.task.workload}", HOUR, terms)


@remembered
def watts(world: World, t: int, own: Own) -> Node:
    """Return the watts at the meter that a stream draws."""
    name = own.stream(world, t).name
    terms = [
        product(f"watts of {name} on {world.road.accelerators[index].name}", "W",
                drawn(world, t, own.task, index),
                total("share of all its phases", "1",
                      [_share(world, t, own, index, kind) for kind in KINDS]))
        for index in at_work(world, t, own.task)
    ]  # fmt: skip
    return total(f"watts of {name}", "W", terms)


@remembered
def hourly_requests(world: World, t: int, own: Own) -> Node:
    """Return the requests of a stream that are served in an hour at the year's end."""
    demand, workload = demand_of(world, t, own.task), own.task.workload
    every = [requests(world, t, s.name, workload) for s in demand.streams]
    whole = total(f"requests/s on tier {own.task.part}, {workload}", "request/s", every,
                  demand.requests)  # fmt: skip
    share = quotient("share of the requests", "1", every[own.place], whole)
    name = f"requests of {own.stream(world, t).name} in an hour, {workload}"
    saved = [value(world, f"progress.{k}", t) for k in ("serving_software", "algorithms.inference")]
    return product(name, "request/h", done(world, t, own.task), *saved, share, SECONDS)


@remembered
def _each(world: World, t: int, own: Own, kind: str) -> Node:
    """Return the tokens of a request of a kind."""
    stream = own.stream(world, t)

    product_name = stream.name
    name, said = f"{kind} of a request of {product_name}", tokens_of(stream)[kind]
    if kind in (FRESH, CACHED):
        share = usage.cached_share(world, t, product_name)
        part = share if kind == CACHED else complement("share that is read", share)
        return product(name, "token/request", usage.prompt(world, t, product_name), part,
                       value=said)  # fmt: skip
    answer = value(world, f"products.{product_name}.answer_tokens", t)
    if own.task.workload != COT:
        return answer
    chain = total("tokens of a chain", "token",
                  (policies.reasoning_tokens(world, t, product_name), answer))  # fmt: skip
    return product(name, "token/request", policies.samples(world, t, product_name), chain,
                   value=said)  # fmt: skip


@remembered
def tokens(world: World, t: int, own: Own, kind: str) -> Node:
    """Return the tokens of a kind of a stream in an hour."""
    name = f"{kind} tokens of {own.stream(world, t).name}"
    return product(name, "token/h", hourly_requests(world, t, own), _each(world, t, own, kind))
