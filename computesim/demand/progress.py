"""Progress apart: hardware out of what is shipped, software and algorithms as the scenario says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from computesim.demand.demand import Progress
from computesim.demand.prices import price_of
from computesim.traced import named

if TYPE_CHECKING:
    from computesim.scenario import Moment


def progress_at(moment: Moment) -> Progress:
    """Return the software and the algorithms of a year."""
    progress, year = moment.scenario.progress, moment.year
    return Progress(
        progress.serving_software.at(year),
        progress.training_software.at(year),
        progress.algorithms.training.at(year),
        progress.algorithms.inference.at(year),
    )


@named()
def hardware_per_usd(moment: Moment) -> float:
    """Return dense 8-bit peak per USD of the accelerators that are shipped in a year, H100e/USD.

    Prices that follow progress use it, because they must be known before anything is simulated;
    what the same accelerators do of the work asked is `hardware_index`.
    """
    peak = price = 0.0
    for name, share in moment.scenario.fleet.shipments.at(moment.year).items():
        machine = moment.catalog.accelerator(name)
        peak += share * machine.h100_equivalents
        price += share * price_of(moment, machine)
    if price <= 0:
        year = f"{moment.year:g}"
        raise ValueError(f"what is shipped in {year} has no price, so no price can follow it")
    return peak / price
