"""Progress apart: hardware out of what is shipped, software and algorithms as the scenario says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from computesim.projection.demand import OTHER_AI, Progress
from computesim.projection.purchase import Floats
from computesim.results import Row, rows_of

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.projection.roadmap import Roadmap
    from computesim.projection.world import Year
    from computesim.scenario import Scenario


def progress_at(scenario: Scenario, year: float) -> Progress:
    """Return the software and the algorithms of a year."""
    told = scenario.progress
    return Progress(
        told.serving_software.at(year),
        told.training_software.at(year),
        told.algorithms.training.at(year),
        told.algorithms.inference.at(year),
    )


def hardware_per_usd(scenario: Scenario, catalog: Catalog, year: float) -> float:
    """Return dense 8-bit peak per USD of the accelerators that are shipped in a year, H100e/USD.

    Prices that follow progress use it, because they must be known before anything is simulated;
    what the same accelerators do of the work asked is `hardware_index`.
    """
    prices = scenario.prices.accelerators
    own = {catalog.resolve("accelerators", name): price for name, price in prices.items()}
    peak = price = 0.0
    for name, share in scenario.fleet.shipments.at(year).items():
        machine = catalog.accelerator(name)
        peak += share * machine.h100_equivalents
        price += share * (own[machine.name].at(year) if machine.name in own else machine.price)
    if price <= 0:
        raise ValueError(f"what is shipped in {year:g} has no price, so no price can follow it")
    return peak / price


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
    rates = np.stack([before @ year.goodput, now @ year.goodput])
    both = (rates > 0).all(axis=0) & (wanted > 0)
    if not both.any():
        return None
    need = (wanted[both] / rates[:, both]).sum(axis=1)
    return float(need[0] / need[1])


def _price(road: Roadmap, year: Year, mix: Floats) -> float:
    """Return the mean price of an accelerator of a mix, USD."""
    return float(mix @ [year.around.price.get(a.name, a.price) for a in road.accelerators])


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
