"""Pretraining FLOP against the papers."""

import published_models as models
import pytest

from computesim.workload.pretraining import (
    hardware_flop_per_token,
    run_flop,
)


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
