"""Goodput, MFU, utilisation and latency: cells, weighed by the accelerators that do the work."""

from __future__ import annotations

from computesim.cells.jobs import COT, PRETRAINING
from computesim.cells.measured import Task
from computesim.study.explain.families.machines import index_of
from computesim.study.explain.node import Node, product, quotient, weighted_mean
from computesim.study.explain.parts import fleet, gains
from computesim.study.explain.parts.asked import unit_of, wanted
from computesim.study.explain.parts.cells import cell, use
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World


def _at_work(world: World, t: int, tasks: list[Task]) -> list[tuple[Task, int]]:
    """Return the tasks and the accelerators that do them."""
    return [
        (task, index)
        for task in tasks
        for index in range(len(world.road.accelerators))
        if fleet.units(world, t, task, index).value
    ]


@explains("Utilisation")
def utilisation(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the share of time in which the accelerators of a workload work."""
    tasks = [task for task in world.years[t].tasks if task.workload == rest[0]]
    pairs = [
        (use(world, t, task, index).busy, fleet.units(world, t, task, index))
        for task, index in _at_work(world, t, tasks)
    ]
    return weighted_mean(f"busy share of {rest[0]}", "1", pairs)


@explains("Service")
def service(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the latency of the reasoning requests of a tier."""
    task, field = Task(COT, rest[0]), rest[1].split()[0].lower()
    pairs = [
        (cell(world, t, task, index, field, "s"), fleet.units(world, t, task, index))
        for _, index in _at_work(world, t, [task])
    ]
    return weighted_mean(f"{rest[1]} of {rest[0]}", "s", pairs)


@explains("Goodput")
def goodput(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the output tokens per second of one accelerator that does all of a workload."""
    measured = _alone(world, t, rest, "requests", "output_tokens", "token/s")
    return _faster(world, t, measured, gains.SERVING, gains.OF_INFERENCE)


@explains("MFU")
def mfu(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the model FLOP over the peak of accelerators that do all of a workload."""
    if rest[0] == PRETRAINING:
        measured = _alone(world, t, rest, "flop", "mfu", "1")
    else:
        measured = _alone(world, t, rest, "steps", "utilisation", "1")
    return _faster(world, t, measured, gains.TRAINING)


def _faster(world: World, t: int, measured: Node, *keys: str) -> Node:
    """Return what was measured with the engines of the cells at the progress of a year."""
    progress = [gains.gain(world, key, world.key(t)) for key in keys]
    return product(f"{measured.name}, with progress", measured.unit, measured, *progress)


def _alone(world: World, t: int, rest: tuple[str, ...], rate: str, field: str, unit: str) -> Node:
    """Return a number of the cells of a workload on one kind, by the accelerators they take."""
    index = index_of(world, rest[1])
    pairs = []
    for task in world.years[t].tasks:
        if task.workload != rest[0] or not wanted(world, t, task).value:
            continue
        each = cell(world, t, task, index, rate, unit_of(task))
        need = quotient(f"accelerators for {task.part}", "accelerator", wanted(world, t, task),
                        each)  # fmt: skip
        pairs.append((cell(world, t, task, index, field, unit), need))
    return weighted_mean(f"{rest[0]} on {rest[1]}", unit, pairs)
