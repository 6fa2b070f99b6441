"""Totals of the bill beside published markets, and the segments that the bill is read by.

Two sides of ours: of the accelerators that were shipped as published, which tests
the ratios alone, and of those that the scenario ships, which also holds how many
the scenario buys in that year.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from computesim.accounts.bill.ratios import Ratios
from computesim.accounts.bill.rows import shipped
from computesim.arrays import Floats
from computesim.calendar import YEAR
from computesim.fleet.roadmap import network_at
from computesim.results import BillCheck, Manifest, Results, Segment
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog, Figure
    from computesim.hardware.accelerator import Accelerator
    from computesim.scenario import Scenario

_SHIPMENTS = "shipments-"
_REFERENCE = ("bom", "market-", "device-")


class Market(NamedTuple):
    """One published market and what of the bill it is held against."""

    name: str
    table: str
    series: str
    variable: str  #: a name of the bill, its parts added up
    unit: str
    of: Callable[[Accelerator], bool] = lambda _: True  #: which accelerators count


def _nvl72(accelerator: Accelerator) -> bool:
    """Tell whether an accelerator comes in racks of NVIDIA's scale-up domain."""
    return accelerator.vendor == "NVIDIA" and accelerator.scaleup_domain >= 72


MARKETS = (
    Market("HBM shipped", "history", "hbm-bytes", "Bill|HBM", "B"),
    Market("HBM market", "history", "hbm-revenue", "Bill content|HBM", "USD/year"),
    Market("HBM in AI chips", "bill", "market-hbm-spend", "Bill content|HBM", "USD/year"),
    Market("CoWoS wafers", "history", "cowos-demand", "Bill|Packaging wafers", "wafer"),
    Market(
        "Packaging of AI chips", "bill", "market-packaging-spend", "Bill content|Packaging",
        "USD/year",
    ),
    Market("800G modules", "history", "modules-800g", "Bill|Optics|800G", "transceiver"),
    Market("1.6T modules", "history", "modules-1.6t", "Bill|Optics|1.6T", "transceiver"),
    Market("Optics for AI", "history", "ai-optics-revenue", "Bill content|Optics", "USD/year"),
    Market("NVL72 racks", "history", "nvl72-racks", "Bill|Racks", "rack", _nvl72),
    Market(
        "Boards of NVIDIA racks", "bill", "market-pcb-nvidia-racks", "Bill content|PCB", "USD/year",
        _nvl72,
    ),
    Market(
        "Power modules (wider)", "bill", "market-power-modules", "Part|Power supplies", "USD/year"
    ),
    Market(
        "Liquid cooling (wider)", "bill", "market-liquid-cooling", "Part|Liquid cooling",
        "USD/year",
    ),
)  # fmt: skip


def told(results: Results, scenario: Scenario, ratios: Ratios) -> Manifest:
    """Return what a manifest says of the bill: segments, markets, estimates, exchange rate.

    Parameters
    ----------
    results : Results
    scenario : Scenario
    ratios : Ratios
    """
    guessed, count = _estimates(ratios.catalog)
    return Manifest(
        segments=segments(ratios.catalog),
        bill_checks=_checks(results, scenario, ratios),
        bill_estimates=guessed,
        bill_ratios=count,
        cny_per_usd=ratios.catalog.value("prices", "currency", "cny_per_usd"),
    )


def _checks(results: Results, scenario: Scenario, ratios: Ratios) -> list[BillCheck]:
    """Return ours and the published figure for every market and year of the horizon.

    Misses are included; `ours` is left out of years without published shipments.
    """
    found, known = [], {}
    for market in MARKETS:
        for date, figure in ratios.catalog.series(market.table, market.series).items():
            if not date.isdigit() or int(date) not in results.years:
                continue
            year = int(date)
            if year not in known:
                known[year] = _Year(year, results, scenario, ratios)
            found.append(known[year].check(market, figure))
    return found


