"""Ends and shares of the sites: ranges stand on both sides of the middle, nothing over nothing."""

from __future__ import annotations

import pytest

from computesim import load_scenario
from computesim.catalog import load_catalog
from computesim.cells.sites import build_cost_range, site_at
from computesim.published.anchors import it_share
from computesim.results import Results, Row
from computesim.scenario import Moment

CATALOG = load_catalog()


@pytest.mark.parametrize("shares", ["{india: 1}", "{china: 0.5, hyperscale-us: 0.5}"])
def test_the_range_of_building_is_that_of_the_regions(shares: str) -> None:
    """A fleet in India was given the range of the United States, whose low end is above it."""
    scenario = load_scenario("baseline", [f"regions.shares={shares}"])
    low, high = build_cost_range(Moment(scenario, CATALOG, 2025))
    assert low <= site_at(Moment(scenario, CATALOG, 2025)).build_cost <= high


def test_the_range_of_two_regions_is_the_mean_of_their_ranges() -> None:
    scenario = load_scenario("baseline", ["regions.shares={china: 0.25, hyperscale-us: 0.75}"])
    low, high = build_cost_range(Moment(scenario, CATALOG, 2025))
    assert low == pytest.approx(0.25 * 5.6 + 0.75 * 9.3)
    assert high == pytest.approx(0.25 * 8.6 + 0.75 * 15)


@pytest.mark.parametrize(("facility", "share"), [(0.0, 1.0), (2.0, 0.5)])
def test_a_world_without_power_has_a_share_of_it_power(facility: float, share: float) -> None:
    """With no capital at all nothing is bought; the comparison with the past then divided by 0."""
    rows = [
        Row(f"Power|{part}|CoT inference", "W", 2022, value, 0)
        for part, value in (("IT", facility / 2), ("Facility", facility))
    ]
    assert it_share(Results.from_rows(rows, {}), 2022) == share
