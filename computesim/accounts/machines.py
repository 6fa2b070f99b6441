"""Accelerators by workload and by kind: required, in service, bought, retired and lacking."""

from __future__ import annotations

from collections.abc import Iterator

from computesim.cells.jobs import OTHER_AI
from computesim.fleet.world import World
from computesim.fleet.year import IDLE, Year
from computesim.results import Yearly
from computesim.traced import dot, number, summed


def rows(world: World) -> Yearly:
    """Yield accelerators of every year by workload and by kind."""
    return (_pairs(year) for year in world.years)


def _pairs(year: Year) -> Iterator[tuple[str, float]]:
    """Yield accelerators by workload and by kind."""
    weighed, counted = required(year).values()
    for workload, accelerators in counted.items():
        yield f"Accelerators|Required|{workload}", accelerators
        yield f"H100-equivalents|{workload}", weighed[workload]
    for index, machine in enumerate(year.accelerators):
        installed = number(year.fleet.installed[index])
        yield f"Accelerators|Installed|{machine.name}", installed
        yield f"Accelerators|Shipped|{machine.name}", number(year.fleet.shipped[index])
        yield f"Accelerators|Retired|{machine.name}", number(year.fleet.retired[index])
        weight = year.h100_equivalents[index]
        yield f"H100-equivalents by generation|{machine.name}", installed * weight
        yield f"Power|Accelerator TDP|{machine.name}", installed * machine.tdp
    yield from ((f"Unmet|{name}", count) for name, count in _unmet(year).items())


def required(year: Year) -> dict[str, dict[str, float]]:
    """Return what every workload requires, in H100-equivalents and in accelerators.

    What a limit leaves undone is required as well, of the same kinds; idle accelerators are
    required by none.
    """
    unmet, weighed, counted = _unmet(year), {}, {}
    for workload, units in year.units.items():
        if workload != IDLE:
            at_work = summed(units)
            more = 1.0 + unmet.get(workload, 0.0) / at_work if at_work > 0 else 1.0
            counted[workload] = at_work * more
            weighed[workload] = dot(units, year.h100_equivalents) * more
    return {"H100-equivalents": weighed, "Accelerators": counted}


def _unmet(year: Year) -> dict[str, float]:
    """Return the accelerators that would have been bought but for a limit, by workload."""
    left = year.fleet.allocation.unmet
    missing: dict[str, float] = {}
    for column, task in enumerate(year.tasks):
        if not year.fleet.standings and not left[column]:
            continue
        units = summed(year.fleet.allocation.units[:, column])
        met = number(year.wanted[column]) - number(left[column])
        more = units * number(left[column]) / met if met > 0 else 0.0
        missing[task.workload] = missing.get(task.workload, 0.0) + more
    if missing and OTHER_AI not in missing:  # it is cut like the work of labs and products
        share = year.around.other_ai
        missing[OTHER_AI] = share / (1.0 - share) * sum(missing.values())
    return missing


def remarks(world: World) -> list[str]:
    """Return what a reader of the results must know: work that nothing on sale could do."""
    texts = []
    for year in world.years:
        if any(standing.binding for standing in year.fleet.standings):
            continue
        for task, left, wanted in zip(
            year.tasks, year.fleet.allocation.unmet, year.wanted, strict=True
        ):
            if left > 0:
                texts.append(
                    f"{year.year}: {left / wanted:.0%} of {task.workload} ({task.part}) stays "
                    "undone: nothing in the fleet does it at its service level"
                )
    return texts
