"""Capital spending of a year, by what is bought."""

from __future__ import annotations

import numpy as np

from computesim.arrays import Floats
from computesim.fleet.world import World
from computesim.results import Yearly
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


def rows(world: World) -> Yearly:
    """Yield the capital spending of every year by part."""
    for year, new in zip(world.years, world.new_watts, strict=True):
        around = year.around
        parts = capex(
            year.fleet.shipped,
            around.price,
            np.array([share.price for share in around.networks]),
            around.server_share,
            new,
            around.facility_price,
        )
        yield [(f"Capex|{part}", value) for part, value in parts.items()]
