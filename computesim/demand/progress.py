"""Progress apart: hardware out of what is shipped, software and algorithms as the scenario says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from computesim.demand.demand import Progress

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


def hardware_per_usd(moment: Moment) -> float:
    """Return dense 8-bit peak per USD of the accelerators that are shipped in a year, H100e/USD.

    Prices that follow progress use it, because they must be known before anything is simulated;
    what the same accelerators do of the work asked is `hardware_index`.
    """
    scenario, catalog, year = moment.scenario, moment.catalog, moment.year
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
