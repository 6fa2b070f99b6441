"""Token flows and diffusion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.adoption import (
    Usage,
    daily_tokens,
    price_factor,
)
from computesim.workload.diffusion import bass, logistic, logistic_through
from computesim.workload.requests import RequestStream

REQUEST = RequestStream(1.0, 1500, 0.4, 400, reasoning_tokens=1200, samples=2)
USAGE = Usage(1e6, 8, REQUEST, reasoning_share=0.25, on_device_share=0.1)


def test_tokens_of_a_day_can_be_counted_request_by_request():
    total = daily_tokens(USAGE).total
    prompt = cached = reasoning = answer = 0.0
    for request in range(8_000):  # every one stands for a thousand
        thinks = request % 4 == 0
        prompt += 1.5e6 * 0.6
        cached += 1.5e6 * 0.4
        reasoning += 1000 * 2 * 1200 if thinks else 0
        answer += 1000 * 400 * (2 if thinks else 1)
    assert total.fresh_prompt == pytest.approx(prompt)
    assert total.cached_prompt == pytest.approx(cached)
    assert total.reasoning == pytest.approx(reasoning)
    assert total.answer == pytest.approx(answer)


def test_cloud_and_device_make_the_whole():
    days = daily_tokens(USAGE)
    assert days.device.output == pytest.approx(0.1 * days.total.output)
    assert days.cloud.requests + days.device.requests == pytest.approx(8e6)
    assert days.cloud.prompt == pytest.approx(0.9 * 8e6 * 1500)


def test_the_deepseek_disclosure_comes_out_of_its_shares():
    """608 B in of which 56.3 % cached and 168 B out on one day (DeepSeek, 1 March 2025)."""
    usage = Usage(1, 608e9 / 4000, RequestStream(1.0, 4000, 342 / 608, 168 / 608 * 4000))
    flow = daily_tokens(usage).cloud
    assert flow.prompt == pytest.approx(608e9)
    assert flow.cached_prompt / flow.prompt == pytest.approx(0.563, abs=1e-3)
    assert flow.output == pytest.approx(168e9)


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_use_is_proportional_to_users_and_factor(users, factor):
    request = RequestStream(1.0, 100, answer_tokens=50)
    one = daily_tokens(Usage(1, 3, request)).total
    assert daily_tokens(Usage(users, 3, request), factor).total.output == pytest.approx(
        users * factor * one.output
    )


@pytest.mark.parametrize(
    "faulty", [{"cached_share": 1.2}, {"samples": 0.5}, {"reasoning_tokens": -1}, {"spread": -1}]
)
def test_impossible_requests_are_refused(faulty):
    with pytest.raises(ValueError, match=next(iter(faulty))):
        RequestStream(**{"rate": 1, "prompt_tokens": 1} | faulty)


@pytest.mark.parametrize("faulty", [{"users": -1}, {"reasoning_share": 1.2}])
def test_impossible_use_is_refused(faulty):
    good = {"users": 1, "requests_per_user": 1, "request": REQUEST}
    with pytest.raises(ValueError, match=next(iter(faulty))):
        Usage(**good | faulty)


@given(st.floats(0.01, 100), st.floats(0.0, 3))
def test_price_factor_has_the_asked_elasticity(ratio, elasticity):
    factor = price_factor(ratio, 1.0, elasticity)
    assert factor * price_factor(1.0, ratio, elasticity) == pytest.approx(1)
    nudge = price_factor(ratio * 1.001, 1.0, elasticity) / factor
    assert np.log(nudge) / np.log(1.001) == pytest.approx(-elasticity, abs=1e-6)


def test_elasticity_of_one_leaves_spending_as_it_is():
    assert 0.1 * price_factor(0.1, 1.0, 1.0) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="positive"):
        price_factor(0.0, 1.0, 1.0)


def test_a_logistic_goes_through_its_points():
    midpoint, rate = logistic_through((2023.0, 0.1e9), (2025.0, 0.8e9), 3e9)
    assert logistic(2023.0, 3e9, midpoint, rate) == pytest.approx(0.1e9)
    assert logistic(2025.0, 3e9, midpoint, rate) == pytest.approx(0.8e9)
    assert logistic(midpoint, 3e9, midpoint, rate) == pytest.approx(1.5e9)
    assert logistic(2100.0, 3e9, midpoint, rate, floor=1e8) == pytest.approx(3e9)
    for points in (((2023, 1), (2025, 1)), ((2023, 1), (2023, 2)), ((2023, 0), (2025, 2))):
        with pytest.raises(ValueError, match="logistic"):
            logistic_through(*points, ceiling=3)


def test_bass_solves_its_differential_equation():
    p, q, ceiling = 0.03, 0.4, 1e6
    for years in (0.5, 3.0, 9.0):
        h = 1e-4
        rate = (bass(years + h, ceiling, p, q) - bass(years - h, ceiling, p, q)) / (2 * h)
        adopted = bass(years, ceiling, p, q)
        expected = (p + q * adopted / ceiling) * (ceiling - adopted)
        assert rate == pytest.approx(expected, rel=1e-6)
    assert bass(-1.0, ceiling, p, q) == 0
    assert bass(100.0, ceiling, p, q) == pytest.approx(ceiling)
