"""Goodput of every task on every accelerator that may be in the fleet.

A task is one thing that accelerators are asked to do: serving a workload of a
tier, pretraining or RL of a group of labs, and their experiments. Together the
tasks are the columns of the goodput table from which the fleet is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeVar

from computesim.cells import serving_cell, training
from computesim.cells.jobs import (
    EXPERIMENTS,
    OTHER_AI,
    PRETRAINING,
    RL,
    Asked,
    PretrainingDemand,
    RLDemand,
    ServingDemand,
)
from computesim.cells.memo import Memo, Question
from computesim.cells.operation import Operation
from computesim.cells.rl import cell as rl
from computesim.cells.rl.cell import RLCell
from computesim.cells.serving import Cell
from computesim.cells.training import TrainingCell
from computesim.hardware.accelerator import Accelerator
from computesim.traced import Measured

T = TypeVar("T")
D = TypeVar("D")


class Task(NamedTuple):
    """One column of the goodput table."""

    workload: str
    part: str  #: the tier, or the group of labs


OTHER_TASK = Task(OTHER_AI, "")  #: other AI that is no share of the fleet


class Use(NamedTuple):
    """How hard a task works an accelerator, averaged over the time that it holds it."""

    compute: float  #: fraction of the dense peak of the executed dtype
    bandwidth: float  #: fraction of the memory bandwidth
    busy: float  #: share of the time in which it works at all


@dataclass(frozen=True, slots=True)
class CellYear:
    """The measured cells of one year; every sequence is in the order of the accelerators."""

    serving: Mapping[Task, Sequence[Cell]]
    pretraining: Mapping[Task, Sequence[TrainingCell]]
    rl: Mapping[Task, Sequence[RLCell]]


def measure(
    asked: Asked, accelerators: Sequence[Accelerator | None], operation: Operation, memo: Memo
) -> CellYear:
    """Measure every task of one year on every accelerator.

    Parameters
    ----------
    asked : Asked
    accelerators : sequence of Accelerator or None
        None for one that is not in the fleet that year; its cells are empty.
    operation : Operation
    memo : Memo
        Cells that are known already.
    """

    def cells(
        question: Callable[[D, Accelerator, Operation], Question[T]], demand: D, none: T
    ) -> list[T]:
        return [
            memo.answer(question(demand, machine, operation)) if machine else none
            for machine in accelerators
        ]

    return CellYear(
        serving={Task(d.workload, d.tier): cells(_serving, d, Cell()) for d in asked.serving},
        pretraining={
            Task(PRETRAINING, d.lab): cells(_training, d, TrainingCell()) for d in asked.pretraining
        },
        rl={Task(RL, d.lab): cells(_rl, d, RLCell()) for d in asked.rl},
    )


def questions(
    asked: Asked, accelerators: Sequence[Accelerator | None], operation: Operation
) -> Iterator[Question[Any]]:
    """Yield the cells of one year, those that take longest first.

    Parameters
    ----------
    asked, accelerators, operation
        As for `measure`.
    """
    machines = [machine for machine in accelerators if machine]
    yield from _asked(_rl, asked.rl, machines, operation)
    yield from _asked(_serving, asked.serving, machines, operation)
    yield from _asked(_training, asked.pretraining, machines, operation)


def _asked(
    question: Callable[[D, Accelerator, Operation], Question[T]],
    demands: Sequence[D],
    machines: Sequence[Accelerator],
    operation: Operation,
) -> Iterator[Question[T]]:
    """Yield the cells of one kind."""
    for demand, machine in product(demands, machines):
        yield question(demand, machine, operation)


def _serving(demand: ServingDemand, machine: Accelerator, operation: Operation) -> Question[Cell]:
    """Return the cell of a workload of a tier."""
    what = Measured("simulated", f"{demand.workload} of {demand.tier} on {machine.name}")
    play = operation.play
    args = (demand, machine, play)
    return Question(Cell, (demand.mix, machine, play), serving_cell.measure, args, what)


def _training(
    demand: PretrainingDemand, machine: Accelerator, operation: Operation
) -> Question[TrainingCell]:
    """Return the cell of the pretraining of a group of labs."""
    what = Measured("training model", f"pretraining of {demand.lab} on {machine.name}")
    failures = operation.failures
    args = (demand, machine, failures)
    return Question(TrainingCell, (demand.job, machine, failures), training.measure, args, what)


def _rl(demand: RLDemand, machine: Accelerator, operation: Operation) -> Question[RLCell]:
    """Return the cell of the RL of a group of labs."""
    what = Measured("simulated", f"RL of {demand.lab} on {machine.name}")
    play, failures = operation.play, operation.failures
    args = (demand, machine, play, failures)
    return Question(RLCell, (demand.job, machine, play, failures), rl.measure, args, what)


def use(cells: CellYear, task: Task, index: int, operation: Operation) -> Use:
    """Return how hard a task works accelerator `index`, idle time between jobs included."""
    share = operation.operational_share
    if task in cells.serving:
        cell, pooled = cells.serving[task][index], operation.serving_share
        return Use(cell.compute * pooled, cell.bandwidth * pooled, cell.busy * pooled)
    if task in cells.pretraining:
        job = cells.pretraining[task][index]
        parts = (job.compute, job.bandwidth, job.busy)
        return Use(*(part * job.effective * share for part in parts))
    if task in cells.rl:
        run = cells.rl[task][index]
        return Use(run.compute * share, run.bandwidth * share, run.busy * share)
    final = Task(PRETRAINING, task.part)
    if task.workload == EXPERIMENTS and final in cells.pretraining:
        return use(cells, final, index, operation)
    return Use(0.0, 0.0, 0.0)  # not asked for in this year
