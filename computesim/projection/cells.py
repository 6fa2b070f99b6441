"""Goodput of every task on every accelerator that may be in the fleet.

A task is one thing that accelerators are asked to do: serving a workload of a
tier, pretraining or RL of a group of labs, and their experiments. Together the
tasks are the columns of the goodput table from which the fleet is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from computesim.hardware.accelerator import Accelerator
from computesim.projection import rl, serving, training
from computesim.projection.demand import (
    EXPERIMENTS,
    OTHER_AI,
    PRETRAINING,
    RL,
    Demand,
    PretrainingDemand,
    RLDemand,
    ServingDemand,
)
from computesim.projection.memo import Memo
from computesim.projection.purchase import Floats
from computesim.projection.rl import RLCell
from computesim.projection.serving import Cell, Play
from computesim.projection.training import Failures, TrainingCell


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
class Operation:
    """How the fleet is run."""

    play: Play = field(default_factory=Play)
    failures: Failures = field(default_factory=Failures)
    availability: float = 1.0  #: share of time in which a node is in service
    spare_share: float = 0.0  #: spares over nodes in use
    operational_share: float = 1.0  #: of training accelerators, with a job on them
    serving_share: float = 1.0  #: of serving accelerators, in a pool sized for its busiest hour

    @property
    def kept(self) -> float:
        """Share of accelerators that are neither spares nor missing."""
        # spares stand in for nodes in repair; what they do not cover is missing
        return min(self.availability, 1.0 / (1.0 + self.spare_share))


@dataclass(frozen=True, slots=True)
class CellYear:
    """The measured cells of one year; every sequence is in the order of the accelerators."""

    serving: Mapping[Task, Sequence[Cell]]
    pretraining: Mapping[Task, Sequence[TrainingCell]]
    rl: Mapping[Task, Sequence[RLCell]]


def measure(
    demand: Demand, accelerators: Sequence[Accelerator | None], operation: Operation, memo: Memo
) -> CellYear:
    """Measure every task of one year on every accelerator.

    Parameters
    ----------
    demand : Demand
    accelerators : sequence of Accelerator or None
        None for one that is not in the fleet that year; its cells are empty.
    operation : Operation
    memo : Memo
        Cells that are known already.

    Returns
    -------
    CellYear
    """
    play, failures = operation.play, operation.failures

    def serving_cell(demand: ServingDemand, machine: Accelerator) -> Cell:
        key = (demand.mix, machine, play)
        return memo.get(Cell, key, partial(serving.measure, demand, machine, play))

    def training_cell(demand: PretrainingDemand, machine: Accelerator) -> TrainingCell:
        key = (demand.job, machine, failures)
        return memo.get(TrainingCell, key, partial(training.measure, demand, machine, failures))

    def rl_cell(demand: RLDemand, machine: Accelerator) -> RLCell:
        key = (demand.job, machine, play, failures)
        return memo.get(RLCell, key, partial(rl.measure, demand, machine, play, failures))

    return CellYear(
        serving={
            Task(d.workload, d.tier): [serving_cell(d, a) if a else Cell() for a in accelerators]
            for d in demand.serving
        },
        pretraining={
            Task(PRETRAINING, d.lab): [
                training_cell(d, a) if a else TrainingCell() for a in accelerators
            ]
            for d in demand.pretraining
        },
        rl={
            Task(RL, d.lab): [rl_cell(d, a) if a else RLCell() for a in accelerators]
            for d in demand.rl
        },
    )


def asked(demand: Demand) -> dict[Task, float]:
    """Return what each task asks, in its own unit.

    Returns
    -------
    dict of Task to float
        Requests/s (serving, mean of the day), FLOP/s (pretraining), RL steps/s (post-training);
        experiments are measured in the final runs that they accompany, so that they ask for 1;
        other AI in H100-equivalents, where the scenario gives them.

    Notes
    -----
    Cells are measured with the calibrated engines and frameworks on the models of the catalog, so
    what better software and algorithms save is taken off here: of the work of the same year, which
    then grows to its delivery as a whole.
    """
    progress = demand.progress
    training = progress.training_software
    found = {Task(d.workload, d.tier): d.requests / progress.serving for d in demand.serving}
    found |= {Task(PRETRAINING, d.lab): d.flop / training for d in demand.pretraining}
    found |= {Task(RL, d.lab): d.steps / training for d in demand.rl}
    found |= {Task(EXPERIMENTS, lab): 1.0 for lab in demand.experiments}
    return found | ({OTHER_TASK: demand.other_ai} if demand.other_ai > 0 else {})


def goodput(
    cells: CellYear, wanted: Mapping[Task, float], demand: Demand, operation: Operation
) -> dict[Task, Floats]:
    """Return what one installed accelerator does of each task.

    Parameters
    ----------
    cells : CellYear
    wanted : mapping of Task to float
        What each task asks (`asked`), from which the size of experiments follows.
    demand : Demand
    operation : Operation

    Returns
    -------
    dict of Task to ndarray of float64, shape (accelerators,)
        In the unit of the task; 0 where it cannot be done.

    Notes
    -----
    Serving pools are sized for the busiest hour, with spares for nodes in repair and with what
    regions, model versions and redundancy keep out of the pools; training machines carry a job
    for a part of their time. Experiments take their multiple of the accelerator-time of the
    final runs.
    """
    kept = operation.kept
    pool = kept * operation.serving_share / operation.play.peak_to_mean
    job = kept * operation.operational_share
    table: dict[Task, Floats] = {}
    for task, row in cells.serving.items():
        table[task] = pool * np.array([cell.requests for cell in row])
    for task, jobs in cells.pretraining.items():
        table[task] = job * np.array([cell.flop for cell in jobs])
    for task, runs in cells.rl.items():
        table[task] = job * np.array([cell.steps for cell in runs])
    for lab, (multiple, _) in demand.experiments.items():
        final = [t for t in (Task(PRETRAINING, lab), Task(RL, lab)) if wanted.get(t, 0) > 0]
        if final and multiple > 0:
            with np.errstate(divide="ignore"):
                need = sum((wanted[task] / table[task] for task in final), np.zeros(1))
            table[Task(EXPERIMENTS, lab)] = 1.0 / (multiple * need)
    return table


def use(cells: CellYear, task: Task, index: int, operation: Operation) -> Use:
    """Return how hard a task works accelerator `index`, idle time between jobs included."""
    share = operation.operational_share
    if task in cells.serving:
        cell, pooled = cells.serving[task][index], operation.serving_share
        return Use(cell.compute * pooled, cell.bandwidth * pooled, cell.busy * pooled)
    if task in cells.pretraining:
        job = cells.pretraining[task][index]
        busy = job.busy * job.effective * share
        return Use(job.compute * job.effective * share, training.TRAINING_BANDWIDTH * busy, busy)
    if task in cells.rl:
        run = cells.rl[task][index]
        return Use(run.compute * share, run.bandwidth * share, run.busy * share)
    final = Task(PRETRAINING, task.part)
    if task.workload == EXPERIMENTS and final in cells.pretraining:
        return use(cells, final, index, operation)
    return Use(0.0, 0.0, 0.0)  # not asked for in this year
