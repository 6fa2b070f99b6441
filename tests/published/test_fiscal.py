"""Fiscal quarters as calendar years."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim import load_catalog
from computesim.published.fiscal import QUARTER, calendar_years


def quarters(first: date, flows: list[float]) -> dict[str, float]:
    """Return quarters of 13 weeks, the first of which ends on a date."""
    ends = [first + timedelta(days=QUARTER * n) for n in range(len(flows))]
    return {end.isoformat(): flow for end, flow in zip(ends, flows, strict=True)}


def test_a_steady_flow_gives_every_year_its_days() -> None:
    years = calendar_years(quarters(date(2021, 1, 31), [91.0] * 24))
    assert years == pytest.approx({y: 366 if y == 2024 else 365 for y in years}, abs=1e-9)
    assert set(years) == {2021, 2022, 2023, 2024, 2025}


def test_a_year_that_the_quarters_do_not_cover_is_left_out() -> None:
    assert calendar_years(quarters(date(2025, 4, 27), [1.0, 1.0, 1.0])) == {}


def test_a_quarter_is_divided_by_its_days_on_either_side_of_new_year() -> None:
    # 31 October 2024 to 29 January 2025: 62 of 91 days lie in 2024
    flows = {"2024-10-30": 0.0, "2025-01-29": 91.0, "2025-04-30": 0.0, "2025-07-30": 0.0}
    flows |= {"2025-10-29": 0.0, "2026-01-28": 0.0}
    assert calendar_years(flows) == pytest.approx({2025: 29.0})


@given(st.lists(st.floats(0.1, 100.0), min_size=8, max_size=16))
def test_nothing_is_lost_or_added(flows: list[float]) -> None:
    given = {"2020-03-31": 0.0} | quarters(date(2020, 6, 30), flows)
    last = date.fromisoformat(max(given))
    after = {(last + timedelta(days=QUARTER * n)).isoformat(): 0.0 for n in range(1, 10)}
    years = calendar_years({"2019-12-31": 0.0} | given | after)
    assert sum(years.values()) == pytest.approx(sum(flows))


def test_quarters_of_nvidia_add_up_to_the_published_fiscal_years() -> None:
    catalog = load_catalog()
    series = catalog.series("history", "nvidia-data-centre-revenue-quarterly")
    published = catalog.series("history", "nvidia-data-centre-revenue")
    for year, total in published.items():
        after = int(year) + 1  # fiscal 2026 ends in January 2026
        own = [f.number for end, f in series.items() if f"{year}-02" <= end < f"{after}-02"]
        assert len(own) == 4
        assert sum(own) == pytest.approx(total.number, rel=0.002)


def test_calendar_years_of_a_growing_vendor_lie_between_the_fiscal_years() -> None:
    catalog = load_catalog()
    series = catalog.series("history", "nvidia-data-centre-revenue-quarterly")
    years = calendar_years({end: figure.number for end, figure in series.items()})
    assert set(years) >= {2022, 2023, 2024, 2025}
    fiscal = catalog.series("history", "nvidia-data-centre-revenue")
    for year in (2023, 2024, 2025):
        assert fiscal[str(year - 1)].number < years[year] < fiscal[str(year)].number
        assert years[year] > 0.85 * fiscal[str(year)].number
