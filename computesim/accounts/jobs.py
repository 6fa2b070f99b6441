"""Training jobs that have other accelerators than were asked for, or end late, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from computesim.calendar import DAY
from computesim.cells.jobs import PRETRAINING, PretrainingDemand
from computesim.cells.measured import Task
from computesim.cells.rl import cell as rl
from computesim.cells.rl.cell import RLCell
from computesim.cells.training import RESIZED, TrainingCell
from computesim.fleet.world import World
from computesim.fleet.year import Year

Job = TrainingCell | RLCell

_WHY: Final = RESIZED | rl.RESIZED
_USED: Final = 0.01  #: of the units of a task, from which a kind of accelerator is named
_LATE: Final = 1.05  #: times the duration that was asked for, from which it is said


def remarks(world: World) -> list[str]:
    """Return a sentence for each job and year that is not as it was asked for."""
    return [text for year in world.years for text in _of_year(year)]


def _of_year(year: Year) -> Iterator[str]:
    """Yield what to say of the jobs of one year."""
    runs = {Task(PRETRAINING, run.lab): run for run in year.demand.pretraining}
    measured: dict[Task, Sequence[Job]] = {**year.cells.pretraining, **year.cells.rl}
    for task, cells in measured.items():
        used = _used(year, task, cells)
        facts = [f"have {sizes}" if (sizes := _sizes(used)) else ""]
        if task in runs:
            facts.append(_lateness(used, runs[task], year.demand.progress.training_software))
        if said := "; ".join(filter(None, facts)):
            yield f"{year.year}: jobs of {task.workload} ({task.part}) {said}"


def _used(year: Year, task: Task, cells: Sequence[Job]) -> list[tuple[str, Job]]:
    """Return the accelerators that do a task, by name, and its jobs on them."""
    units = year.fleet.allocation.units[:, year.tasks.index(task)]
    each = zip(year.accelerators, cells, units, strict=True)
    return [(machine.name, cell) for machine, cell, n in each if n > _USED * units.sum()]


def _sizes(used: Sequence[tuple[str, Job]]) -> str:
    """Return how many accelerators jobs have instead of what was asked for, and why."""
    sizes: dict[str, list[str]] = {}
    for name, cell in used:
        if cell.resized:
            size = f"{cell.accelerators:,} accelerators instead of {cell.requested:,}"
            sizes.setdefault(f"{size} ({_WHY[cell.resized]})", []).append(name)
    return ", ".join(f"{size} on {', '.join(names)}" for size, names in sizes.items())


def _lateness(used: Sequence[tuple[str, Job]], run: PretrainingDemand, software: float) -> str:
    """Return how long runs take where that is longer than was asked for."""
    seconds = [
        (run.run_flop / software / cell.speed, name)
        for name, cell in used
        if isinstance(cell, TrainingCell)
    ]
    late = sorted(pair for pair in seconds if pair[0] > _LATE * run.duration)
    ends = dict.fromkeys(late[:1] + late[-1:])
    times = " to ".join(f"{taken / DAY:,.0f} days on {name}" for taken, name in ends)
    return f"take {times} instead of {run.duration / DAY:,.0f} days" if late else ""