class _Year:
    """What comes with the accelerators of one year, as published and in the scenario."""

    def __init__(self, year: int, results: Results, scenario: Scenario, ratios: Ratios) -> None:
        catalog = ratios.catalog
        self.year = year
        self.published = as_published(catalog, year)
        self.scenario = in_scenario(results, year)
        plan = network_at(Moment(scenario, catalog, year))
        names = dict.fromkeys([*self.published, *self.scenario])
        self.machines = [catalog.accelerator(name) for name in names]
        one = np.ones(1)
        self.each = {m.name: shipped([m], one, plan, ratios, year) for m in self.machines}

    def check(self, market: Market, figure: Figure) -> BillCheck:
        """Return one market beside ours."""
        low, high = figure.bounds
        found = BillCheck(
            name=market.name,
            year=self.year,
            unit=market.unit,
            scenario=float(self._total(market, self.scenario)[1]),
            actual=figure.number * YEAR,  # the catalog turns rates into rates per second
            low=low * YEAR,
            high=high * YEAR,
            source=figure.source,
        )
        if self.published:
            ours = self._total(market, self.published)
            found["ours_low"], found["ours"], found["ours_high"] = map(float, ours)
        return found

    def _total(self, market: Market, units: Mapping[str, float]) -> Floats:
        """Return the low, central and high total of a market for these accelerators."""
        total: Floats = np.zeros(3)
        for machine in self.machines:
            if machine.name in units and market.of(machine):
                for name, each in self.each[machine.name].items():
                    if name == market.variable or name.startswith(market.variable + "|"):
                        total = total + units[machine.name] * each
        return total


def as_published(catalog: Catalog, year: int) -> dict[str, float]:
    """Return the accelerators that were shipped in a year, by name; empty where unknown.

    Parameters
    ----------
    catalog : Catalog
        NVIDIA, AMD, Google and Amazon; Huawei and the chips of Meta and Microsoft are not in it.
    year : int
    """
    found, machines = {}, set(catalog.names("accelerators"))
    for series in catalog.names("history"):
        name = series.removeprefix(_SHIPMENTS)
        known = series.startswith(_SHIPMENTS) and name in machines
        if known and catalog.has("history", series, str(year)):
            found[name] = catalog.value("history", series, str(year))
    return found


def in_scenario(results: Results, year: int) -> dict[str, float]:
    """Return the accelerators that a scenario ships in a year, by name."""
    names = results.variables("Accelerators|Shipped|*")
    return {name.split("|")[-1]: results.series(name).get(year, 0.0) for name in names}


def _estimates(catalog: Catalog) -> tuple[int, int]:
    """Return how many ratios of the bill are estimates, and how many there are.

    Published markets and bills of materials of their table are no ratios.
    """
    rows = [f for f in catalog.rows("bill") if not f.name.startswith(_REFERENCE)]
    return sum(figure.source == "estimate" for figure in rows), len(rows)


def segments(catalog: Catalog) -> list[Segment]:
    """Return the segments of the supply chain in the order of their table.

    Parameters
    ----------
    catalog : Catalog
    """
    found = []
    for name in catalog.names("segments"):
        rows = catalog.series("segments", name)
        text = {key: figure.text for key, figure in rows.items()}
        found.append(
            Segment(
                key=name,
                label=text["label"],
                label_zh=text["label_zh"],
                chain=text["chain"],
                driver=text["driver"],
                quantity=text.get("quantity", ""),
                unit_zh=text.get("unit_zh", ""),
                factor_zh=rows["factor_zh"].number if "factor_zh" in rows else 1.0,
                value=text.get("value", ""),
                inside=_list(text.get("inside", "")),
                names_seed=_list(text.get("names_seed", "")),
                names_other=_list(text.get("names_other", "")),
                note=rows["value"].note if "value" in rows else text.get("remark", ""),
            )
        )
    return found


def _list(text: str) -> list[str]:
    """Return the entries of a list cell."""
    return [entry for entry in text.split(";") if entry]
