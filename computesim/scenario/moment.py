"""A scenario at a time: what everything that is read of a scenario is read of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Moment:
    """A scenario, the catalog in which its names stand, and a time.

    Attributes
    ----------
    scenario : Scenario
    catalog : Catalog
    year : float, years
        The end of a calendar year; 2025.36 lies 0.36 of a year after the end of 2025.
    """

    scenario: Scenario
    catalog: Catalog
    year: float

    def at(self, year: float) -> Moment:
        """Return the same scenario at another time."""
        return replace(self, year=year)

    @classmethod
    def of(cls, scenario: Scenario, year: float) -> Moment:
        """Return a scenario at a time, with its own catalog."""
        return cls(scenario, scenario.catalog(), year)
