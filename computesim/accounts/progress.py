"""Progress apart: hardware out of what is shipped, software and algorithms as the scenario says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from computesim.arrays import Floats
from computesim.cells.jobs import OTHER_AI
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.world import Year
from computesim.results import Row, rows_of
from computesim.traced import dot, dots, number, summed_along


@dataclass(frozen=True, slots=True)
class Hardware:
    """What an accelerator that is shipped does, over one of the first year; the work is equal."""

    per_accelerator: float
    per_usd: float


def hardware_index(road: Roadmap, years: Sequence[Year]) -> list[Hardware]:
    """Return the progress of hardware by year, a chained index.

    Parameters
    ----------
    road : Roadmap
    years : sequence of Year

    Returns
    -------
    list of Hardware
        From the first year, 1, to the last in which this can be told: it ends before a year whose
        work the mix of the year before cannot do at all.

    Notes
    -----
    Each link asks how many accelerators of last year's mix do the work of one of this year's, at
    this year's models, lengths and service levels: ``Σ_w D[w] / (m' G)[w]`` over ``Σ_w D[w] /
    (m G)[w]`` for demands D, goodput G and mixes m' and m, over the tasks w that both can do.
    Software and algorithms are in both and cancel. USD are those of the accelerators.
    """
    found = [Hardware(1.0, 1.0)]
    for t in range(1, len(years)):
        before, now = road.mixes[t - 1], road.mixes[t]
        more = _link(years[t], before, now)
        if more is None:
            break
        dear, cheap = _price(road, years[t], now), _price(road, years[t - 1], before)
        last = found[-1]
        per_usd = last.per_usd * more * cheap / dear if dear > 0 else last.per_usd * more
        found.append(Hardware(last.per_accelerator * more, per_usd))
    return found


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


def _price(road: Roadmap, year: Year, mix: Floats) -> float:
    """Return the mean price of an accelerator of a mix, USD."""
    return dot(mix, [year.around.price.get(a.name, a.price) for a in road.accelerators])


def rows(road: Roadmap, years: Sequence[Year], replication: int) -> list[Row]:
    """Return the progress of every year, its parts apart.

    Parameters
    ----------
    road : Roadmap
    years : sequence of Year
    replication : int

    Returns
    -------
    list of Row
    """
    hardware = hardware_index(road, years)
    found = []
    for t, year in enumerate(years):
        pairs = dict(_told(year))
        if t < len(hardware):
            pairs["Hardware|Per accelerator"] = hardware[t].per_accelerator
            pairs["Hardware|Per USD"] = hardware[t].per_usd
        named = ((f"Progress|{name}", value) for name, value in pairs.items())
        found += rows_of(named, year.year, replication)
    return found


def _told(year: Year) -> Iterator[tuple[str, float]]:
    """Yield what the scenario says of software and algorithms."""
    progress = year.demand.progress
    yield "Serving software", progress.serving_software
    yield "Training software", progress.training_software
    yield "Algorithms|Training", progress.training
    yield "Algorithms|Inference", progress.inference
