"""The goodput table: what one installed accelerator does of every task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from computesim.arrays import Floats
from computesim.cells.jobs import EXPERIMENTS, PRETRAINING, RL
from computesim.cells.measured import OTHER_TASK, CellYear, Task
from computesim.cells.operation import Operation
from computesim.demand.demand import Demand
from computesim.traced import zeros


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
                need = sum((wanted[task] / table[task] for task in final), zeros(1))
            table[Task(EXPERIMENTS, lab)] = 1.0 / (multiple * need)
    return table
