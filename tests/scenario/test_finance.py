"""What a scenario says about capital and regions, and what is wrong with it when it is wrong."""

from __future__ import annotations

import pytest

from computesim.accounts.cost.tco import terms_at
from computesim.cells.sites import sites_at
from computesim.errors import ScenarioError
from computesim.scenario import Moment, load_scenario


def test_equipment_is_paid_off_over_its_life_unless_the_scenario_says_otherwise() -> None:
    assert terms_at(Moment.of(load_scenario("baseline"), 2026)).it_lifetime == pytest.approx(5)
    longer = load_scenario("baseline", ["fleet.lifetime=6 year"])
    assert terms_at(Moment.of(longer, 2026)).it_lifetime == pytest.approx(6)
    books = load_scenario("baseline", ["fleet.lifetime=6 year", "finance.it_lifetime=3 year"])
    assert terms_at(Moment.of(books, 2026)).it_lifetime == pytest.approx(3)


def test_every_assumption_about_capital_names_its_source_and_has_a_range() -> None:
    rows = {r.key: r for r in load_scenario("baseline").assumptions()}
    for name in ("cost_of_capital", "facility_lifetime", "operations_share"):
        row = rows[f"finance.{name}"]
        assert row.source == "epoch-1gw-cost"
        assert row.low
        assert row.high


def test_regions_may_move_over_the_years_and_go_by_their_aliases() -> None:
    mix = "regions.shares={2022: {us: 0.5, hyperscale-us: 0.3, china: 0.2}, 2026: {gulf: 1}}"
    scenario = load_scenario("baseline", [mix])
    catalog = scenario.catalog()
    early = {site.name: share for share, site in sites_at(Moment(scenario, catalog, 2025))}
    assert early == pytest.approx({"hyperscale-us": 0.8, "china": 0.2})
    assert [site.name for _, site in sites_at(Moment(scenario, catalog, 2026))] == ["gulf"]


def test_figures_of_the_scenario_hold_in_every_region() -> None:
    mix = "regions.shares={norway: 0.5, china: 0.5}"
    scenario = load_scenario("baseline", [mix, "site.pue=1.3", "prices.electricity=0.2"])
    for _, site in sites_at(Moment.of(scenario, 2026)):
        assert site.pue == 1.3
        assert site.electricity_price == pytest.approx(0.2 / 3.6e6)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("regions.shares={norwey: 1}", "did you mean norway"),
        ("regions.shares={norway: 0.5, china: 0.2}", "sum to 0.7"),
        ("finance.cost_of_capital=-0.1", "finance.cost_of_capital"),
        ("finance.facility_lifetime=14 W", "finance.facility_lifetime"),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_near_miss(override: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("baseline", [override])
    assert said in str(caught.value)
