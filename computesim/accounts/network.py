"""The scale-out network: what is bought in a year, and what is in service."""

from __future__ import annotations

from computesim.arrays import Floats
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly


def rows(world: World) -> Yearly:
    """Yield the network that was bought in every year, and the one in service.

    A cohort keeps the network that it was built with; it leaves with its accelerators.
    """
    for year, cohorts in zip(world.years, world.cohorts, strict=True):
        bought = _parts(year, year.fleet.shipped)
        in_service: dict[str, float] = {}
        for born, units in cohorts:
            for name, value in _parts(born, units).items():
                in_service[name] = in_service.get(name, 0.0) + value
        yield [
            *((f"Network shipped|{name}", value) for name, value in bought.items()),
            *((f"Network|{name}", value) for name, value in in_service.items()),
        ]


def _parts(year: Year, units: Floats) -> dict[str, float]:
    """Return the network of so many accelerators with the fabric of a year."""
    network: dict[str, float] = {}

    def add(name: str, value: float) -> None:
        network[name] = network.get(name, 0.0) + value

    for count, share in zip(units, year.around.networks, strict=True):
        for tier, switches in share.switches.items():
            add(f"Switches|{tier}", count * switches)
        for speed, optics in share.optics.items():
            add(f"Optics|{speed}", count * optics)
        add("NICs", count * share.nics)
        add("Copper cables", count * share.copper_cables)
    return network
