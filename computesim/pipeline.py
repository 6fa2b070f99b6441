"""From a scenario to results: the file where the floors meet, as a list of steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from computesim.accounts import devices, revenue, split
from computesim.accounts import policy as policy_rows
from computesim.accounts.bill import rows as bill
from computesim.accounts.bill.ratios import Ratios
from computesim.accounts.cost import rows as cost_rows
from computesim.accounts.progress import rows as progress_rows
from computesim.accounts.supply import supply_rows
from computesim.accounts.variables import remarks, rows
from computesim.cells.measured import measure
from computesim.cells.memo import Memo, default_folder
from computesim.cells.operation import operation_at
from computesim.cells.sites import site_at
from computesim.demand.asked import demand_at
from computesim.fleet.roadmap import network_at, roadmap
from computesim.fleet.supply import available
from computesim.fleet.world import Surroundings, Year, stock
from computesim.published import bill_checks
from computesim.published.anchors import anchors
from computesim.published.others import overlays
from computesim.results import Manifest, Results, Row, Source
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.fleet.roadmap import Roadmap
    from computesim.scenario import Scenario

Progress = Callable[[int, int, str], None]


def project(
    scenario: Scenario, progress: Progress | None = None, memo: Memo | None = None
) -> Results:
    """Project the accelerators, network and power that a scenario needs.

    Parameters
    ----------
    scenario : Scenario
    progress : callable, optional
        Called with steps done, steps in all, and what is being done.
    memo : Memo, optional
        Where measured cells are kept; by default under the user's cache directory.

    Returns
    -------
    Results
    """
    started = time.perf_counter()
    catalog = scenario.catalog()
    memo = memo or Memo(default_folder())
    road = roadmap(scenario, catalog)
    ratios = Ratios(catalog)
    found: list[Row] = []
    warnings: list[str] = []
    try:
        for replication in range(scenario.simulation.replications):
            years = simulate(scenario, catalog, road, replication, memo, progress)
            found += _found(scenario, catalog, road, years, replication, ratios, memo)
            remarked = [
                *remarks(years),
                *bill.remarks(road, years, ratios),
                *devices.remarks(scenario, years),
            ]
            warnings += [w for w in remarked if w not in warnings]
    finally:
        memo.save()  # an interrupted run goes on where it stopped
    results = Results.from_rows(found, _manifest(scenario, catalog, warnings))
    results.manifest["anchors"] = anchors(results, scenario, catalog)
    results.manifest.update(bill_checks.told(results, scenario, ratios))
    results.manifest["overlays"] = overlays(results, scenario, catalog)
    results.manifest["sources"] = _sources(scenario, catalog)  # those of published figures too
    results.manifest["wall_time"] = time.perf_counter() - started
    return results


def _found(
    scenario: Scenario,
    catalog: Catalog,
    road: Roadmap,
    years: list[Year],
    replication: int,
    ratios: Ratios,
    memo: Memo,
) -> list[Row]:
    """Return every variable of one replication, room by room."""
    own = rows(road, years, replication)
    return [
        *own,
        *split.rows(road, years, replication, own),
        *progress_rows(road, years, replication),
        *cost_rows.rows(scenario, catalog, road, years, replication, memo),
        *supply_rows(road, years, replication),
        *bill.rows(scenario, ratios, road, years, replication),
        *devices.rows(scenario, years, replication),
        *policy_rows.rows(years, replication),
        *revenue.rows(road, years, replication, scenario, catalog),
    ]


def check(scenario: Scenario) -> None:
    """Read the demand of every year, so that values that do not go together are found.

    Raises
    ------
    ScenarioError
        For instance a tree search without simulations or steps longer than a response.
    """
    catalog = scenario.catalog()
    for year in scenario.years:
        demand_at(Moment(scenario, catalog, year))


def simulate(
    scenario: Scenario,
    catalog: Catalog,
    road: Roadmap,
    replication: int,
    memo: Memo,
    progress: Progress | None = None,
) -> list[Year]:
    """Return one replication of the world, year by year."""
    moments = [Moment(scenario, catalog, year) for year in road.years]
    demands = [demand_at(moment) for moment in moments]
    operations = [operation_at(moment, replication) for moment in moments]
    cells = []
    for t, year in enumerate(road.years):
        if progress:
            done = replication * len(road.years) + t
            progress(done, scenario.simulation.replications * len(road.years), f"simulating {year}")
        cells.append(measure(demands[t], road.in_fleet(t), operations[t], memo))
    around = [_surroundings(moment) for moment in moments]
    return stock(road, demands, operations, cells, around, memo)


def _surroundings(moment: Moment) -> Surroundings:
    """Return what stands around the accelerators in a year."""
    scenario, catalog, year = moment.scenario, moment.catalog, moment.year
    prices, site = scenario.prices, site_at(moment)
    return Surroundings(
        site=site,
        network=network_at(moment),
        other_ai=0.0 if scenario.other_ai.share is None else scenario.other_ai.share.at(year),
        server_share=prices.server_share.at(year),
        facility_price=prices.facility.at(year) if prices.facility else site.build_cost,
        price={
            catalog.resolve("accelerators", n): v.at(year) for n, v in prices.accelerators.items()
        },
        supply=available(moment),
    )


def _manifest(scenario: Scenario, catalog: Catalog, warnings: list[str]) -> Manifest:
    """Return where the numbers come from."""
    from importlib.metadata import version

    from computesim.version import __version__

    return Manifest(
        version=__version__,
        name=scenario.name,
        title=scenario.title or scenario.name,
        question=scenario.question,
        scenario=scenario.resolved(),
        hash=scenario.hash,
        seed=scenario.simulation.seed,
        sources=_sources(scenario, catalog),
        assumptions=[
            {
                "path": row.key,
                "value": row.text,
                "unit": row.unit,
                "low": row.low,
                "high": row.high,
                "source": row.source,
                "origin": row.origin,
                "note": row.note,
            }
            for row in scenario.assumptions()
        ],
        libraries={n: version(n) for n in ("numpy", "numba", "scipy")},
        warnings=warnings,
    )


def _sources(scenario: Scenario, catalog: Catalog) -> list[Source]:
    """Return the sources of the scenario and of all figures handed out so far."""
    known = {source.key: source for source in catalog.sources()}
    return [
        {"key": k, "title": s.title, "url": s.url, "date": s.date, "kind": s.kind}
        for k in sorted({*scenario.source_keys(), *catalog.used()})
        if (s := known.get(k))
    ]
