"""Progress apart: hardware out of what is shipped, software and algorithms as the scenario says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from computesim.arrays import Floats
from computesim.cells.jobs import OTHER_AI
from computesim.demand.demand import Progress
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import dot, dots, number, summed_along


@dataclass(frozen=True, slots=True)
class Hardware:
    """What an accelerator that is shipped does, over one of the first year; the work is equal."""

    per_accelerator: float
    per_usd: float


def _hardware_index(world: World) -> list[Hardware]:
    """Return the progress of hardware by year, a chained index that begins with 1.

    It ends before a year whose work the mix of the year before cannot do at all. Each link asks
    how many accelerators of last year's mix do the work of one of this year's, at this year's
    models, lengths and service levels: ``Σ_w D[w] / (m' G)[w]`` over ``Σ_w D[w] / (m G)[w]`` for
    demands D, goodput G and mixes m' and m, over the tasks w that both can do. Software and
    algorithms are in both and cancel. USD are those of the accelerators.
    """
    index, years, mixes = [Hardware(1.0, 1.0)], world.years, world.road.mixes
    for t in range(1, len(years)):
        more = _link(years[t], mixes[t - 1], mixes[t])
        if more is None:
            break
        dear, cheap = (dot(mixes[k], years[k].around.price) for k in (t, t - 1))
        last = index[-1]
        per_usd = last.per_usd * more * cheap / dear if dear > 0 else last.per_usd * more
        index.append(Hardware(last.per_accelerator * more, per_usd))
    return index


def _link(year: Year, before: Floats, now: Floats) -> float | None:
    """Return how many accelerators of one mix do the work of one of another, None for no work."""
    measured = [task.workload != OTHER_AI for task in year.tasks]
    wanted = np.where(measured, year.wanted, 0.0)
    rates = np.stack([dots(before, year.goodput), dots(now, year.goodput)])
    both = (rates > 0).all(axis=0) & (wanted > 0)
    if not both.any():
        return None
    need = summed_along(wanted[both] / rates[:, both], axis=1)
    return number(need[0] / need[1])


def rows(world: World) -> Yearly:
    """Yield the progress of every year, its parts apart."""
    for year, hardware in zip_longest(world.years, _hardware_index(world)):
        pairs = dict(_software(year.demand.progress))
        if hardware is not None:
            pairs["Hardware|Per accelerator"] = hardware.per_accelerator
            pairs["Hardware|Per USD"] = hardware.per_usd
        yield [(f"Progress|{name}", value) for name, value in pairs.items()]


def _software(progress: Progress) -> Iterator[tuple[str, float]]:
    """Yield what the scenario says of software and algorithms."""
    yield "Serving software", progress.serving_software
    yield "Training software", progress.training_software
    yield "Algorithms|Training", progress.training
    yield "Algorithms|Inference", progress.inference
