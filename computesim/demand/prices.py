"""What an accelerator costs in a year: the price that the scenario gives, else the catalog's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator
    from computesim.scenario import Moment


def own_price(moment: Moment, accelerator: Accelerator) -> float | None:
    """Return the price of an accelerator that the scenario gives, USD; None without one."""
    price = None
    for name, value in moment.scenario.prices.accelerators.items():
        if moment.catalog.resolve("accelerators", name) == accelerator.name:
            price = value.at(moment.year)
    return price


def price_of(moment: Moment, accelerator: Accelerator) -> float:
    """Return the price of an accelerator: the scenario's own, else the catalog's, USD."""
    price = own_price(moment, accelerator)
    return accelerator.price if price is None else price
