"""Accelerators: bought, in service and at work, down to the linear program."""

from __future__ import annotations

import math
from functools import cache

from computesim.cells.jobs import OTHER_AI
from computesim.cells.measured import OTHER_TASK, Task
from computesim.fleet.year import IDLE
from computesim.study.explain.inputs import SECONDS_PER_YEAR, shipment_share, value
from computesim.study.explain.node import (
    ALLOCATED,
    Node,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts.asked import wanted
from computesim.study.explain.parts.cells import able, rate
from computesim.study.explain.world import World, remembered

UNIT = "accelerator"
_PROGRAM = "computesim/fleet/cohorts.py"


_WHOLE = constant("all of a cohort in its first year", 1.0)


@remembered
def lifetime(world: World) -> Node:
    """Return the age at which a cohort is retired, in years."""
    seconds = value(world, "fleet.lifetime", 0)
    return quotient("years in service", "year", seconds, SECONDS_PER_YEAR, world.road.lifetime)


@remembered
def in_service(world: World, age: int) -> Node:
    """Return the share of a cohort of an age that is not retired."""
    years = constant("age", age, "year")
    return computed(
        f"share in service at age {age}", "1", "share in service", (lifetime(world), years)
    )


@remembered
def bought(world: World, t: int) -> Node:
    """Return the accelerators of all kinds that the linear program buys in a year."""
    number = float(world.years[t].fleet.shipped.sum())
    note = "the least purchase with which the stock meets what is asked"
    if any(standing.binding for standing in world.years[t].fleet.standings):
        note = "as much of what is asked as the limits allow"
    return Node(f"accelerators bought in {world.key(t)}", number, UNIT, ALLOCATED, origin=_PROGRAM,
                note=note, rests_on=cache(lambda: _purchase(world, t)))  # fmt: skip


def _purchase(world: World, t: int) -> tuple[Node, ...]:
    """Return what a purchase depends on: what is asked, who can do it, and what is there."""
    year, kinds = world.years[t], range(len(world.road.accelerators))
    tasks = [task for task in year.tasks if year.wanted[world.column(t, task)]]
    found = [wanted(world, t, task) for task in tasks]
    found += [
        rate(world, t, task, index)
        for task in tasks
        for index in kinds
        if year.fleet.installed[index] > 0 and able(world, t, task, index)
    ]
    found += [before(world, t, index) for index in kinds]
    found += [other_share(world, t), *_limits(world, t)]
    return tuple(node for node in found if node.value)


def _limits(world: World, t: int) -> tuple[Node, ...]:
    """Return what limits a purchase; nothing in a world without limits."""
    from computesim.study.explain.parts import limiting  # which asks what is shipped

    return limiting.grounds(world, t)


@remembered
def other_share(world: World, t: int) -> Node:
    """Return the share of the fleet that does other AI."""
    if world.scenario.other_ai.share is not None:
        return value(world, "other_ai.share", t)
    note = "other AI is told in H100-equivalents"
    return constant("share of other AI", 0.0, note=note)


@remembered
def shipped(world: World, t: int, index: int) -> Node:
    """Return the accelerators of a kind that are bought in a year."""
    name = world.road.accelerators[index].name
    share = shipment_share(world, t, index)
    label = f"{name} shipped in {world.key(t)}"
    if not share.value:
        return Node(
            label,
            0.0,
            UNIT,
            share.operation,
            source=share.source,
            origin=share.origin,
            note=share.note,
        )
    own, every = float(world.years[t].fleet.shipped[index]), bought(world, t)
    if not math.isclose(every.number() * share.number(), own, rel_tol=1e-9, abs_tol=1e-9):
        note = "not the share of the mix: something holds a kind back"
        return Node(label, own, UNIT, ALLOCATED, origin=_PROGRAM, note=note,
                    rests_on=lambda: (every, share, *every.given))  # fmt: skip
    return product(label, UNIT, every, share, value=own)


def _cohorts(world: World, t: int, now: int, index: int) -> list[Node]:
    """Return what is left at the end of year `now` of what was shipped until year `t`."""
    name = world.road.accelerators[index].name
    return [
        product(f"{name} of {world.key(born)} still there", UNIT, shipped(world, born, index),
                in_service(world, now - born))
        for born in range(t + 1)
        if world.road.mixes[born, index] > 0
    ]  # fmt: skip


@remembered
def before(world: World, t: int, index: int) -> Node:
    """Return the accelerators of a kind that are there before anything is bought in a year."""
    label = f"{world.road.accelerators[index].name} left at the beginning of {world.key(t)}"
    return total(label, UNIT, _cohorts(world, t - 1, t, index))


@remembered
def installed(world: World, t: int, index: int) -> Node:
    """Return the accelerators of a kind that are sold and not retired."""
    name = f"{world.road.accelerators[index].name} installed, {world.key(t)}"
    new = [shipped(world, t, index)] if world.road.mixes[t, index] > 0 else []
    own = float(world.years[t].fleet.installed[index])
    return total(name, UNIT, [*_cohorts(world, t - 1, t, index), *new], own)


@remembered
def retired(world: World, t: int, index: int) -> Node:
    """Return the accelerators of a kind that are taken out in a year."""
    name = world.road.accelerators[index].name
    parts = [
        product(
            f"{name} of {world.key(born)} taken out",
            UNIT,
            shipped(world, born, index),
            difference(
                f"share that leaves at age {t - born}",
                "1",
                in_service(world, t - 1 - born) if born < t - 1 else _WHOLE,
                in_service(world, t - born),
            ),
        )
        for born in range(t)
        if world.road.mixes[born, index] > 0
    ]
    return total(f"{name} retired in {world.key(t)}", UNIT, parts)


@remembered
def units(world: World, t: int, task: Task, index: int) -> Node:
    """Return the accelerators of a kind that work on a task."""
    year, column = world.years[t], world.column(t, task)
    number = float(year.fleet.allocation.units[index, column])
    name = world.road.accelerators[index].name
    label = f"{name} at work on {task.workload}, {task.part}"
    note = "every accelerator goes where it saves most of the others"

    @cache
    def rests_on() -> tuple[Node, ...]:
        share = other_share(world, t)
        return (wanted(world, t, task), rate(world, t, task, index), installed(world, t, index),
                share) if number else ()  # fmt: skip

    return Node(label, number, UNIT, ALLOCATED, origin=_PROGRAM, note=note, rests_on=rests_on)


@remembered
def at_work(world: World, t: int, index: int) -> Node:
    """Return the accelerators of a kind that work on any task."""
    every = [units(world, t, task, index) for task in world.years[t].tasks]
    return total(f"{world.road.accelerators[index].name} at work", UNIT, every)


@remembered
def other(world: World, t: int, index: int) -> Node:
    """Return the accelerators of a kind that do other AI."""
    name = f"{world.road.accelerators[index].name} at other AI"
    return product(name, UNIT, other_share(world, t), installed(world, t, index))


@remembered
def of_workload(world: World, t: int, workload: str, index: int) -> Node:
    """Return the accelerators of a kind that work for a workload, or that are idle."""
    name = f"{world.road.accelerators[index].name} for {workload}"
    if workload == OTHER_AI and OTHER_TASK not in world.years[t].tasks:
        return other(world, t, index)
    if workload == IDLE:
        busy = total(
            f"{name}: at work and other AI",
            UNIT,
            (at_work(world, t, index), other(world, t, index)),
        )
        left = difference("installed less at work", UNIT, installed(world, t, index), busy)
        return computed(name, UNIT, "maximum", (left, constant("none", 0.0, UNIT)))
    tasks = [task for task in world.years[t].tasks if task.workload == workload]
    return total(name, UNIT, [units(world, t, task, index) for task in tasks])


def none_idle(world: World, t: int, name: str) -> Node:
    """Return the watts of idle accelerators in a year in which all are at work."""
    note = "what is in service is asked for"
    return Node(name, 0.0, "W", ALLOCATED, origin=_PROGRAM, note=note,
                rests_on=lambda: (bought(world, t), *bought(world, t).given))  # fmt: skip


def kinds(world: World, t: int, workload: str) -> list[int]:
    """Return the accelerators that a workload has any of."""
    own = world.years[t].units.get(workload)
    return [] if own is None else [index for index, count in enumerate(own) if count]


@remembered
def unmet(world: World, t: int, workload: str) -> Node:
    """Return the accelerators of a workload that a limit leaves unbought."""
    name = f"accelerators lacking for {workload}"
    if workload == OTHER_AI and OTHER_TASK not in world.years[t].tasks:
        share = other_share(world, t)
        ratio = quotient(
            "other AI over the rest",
            "1",
            share,
            difference("the rest", "1", constant("one", 1.0), share),
        )
        others = dict.fromkeys(task.workload for task in world.years[t].tasks)
        rest = total("lacking for the rest", UNIT, [unmet(world, t, w) for w in others])
        return product(name, UNIT, ratio, rest)
    tasks = [task for task in world.years[t].tasks if task.workload == workload]
    return total(name, UNIT, [_lacking(world, t, task) for task in tasks])


def _lacking(world: World, t: int, task: Task) -> Node:
    """Return the accelerators that a task lacks: those at work times undone over done."""
    year, column = world.years[t], world.column(t, task)
    number = float(year.fleet.allocation.unmet[column])
    name = f"accelerators lacking for {task.workload}, {task.part}"
    whole = wanted(world, t, task)
    if not number and year.fleet.standings:
        return Node(name, 0.0, UNIT, ALLOCATED, origin=_PROGRAM, note="no limit holds it back",
                    rests_on=lambda: (bought(world, t), whole))  # fmt: skip
    if not number or not whole.number() > number:
        return constant(name, 0.0, UNIT, note="" if not number else "nothing on sale does it")
    left = Node("work left undone", number, whole.unit, ALLOCATED, origin=_PROGRAM,
                rests_on=lambda: (bought(world, t), whole))  # fmt: skip
    done = difference("work done", whole.unit, whole, left)
    there = [units(world, t, task, index) for index in range(len(world.road.accelerators))]
    return product(
        name,
        UNIT,
        total("accelerators at work", UNIT, there),
        quotient("undone over done", "1", left, done),
    )
