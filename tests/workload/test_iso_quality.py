"""Along equal quality: curves stay on their target, exchange rates are slopes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from computesim import load_catalog
from computesim.workload.balance import Spending, least
from computesim.workload.iso_quality import exchange, frontier, reach
from computesim.workload.room import Quality, Room
from computesim.workload.skill import skill_named

SPENDING = Spending(1.0, lambda t, k: 2 * 37e9 * (500 + k * (t + t**2 / 2e5)), 3e6)


def quality(method: str = "single", samples: int = 1) -> Quality:
    skill = skill_named("aime-2024", load_catalog())
    return Quality(skill, method, Room((1e19, 1e26), (100, 120_000), samples))


def test_every_point_of_a_curve_has_the_accuracy_of_the_curve() -> None:
    for method, samples in (("single", 1), ("best_of", 8)):
        asked = quality(method, samples)
        ends = reach(asked, 0.75)
        assert ends is not None
        grid = np.geomspace(*ends, 9).tolist()
        curve = frontier(asked, SPENDING, 0.75, grid)
        for one in curve:
            assert one is not None
            assert one.accuracy == pytest.approx(0.75, abs=1e-6)
        chains = [one.on_requests for one in curve if one]
        assert chains == sorted(chains, reverse=True)


def test_a_curve_ends_where_nothing_reaches_it() -> None:
    ends = reach(quality(), 0.75)
    assert ends is not None
    assert frontier(quality(), SPENDING, 0.75, [ends[0] / 2]) == [None]
    assert reach(quality(), 0.97) is None
    assert frontier(quality(), SPENDING, 0.97, [1e24]) == [None]


def test_the_exchange_rate_is_the_slope_of_the_curve() -> None:
    near = [1e22, 1.0001e22]
    one, other = frontier(quality(), SPENDING, 0.75, near)
    assert one is not None
    assert other is not None
    step = math.log(near[1] / near[0])
    traded = exchange(quality(), SPENDING, one)
    assert traded.tokens == pytest.approx(math.log(other.tokens / one.tokens) / step, rel=1e-3)
    assert traded.requests == pytest.approx(
        math.log(other.on_requests / one.on_requests) / step, rel=1e-3
    )
    assert traded.rate == pytest.approx(
        (one.on_requests - other.on_requests) / (other.on_rl - one.on_rl), rel=1e-3
    )


def test_at_the_balance_a_unit_of_rl_saves_a_unit_of_requests() -> None:
    for target in (0.7, 0.8, 0.88):
        solved = least(quality(), SPENDING, target)
        traded = exchange(quality(), SPENDING, solved)
        assert traded.rate == pytest.approx(1.0, abs=1e-3)
        assert solved.rl_share / (1 - solved.rl_share) == pytest.approx(-traded.requests, rel=1e-3)


def test_more_rl_than_the_balance_saves_less_than_it_costs_and_the_other_way_round() -> None:
    solved = least(quality(), SPENDING, 0.8)
    rates = [
        exchange(quality(), SPENDING, one).rate
        for one in frontier(
            quality(), SPENDING, 0.8, [solved.rl_flop / 1.5, solved.rl_flop, solved.rl_flop * 3]
        )
        if one is not None
    ]
    assert rates[0] > rates[1] > rates[2]
    assert rates[0] > 1.0 > rates[2]


def test_the_shadow_price_is_the_derivative_of_the_least_spending() -> None:
    spent = [least(quality(), SPENDING, 0.8 + step).total for step in (-1e-4, 1e-4)]
    traded = exchange(quality(), SPENDING, least(quality(), SPENDING, 0.8))
    assert traded.shadow_price == pytest.approx((spent[1] - spent[0]) / 2e-4, rel=1e-2)
