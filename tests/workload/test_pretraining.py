"""Pretraining FLOP and compute-optimal sizes against the papers."""

import published_models as models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.pretraining import (
    compute_optimal,
    flop_6nd,
    hardware_flop_per_token,
    loss_hoffmann2022,
    loss_kaplan2020,
    run_flop,
    tokens_for_flop,
)


def test_six_n_d_gives_the_published_training_budgets():
    assert flop_6nd(405.85e9, 15.6e12) == pytest.approx(3.8e25, rel=0.005)  # Llama 3 paper
    assert flop_6nd(175e9, 300e9) == pytest.approx(3.14e23, rel=0.005)  # GPT-3, table D.1


def test_full_recomputation_is_the_formula_of_narayanan_2021():
    arch, s = models.GPT_3, 2048
    layers, h, vocab = 96, 12288, 50257
    expected = 96 * layers * h**2 * (1 + s / (6 * h) + vocab / (16 * layers * h))
    ours = hardware_flop_per_token(arch, s, "full", causal=False)
    assert ours == pytest.approx(expected, rel=1e-6)


def test_narayanan_trains_gpt3_in_34_days():
    """300 B tokens on 1,024 A100 at 140 TFLOP/s; its rule 8 T P leaves out scores and head."""
    flop = 300e9 * hardware_flop_per_token(models.GPT_3, 2048, "full", causal=False)
    assert flop / (1024 * 140e12) / 86400 == pytest.approx(34, rel=0.03)


def test_deepseek_v3_needs_its_published_hours():
    """14.8 T tokens at 385 TFLOP/s: 2.664 M H800 hours (DeepSeek-V3, table 1)."""
    flop = run_flop(models.DEEPSEEK_V3, 14.8e12, 4096, mtp=False)
    assert flop / 385e12 / 3600 == pytest.approx(2.664e6, rel=0.01)


def test_recomputation_costs_at_most_a_third_more_and_selective_a_few_per_cent():
    arch = models.LLAMA_70B
    model = hardware_flop_per_token(arch, 8192)
    assert 1.30 < hardware_flop_per_token(arch, 8192, "full") / model < 4 / 3
    assert 1.0 < hardware_flop_per_token(arch, 8192, "selective") / model < 1.05
    with pytest.raises(ValueError, match="accepted"):
        hardware_flop_per_token(arch, 8192, "some")


@given(st.floats(1e18, 1e27))
def test_tokens_for_a_budget_spend_it(flop):
    tokens = tokens_for_flop(models.QWEN3_30B, flop, 4096)
    assert run_flop(models.QWEN3_30B, tokens, 4096) == pytest.approx(flop)


def test_hoffmann_gives_40_billion_parameters_at_gophers_budget():
    """Hoffmann 2022, section 3.3: approach 3 finds 40 B for 5.76e23 FLOP; table A3, 67 B."""
    assert compute_optimal(5.76e23).n_params == pytest.approx(40e9, rel=0.02)
    best = compute_optimal(1.71e24)
    assert best.n_params == pytest.approx(67e9, rel=0.03)
    assert best.tokens == pytest.approx(4.1e12, rel=0.05)


def test_besiroglu_agrees_with_twenty_tokens_per_parameter_where_hoffmann_does_not():
    refit, rule = (compute_optimal(5.76e23, m) for m in ("besiroglu2024", "ratio"))
    assert rule.tokens == pytest.approx(20 * rule.n_params)
    assert rule.n_params == pytest.approx(69e9, rel=0.01)  # Chinchilla has 70 B, 1.4 T tokens
    assert 15 < refit.tokens / refit.n_params < 30
    assert compute_optimal(5.76e23).tokens / compute_optimal(5.76e23).n_params > 50


def test_kaplan_wants_larger_models_than_hoffmann():
    kaplan, hoffmann = compute_optimal(1e24, "kaplan2020"), compute_optimal(1e24)
    assert kaplan.n_params > 5 * hoffmann.n_params
    per_petaflop_day = compute_optimal(8.64e19, "kaplan2020")
    assert per_petaflop_day.n_params == pytest.approx(1.3e9)
    assert per_petaflop_day.loss == pytest.approx(2.66, abs=0.01)  # (3.1e8)^0.050


@pytest.mark.parametrize("method", ["hoffmann2022", "besiroglu2024"])
def test_no_other_split_of_the_budget_has_a_lower_loss(method):
    from computesim.workload import pretraining

    law = getattr(pretraining, method[:-4].upper() + "_" + method[-4:])
    best = compute_optimal(1e23, method)
    for factor in (0.5, 0.9, 1.1, 2.0):
        n_params = best.n_params * factor
        tokens = 1e23 / (6 * n_params)
        assert pretraining.parametric_loss(n_params, tokens, law) > best.loss


def test_losses_fall_with_size_and_data_to_their_limits():
    assert loss_hoffmann2022(70e9, 1.4e12) == pytest.approx(1.937, abs=0.02)  # Chinchilla
    assert loss_hoffmann2022(1e30, 1e30) == pytest.approx(1.6934, abs=1e-3)
    assert loss_kaplan2020(1e9, 1e10) > loss_kaplan2020(1e9, 1e11) > loss_kaplan2020(1e10, 1e11)


def test_an_unknown_method_names_its_neighbour():
    with pytest.raises(ValueError, match="hoffmann2022"):
        compute_optimal(1e20, "hofmann2022")
    with pytest.raises(ValueError, match="nothing"):
        compute_optimal(0.0)
