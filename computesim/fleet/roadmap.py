"""What is sold when, and how the fleet is run: the supply side of a scenario, read once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from computesim.arrays import Floats
from computesim.calendar import YEAR
from computesim.fleet.network import Plan
from computesim.hardware.accelerator import Accelerator
from computesim.traced import plain, summed_along

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Moment, Scenario

TORUS_FABRIC = "ici-ocs"


@dataclass(frozen=True, slots=True)
class Roadmap:
    """The accelerators that are sold, in order of release."""

    years: tuple[int, ...]
    accelerators: tuple[Accelerator, ...]
    mixes: Floats  #: shape (years, accelerators), shares of the units sold in a year
    lifetime: float  #: years
    lag: float  #: from sale to service, years

    def in_fleet(self, t: int) -> list[Accelerator | None]:
        """Return the accelerators that may be in the fleet in year `t`, None for the others."""
        oldest = max(0, math.ceil(t - plain(self.lifetime)))
        sold = self.mixes[oldest : t + 1].sum(axis=0) > 0
        return [a if s else None for a, s in zip(self.accelerators, sold, strict=True)]


def roadmap(scenario: Scenario, catalog: Catalog) -> Roadmap:
    """Return what is sold in each year of a scenario."""
    years = scenario.years
    shares: list[dict[str, float]] = []
    for year in years:
        mix: dict[str, float] = {}
        for name, share in scenario.fleet.shipments.at(year).items():
            own = catalog.resolve("accelerators", name)  # an alias adds to the name it stands for
            mix[own] = mix.get(own, 0.0) + share
        shares.append(mix)
    sold = {name for mix in shares for name, share in mix.items() if share > 0}
    machines = sorted(
        (catalog.accelerator(name) for name in sorted(sold)), key=lambda a: (a.release_year, a.name)
    )
    mixes = np.array([[mix.get(a.name, 0.0) for a in machines] for mix in shares])
    mixes /= summed_along(mixes, axis=1)[:, None]
    return Roadmap(
        years,
        tuple(machines),
        mixes,
        scenario.fleet.lifetime.at(years[0]) / YEAR,
        scenario.fleet.deployment_lag.at(years[0]) / YEAR,
    )


def network_at(moment: Moment) -> Plan:
    """Return the network of the clusters that are built in a year."""
    network, catalog, year = moment.scenario.network, moment.catalog, moment.year
    return Plan(
        topology=network.topology.at(year),
        fabric=catalog.fabric(network.fabric.at(year)),
        torus=catalog.fabric(TORUS_FABRIC),
        cluster_accelerators=round(network.cluster_accelerators.at(year)),
        oversubscription=network.oversubscription.at(year),
        first_hop=network.first_hop.at(year),
    )
