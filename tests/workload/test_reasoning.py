"""Length laws against draws, integrals and measured production traffic."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.draws import (
    lengths_from_draws,
    lengths_per_task,
    sample_lengths,
    shares_from_draws,
    split_output,
)
from computesim.workload.reasoning import (
    LengthLaw,
    ShareLaw,
    effort_tiers,
    grown,
    lognormal_length,
    mixed,
    quantile,
    representative_lengths,
    scaled,
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


def test_growth_meets_its_cap():
    law = LengthLaw((1.0,), (7.0,), (0.9,), 32_768)
    assert grown(law, 5.0, 1.0, cap=1e12).mean == pytest.approx(
        5 * LengthLaw((1.0,), (7.0,), (0.9,)).mean, rel=1e-6
    )
    assert grown(law, 5.0, 3.0).mean < 125 * law.mean
    assert grown(law, 5.0, 30.0).mean == pytest.approx(32_768)
    assert grown(law, 5.0, 3.0).capped_share > law.capped_share


def test_effort_tiers_of_gpt_oss_span_sixteen_times():
    """About 1.1k tokens at low and 18k at high effort on GPQA (gpt-oss model card)."""
    tiers = effort_tiers(lognormal_length(1100, 0.7), {"low": 1.0, "high": 18 / 1.1})
    assert tiers["high"].mean == pytest.approx(18_000)
    mix = mixed((tiers["low"], tiers["high"]), (0.75, 0.25))
    assert mix.mean == pytest.approx(0.75 * 1100 + 0.25 * 18_000)


def test_laws_with_different_caps_do_not_mix():
    with pytest.raises(ValueError, match="caps"):
        mixed((lognormal_length(10, 1), lognormal_length(10, 1, 100)), (0.5, 0.5))


def test_draws_have_the_moments_of_the_law():
    law = with_mean(LengthLaw((0.7, 0.3), (6.4, 7.8), (0.7, 0.95), 16_000), 2000)
    lengths = sample_lengths(law, np.random.default_rng(1), 400_000)
    assert lengths.mean() == pytest.approx(2000, rel=0.01)
    assert (lengths**2).mean() == pytest.approx(law.mean_square, rel=0.02)
    assert (lengths == law.cap).mean() == pytest.approx(law.capped_share, abs=2e-3)


def test_the_same_draws_make_lengths_that_scale():
    rng = np.random.default_rng(2)
    uniform, normal = rng.random(1000), rng.standard_normal(1000)
    short = lengths_from_draws(PRODUCTION, uniform, normal)
    long = lengths_from_draws(scaled(PRODUCTION, 3.0), uniform, normal)
    np.testing.assert_allclose(long, 3 * short)


def test_tries_at_one_task_resemble_each_other():
    rng = np.random.default_rng(4)
    law, n = LengthLaw((1.0,), (8.0,), (0.6,)), 20_000
    lengths = lengths_per_task(
        law, 0.4, rng.random(n), rng.standard_normal(n), rng.standard_normal((n, 8))
    )
    logs = np.log(lengths)
    assert logs.std() == pytest.approx(math.hypot(0.6, 0.4), rel=0.01)
    assert logs.std(axis=1, ddof=1).mean() == pytest.approx(0.4 * 0.965, rel=0.01)


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


# Fitted to DeepSeek-R1 in production (ServeGen): the five figures of the first test below
SHARES = ShareLaw((0.2863, 0.7137), (12.58, 5.48), (54_300, 1.398))


def test_reasoning_share_of_r1_in_production_is_reproduced():
    """Mean 69.7 %, median 76 %, p90 95 %; 12 % of requests at 30-40 %, 44 % at 80-100 %."""
    assert SHARES.mean == pytest.approx(0.697, abs=0.005)
    assert SHARES.cdf(0.76) == pytest.approx(0.5, abs=0.01)
    assert SHARES.cdf(0.95) == pytest.approx(0.9, abs=0.01)
    assert SHARES.cdf(0.4) - SHARES.cdf(0.3) == pytest.approx(0.12, abs=0.01)
    assert 1 - SHARES.cdf(0.8) == pytest.approx(0.44, abs=0.01)


def test_reasoning_shares_are_bimodal_and_match_their_law():
    rng = np.random.default_rng(5)
    shares = shares_from_draws(SHARES, rng.random(200_000), rng.random(200_000))
    assert shares.mean() == pytest.approx(SHARES.mean, abs=2e-3)
    for edge in (0.3, 0.4, 0.6, 0.8):
        assert (shares < edge).mean() == pytest.approx(SHARES.cdf(edge), abs=4e-3)
    counts, _ = np.histogram(shares, bins=10, range=(0, 1))
    assert counts[5] < counts[4] < counts[8]  # a dip between two modes


def test_a_uniform_share_is_half():
    assert ShareLaw((1.0,), (1.0,), (1.0,)).mean == pytest.approx(0.5)
    with pytest.raises(ValueError, match="positive"):
        ShareLaw((1.0,), (0.0,), (1.0,))


def test_split_loses_no_token():
    output = np.array([1.0, 10.0, 12_345.0])
    reasoning, answer = split_output(output, np.array([0.9, 0.35, 0.741]))
    np.testing.assert_array_equal(reasoning + answer, output)
    np.testing.assert_array_equal(reasoning, np.round(reasoning))


@pytest.mark.parametrize(
    "faulty", [((0.5, 0.4), (1, 1), (1, 1)), ((1.0,), (1, 2), (1,)), ((1.0,), (1,), (-1,))]
)
def test_impossible_laws_are_refused(faulty):
    with pytest.raises(ValueError, match="law"):
        LengthLaw(*faulty)
