"""The fleet: allocation, purchase and cohorts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from computesim.fleet.cohorts import at_delivery, build
from computesim.fleet.limits import Limit
from computesim.fleet.purchase import purchase

positive = st.floats(0.1, 100)
tables = hnp.arrays(np.float64, (3, 4), elements=positive)
counts = hnp.arrays(np.float64, 3, elements=positive)
demands = hnp.arrays(np.float64, 4, elements=positive)
MIX = np.array([0.5, 0.3, 0.2])


@given(tables, counts, demands)
def test_nothing_is_used_twice_and_all_work_is_done(goodput, stock, demand) -> None:
    count, result = purchase(stock, MIX, goodput, demand)
    assert (result.units.sum(axis=1) <= (stock + count * MIX) * (1 + 1e-6) + 1e-6).all()
    assert (result.units * goodput).sum(axis=0) == pytest.approx(demand, rel=1e-5)
    assert not result.unmet.any()


@given(tables, demands)
def test_a_purchase_is_just_enough(goodput, demand) -> None:
    count, _ = purchase(np.zeros(3), MIX, goodput, demand)
    again, _ = purchase(count * 1.0001 * MIX, MIX, goodput, demand)
    assert again == pytest.approx(0, abs=1e-3 * count)
    more, _ = purchase(0.99 * count * MIX, MIX, goodput, demand)
    assert more == pytest.approx(0.01 * count, rel=1e-3)


@given(demands)
def test_where_accelerators_differ_only_in_speed_the_purchase_is_a_closed_form(demand) -> None:
    goodput = np.outer([1.0, 2.0, 5.0], [1.0, 3.0, 0.5, 2.0])
    count, _ = purchase(np.zeros(3), MIX, goodput, demand)
    assert count == pytest.approx((demand / goodput[0]).sum() / (MIX @ [1.0, 2.0, 5.0]), rel=1e-5)


def test_accelerators_go_where_they_save_most_of_the_others() -> None:
    goodput = np.array([[1.0, 0.1], [1.0, 1.0]])
    _, result = purchase(
        np.array([10.0, 10.0]), np.array([0.0, 1.0]), goodput, np.array([10.0, 10.0])
    )
    assert result.units == pytest.approx(np.array([[10.0, 0.0], [0.0, 10.0]]), abs=1e-6)


def test_an_accelerator_that_cannot_do_a_task_leaves_it_to_the_others() -> None:
    goodput = np.array([[1.0, 0.0], [1.0, 1.0]])
    count, result = purchase(np.array([10.0, 10.0]), np.ones(2), goodput, np.array([8.0, 8.0]))
    assert count == 0
    assert not result.unmet.any()
    assert result.units[0, 1] == 0


def test_what_nothing_can_do_stays_unmet_and_buys_nothing() -> None:
    goodput = np.array([[1.0, 0.0]])
    assert purchase(np.zeros(1), np.ones(1), goodput, np.array([0.0, 5.0]))[0] == 0
    fleet = build([1], np.ones((1, 1)), [goodput], [np.array([10.0, 5.0])], 5.0)
    assert fleet[0].installed.sum() == pytest.approx(10.0)
    assert fleet[0].allocation.unmet == pytest.approx([0.0, 5.0])


def test_what_only_the_stock_can_do_is_done_as_far_as_it_reaches() -> None:
    goodput, mix = np.array([[1.0, 0.5, 2.0], [0.0, 0.0, 1.0]]), np.array([0.0, 1.0])
    count, result = purchase(np.array([10.0, 0.0]), mix, goodput, np.array([12.0, 4.0, 7.0]))
    assert count == pytest.approx(7.0, rel=1e-5)  # all of the stock is taken elsewhere
    assert result.unmet == pytest.approx([6.0, 2.0, 0.0], abs=1e-4)
    enough, result = purchase(np.array([30.0, 0.0]), mix, goodput, np.array([12.0, 4.0, 7.0]))
    assert enough == pytest.approx(0.0, abs=1e-9)
    assert not result.unmet.any()


@pytest.mark.parametrize("slow", [1e-3, 1e-6, 1e-12])
def test_an_accelerator_that_hardly_does_a_task_does_not_upset_the_others(slow: float) -> None:
    goodput = np.array([[1.0, slow], [1.0, 1.0]])
    count, result = purchase(
        np.array([5.0, 0.0]), np.array([0.0, 1.0]), goodput, np.array([9, 8e6])
    )
    assert count == pytest.approx(8e6 + 4.0, rel=1e-6)
    assert not result.unmet.any()


@given(tables, demands, st.floats(0.05, 0.95))
def test_a_limit_cuts_every_task_by_the_same_share(goodput, demand, share) -> None:
    enough, _ = purchase(np.zeros(3), MIX, goodput, demand)
    count, result = purchase(np.zeros(3), MIX, goodput, demand, most=share * enough)
    assert count == pytest.approx(share * enough)
    assert result.unmet / demand == pytest.approx(np.full(4, 1 - share), rel=1e-4)


def test_a_cohort_retires_at_its_age_and_is_replaced() -> None:
    years = [2022, 2023, 2024, 2025]
    flat = np.ones((4, 1, 1))
    fleet = build(years, np.ones((4, 1)), flat, np.full((4, 1), 100.0), lifetime=2.0)
    assert [round(float(f.shipped.sum())) for f in fleet] == [100, 0, 100, 0]
    assert [round(float(f.retired.sum())) for f in fleet] == [0, 0, 100, 0]
    assert all(f.installed.sum() == pytest.approx(100, rel=1e-5) for f in fleet)


@pytest.mark.parametrize("lifetime", [0.5, 1.5])
def test_stock_changes_only_by_what_is_shipped_and_retired(lifetime: float) -> None:
    demand = np.array([[10.0], [40.0], [90.0], [120.0]])
    fleet = build([1, 2, 3, 4], np.ones((4, 1)), np.ones((4, 1, 1)), demand, lifetime=lifetime)
    for before, after in itertools.pairwise(fleet):
        change = after.shipped - after.retired
        assert after.installed == pytest.approx(before.installed + change)


@settings(max_examples=20)
@given(st.floats(1.0, 3.0))
def test_more_demand_never_needs_fewer_accelerators(factor: float) -> None:
    demand = np.array([[10.0, 5.0], [30.0, 9.0]])
    goodput = np.broadcast_to(np.array([[1.0, 2.0], [3.0, 1.0]]), (2, 2, 2))
    mixes = np.array([[1.0, 0.0], [0.4, 0.6]])
    small = build([1, 2], mixes, goodput, demand, 5.0)
    large = build([1, 2], mixes, goodput, demand * factor, 5.0)
    for one, other in zip(small, large, strict=True):
        assert other.installed.sum() >= one.installed.sum() * (1 - 1e-6)


def test_a_limit_on_the_stock_leaves_demand_unmet_and_says_how_much() -> None:
    power = Limit("power", np.array([600.0]), np.array([[10.0]]), stock=True)
    demand = [np.array([100.0])]
    fleet = build([1], np.ones((1, 1)), [np.ones((1, 1))], demand, 5.0, limits=[power])
    assert fleet[0].installed.sum() == pytest.approx(60)
    assert fleet[0].allocation.unmet[0] == pytest.approx(40)


def test_a_fleet_that_also_does_other_work_is_larger() -> None:
    fleet = build(
        [1], np.ones((1, 1)), [np.ones((1, 1))], [np.array([100.0])], 5.0, np.array([0.4])
    )
    assert fleet[0].installed.sum() == pytest.approx(250)
    assert fleet[0].allocation.units.sum() == pytest.approx(100)


@given(st.floats(0.0, 1.0), st.floats(1.0, 5.0))
def test_demand_at_delivery_lies_on_the_growth_path(lag: float, growth: float) -> None:
    demand = [growth**t for t in range(4)]
    assert at_delivery(demand, lag) == pytest.approx([d * growth**lag for d in demand])


def test_demand_that_begins_is_delivered_in_part() -> None:
    assert at_delivery([0.0, 8.0], 0.25) == pytest.approx([2.0, 8.0])
