"""Power, electricity and emissions by workload."""

from __future__ import annotations

from collections.abc import Iterator

from computesim.calendar import HOUR
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.hardware.power import carbon_grams, electricity_cost
from computesim.results import Yearly
from computesim.traced import dot


def rows(world: World) -> Yearly:
    """Yield power at the end of every year, and energy, its price and its emissions."""
    for year, energy in zip(world.years, world.energy, strict=True):
        yield [*_watts(year), *_energy(year, energy)]


def _watts(year: Year) -> Iterator[tuple[str, float]]:
    """Yield watts by workload: mean IT, mean facility, provisioned facility."""
    around = year.around
    for workload, units in year.units.items():
        yield f"Power|IT|{workload}", dot(units, year.draws[workload].it)
        yield f"Power|Facility|{workload}", year.facility_watts[workload]
        yield f"Power|Provisioned|{workload}", dot(units, around.plates) * around.site.pue


def _energy(year: Year, energy: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the electricity of a year, given in Wh, its price and its emissions."""
    site = year.around.site
    yield from ((f"Energy|{name}", watt_hours) for name, watt_hours in energy.items())
    for name, watt_hours in energy.items():
        yield f"Electricity cost|{name}", electricity_cost(site, watt_hours * HOUR)
        yield f"Emissions|{name}", carbon_grams(site, watt_hours * HOUR)
