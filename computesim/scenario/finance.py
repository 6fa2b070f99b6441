"""What capital costs and how long it is used; in which regions the fleet stands."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import Quantity, Shares
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Mix, Value


class Finance(Part):
    """How the price of machines and buildings is spread over the hours that they serve."""

    cost_of_capital: Annotated[Value, Quantity("1", minimum=0, maximum=1)] = optional(
        {
            "low": 0.04,
            "central": 0.07,
            "high": 0.12,
            "source": "epoch-1gw-cost",
            "note": "7 % a year is what its 8.5, 12 and 7 billion USD a year for equipment that "
            "serves 5, 3 and 7 years imply; the ends are estimates",
        },
        "Return that capital asks for in a year, a plain share; 0 spreads prices in a straight "
        "line.",
    )
    it_lifetime: Annotated[Value | None, Quantity("s", minimum=1)] = optional(
        None,
        "Time over which accelerators, servers and network are paid off; `fleet.lifetime` when "
        "left out.",
    )
    facility_lifetime: Annotated[Value, Quantity("s", minimum=1)] = optional(
        {
            "low": "10 year",
            "central": "14 year",
            "high": "20 year",
            "source": "epoch-1gw-cost",
            "note": "14 years; the ends are estimates",
        },
        "Time over which buildings, power and cooling are paid off.",
    )
    operations_share: Annotated[Value, Quantity("1", minimum=0, maximum=1)] = optional(
        {
            "low": 0.005,
            "central": 0.008,
            "high": 0.04,
            "source": "epoch-1gw-cost",
            "note": "0.9 billion USD of running costs less 0.6 of energy on 38 billion of "
            "capital; the ends are estimates, a neocloud pays more per accelerator",
        },
        "Maintenance, staff, software and property cost of a year over the price of all that was "
        "bought; electricity comes on top.",
    )


class Regions(Part):
    """In which of several places the fleet stands, and who pays which price for what power."""

    shares: Annotated[Mix | None, Shares("sites")] = optional(
        None,
        "Shares of the IT load by site of `computesim list sites`; they sum to 1. All of it stands "
        "at `site.name` when left out. `site.pue`, `site.carbon_intensity` and "
        "`prices.electricity` replace the figures of every region.",
    )
