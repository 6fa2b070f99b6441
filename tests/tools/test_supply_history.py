"""The shares of packaging and memory, fitted to two years and held against a third."""

from __future__ import annotations

import pytest

from computesim import load_catalog, load_scenario
from tools.supply_history import (
    FITTED,
    HELD_OUT,
    LEAD,
    Implied,
    memory,
    packaging,
    shipped,
)

CATALOG = load_catalog()
BASELINE = load_scenario("baseline")


def test_shipments_are_those_that_the_compute_of_the_world_is_counted_from() -> None:
    units = shipped(CATALOG, (2023, 2024, 2025))
    series = CATALOG.series("history", "world-h100e-quarterly")
    for year in (2024, 2025):
        added = series[f"{year}-12-31"].number - series[f"{year - 1}-12-31"].number
        ours = sum(
            count * CATALOG.accelerator(name).h100_equivalents
            for name, count in units[year].items()
        )
        assert ours == pytest.approx(added, rel=0.05)


@pytest.mark.parametrize(("read", "key"), [(packaging, "packaging"), (memory, "hbm")])
def test_the_shipped_shares_are_the_fit_and_their_range_is_that_of_the_years(read, key) -> None:
    found: Implied = read(CATALOG)
    share = getattr(BASELINE.supply, f"{key}_share")
    assert share.at(2025) == pytest.approx(found.share, abs=0.006)
    years = [found.taken[year] / found.made[year] for year in found.taken]
    assert share.at(2025, "low") == pytest.approx(min(years), abs=0.006)
    assert share.at(2025, "high") == pytest.approx(max(years), abs=0.006)
    assert BASELINE.supply.lead_time.at(2025) == LEAD * 365.25 * 86400


@pytest.mark.parametrize("read", [packaging, memory])
def test_the_fit_accounts_for_its_years_together_and_for_the_year_held_out_within_a_fifth(
    read,
) -> None:
    found: Implied = read(CATALOG)
    assert FITTED == (2023, 2024)
    assert HELD_OUT == (2025,)
    assert 0.4 < found.error(2023) < 0.5  # too many: what was made was sold in 2024 in part
    assert -0.15 < found.error(2024) < -0.05
    implied, taken = (
        sum(share * part[y] for y in FITTED)
        for share, part in ((found.share, found.made), (1.0, found.taken))
    )
    assert implied == pytest.approx(taken)
    assert abs(found.error(2025)) < 0.21


@pytest.mark.parametrize(
    ("key", "series", "per_year"),
    [("packaging", "cowos-capacity", False), ("hbm", "hbm-made", True)],
)
def test_the_supply_of_the_baseline_is_the_published_one(key, series, per_year) -> None:
    value = getattr(BASELINE.supply, key)
    for date, figure in CATALOG.series("supply", series).items():
        if "-" in date:
            continue
        time = float(date)
        assert value.at(time) == pytest.approx(figure.number, rel=1e-9), date
        if figure.low is not None and (not per_year or time <= 2025 or time == 2030):
            assert value.at(time, "low") == pytest.approx(figure.bounds[0], rel=1e-9), date
            assert value.at(time, "high") == pytest.approx(figure.bounds[1], rel=1e-9), date
