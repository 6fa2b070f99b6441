"""The world of a run, kept so that every figure of it can be walked back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from computesim.catalog import Catalog
from computesim.cells.measured import Task
from computesim.cells.memo import Memo
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.world import Progress, simulate
from computesim.fleet.year import Year
from computesim.scenario import Moment, Scenario

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class World:
    """One replication of a scenario, year by year, and the nodes that were made of it."""

    scenario: Scenario
    catalog: Catalog
    road: Roadmap
    years: list[Year]
    replication: int = 0
    known: dict[object, object] = field(default_factory=dict, repr=False)

    def key(self, t: int) -> int:
        """Return the calendar year of an index."""
        return self.road.years[t]

    def moment(self, t: int) -> Moment:
        """Return the scenario at the year of an index."""
        return Moment(self.scenario, self.catalog, self.road.years[t])

    def column(self, t: int, task: Task) -> int:
        """Return the column of a task in the tables of a year."""
        return self.years[t].tasks.index(task)


def world_of(
    scenario: Scenario, memo: Memo, replication: int = 0, progress: Progress | None = None
) -> World:
    """Return the world of one replication of a scenario.

    Parameters
    ----------
    scenario : Scenario
    memo : Memo
        Measured cells; those of a run that was made with it are not measured again.
    replication : int
    progress : callable, optional
        As in `computesim.pipeline.project`.

    Returns
    -------
    World
    """
    catalog = scenario.catalog()
    world = simulate(scenario, catalog, memo, replication, progress)
    return World(scenario, catalog, world.road, list(world.years), replication)


def remembered(
    make: Callable[Concatenate[World, P], T],
) -> Callable[Concatenate[World, P], T]:
    """Make a function of a world answer the same arguments with the same object."""

    def answer(world: World, /, *arguments: P.args, **named: P.kwargs) -> T:
        key = (make, arguments, tuple(sorted(named.items())))
        if key not in world.known:
            world.known[key] = make(world, *arguments, **named)
        found: T = world.known[key]  # type: ignore[assignment]
        return found

    answer.__doc__, answer.__name__ = make.__doc__, make.__name__
    return answer
