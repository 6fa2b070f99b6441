"""What follows from shipments alone: compute, watts, optics, memory, wafers and revenue.

The same figures come out of a projected fleet and of the units that were really sold, so that
an error of the fleet can be told from one of prices, networks and watts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from computesim.accounts.revenue import revenue
from computesim.cells.sites import site_at
from computesim.fleet.network import share_of
from computesim.fleet.power import nameplate
from computesim.fleet.roadmap import network_at
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.results import Results
    from computesim.scenario import Scenario

STOCK, TDP, PROVISIONED = (
    "H100-equivalents by generation",
    "Power|Accelerator TDP",
    "Power|Provisioned",
)
HBM, WAFERS = "Memory shipped", "Packaging wafers"
#: units of figures that are not in the results table
UNITS: Final = {HBM: "B/year", WAFERS: "wafer/year", "Units": "accelerator"}
PREFIX: Final = "shipments-"  #: of the units sold in the table `history`

Shipped = Mapping[int, Mapping[str, float]]  #: year -> accelerator -> packages in the year
Figures = dict[str, dict[int, float]]  #: variable -> year -> value


def sold(catalog: Catalog) -> dict[int, dict[str, float]]:
    """Return the packages that were sold in each calendar year, by accelerator."""
    found: dict[int, dict[str, float]] = {}
    for name in catalog.names("history"):
        chip = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and not chip.startswith("h100e-"):
            for year, figure in catalog.series("history", name).items():
                found.setdefault(int(year), {})[chip] = figure.number
    return dict(sorted(found.items()))


def shipped_in(results: Results) -> dict[int, dict[str, float]]:
    """Return the packages that a projection ships in each year, by accelerator."""
    found: dict[int, dict[str, float]] = {year: {} for year in results.years}
    for name in results.variables("Accelerators|Shipped|*"):
        for year, count in results.series(name).items():
            if count > 0:
                found[year][name.rsplit("|", 1)[1]] = count
    return found


def of_shipments(shipped: Shipped, scenario: Scenario, catalog: Catalog) -> Figures:
    """Return everything that follows from shipments.

    Parameters
    ----------
    shipped : mapping
        Packages by year and accelerator, from the first year on; nothing retires.
    scenario : Scenario
        Its networks, sites and prices.
    catalog : Catalog

    Returns
    -------
    dict of str to dict of int to float
        By variable and year: stocks at the year's end (H100e, W), flows of the year
        (transceivers, B, wafers, packages by vendor, USD).
    """
    found: Figures = {}
    stock: dict[str, float] = {}
    for year in sorted(shipped):
        units, moment = shipped[year], Moment(scenario, catalog, year)
        for name, count in units.items():
            stock[name] = stock.get(name, 0.0) + count
        parts = _stocks(stock, moment) | _flows(units, moment)
        for variable, value in (parts | revenue(units, moment)).items():
            found.setdefault(variable, {})[year] = value
    _totals(found, "Revenue|NVIDIA", ("Revenue|NVIDIA|Compute", "Revenue|NVIDIA|Networking"))
    return found


def _stocks(stock: Mapping[str, float], moment: Moment) -> dict[str, float]:
    """Return compute and watts of everything sold so far."""
    plan, pue = network_at(moment), site_at(moment).pue
    found = {STOCK: 0.0, TDP: 0.0, PROVISIONED: 0.0}
    for name, count in stock.items():
        chip = moment.catalog.accelerator(name)
        found[STOCK] += count * chip.h100_equivalents
        found[TDP] += count * chip.tdp
        found[PROVISIONED] += count * nameplate(chip, share_of(chip, plan).watts) * pue
    return found


def _flows(units: Mapping[str, float], moment: Moment) -> dict[str, float]:
    """Return modules, memory, wafers and packages of what is shipped in a year."""
    plan, catalog = network_at(moment), moment.catalog
    wafers_good = catalog.value("prices", "wafer", "cowos_yield")
    found: dict[str, float] = {HBM: 0.0, WAFERS: 0.0}

    def add(name: str, value: float) -> None:
        found[name] = found.get(name, 0.0) + value

    for name, count in units.items():
        chip = catalog.accelerator(name)
        add(f"Units|{chip.vendor}", count)
        for speed, modules in share_of(chip, plan).optics.items():
            add(f"Network shipped|Optics|{speed}", count * modules)
        if chip.hbm_stacks > 0:
            add(HBM, count * chip.memory_bytes)
        if chip.packages_per_wafer > 0:
            add(WAFERS, count / chip.packages_per_wafer / wafers_good)
    return found


def _totals(figures: Figures, name: str, parts: tuple[str, ...]) -> None:
    """Add the sum of some figures."""
    years = set.intersection(*(set(figures.get(part, {})) for part in parts))
    figures[name] = {year: sum(figures[part][year] for part in parts) for year in sorted(years)}
