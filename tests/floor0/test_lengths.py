"""Length laws against draws, integrals and measured production traffic."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.lengths import (
    LengthLaw,
    lognormal_length,
    quantile,
    representative_lengths,
    with_mean,
)

# DeepSeek-R1 in production, 1.38 M requests of one day: ServeGen, fitted mixture
PRODUCTION = LengthLaw((0.738, 0.262), (6.43, 7.77), (0.70, 0.95))


def test_production_mixture_has_the_measured_mean_and_quantiles():
    assert PRODUCTION.mean == pytest.approx(1528, rel=0.03)
    for share, tokens in ((0.5, 791), (0.9, 3436), (0.99, 12_654)):
        assert quantile(PRODUCTION, share) == pytest.approx(tokens, rel=0.06)


def test_few_long_requests_carry_a_fifth_of_the_output():
    """2.6 % of the requests exceed 8k tokens and carry 21 % of the output (measured)."""
    longer = 1 - PRODUCTION.cdf(8000)
    assert longer == pytest.approx(0.026, abs=0.004)
    carried = PRODUCTION.mean - replace(PRODUCTION, cap=8000).mean + 8000 * longer
    assert carried / PRODUCTION.mean == pytest.approx(0.21, abs=0.03)


@given(
    st.floats(2, 10),
    st.floats(0.05, 1.5),
    st.floats(2, 12),
    st.sampled_from(["mean", "mean_square"]),
)
def test_capped_moments_are_the_integrals_over_quantiles(log_mean, log_sd, log_cap, moment):
    law = LengthLaw((1.0,), (log_mean,), (log_sd,), math.exp(log_cap))
    z = np.linspace(-9, 9, 20_001)
    tokens = np.minimum(np.exp(log_mean + log_sd * z), law.cap)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    power = 1 if moment == "mean" else 2
    integral = np.trapezoid(tokens**power * density, z)
    assert getattr(law, moment) == pytest.approx(integral, rel=1e-4)


@given(st.floats(10, 20_000), st.floats(0, 1.4))
def test_a_lognormal_has_the_asked_mean_below_its_cap_too(mean, spread):
    assert lognormal_length(mean, spread).mean == pytest.approx(mean)
    assert lognormal_length(mean, spread, 32_768).mean == pytest.approx(mean, rel=1e-6)


def test_a_mean_beyond_the_cap_is_refused():
    with pytest.raises(ValueError, match="cap"):
        lognormal_length(40_000, 0.7, 32_768)
    with pytest.raises(ValueError, match="positive"):
        lognormal_length(0, 0.7)


@given(st.integers(8, 64), st.sampled_from([math.inf, 32_768, 5000]))
def test_representative_lengths_keep_mean_and_mean_square(n, cap):
    law = replace(PRODUCTION, cap=cap)
    points = representative_lengths(law, n)
    assert sum(points) / n == pytest.approx(law.mean)
    assert sum(x * x for x in points) / n == pytest.approx(law.mean_square, rel=1e-6)
    assert list(points) == sorted(points)
    assert points[-1] < 1.1 * cap


def test_one_representative_length_is_the_mean():
    assert representative_lengths(PRODUCTION, 1) == (pytest.approx(PRODUCTION.mean),)


@given(st.floats(0.001, 0.999))
def test_a_quantile_is_the_inverse_of_the_distribution(share):
    assert PRODUCTION.cdf(quantile(PRODUCTION, share)) == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize(
    "faulty", [((0.5, 0.4), (1, 1), (1, 1)), ((1.0,), (1, 2), (1,)), ((1.0,), (1,), (-1,))]
)
def test_impossible_laws_are_refused(faulty):
    with pytest.raises(ValueError, match="law"):
        LengthLaw(*faulty)


def test_draws_have_the_moments_of_the_law() -> None:
    law = with_mean(LengthLaw((0.7, 0.3), (6.4, 7.8), (0.7, 0.95), 16_000, 100.0), 2000)
    drawn = law.draw(400_000, np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(2000, rel=0.01)
    assert (drawn.astype(float) ** 2).mean() == pytest.approx(law.mean_square, rel=0.02)
    assert (drawn == law.cap).mean() == pytest.approx(law.capped_share, abs=2e-3)
    assert (drawn == law.least).mean() == pytest.approx(law.cdf(100.5), abs=2e-3)


@given(st.floats(0, 5000), st.floats(0.05, 1.2))
def test_the_average_token_stands_in_a_longer_sequence_than_the_mean(before, spread):
    law = lognormal_length(1500, spread, 8000)
    drawn = before + law.draw(40_000, np.random.default_rng(3)).astype(float)
    expected = (drawn**2).mean() / drawn.mean()
    assert law.token_mean(before) == pytest.approx(expected, rel=0.05)
