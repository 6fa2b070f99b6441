"""Ours beside what others project: by quantity, with vintage and family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from computesim import units
from computesim.published.anchors import in_unit
from computesim.published.shipments import HBM, PROVISIONED, STOCK, UNITS, WAFERS, of_shipments
from computesim.published.shipments import shipped_in as shipped
from computesim.results import Overlay, Results, Told, VariableError

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.catalog.rows import Figure
    from computesim.scenario import Scenario

LARGEST_RUN: Final = "Largest training run"
ACTUAL, TREND, PIPELINE = "actual", "trend", "pipeline"


class Quantity(NamedTuple):
    """One quantity, and the series that speak of it."""

    key: str
    title: str
    axis: str
    variable: str
    unit: str
    history: tuple[tuple[str, str], ...]  #: published series and what it counts, if not the same
    projections: tuple[tuple[str, str], ...]
    counts: str


_ALL = "all data centres"
_FOUR = "four companies, all their spending"
QUANTITIES: Final = (
    Quantity(
        "compute", "AI compute", "In service", STOCK, "H100e",
        (("world-h100e", ""),), (("ai-compute-stock", ""),),
        "Accelerators sold and not retired at the year's end, weighed by dense 8-bit peak.",
    ),
    Quantity(
        "facility-power", "AI power capacity", "Facility power", PROVISIONED, "W",
        (("ai-facility-power", ""),), (("ai-power", ""),),
        "Facility power that is built for AI at the year's end.",
    ),
    Quantity(
        "electricity", "AI electricity", "Electricity", "Energy", "Wh/year",
        (("ai-electricity", "servers, without the buildings"),),
        (("ai-electricity", "servers, without the buildings"),),
        "Electricity at the meter in the year; Gartner counts the servers alone.",
    ),
    Quantity(
        "data-centres", "Electricity of data centres", "Electricity", "Energy", "Wh/year",
        (("data-centre-electricity-iea", _ALL), ("data-centre-electricity-gartner", _ALL)),
        (("data-centre-electricity", _ALL), ("data-centre-electricity-iea-2025", _ALL),
         ("data-centre-electricity-gartner", _ALL)),
        "Ours is AI alone; the others count all data centres.",
    ),
    Quantity(
        "capex", "Capital spending", "Spending", "Capex", "USD/year",
        (("capex-big-four", _FOUR),),
        (("capex-big-four", _FOUR), ("capex-hyperscalers", "hyperscalers, all their spending"),
         ("capex-hyperscalers-ms", "hyperscalers, all their spending"),
         ("capex-five-us", "five companies, all their spending"),
         ("capex-nine-global", "nine companies, all their spending"),
         ("ai-infrastructure-spend", "AI infrastructure"),
         ("ai-data-centre-spend", "AI data centres")),
        "Ours is AI of the whole world; most others count all spending of four to nine companies.",
    ),
    Quantity(
        "largest-run", "Largest training run", "Final pretraining", LARGEST_RUN, "FLOP",
        (("largest-training-run", ""),), (("largest-training-run", ""),),
        "Final pretraining run under way at the year's end; an input of the scenario.",
    ),
    Quantity(
        "cowos", "Advanced packaging", "CoWoS wafers", WAFERS, "wafer/year",
        (("cowos-demand", "every customer"), ("cowos-capacity", "capacity at the year's end")),
        (("cowos-demand", "every customer"), ("cowos-capacity", "capacity at the year's end")),
        "Wafers of the packages shipped in the year; capacity is that of the last month times 12.",
    ),
    Quantity(
        "hbm", "High-bandwidth memory", "HBM shipped", HBM, "B/year",
        (("hbm-bytes", "every buyer"),), (("hbm-bytes", "every buyer"),),
        "Memory of the accelerators shipped in the year; others count every buyer.",
    ),
    Quantity(
        "modules-800g", "800G modules", "Bought in the year", "Network shipped|Optics|800G",
        "transceiver", (("modules-800g", "all uses"),), (("modules-800g", "all uses"),),
        "Scale-out networks of accelerators; others count all uses.",
    ),
    Quantity(
        "modules-1.6t", "1.6T modules", "Bought in the year", "Network shipped|Optics|1.6T",
        "transceiver", (("modules-1.6t", "all uses"),), (("modules-1.6t", "all uses"),),
        "Scale-out networks of accelerators; others count all uses.",
    ),
    Quantity(
        "tokens", "Tokens", "Processed on a mean day", "Tokens", "token/day",
        (("tokens-world", ""),), (("tokens-world", ""), ("tokens-world-goldman", "")),
        "Tokens read and generated in data centres on a mean day.",
    ),
)  # fmt: skip


def overlays(results: Results, scenario: Scenario, catalog: Catalog) -> list[Overlay]:
    """Return every quantity of ours beside what happened and what others project.

    Parameters
    ----------
    results : Results
    scenario : Scenario
    catalog : Catalog

    Returns
    -------
    list of Overlay
        With p10 and p90 of ours where there are several replications.
    """
    derived = of_shipments(shipped(results), scenario, catalog)
    own = {name: series for name, series in derived.items() if name in UNITS}
    own[LARGEST_RUN] = {year: largest_run(scenario, year) for year in results.years}
    return [_overlay(q, results, own, catalog) for q in QUANTITIES]


def largest_run(scenario: Scenario, year: float) -> float:
    """Return the compute of the largest final pretraining run of a year, FLOP."""
    return max((lab.pretraining.flop.at(year) for lab in scenario.labs.values()), default=0.0)


def _overlay(
    q: Quantity, results: Results, own: dict[str, dict[int, float]], catalog: Catalog
) -> Overlay:
    """Return one quantity of ours and of others."""
    ours, low, high = _ours(q.variable, results, own)
    first = min(results.years, default=0)
    told = [*_told(q, q.history, "history", catalog), *_told(q, q.projections, "projections",
                                                             catalog)]  # fmt: skip
    last = max(results.years, default=0)
    return Overlay(
        key=q.key,
        title=q.title,
        quantity=q.axis,
        unit=q.unit,
        counts=q.counts,
        ours=ours,
        low=low,
        high=high,
        told=[one for one in told if first <= one["year"] <= last],
    )


def _ours(
    variable: str, results: Results, own: dict[str, dict[int, float]]
) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
    """Return ours by year, and p10 and p90 over replications."""
    if variable in own:
        return own[variable], {}, {}
    try:
        series = results.series(variable)
    except VariableError:
        return {}, {}, {}
    if len(results.replications) < 2:
        return series, {}, {}
    return series, results.quantile(variable, 0.1), results.quantile(variable, 0.9)


def _told(
    q: Quantity, series: tuple[tuple[str, str], ...], table: str, catalog: Catalog
) -> Iterator[Told]:
    """Yield the figures of some series in the unit of ours."""
    for name, scope in series:
        for figure in _figures(catalog, table, name):
            source = figure.source
            actual = table == "history"
            yield Told(
                year=_moment(figure.parameter),
                value=in_unit(figure.number, q.unit),
                low=_end(figure, figure.low, q.unit),
                high=_end(figure, figure.high, q.unit),
                vintage=figure.as_of,
                family=ACTUAL if actual else _word(catalog, "family", source),
                publisher="" if actual else _publisher(catalog, name, source),
                source=source,
                scope=scope,
            )


def _end(figure: Figure, end: float | None, unit: str) -> float | None:
    """Return an end of a published range in the unit of ours."""
    return None if end is None else in_unit(end * units.scale(figure.unit), unit)


def _figures(catalog: Catalog, table: str, name: str) -> list[Figure]:
    """Return all vintages of a series, their sources counted as used."""
    known = catalog.parameters(table, name) if catalog.has(table, name) else ()
    return [figure for parameter in known for figure in catalog.vintages(table, name, parameter)]


def _word(catalog: Catalog, name: str, source: str) -> str:
    """Return the family or the short name of a source of projections."""
    return str(catalog.figure("projections", name, source).value)


def _publisher(catalog: Catalog, series: str, source: str) -> str:
    """Return who speaks in a series: its own short name, or that of its source."""
    own = catalog.has("projections", "publisher", series)
    return _word(catalog, "publisher", series if own else source)


def _moment(date: str) -> float:
    """Return a date as years whose whole numbers are the ends of years.

    `2026` is its end, `2027-01-01` too, `2026-05` the middle of May 2026: 2025.375.
    """
    year, *rest = (int(part) for part in date.split("-"))
    if not rest:
        return float(year)
    if len(rest) == 1:
        return year if rest[0] == 12 else year - 1 + (rest[0] - 0.5) / 12.0
    return round(year - 1 + (rest[0] - 1) / 12.0 + (rest[1] - 1) / 365.0, 6)
