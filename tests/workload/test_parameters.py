"""Parameter counts against what the makers publish."""

import published_models as models
import pytest

from computesim.workload.architecture import Architecture
from computesim.workload.parameters import parameter_count, weight_bytes

# model, total (billions), active (billions or None), which embeddings `active` counts.
# Hugging Face safetensors totals where the card rounds: Llama, Qwen3, Mixtral, gpt-oss;
# papers for GPT-3 (table 2.1), BLOOM, Gopher, Nemotron-4, DeepSeek-V2 and V3, Kimi-K2.
PUBLISHED = [
    (models.LLAMA_8B, 8.03, None, ""),
    (models.LLAMA_70B, 70.55, None, ""),
    (models.LLAMA_405B, 405.85, None, ""),
    (models.LLAMA_1_65B, 65.3, None, ""),
    (models.LLAMA_2_70B, 68.98, None, ""),
    (models.GPT_3, 174.6, None, ""),
    (models.GPT_2_XL, 1.5576, None, ""),
    (models.BLOOM, 176.25, None, ""),
    (models.GOPHER, 280.0, None, ""),
    (models.FALCON_180B, 180.0, None, ""),
    (models.NEMOTRON_4_340B, 341.0, None, ""),
    (models.MIXTRAL_8X7B, 46.70, 12.9, "both"),
    (models.MIXTRAL_8X22B, 140.6, 39.1, "both"),
    (models.QWEN3_8B, 8.19, None, ""),
    (models.QWEN3_32B, 32.76, None, ""),
    (models.QWEN3_30B, 30.53, 3.35, "both"),
    (models.QWEN3_235B, 235.09, 22.19, "both"),
    (models.QWEN3_CODER_480B, 480.15, None, ""),
    (models.DEEPSEEK_V2, 235.74, 21.4, "both"),
    (models.DEEPSEEK_V3, 671.03, 37.55, "both"),
    (models.KIMI_K2, 1026.4, 32.86, "both"),
    (models.DOTS_LLM1, 142.77, 14.0, "both"),
    (models.GPT_OSS_120B, 116.83, 5.13, "head"),
    (models.GPT_OSS_20B, 20.91, 3.61, "head"),
    (models.LLAMA_4_SCOUT, 107.77, 17.17, "both"),
    (models.LLAMA_4_MAVERICK, 400.71, 17.17, "both"),
    (models.QWEN35_397B, 396.8, None, ""),
    (models.QWEN35_122B, 122.0, None, ""),
    (models.QWEN35_27B, 27.0, None, ""),
    (models.NEMOTRON_3_NANO, 31.6, 3.2, "head"),
    (models.NEMOTRON_3_SUPER, 120.6, 12.7, "both"),
    (models.GLM_5, 744.0, None, ""),
    (models.MINIMAX_M2, 228.7, None, ""),
]


@pytest.mark.parametrize(("arch", "total", "active", "counts"), PUBLISHED, ids=lambda v: str(v))
def test_counts_are_within_one_per_cent_of_the_published_ones(arch, total, active, counts):
    count = parameter_count(arch)
    assert count.total / 1e9 == pytest.approx(total, rel=0.01)
    if active:
        ours = count.active - (count.embedding if counts == "head" else 0)
        assert ours / 1e9 == pytest.approx(active, rel=0.011)


def test_prediction_layers_of_deepseek_v3_are_the_published_14_billion_with_their_tables():
    """The weights card counts 11.5 B of its own and 0.9 B + 0.9 B shared tables again."""
    count = parameter_count(models.DEEPSEEK_V3)
    assert count.mtp / 1e9 == pytest.approx(11.5, rel=0.02)
    assert (count.mtp + 2 * count.embedding) / 1e9 == pytest.approx(14.0, rel=0.05)


def test_llama_70b_in_bf16_weighs_141_gigabytes():
    assert weight_bytes(models.LLAMA_70B, "bf16") / 1e9 == pytest.approx(141.1, rel=0.005)
    assert weight_bytes(models.LLAMA_70B, "fp4") * 4 == weight_bytes(models.LLAMA_70B, "bf16")


def test_parts_of_a_dense_model_can_be_counted_by_hand():
    arch = Architecture("tiny", 2, 8, 2, 1, 4, 4, 16, 10)
    count = parameter_count(arch)
    assert count.attention == 2 * (8 * 8 + 8 * 4 * 2 + 8 * 8)
    assert count.dense_ffn == 2 * 3 * 8 * 16
    assert count.total == count.attention + count.dense_ffn + 2 * 80 + 5 * 8


def test_a_mixture_is_the_same_counted_over_its_experts_one_by_one():
    arch = models.DEEPSEEK_V2
    layers = [160 * 3 * 5120 * 1536 if layer >= arch.n_dense_layers else 0 for layer in range(60)]
    assert parameter_count(arch).expert == sum(layers)


def test_interleaved_experts_leave_every_second_layer_dense():
    assert models.LLAMA_4_MAVERICK.n_moe_layers == 24
    assert models.LLAMA_4_MAVERICK.n_dense_ffn_layers == 24


@pytest.mark.parametrize(
    "faulty",
    [
        {"attention": "mha"},
        {"attention": "mla"},
        {"n_experts": 4, "experts_per_token": 8, "d_expert": 4},
        {"n_experts": 8, "experts_per_token": 2},
        {"n_window_layers": 1},
        {"window": 8, "n_window_layers": 3},
        {"n_layers": 0},
    ],
)
def test_impossible_shapes_are_refused(faulty):
    shape = {
        "name": "x", "n_layers": 2, "d_model": 8, "n_heads": 2, "n_kv_heads": 1,
        "d_head_qk": 4, "d_head_v": 4, "d_ff": 16, "vocab_size": 10,
    }  # fmt: skip
    with pytest.raises(ValueError, match="x:"):
        Architecture(**shape | faulty)
