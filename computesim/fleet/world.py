"""Everything about one replication of a scenario, before it becomes a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from computesim.arrays import Floats
from computesim.cells.measured import measure, questions
from computesim.cells.measuring import measure_ahead
from computesim.cells.memo import Memo
from computesim.cells.operation import operation_at
from computesim.demand.asked import demand_at
from computesim.fleet.power import additions, energy
from computesim.fleet.roadmap import Roadmap, roadmap
from computesim.fleet.stock import stock
from computesim.fleet.year import Year, surroundings_at
from computesim.scenario.moment import Moment
from computesim.traced import dot, minimum

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario

T = TypeVar("T")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class World:
    """One replication of a scenario, year by year; what several rooms need is computed once."""

    scenario: Scenario
    catalog: Catalog
    road: Roadmap
    years: tuple[Year, ...]
    memo: Memo
    replication: int = 0
    _known: dict[Callable[[World], object], object] = field(
        default_factory=dict, repr=False, init=False
    )

    def once(self, make: Callable[[World], T]) -> T:
        """Return what a function makes of this world, made the first time it is asked for."""
        if make not in self._known:
            self._known[make] = make(self)
        return cast("T", self._known[make])

    @cached_property
    def energy(self) -> list[dict[str, float]]:
        """Energy of every year by workload, Wh/year."""
        return energies([year.facility_watts for year in self.years], self.road.lag)

    @cached_property
    def new_watts(self) -> list[float]:
        """Nameplate IT power that is built in every year, W."""
        return additions([dot(year.fleet.installed, year.around.plates) for year in self.years])

    @cached_property
    def cohorts(self) -> list[list[tuple[Year, Floats]]]:
        """What is left in every year of each purchase so far, the newest first.

        The year of the purchase, and how many accelerators of each kind, shape (accelerators,);
        the oldest accelerators of a kind leave first.
        """
        return [_cohorts(self.years[: t + 1]) for t in range(len(self.years))]

    @cached_property
    def unlimited(self) -> World | None:
        """The same world without any limit of supply; None where none is set."""
        years = [replace(y, fleet=y.free, free=None) for y in self.years if y.free is not None]
        return replace(self, years=tuple(years)) if years else None


def _cohorts(years: Sequence[Year]) -> list[tuple[Year, Floats]]:
    """Return what is left in the last of some years of each purchase, the newest first."""
    left = years[-1].fleet.installed.copy()
    cohorts = []
    for year in reversed(years):
        units = minimum(year.fleet.shipped, left)
        left = left - units
        cohorts.append((year, units))
    return cohorts


def energies(watts: Sequence[Mapping[str, float]], lag: float) -> list[dict[str, float]]:
    """Return the energy of every year by workload from the mean power at year ends, Wh/year."""
    names = tuple(dict.fromkeys(name for year in watts for name in year))
    series = {name: energy([year.get(name, 0.0) for year in watts], lag) for name in names}
    return [{name: series[name][t] for name in names} for t in range(len(watts))]


def simulate(
    scenario: Scenario,
    catalog: Catalog,
    memo: Memo,
    replication: int = 0,
    progress: Progress | None = None,
    jobs: int | None = None,
) -> World:
    """Return one replication of a scenario.

    Parameters
    ----------
    scenario : Scenario
    catalog : Catalog
    memo : Memo
        Cells and fleets that are known already.
    replication : int
    progress : callable, optional
        Called with cells done, cells in all, and what is being done.
    jobs : int, optional
        Processes that measure cells, this one included; all usable cores by default.
    """
    road = roadmap(scenario, catalog)
    moments = [Moment(scenario, catalog, year) for year in road.years]
    demands = [demand_at(moment) for moment in moments]
    operations = [operation_at(moment, replication) for moment in moments]
    wanted = [(demands[t], road.in_fleet(t), operations[t]) for t in range(len(road.years))]
    rounds = scenario.simulation.replications

    def tell(done: int, cells: int) -> None:
        if progress and cells:
            progress(replication * cells + done, rounds * cells, "measuring cells")

    measure_ahead((q for year in wanted for q in questions(*year)), memo, jobs, tell)
    cells = [measure(*year, memo) for year in wanted]
    around = [surroundings_at(moment, road) for moment in moments]
    years = stock(road, moments, demands, operations, cells, around, memo)
    return World(scenario, catalog, road, tuple(years), memo, replication)
