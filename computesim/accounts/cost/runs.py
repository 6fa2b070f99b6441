"""What a run costs: accelerator-hours, money and energy of one pretraining and of one RL run."""

from __future__ import annotations

from collections.abc import Iterator

from computesim.accounts.cost.hours import Hours, task_cost
from computesim.calendar import HOUR, YEAR
from computesim.cells.jobs import PRETRAINING, RL
from computesim.cells.measured import Task
from computesim.fleet.year import Year
from computesim.traced import named, number, summed


def rows(year: Year, hour: Hours) -> Iterator[tuple[str, float]]:
    """Yield what one final pretraining run and one RL run cost, by group of labs.

    Parameters
    ----------
    year : Year
    hour : Hours

    Yields
    ------
    tuple of str and float
        `Cost of run|workload|lab[|part]` (USD), `Accelerator-hours of run|workload|lab` and
        `Energy of run|workload|lab` (Wh).
    """
    for task, work in _runs(year).items():
        column = year.tasks.index(task)
        done = number(year.wanted[column] - year.fleet.allocation.unmet[column])
        if done <= 0 or work <= 0:
            continue
        paid = task_cost(year, task, hour)
        per_run = work / (done * HOUR)  # hours in which the group does the work of one run
        name = f"{task.workload}|{task.part}"
        yield f"Cost of run|{name}", summed(paid.total) * per_run
        yield f"Cost of run|{name}|Capital", summed(paid.capital) * per_run
        yield f"Cost of run|{name}|Operations", summed(paid.operations) * per_run
        yield f"Cost of run|{name}|Electricity", summed(paid.electricity) * per_run
        on_job = summed(paid.units) * per_run * _job_share(year)
        yield f"Accelerator-hours of run|{name}", on_job
        yield f"Energy of run|{name}", summed(paid.watts) * per_run


def _runs(year: Year) -> dict[Task, float]:
    """Return the work of one run in the unit of its task: FLOP, or RL steps.

    As in `cells.asked`, what better software saves is taken off.
    """
    gain = year.demand.progress.training_software
    work: dict[Task, float] = {}
    for run in year.demand.pretraining:
        if run.runs > 0:
            work[Task(PRETRAINING, run.lab)] = run.run_flop / gain
    for step in year.demand.rl:
        lab = year.moment.scenario.labs[step.lab]
        runs = lab.count.at(year.year) * lab.post_training.runs_per_year.at(year.year) / YEAR
        if runs > 0:
            work[Task(RL, step.lab)] = step.steps / runs / gain
    return work


@named()
def _job_share(year: Year) -> float:
    """Return the share of the accelerators of training that have a job on them."""
    operation = year.operation
    return operation.kept * operation.operational_share
