"""What one pretraining run or one RL run of a lab costs, takes and draws."""

from __future__ import annotations

from computesim.cells.jobs import PRETRAINING
from computesim.cells.measured import Task
from computesim.study.explain.inputs import SECONDS_PER_YEAR, value
from computesim.study.explain.node import Node, constant, product, quotient, total
from computesim.study.explain.parts import fleet
from computesim.study.explain.parts.asked import per_year, pretraining_rate, steps
from computesim.study.explain.parts.cells import kept
from computesim.study.explain.parts.ownership import at_work, done, drawn, paid
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered

SECONDS = constant("seconds in an hour", 3600.0, "s/h")


@remembered
def _work(world: World, t: int, task: Task) -> Node:
    """Return the work of one run in the unit of its task: FLOP, or RL steps."""
    first = task.workload == PRETRAINING
    stage = "pretraining" if first else "post_training"
    runs = quotient("runs/s", "run/s", per_year(world, t, task.part, stage), SECONDS_PER_YEAR)
    rate = pretraining_rate if first else steps
    unit = "FLOP/run" if first else "step/run"
    return quotient("work of a run", unit, rate(world, t, task.part), runs)


@remembered
def _hours(world: World, t: int, task: Task) -> Node:
    """Return the hours in which a group of labs does the work of one run."""
    software = value(world, "progress.training_software", t)
    hourly = product("work of an hour", "1/h", done(world, t, task), software, SECONDS)
    return quotient("hours of a run", "h/run", _work(world, t, task), hourly)


@explains("Cost of run")
def cost(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what one run costs, or a part of it."""
    task, part = Task(rest[0], rest[1]), "".join(rest[2:])
    every = [paid(world, t, task, index, part) for index in at_work(world, t, task)]
    return product("cost of a run", "USD", total("cost of an hour", "USD/h", every),
                   _hours(world, t, task))  # fmt: skip


@explains("Accelerator-hours of run")
def accelerator_hours(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the hours of one run while its job is on the accelerators."""
    task = Task(rest[0], rest[1])
    units = [fleet.units(world, t, task, index) for index in at_work(world, t, task)]
    held = total("accelerators of the group", "accelerator", units)
    with_job = value(world, "reliability.operational_share", t)
    return product("hours of a run", "accelerator-hour", held, _hours(world, t, task),
                   kept(world, t), with_job)  # fmt: skip


@explains("Energy of run")
def energy(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the electricity at the meter of one run."""
    task = Task(rest[0], rest[1])
    watts = [drawn(world, t, task, index) for index in at_work(world, t, task)]
    return product("energy of a run", "Wh", total("watts of the group", "W", watts),
                   _hours(world, t, task))  # fmt: skip
