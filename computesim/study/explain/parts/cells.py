"""Measured cells, and what one installed accelerator does of each task."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from computesim.cells.jobs import EXPERIMENTS, OTHER_AI, PRETRAINING, RL
from computesim.cells.measured import Task
from computesim.study.explain.inputs import branch, value, word
from computesim.study.explain.node import (
    MODELLED,
    SIMULATED,
    Node,
    computed,
    constant,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import chips, gains, rl
from computesim.study.explain.parts.asked import stream_inputs, unit_of, wanted
from computesim.study.explain.registry import ExplainError
from computesim.study.explain.world import World, remembered

_FAILURES = ("failures_per_node_day", "restart", "checkpoint_interval", "checkpoint_stall")


def chip(world: World, index: int) -> tuple[Node, ...]:
    """Return the figures of an accelerator on which a cell depends."""
    return chips.figures(world, world.road.accelerators[index].name)


@remembered
def conditions(world: World, t: int, task: Task) -> tuple[Node, ...]:
    """Return what the cells of a task depend on beside the accelerator."""
    failures = tuple(value(world, f"reliability.{key}", t) for key in _FAILURES)
    if task.workload == PRETRAINING:
        own = branch(world, t, f"labs.{task.part}.pretraining.")
        return (*own, gains.gain(world, gains.OF_TRAINING, world.key(t)), *failures)
    if task.workload == RL:
        play = [value(world, f"simulation.{key}", t) for key in ("seed", "requests")]
        play.append(word(world, "simulation.engine", t))
        play += [value(world, f"traffic.{key}", t) for key in ("burstiness", "peak_to_mean")]
        own = branch(world, t, f"labs.{task.part}.post_training.")
        return (rl.policy(world, t, task.part), *own, *failures, *play)
    return stream_inputs(world, t, task)


@remembered
def cell(world: World, t: int, task: Task, index: int, field: str, unit: str = "1") -> Node:
    """Return a number that was measured in the cell of a task on an accelerator.

    Parameters
    ----------
    world : World
    t : int
    task : Task
    index : int
        Of the accelerator.
    field : str
        Of the cell: `requests`, `flop`, `steps`, `busy`.
    unit : str
    """
    cells = world.years[t].cells
    table = next((m for m in (cells.serving, cells.pretraining, cells.rl) if task in m), None)
    if table is None:
        raise ExplainError(f"no cell measures {task.workload} of {task.part}")
    found = float(getattr(table[task][index], field))
    name = world.road.accelerators[index].name
    kind = MODELLED if task.workload == PRETRAINING else SIMULATED
    label = f"{field.replace('_', ' ')} of {task.workload}, {task.part}, on {name}"

    @cache
    def rests_on() -> tuple[Node, ...]:
        return (*conditions(world, t, task), *chip(world, index))

    return Node(label, found, unit, kind, note=f"end of {world.key(t)}", rests_on=rests_on)


@remembered
def kept(world: World, t: int) -> Node:
    """Return the share of accelerators that work when nodes are in repair and spares stand in."""
    keys = ("failures_per_node_day", "repair", "spare_share")
    rate, repair, spare = (value(world, f"reliability.{key}", t) for key in keys)
    there = computed("availability of a node", "1", "availability", (rate, repair))
    one = constant("one", 1.0)
    in_use = quotient(
        "nodes in use over all", "1", one, total("nodes and spares over nodes", "1", (one, spare))
    )
    return computed("share of nodes at work", "1", "minimum", (there, in_use))


@remembered
def rate(world: World, t: int, task: Task, index: int) -> Node:
    """Return what one installed accelerator does of a task, in the unit of the task."""
    if task.workload == OTHER_AI:
        return chips.weight(world, world.road.accelerators[index].name)
    if task.workload == EXPERIMENTS:
        return _experiments(world, t, task, index)
    name = world.road.accelerators[index].name
    label = f"goodput of {task.workload}, {task.part}, per {name}"
    unit = unit_of(task)
    if task.workload in (PRETRAINING, RL):
        field = "flop" if task.workload == PRETRAINING else "steps"
        share = value(world, "reliability.operational_share", t)
        return product(label, unit, cell(world, t, task, index, field, unit), kept(world, t), share)
    there = product(
        "goodput in the busiest hour",
        unit,
        cell(world, t, task, index, "requests", unit),
        kept(world, t),
        value(world, "traffic.serving_share", t),
    )
    return quotient(label, unit, there, value(world, "traffic.peak_to_mean", t))


def finals(world: World, t: int, lab: str) -> list[Task]:
    """Return the final runs of a group of labs that are asked for at delivery."""
    year = world.years[t]
    return [
        task
        for task in (Task(PRETRAINING, lab), Task(RL, lab))
        if task in year.tasks and year.wanted[world.column(t, task)] > 0
    ]


def _experiments(world: World, t: int, task: Task, index: int) -> Node:
    """Return the share of all experiments of a lab that one accelerator does."""
    needs = [
        quotient(
            f"accelerators for {f.workload} of {f.part}",
            "accelerator",
            wanted(world, t, f),
            rate(world, t, f, index),
        )
        for f in finals(world, t, task.part)
    ]
    multiple = value(world, f"labs.{task.part}.experiments.multiple", t)
    name = world.road.accelerators[index].name
    every = product(
        f"accelerators for experiments of {task.part} on {name}",
        "accelerator",
        multiple,
        total("accelerators for the final runs", "accelerator", needs),
    )
    return quotient(
        f"goodput of Experiments, {task.part}, per {name}", "1", constant("one", 1.0), every
    )


def able(world: World, t: int, task: Task, index: int) -> bool:
    """Tell whether an accelerator can do a task at all."""
    cells = world.years[t].cells
    if task.workload == OTHER_AI:
        return True
    if task.workload == EXPERIMENTS:
        own = finals(world, t, task.part)
        return bool(own) and all(able(world, t, final, index) for final in own)
    field = {PRETRAINING: "flop", RL: "steps"}.get(task.workload, "requests")
    for table in (cells.serving, cells.pretraining, cells.rl):
        if task in table:
            return bool(getattr(table[task][index], field) > 0)
    return False


class Uses(NamedTuple):
    """How hard a task works an accelerator, averaged over all its time."""

    compute: Node  #: fraction of the dense peak
    bandwidth: Node  #: fraction of the memory bandwidth
    busy: Node  #: share of the time


@remembered
def use(world: World, t: int, task: Task, index: int) -> Uses:
    """Return how hard a task works an accelerator, idle time between jobs included."""
    final = Task(PRETRAINING, task.part)
    own = final if task.workload == EXPERIMENTS else task
    cells = world.years[t].cells
    if own in cells.pretraining:
        return _training_use(world, t, own, index)
    if own not in cells.serving and own not in cells.rl:
        zero = constant("not at work", 0.0)
        return Uses(zero, zero, zero)
    key = "traffic.serving_share" if own in cells.serving else "reliability.operational_share"
    share, label = value(world, key, t), f"{own.workload}, {own.part}"
    parts = (
        product(f"{field} share of {label}", "1", cell(world, t, own, index, field), share)
        for field in Uses._fields
    )
    return Uses(*parts)


def _training_use(world: World, t: int, task: Task, index: int) -> Uses:
    """Return how hard pretraining works an accelerator."""
    share = value(world, "reliability.operational_share", t)
    progress = cell(world, t, task, index, "effective")
    compute, memory, busy = (
        product(f"{field} share of {task.workload}, {task.part}", "1",
                cell(world, t, task, index, field), progress, share)
        for field in ("compute", "bandwidth", "busy")
    )  # fmt: skip
    return Uses(compute, memory, busy)
