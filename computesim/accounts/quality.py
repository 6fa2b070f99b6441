"""What the simulation measured: goodput, MFU, utilisation and latencies."""

from __future__ import annotations

import math
from collections.abc import Iterator

from computesim.cells.jobs import COT
from computesim.cells.measured import OTHER_TASK, Task
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import number, plain


def rows(world: World) -> Yearly:
    """Yield what was measured in every year, by workload and by accelerator."""
    return (_pairs(year) for year in world.years)


def _pairs(year: Year) -> Iterator[tuple[str, float]]:
    """Yield goodput, MFU, utilisation and latencies: what the simulation measured."""
    sums: dict[str, tuple[float, float]] = {}

    def add(name: str, value: float, units: float) -> None:
        total, weight = sums.get(name, (0.0, 0.0))
        sums[name] = total + value * units, weight + units

    for column, task in enumerate(year.tasks):
        for index in range(len(year.accelerators)):
            units = number(year.fleet.allocation.units[index, column])
            if units > 0:
                if task == OTHER_TASK:  # it works as hard as the others: nothing is measured
                    continue
                busy = year.work.uses[task][index].busy
                add(f"Utilisation|{task.workload}", busy, units)
                if task.workload == COT and task in year.cells.serving:
                    cell = year.cells.serving[task][index]
                    add(f"Service|{task.part}|TTFT p90", cell.ttft, units)
                    add(f"Service|{task.part}|TPOT p90", cell.tpot, units)
    for name, (total, weight) in sums.items():
        yield name, total / weight
    for index, machine in enumerate(year.accelerators):
        for name, value in _measured(year, index).items():
            yield f"{name}|{machine.name}", value


def _measured(year: Year, index: int) -> dict[str, float]:
    """Return what accelerator `index` would do of each workload if it did all of it alone.

    A workload of which it cannot do a part (a tier, a group of labs) is left out. Work over the
    accelerators that it takes: shares of a whole are averaged over the time spent on them.
    """
    work: dict[str, float] = {}
    taken: dict[str, float] = {}
    for task, wanted in zip(year.tasks, year.wanted, strict=True):
        if wanted <= 0:
            continue
        for name, rate, value in _rates(year, task, index):
            need = wanted / rate if rate > 0 else math.inf
            work[name] = work.get(name, 0.0) + (need * value if rate > 0 else 0.0)
            taken[name] = taken.get(name, 0.0) + need
    return {name: work[name] / taken[name] for name in work if math.isfinite(plain(taken[name]))}


def _rates(year: Year, task: Task, index: int) -> Iterator[tuple[str, float, float]]:
    """Yield name, rate in the unit of the task, and the value that is reported at that rate."""
    cells, progress = year.cells, year.demand.progress
    if task in cells.serving:
        cell = cells.serving[task][index]
        yield f"Goodput|{task.workload}", cell.requests, cell.output_tokens * progress.serving
    elif task in cells.pretraining:
        job = cells.pretraining[task][index]
        yield f"MFU|{task.workload}", job.flop, job.mfu * progress.training_software
    elif task in cells.rl:
        run = cells.rl[task][index]
        yield (
            f"MFU|{task.workload}",
            run.steps,
            run.utilisation * progress.training_software,
        )
