"""Capital spending of a year, by what is bought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from computesim.arrays import Floats
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.supply import nameplates
from computesim.fleet.world import Year
from computesim.traced import dot, most


def capex(
    shipped: Floats,
    accelerator_price: Floats,
    network_price: Floats,
    server_share: float,
    new_it_watts: float,
    facility_price: float,
) -> dict[str, float]:
    """Return the capital spending of one year.

    Parameters
    ----------
    shipped : ndarray of float64, shape (accelerators,)
        Accelerators bought in the year.
    accelerator_price, network_price : ndarray of float64, shape (accelerators,), USD
        Of one accelerator and of its share of the network.
    server_share : float
        Price of the rest of a server over the price of its accelerators.
    new_it_watts : float, W
        Nameplate IT power that did not exist the year before; never negative.
    facility_price : float, USD/W
        Buildings, power and cooling per watt of IT load.

    Returns
    -------
    dict of str to float, USD/year
    """
    accelerators = dot(shipped, accelerator_price)
    return {
        "Accelerators": accelerators,
        "Servers": accelerators * server_share,
        "Network": dot(shipped, network_price),
        "Facility": most(new_it_watts, 0.0) * facility_price,
    }


def additions(watts: Sequence[float]) -> list[float]:
    """Return the power that each year adds to the most there has been so far, W."""
    found, highest = [], 0.0
    for value in watts:
        found.append(most(value - highest, 0.0))
        highest = most(highest, value)
    return found


def spending(road: Roadmap, years: Sequence[Year]) -> list[dict[str, float]]:
    """Return the capital spending of every year by part, USD/year."""
    plates = [
        dot(y.fleet.installed, nameplates(road.accelerators, [n.watts for n in y.networks]))
        for y in years
    ]
    return [
        capex(
            y.fleet.shipped,
            np.array([y.around.price.get(a.name, a.price) for a in road.accelerators]),
            np.array([n.price for n in y.networks]),
            y.around.server_share,
            new,
            y.around.facility_price,
        )
        for y, new in zip(years, additions(plates), strict=True)
    ]
