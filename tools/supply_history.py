"""What packaging and memory say of the accelerators shipped: the shares of `supply`, fitted.

``python -m tools.supply_history`` prints the fit and how far off it is in every year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from computesim.catalog import Catalog, load_catalog

FITTED, HELD_OUT = (2023, 2024), (2025,)
LEAD = 0.25  #: years from a packaged wafer or a memory stack to the accelerator sold, an estimate
_POINTS = "shipments-"
_STEPS = 240


@dataclass(frozen=True, slots=True)
class Implied:
    """What one input says of what was shipped."""

    taken: Mapping[int, float]  #: by what Epoch AI counts as shipped: wafers, or B
    made: Mapping[int, float]  #: in time for it, all uses
    share: float  #: fitted: taken over made, all fitted years together

    def error(self, year: int) -> float:
        """Return how far implied shipments are above (+) those of the year, as a share."""
        return self.share * self.made[year] / self.taken[year] - 1.0


def shipped(catalog: Catalog, years: Sequence[int]) -> dict[int, dict[str, float]]:
    """Return the packages shipped of every accelerator in every year, as Epoch AI counts them.

    Parameters
    ----------
    catalog : Catalog
    years : sequence of int

    Returns
    -------
    dict of int to dict of str to float
    """
    found: dict[int, dict[str, float]] = {year: {} for year in years}
    for name in catalog.names("history"):
        machine = name.removeprefix(_POINTS)
        if name.startswith(_POINTS) and catalog.has("accelerators", machine):
            for date, figure in catalog.series("history", name).items():
                if date.isdigit() and int(date) in found:
                    found[int(date)][machine] = figure.number
    return found


def packaging(catalog: Catalog, lead: float = LEAD) -> Implied:
    """Return what the capacity of advanced packaging says of shipments.

    Parameters
    ----------
    catalog : Catalog
    lead : float, years

    Returns
    -------
    Implied
        Wafers; the capacity is linear between the published points.
    """
    points = {
        _time(date): f.number for date, f in catalog.series("supply", "cowos-capacity").items()
    }
    year_seconds = 365.25 * 86400.0

    def made(year: int) -> float:
        times = np.linspace(year - 1 - lead, year - lead, _STEPS + 1)
        rate = np.interp(times, list(points), list(points.values()))
        return float(np.trapezoid(rate, times)) * year_seconds

    taken = {
        year: sum(n / catalog.accelerator(name).packages_per_wafer for name, n in units.items())
        for year, units in shipped(catalog, (*FITTED, *HELD_OUT)).items()
    }
    return _fitted(taken, {year: made(year) for year in taken})


def memory(catalog: Catalog, lead: float = LEAD) -> Implied:
    """Return what the high-bandwidth memory that was made says of shipments.

    Parameters
    ----------
    catalog : Catalog
    lead : float, years

    Returns
    -------
    Implied
        B; of a year's memory, `lead` of it arrives in the next year.
    """
    year_seconds = 365.25 * 86400.0
    points = {
        int(d): f.number * year_seconds for d, f in catalog.series("supply", "hbm-made").items()
    }
    taken = {
        year: sum(n * catalog.accelerator(name).memory_bytes for name, n in units.items())
        for year, units in shipped(catalog, (*FITTED, *HELD_OUT)).items()
    }
    made = {year: (1 - lead) * points[year] + lead * points[year - 1] for year in taken}
    return _fitted(taken, made)


def _fitted(taken: Mapping[int, float], made: Mapping[int, float]) -> Implied:
    """Return the input with the share that accounts for all of the fitted years together.

    What is packaged in one year may be sold in the next, so that the sum over years says more than
    each of them; equal weights of the years would let the small first one count four times.
    """
    total = sum(taken[year] for year in FITTED)
    return Implied(taken, made, total / sum(made[year] for year in FITTED))


def _time(date: str) -> float:
    """Return a date as the scenario counts: 2023 is its end, 2023-06 the end of its June."""
    year, _, month = date.partition("-")
    return float(year) if not month else int(year) - 1 + int(month) / 12


def main() -> None:
    """Print the fitted shares and the errors of every year, for several lead times."""
    catalog = load_catalog()
    for name, read in (("packaging", packaging), ("memory", memory)):
        for lead in (0.0, LEAD, 0.5):
            found = read(catalog, lead)
            errors = ", ".join(
                f"{year} {found.error(year):+.0%}{'' if year in FITTED else ' (held out)'}"
                for year in found.taken
            )
            print(f"{name}, lead {lead:g} year: share {found.share:.3f}; error: {errors}")


if __name__ == "__main__":
    main()
