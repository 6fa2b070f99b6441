"""Skill: accuracy from RL compute, chain length, samples, staleness and pretraining."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.catalog import load_catalog
from computesim.errors import CatalogError
from computesim.workload.beta import BetaLaw, beta_law, coverage
from computesim.workload.choice import mean_best_of, mean_consensus, pick_chance
from computesim.workload.quality import best_of, consensus, sigmoid_in_log
from computesim.workload.skill import METHODS, Skill, skill_named, skills
from computesim.workload.skill_range import SkillRange, skill_range

CATALOG = load_catalog()
SKILL = skill_named("aime-2024", CATALOG)
AT = (3e23, 6000.0)


@pytest.mark.parametrize("name", skills(CATALOG))
def test_every_shipped_skill_is_within_its_floor_and_ceiling(name):
    skill = skill_named(name, CATALOG)
    assert skill.guess < skill.pass_at_1(1e20, 100) < skill.pass_at_1(1e26, 1e5) < skill.ceiling
    assert skill.pass_at_1(1e40, 1e20) == pytest.approx(skill.ceiling, rel=1e-4)


@given(st.floats(18, 28), st.floats(1, 5.5), st.floats(1.001, 3), st.sampled_from(METHODS))
def test_accuracy_rises_strictly_with_rl_compute_and_with_tokens(rl, tokens, more, method):
    rl_flop, length = 10**rl, 10**tokens
    least = SKILL.accuracy(rl_flop, length, 16, method)
    assert SKILL.accuracy(rl_flop, length * more, 16, method) > least
    assert SKILL.accuracy(rl_flop * more, length, 16, method) >= least
    if 1e20 < rl_flop < 1e26:
        assert SKILL.accuracy(rl_flop * more, length, 16, method) > least


@pytest.mark.parametrize("law", [BetaLaw(0.4, 0.6), BetaLaw(0.05, 0.2), BetaLaw(3, 1)])
@pytest.mark.parametrize("k", [1, 3, 9, 33, 2083])
def test_kept_steps_give_the_vote_of_the_quadrature(law, k):
    assert mean_consensus(law, k, 0.5) == pytest.approx(consensus(law, k, 0.5), abs=3e-5)
    assert mean_best_of(law, k, 10.0) == pytest.approx(best_of(law, k, 10.0), abs=3e-5)


def test_the_integral_of_a_verifier_s_choice_is_the_sum_over_right_responses():
    p, k, v = 0.3, 12, 6.0
    right = np.arange(k + 1)
    chances = np.array([math.comb(k, int(r)) * p**r * (1 - p) ** (k - r) for r in right])
    exact = float(chances @ (v * right / (v * right + k - right)))
    assert pick_chance(np.array([p]), np.array([1 - p]), k, v)[0] == pytest.approx(exact, rel=1e-6)


def test_two_votes_on_average_are_half_one_and_half_three():
    law = beta_law(0.5, 1.0)
    mean = (consensus(law, 1, 0.8) + consensus(law, 3, 0.8)) / 2
    assert mean_consensus(law, 2, 0.8) == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("method", ["consensus", "best_of", "coverage"])
def test_accuracy_is_smooth_and_rising_in_samples(method):
    k = np.exp(np.linspace(0, math.log(300), 250))
    y = np.array([SKILL.accuracy(*AT, float(x), method) for x in k])
    slope = np.diff(y) / np.diff(np.log(k))
    assert np.all(slope[k[1:] < 32] > 0)
    assert np.all(slope > -2e-3)  # a vote of thousands loses the problems just below the threshold
    assert np.max(np.abs(np.diff(slope))) < 0.15 * np.max(slope)


def test_methods_agree_with_the_laws_they_stand_for():
    law = beta_law(SKILL.pass_at_1(*AT), SKILL.concentration)
    assert SKILL.accuracy(*AT) == SKILL.accuracy(*AT, 100, "single") == SKILL.pass_at_1(*AT)
    assert SKILL.accuracy(*AT, 33) == pytest.approx(consensus(law, 33, SKILL.rivalry), abs=1e-4)
    best = best_of(law, 8, SKILL.verifier)
    assert SKILL.accuracy(*AT, 8, "best_of") == pytest.approx(best, abs=1e-4)
    assert SKILL.accuracy(*AT, 10, "coverage") == coverage(law, 10)


def test_at_one_length_the_curve_is_that_of_scale_rl():
    asymptote = SKILL.pass_at_1(1e40, 6000)
    start = SKILL.pass_at_1(0, 6000)
    ours = SKILL.pass_at_1(2e23, 6000)
    theirs = sigmoid_in_log(2e23, asymptote, SKILL.rl_midpoint, SKILL.rl_slope, start)
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_stale_rollouts_cost_part_of_the_gain_of_rl_and_nothing_of_the_start():
    late = SKILL.stale(1e9)
    assert late.pass_at_1(0, 6000) == SKILL.pass_at_1(0, 6000)
    gain = SKILL.pass_at_1(*AT) - SKILL.pass_at_1(0, 6000)
    kept = late.pass_at_1(*AT) - SKILL.pass_at_1(0, 6000)
    assert kept / gain == pytest.approx(1 - SKILL.staleness_loss)
    half = SKILL.stale(SKILL.staleness_half)
    assert half.retained == pytest.approx(1 - SKILL.staleness_loss / 2)


def test_more_pretraining_raises_ceiling_and_start_and_the_same_leaves_both():
    larger = SKILL.pretrained(10 * SKILL.pretraining_flop)
    assert larger.ceiling > SKILL.ceiling
    assert larger.rl_head_start > SKILL.rl_head_start
    same = larger.pretrained(SKILL.pretraining_flop)
    assert same.ceiling == pytest.approx(SKILL.ceiling)
    assert same.rl_head_start == pytest.approx(SKILL.rl_head_start)


def test_shipped_aime_gives_r1_zero_and_r1_within_five_points():
    """15.6 % before RL on short chains, 77.9 % after; R1 79.8 %, by vote of 64 86.7 % (Nature)."""
    assert SKILL.pass_at_1(0, 1000) == pytest.approx(0.156, abs=0.05)
    assert SKILL.pass_at_1(1.2e22, 10_000) == pytest.approx(0.779, abs=0.05)
    assert SKILL.accuracy(1.5e22, 10_000, 64) == pytest.approx(0.867, abs=0.05)


def test_shipped_gpqa_gives_r1_within_five_points():
    """71.5 % of R1 alone (DeepSeek-R1 README)."""
    skill = skill_named("gpqa-diamond", CATALOG)
    assert skill.pass_at_1(1.2e22, 7000) == pytest.approx(0.715, abs=0.05)


@pytest.mark.parametrize("name", skills(CATALOG))
def test_an_interval_holds_its_accuracy_and_widens_with_the_coefficients(name):
    known = skill_range(name, CATALOG)
    found = known.assess(5e21, 8000, 16)
    assert found.low < found.accuracy < found.high
    assert found.accuracy == known.skill.accuracy(5e21, 8000, 16)
    half = {key: value / 2 for key, value in known.deviations.items()}
    narrow = SkillRange(known.skill, half, known.ranges).assess(5e21, 8000, 16)
    assert found.low < narrow.low < narrow.high < found.high
    certain = SkillRange(known.skill, {}, known.ranges).assess(5e21, 8000, 16)
    assert certain.low == pytest.approx(certain.high)


def test_an_interval_is_that_of_drawn_coefficients():
    known = skill_range("aime-2024", CATALOG)
    only = {"rl_midpoint": known.deviations["rl_midpoint"]}
    rng = np.random.default_rng(5)
    drawn = [
        replace(known.skill, rl_midpoint=known.skill.rl_midpoint * math.exp(d)).pass_at_1(5e21, 8e3)
        for d in rng.normal(0, only["rl_midpoint"], 4000)
    ]
    found = SkillRange(known.skill, only, {}).assess(5e21, 8e3)
    low, high = np.quantile(drawn, [0.1, 0.9])
    assert found.low == pytest.approx(low, abs=0.02)  # linear over a factor of four
    assert found.high == pytest.approx(high, abs=0.02)


def test_another_base_model_is_as_uncertain_as_the_slope_of_pretraining():
    known = skill_range("aime-2024", CATALOG)
    slope = known.skill.pretraining_slope
    only = SkillRange(known.skill, {"pretraining_slope": 0.2}, {})
    flop = 5 * known.skill.pretraining_flop
    drawn = [
        replace(known.skill, pretraining_slope=slope * math.exp(d)).pretrained(flop)
        for d in np.random.default_rng(5).normal(0, 0.2, 4000)
    ]
    low, high = np.quantile([one.pass_at_1(5e21, 8e3) for one in drawn], [0.1, 0.9])
    found = only.pretrained(flop).assess(5e21, 8e3)
    assert found.high - found.low > 0.02
    assert found.low == pytest.approx(low, abs=0.003)
    assert found.high == pytest.approx(high, abs=0.003)
    own = only.assess(5e21, 8e3)
    assert own.low == pytest.approx(own.high)  # the family's own base model needs no slope


def test_a_base_model_beyond_those_of_the_fit_is_extrapolated():
    known = skill_range("aime-2024", CATALOG)
    assert known.pretrained(1e24).assess(1e22, 10_000).extrapolated == ()
    assert known.pretrained(1e26).assess(1e22, 10_000).extrapolated == ("pretraining",)


def test_what_lies_outside_of_the_data_is_named():
    known = skill_range("aime-2024", CATALOG)
    assert known.assess(1e22, 10_000, 16).extrapolated == ()
    far = known.assess(1e25, 1e5, 500)
    assert far.extrapolated == ("rl_flop", "tokens", "samples")
    assert "extrapolated in rl_flop and tokens and samples" in str(far)
    assert str(known.assess(1e22, 10_000)).endswith(")")


def test_bad_input_is_refused_with_what_was_found():
    with pytest.raises(ValueError, match="did you mean consensus"):
        SKILL.accuracy(*AT, 4, "consensu")
    with pytest.raises(ValueError, match="less than one"):
        SKILL.accuracy(*AT, 0.5)
    with pytest.raises(ValueError, match="between 1 and"):
        SKILL.accuracy(*AT, 1e9)
    with pytest.raises(ValueError, match=r"ceiling 1\.2 out of range"):
        replace(SKILL, ceiling=1.2)
    with pytest.raises(CatalogError, match="aime-2024"):
        skill_named("aime-2042", CATALOG)


def test_a_skill_may_come_from_a_folder_of_own_figures(tmp_path):
    rows = [f"mine,{p},{v},1,,,,estimate," for p, v in
            (("ceiling", 0.9), ("rl_midpoint", 1e22), ("rl_slope", 1), ("rl_head_start", 0.2),
             ("token_midpoint", 1000), ("token_slope", 1), ("concentration", 1),
             ("rivalry", 0.5), ("verifier", 9))]  # fmt: skip
    header = "name,parameter,value,unit,low,high,as_of,source,note"
    (tmp_path / "quality.csv").write_text("\n".join([header, *rows]) + "\n")
    own = skill_named("mine", load_catalog(tmp_path))
    assert own == Skill("mine", 0.9, 1e22, 1, 0.2, 1000, 1, 1, 0.5, 9)
