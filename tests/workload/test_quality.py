"""One latent law of problems against drawing them, and against published points."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.beta import BetaLaw, beta_law, beta_nodes, coverage, fit_beta_law
from computesim.workload.quality import (
    best_of,
    consensus,
    fit_rivalry,
    fit_verifier,
    sigmoid_in_log,
)

LAW = BetaLaw(0.4, 0.9)


def draw_votes(law, k, rivalry, n=200_000):
    """Draw problems and the votes of k responses: right, rival, scattered."""
    rng = np.random.default_rng(7)
    p = rng.beta(law.alpha, law.beta, n)
    right = rng.binomial(k, p)
    rival = rng.binomial(k - right, rivalry)
    return p, right, rival, rng


@given(st.floats(0.05, 5), st.floats(0.05, 5))
def test_nodes_give_the_moments_of_a_beta_law(alpha, beta):
    nodes, weights = beta_nodes(alpha, beta)
    both = alpha + beta
    assert weights.sum() == pytest.approx(1)
    assert weights @ nodes == pytest.approx(alpha / both, rel=1e-9)
    square = alpha * (alpha + 1) / (both * (both + 1))
    assert weights @ nodes**2 == pytest.approx(square, rel=1e-9)


@given(st.floats(0.05, 5), st.floats(0.05, 5), st.integers(1, 60))
def test_coverage_is_one_minus_the_mean_chance_of_failing_k_times(alpha, beta, k):
    nodes, weights = beta_nodes(alpha, beta)
    failed = weights @ (1 - nodes) ** k
    assert coverage(BetaLaw(alpha, beta), k) == pytest.approx(1 - failed, abs=1e-9)


def test_failures_fall_as_a_power_law_whose_exponent_is_alpha():
    ratio = math.log((1 - coverage(LAW, 1e6)) / (1 - coverage(LAW, 1e5))) / math.log(10)
    assert ratio == pytest.approx(-LAW.alpha, abs=1e-4)


@pytest.mark.parametrize(
    ("k", "rivalry"),
    [(1, 0.3), (2, 0.6), (3, 1.0), (3, 0.3), (4, 0.0), (16, 0.5), (64, 0.2)],
)
def test_consensus_agrees_with_drawn_votes(k, rivalry):
    _, right, rival, _ = draw_votes(LAW, k, rivalry)
    scattered = k - right - rival  # answers of one vote each
    most = np.maximum(np.maximum(right, rival), np.minimum(scattered, 1))
    rivals = (rival == most) + np.where(most == 1, scattered, 0)
    drawn = np.mean(np.where(right == most, 1 / (1 + rivals), 0))
    assert consensus(LAW, k, rivalry) == pytest.approx(drawn, abs=4e-3)


@pytest.mark.parametrize("rivalry", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("k", [1, 2])
def test_a_vote_of_one_or_two_is_one_sample(k, rivalry):
    assert consensus(LAW, k, rivalry) == pytest.approx(LAW.mean, abs=1e-9)


def test_counted_and_normal_votes_meet():
    assert consensus(LAW, 512, 0.4) == pytest.approx(consensus(LAW, 513, 0.4), abs=1e-4)
    rare = BetaLaw(0.05, 0.2)  # most problems never solved, no rival: few votes agree on anything
    assert consensus(rare, 512, 0.0) == pytest.approx(consensus(rare, 513, 0.0), abs=4e-3)


def test_voting_stops_at_the_share_of_problems_where_right_beats_its_rival():
    rivalry = 0.5
    p = np.random.default_rng(3).beta(LAW.alpha, LAW.beta, 400_000)
    limit = np.mean(p > rivalry / (1 + rivalry))
    assert consensus(LAW, 10**6, rivalry) == pytest.approx(limit, abs=6e-3)
    assert coverage(LAW, 1e6) > limit + 0.3


@pytest.mark.parametrize(("k", "verifier"), [(1, 5.0), (4, 3.0), (50, 10.0)])
def test_best_of_agrees_with_drawn_scores(k, verifier):
    _, right, _, rng = draw_votes(LAW, k, 0.0)
    n = len(right)
    # the largest of m uniform scores is u^(1/m); right scores are v-th powers of F
    with np.errstate(divide="ignore"):
        best_right = np.where(right > 0, rng.random(n) ** (1 / (verifier * right)), -1)
        best_wrong = np.where(right < k, rng.random(n) ** (1 / np.maximum(k - right, 1)), -1)
    assert best_of(LAW, k, verifier) == pytest.approx(np.mean(best_right > best_wrong), abs=4e-3)


def test_a_verifier_that_guesses_is_one_sample_and_a_perfect_one_is_coverage():
    assert best_of(LAW, 100, 1.0) == pytest.approx(LAW.mean, rel=1e-9)
    assert best_of(LAW, 100, 1e12) == pytest.approx(coverage(LAW, 100), rel=1e-6)
    assert best_of(LAW, 100, math.inf) == coverage(LAW, 100)


@given(st.integers(1, 100), st.integers(1, 100), st.floats(1, 50))
def test_more_samples_never_hurt_coverage_nor_a_useful_verifier(few, more, verifier):
    assert coverage(LAW, few + more) >= coverage(LAW, few)
    assert best_of(LAW, few + more, verifier) >= best_of(LAW, few, verifier) - 1e-9


def test_coverage_of_swe_bench_lite_runs_between_its_published_ends():
    """15.9 % at 1 and 56 % at 250 (Brown 2024); between them near their power law."""
    law = fit_beta_law(0.159, 0.56, 250)
    assert coverage(law, 250) == pytest.approx(0.56, abs=1e-6)
    for k in (10, 50, 100, 1000):
        assert coverage(law, k) == pytest.approx(math.exp(-1.839 * k**-0.209), abs=0.03)


def test_three_published_aime_scores_of_o1_follow_from_one_law():
    """11.1 of 15 alone, 12.5 by vote of 64, 13.9 by a learned scorer of 1,000 (OpenAI 2024)."""
    law = beta_law(11.1 / 15, 1.0)
    rivalry = fit_rivalry(law, 64, 12.5 / 15)
    verifier = fit_verifier(law, 1000, 13.9 / 15)
    assert consensus(law, 64, rivalry) == pytest.approx(0.833, abs=1e-3)
    assert best_of(law, 1000, verifier) == pytest.approx(0.927, abs=1e-3)
    # a vote of 1,000 is no better than one of 64, as Brown 2024 saw: hence the scorer
    assert consensus(law, 1000, rivalry) - consensus(law, 64, rivalry) < 0.01
    assert 0.9 < verifier / (1 + verifier) < 0.97


def test_consensus_of_r1_has_a_rivalry_within_reason():
    """79.8 % alone, 86.7 % by vote of 64 (DeepSeek-R1)."""
    assert 0.2 < fit_rivalry(beta_law(0.798, 1.0), 64, 0.867) < 0.9


def test_fits_refuse_points_that_no_law_has():
    with pytest.raises(ValueError, match="between"):
        fit_beta_law(0.5, 0.4, 10)
    with pytest.raises(ValueError, match="consensus@64"):
        fit_rivalry(LAW, 64, 0.999)
    with pytest.raises(ValueError, match="best-of-10"):
        fit_verifier(LAW, 10, 0.99)
    with pytest.raises(ValueError, match="positive"):
        BetaLaw(0.0, 1.0)


def test_scale_rl_curve_of_scout_is_near_its_ceiling_at_50000_hours():
    """A 0.710, B 1.65, C_mid 4,242 GB200 hours (ScaleRL, arXiv 2510.13786)."""
    curve = {"ceiling": 0.710, "midpoint": 4242.0, "slope": 1.65}
    assert sigmoid_in_log(50_000, **curve) == pytest.approx(0.70, abs=0.01)
    assert sigmoid_in_log(4242, **curve, floor=0.3) == pytest.approx(0.505)


def test_effort_of_gpt_5_5_on_arc_agi_2_follows_the_sigmoid():
    """33.0, 70.4, 83.3, 85.0 % at $0.35, 0.86, 1.45, 1.87 per task (ARC Prize)."""
    for dollars, score in ((0.35, 0.330), (0.86, 0.704), (1.45, 0.833), (1.87, 0.850)):
        ours = sigmoid_in_log(dollars, ceiling=0.905, midpoint=0.46, slope=2.04)
        assert ours == pytest.approx(score, abs=0.012)


def test_without_compute_the_sigmoid_is_at_its_floor():
    assert sigmoid_in_log(0.0, ceiling=0.9, midpoint=1.0, slope=1.0, floor=0.2) == 0.2
