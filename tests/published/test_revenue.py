"""Revenue of vendors from shipments, against what NVIDIA published."""

from __future__ import annotations

import pytest

from computesim import load_catalog, load_scenario
from computesim.accounts.revenue import (
    COMPUTE,
    NETWORKING,
    accelerator_price,
    attach_of,
    networking,
    own_fabric,
    revenue,
    switch_value,
    vintages,
)
from computesim.catalog import Catalog
from computesim.fleet.network import share_of
from computesim.fleet.roadmap import network_at
from computesim.published.fiscal import calendar_years
from computesim.published.shipments import of_shipments, sold
from computesim.scenario import Moment, Scenario

YEARS = (2022, 2023, 2024, 2025)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("baseline")


def published(catalog: Catalog, part: str) -> dict[int, float]:
    series = catalog.series("history", f"nvidia-{part}-revenue-quarterly")
    return calendar_years({end: figure.number for end, figure in series.items()})


@pytest.mark.parametrize("year", YEARS)
def test_units_as_sold_give_the_published_revenue_within_15_percent(
    year: int, scenario: Scenario, catalog: Catalog
) -> None:
    found = revenue(sold(catalog)[year], Moment(scenario, catalog, year))
    ours = found[COMPUTE] + found[NETWORKING]
    assert ours == pytest.approx(published(catalog, "data-centre")[year], rel=0.15)


@pytest.mark.parametrize("year", YEARS[1:])  # networking of 2022 was not disclosed
def test_units_as_sold_give_the_published_share_of_networking_within_4_points(
    year: int, scenario: Scenario, catalog: Catalog
) -> None:
    found = revenue(sold(catalog)[year], Moment(scenario, catalog, year))
    ours = found[NETWORKING] / (found[COMPUTE] + found[NETWORKING])
    theirs = published(catalog, "networking")[year] / published(catalog, "data-centre")[year]
    assert ours == pytest.approx(theirs, abs=0.04)


def test_units_as_sold_of_amd_exceed_the_published_bound(
    scenario: Scenario, catalog: Catalog
) -> None:
    found = revenue(sold(catalog)[2024], Moment(scenario, catalog, 2024))
    assert 1.0 < found["Revenue|AMD|Compute"] / 5e9 < 1.3  # "more than 5 billion"


def test_the_price_of_a_year_is_the_published_one_and_stays_after_the_last(
    scenario: Scenario, catalog: Catalog
) -> None:
    h100 = catalog.accelerator("h100-sxm")
    prices = [
        accelerator_price(h100, Moment(scenario, catalog, year))
        for year in (2022, 2024, 2025, 2030)
    ]
    assert prices == pytest.approx([36742, 26268, 23238, 23238])
    vr200 = catalog.accelerator("vr200")
    assert accelerator_price(vr200, Moment(scenario, catalog, 2027)) == vr200.price


def test_a_price_of_the_scenario_comes_before_the_published_one(catalog: Catalog) -> None:
    own = load_scenario("baseline", ["prices.accelerators.h100=30000"])
    assert accelerator_price(catalog.accelerator("h100-sxm"), Moment(own, catalog, 2025)) == 30000


def test_variants_for_china_carry_adapters_only(scenario: Scenario, catalog: Catalog) -> None:
    h20, h100 = catalog.accelerator("h20"), catalog.accelerator("h100-sxm")
    assert attach_of(h20, Moment(scenario, catalog, 2024)).switches == 0.0
    assert (
        attach_of(h100, Moment(scenario, catalog, 2024)).switches
        > attach_of(h100, Moment(scenario, catalog, 2025)).switches
        > 0.3
    )
    fabric = own_fabric(h20, network_at(Moment(scenario, catalog, 2024)), catalog)
    adapters = 0.9 * fabric.nic_price
    assert networking(h20, Moment(scenario, catalog, 2024)) == pytest.approx(adapters)
    assert networking(h100, Moment(scenario, catalog, 2024)) > 2 * adapters


def test_an_accelerator_is_wired_with_the_fabric_of_its_adapter(
    scenario: Scenario, catalog: Catalog
) -> None:
    plans = {year: network_at(Moment(scenario, catalog, year)) for year in (2022, 2025)}
    h100, gb300 = catalog.accelerator("h100-sxm"), catalog.accelerator("gb300")
    assert own_fabric(h100, plans[2022], catalog).name == "infiniband-ndr"
    assert own_fabric(gb300, plans[2025], catalog).name == "infiniband-xdr"


def test_three_tiers_of_switches_cost_what_the_published_h100_network_costs(
    scenario: Scenario, catalog: Catalog
) -> None:
    # 6,600 USD per endpoint of three tiers in August 2024, of which at the ratio of two tiers
    # (1.7 of 4.3 kUSD) 2.6 kUSD are switches
    h100, plan = catalog.accelerator("h100-sxm"), network_at(Moment(scenario, catalog, 2024))
    assert switch_value(share_of(h100, plan), plan.fabric) == pytest.approx(2600, rel=0.3)


def test_nothing_shipped_is_no_revenue(scenario: Scenario, catalog: Catalog) -> None:
    assert set(revenue({}, Moment(scenario, catalog, 2025)).values()) == {0.0}


def test_dated_shares_stand_in_the_middle_of_their_year(catalog: Catalog) -> None:
    shares = vintages(catalog, "nvidia-attach", "infiniband")
    assert min(shares) == pytest.approx(2023 + 10 / 12)
    assert max(shares) == 2025.5


def test_what_follows_from_units_as_sold_is_near_the_published_stock(
    scenario: Scenario, catalog: Catalog
) -> None:
    figures = of_shipments(sold(catalog), scenario, catalog)
    for year in YEARS:
        low, high = catalog.figure("history", "world-h100e", str(year)).bounds
        assert low <= figures["H100-equivalents by generation"][year] <= high
        units = catalog.value("history", "units-shipped-nvidia", str(year))
        assert figures["Units|NVIDIA"][year] == pytest.approx(units, rel=1e-6)
    tdp = catalog.value("history", "world-chip-tdp", "2025")
    assert figures["Power|Accelerator TDP"][2025] == pytest.approx(tdp, rel=0.05)
    modules = figures["Network shipped|Optics|800G"][2025]
    bounds = catalog.figure("history", "modules-800g", "2025").bounds
    low, high = (end * 365.25 * 86400 for end in bounds)
    assert low <= modules <= high
