"""From a scenario to results: the file where the floors meet, as a list of steps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from computesim.accounts import table
from computesim.accounts.bill.ratios import Ratios
from computesim.cells.memo import Memo, default_folder
from computesim.demand.asked import demand_at
from computesim.fleet.world import Progress, simulate
from computesim.published import bill_checks
from computesim.published.anchors import anchors
from computesim.published.others import overlays
from computesim.results import Manifest, Results, Row, Source
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario


def project(
    scenario: Scenario,
    progress: Progress | None = None,
    memo: Memo | None = None,
    jobs: int | None = None,
) -> Results:
    """Project the accelerators, network and power that a scenario needs.

    Parameters
    ----------
    scenario : Scenario
    progress : callable, optional
        Called with steps done, steps in all, and what is being done.
    memo : Memo, optional
        Where measured cells are kept; by default under the user's cache directory.
    jobs : int, optional
        Processes that measure cells, this one included; all usable cores by default.
    """
    started = time.perf_counter()
    catalog = scenario.catalog()
    memo = memo or Memo(default_folder())
    rows: list[Row] = []
    warnings: dict[str, None] = {}
    try:
        for replication in range(scenario.simulation.replications):
            world = simulate(scenario, catalog, memo, replication, progress, jobs)
            rows += table.rows(world)
            warnings |= dict.fromkeys(table.remarks(world))
    finally:
        memo.save()
    results = Results.from_rows(rows, _manifest(scenario, catalog, list(warnings)))
    results.manifest["anchors"] = anchors(results, scenario, catalog)
    results.manifest.update(bill_checks.told(results, scenario, Ratios(catalog)))
    results.manifest["overlays"] = overlays(results, scenario, catalog)
    results.manifest["sources"] = _sources(scenario, catalog)  # those of published figures too
    results.manifest["wall_time"] = time.perf_counter() - started
    return results


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
        sources=[],  # when all figures have been handed out
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
