"""FLOP and bytes against NVIDIA's counts, papers and sums over single tokens."""

from dataclasses import replace

import published_models as models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.catalog import load_catalog
from computesim.workload.attention import (
    attended_tokens,
    attention_flop,
    attention_flop_per_pair,
    cache_bytes_read,
    kv_bytes_per_token,
    kv_width,
    state_bytes_per_sequence,
    window_tokens,
)
from computesim.workload.parameters import parameter_count
from computesim.workload.transformer import (
    decode_flop,
    forward_flop_per_token,
    prefill_flop,
    serving_load,
    train_flop_per_token,
    training_load,
)

# GFLOP per trained token that NVIDIA's Megatron-Bridge performance tables imply: median over
# rows of model TFLOP/s/GPU divided by tokens/s/GPU (releases 25.09 to 26.08; gpt-oss from 26.06).
NVIDIA = [
    (models.LLAMA_8B, 8192, True, 51.48),
    (models.LLAMA_70B, 8192, True, 449.2),
    (models.LLAMA_70B, 4096, True, 432.5),
    (models.LLAMA_405B, 8192, True, 2524.2),
    (models.DEEPSEEK_V3, 4096, True, 260.0),
    (models.DEEPSEEK_V3, 4096, False, 249.7),
    (models.KIMI_K2, 4096, True, 204.5),
    (models.QWEN3_235B, 4096, True, 148.0),
    (models.QWEN3_30B, 4096, True, 23.0),
    (models.GPT_OSS_120B, 4096, True, 32.6),
]
ODD = replace(
    models.QWEN35_35B, n_linear_layers=30, window=64, n_window_layers=4, n_window_kv_heads=1
)
SPARSE = replace(models.GLM_5, sparse_topk=50)
CHUNKED = replace(models.GPT_OSS_20B, window=24, chunked_windows=True)
KINDS = [models.LLAMA_8B, models.DEEPSEEK_V3, models.GPT_OSS_20B, ODD, SPARSE, CHUNKED]


@pytest.mark.parametrize(("arch", "seq_len", "mtp", "gflop"), NVIDIA, ids=lambda v: str(v))
def test_trained_tokens_cost_what_nvidia_counts(arch, seq_len, mtp, gflop):
    assert train_flop_per_token(arch, seq_len, mtp=mtp) / 1e9 == pytest.approx(gflop, rel=0.005)


def test_deepseek_v3_reaches_its_reported_flop_rates():
    """1,541.7 tokens/s per H800: 385 TFLOP/s causal and 432 not (DeepSeek-V3, ISCA 2025)."""
    causal = train_flop_per_token(models.DEEPSEEK_V3, 4096, mtp=False)
    whole = train_flop_per_token(models.DEEPSEEK_V3, 4096, causal=False, mtp=False)
    assert 1541.7 * causal / 1e12 == pytest.approx(385, rel=0.005)
    assert 1541.7 * whole / 1e12 == pytest.approx(432, rel=0.005)


def test_nemotron_3_nano_costs_what_nvidia_counts_with_its_inner_width():
    """NVIDIA's 22.28 GFLOP takes twice d_model for the inner width, 5,376; it is 64 x 64."""
    as_counted = replace(models.NEMOTRON_3_NANO, n_linear_heads=84)
    assert train_flop_per_token(as_counted, 8192) / 1e9 == pytest.approx(22.28, rel=0.005)
    assert train_flop_per_token(models.NEMOTRON_3_NANO, 8192) / 1e9 == pytest.approx(
        20.8, rel=0.005
    )


def test_palm_convention_is_six_n_plus_twelve_l_h_q_t():
    arch = models.BLOOM
    count = parameter_count(arch)
    expected = 6 * count.matmul + 12 * 70 * 112 * 128 * 2048
    assert train_flop_per_token(arch, 2048, causal=False) == pytest.approx(expected)


@pytest.mark.parametrize("arch", KINDS, ids=lambda a: a.name)
@pytest.mark.parametrize("cached", [0, 30, 100])
def test_prefill_is_the_sum_over_its_tokens(arch, cached):
    prompt = 170
    tokens = sum(forward_flop_per_token(arch, p) for p in range(cached + 1, prompt + 1))
    assert prefill_flop(arch, prompt, cached, all_logits=True) == pytest.approx(tokens, rel=1e-12)


@pytest.mark.parametrize("arch", KINDS, ids=lambda a: a.name)
def test_training_is_three_times_the_mean_forward(arch):
    mean = sum(forward_flop_per_token(arch, p) for p in range(1, 201)) / 200
    assert train_flop_per_token(arch, 200, mtp=False) == pytest.approx(3 * mean, rel=1e-12)


@pytest.mark.parametrize("arch", KINDS, ids=lambda a: a.name)
def test_decoding_is_the_sum_over_its_tokens(arch):
    tokens = sum(forward_flop_per_token(arch, p, absorbed=True) for p in range(91, 171))
    assert decode_flop(arch, 90, 80) == pytest.approx(tokens, rel=1e-12)


@pytest.mark.parametrize("arch", KINDS, ids=lambda a: a.name)
def test_cached_prefix_and_rest_make_the_whole_prompt(arch):
    whole = prefill_flop(arch, 300, all_logits=True)
    parts = prefill_flop(arch, 120, all_logits=True)
    parts += prefill_flop(arch, 300, 120, all_logits=True)
    assert parts == pytest.approx(whole, rel=1e-12)


def test_serving_applies_the_head_to_the_last_token_only():
    arch = models.LLAMA_8B
    saved = prefill_flop(arch, 500, all_logits=True) - prefill_flop(arch, 500)
    assert saved == pytest.approx(2 * 499 * 4096 * 128256)
    assert prefill_flop(arch, 500, 500) == 0


def test_a_prefix_longer_than_the_prompt_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        prefill_flop(models.LLAMA_8B, 100, 101)


@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 40))
def test_attended_tokens_are_counted_one_by_one(first, new, window):
    counted = sum(min(p, window or p) for p in range(first + 1, first + new + 1))
    assert attended_tokens(first + new, first, window) == counted


@given(st.integers(0, 80), st.integers(0, 80), st.integers(1, 40))
def test_tokens_of_a_chunk_see_that_chunk_only(first, new, window):
    counted = sum((p - 1) % window + 1 for p in range(first + 1, first + new + 1))
    assert attended_tokens(first + new, first, window, chunked=True) == counted
    assert counted <= attended_tokens(first + new, first, window)


def brute_force(arch, first, last):
    """Return the pairs of all layers, position by position, as a mask would count them."""
    full = sum(range(first + 1, last + 1))
    seen = sum(
        sum(1 for q in range(p) if q // arch.window == (p - 1) // arch.window)
        for p in range(first + 1, last + 1)
    )
    return arch.n_full_layers * full + arch.n_window_layers * seen


@pytest.mark.parametrize(("first", "last"), [(0, 10), (0, 24), (0, 200), (20, 60), (47, 73)])
def test_chunked_attention_counts_what_a_mask_counts(first, last):
    pair = 2 * CHUNKED.n_heads * (CHUNKED.d_head_qk + CHUNKED.d_head_v)
    pairs = brute_force(CHUNKED, first, last)
    assert attention_flop(CHUNKED, last, first) == pair * pairs
    read = pairs * 2 * CHUNKED.n_kv_heads * CHUNKED.d_head_qk * 2
    assert cache_bytes_read(CHUNKED, last, first) == pytest.approx(read)


def test_training_in_chunks_costs_the_mean_of_what_they_see():
    whole = replace(CHUNKED, n_window_layers=0)
    pair = 2 * CHUNKED.n_heads * (CHUNKED.d_head_qk + CHUNKED.d_head_v)
    for seq_len in (24, 240):
        saved = (seq_len - 24) / 2 * CHUNKED.n_window_layers * pair * 3
        less = (
            training_load(whole, seq_len).flop_per_token
            - training_load(CHUNKED, seq_len).flop_per_token
        )
        assert less == pytest.approx(saved)


@given(st.floats(1, 1e6))
def test_a_chunk_is_half_full_on_the_average_and_never_more_than_the_context(context):
    held = window_tokens(CHUNKED, context)
    assert 0 < held <= min(context, CHUNKED.window) + 1
    assert window_tokens(CHUNKED, 1e9) == pytest.approx((24 + 1) / 2, rel=1e-6)
    assert window_tokens(models.GPT_OSS_20B, context) == min(context, 128)


@pytest.mark.parametrize("name", ["llama-4-scout", "llama-4-maverick"])
def test_llama_4_attends_in_chunks_in_three_of_four_layers(name):
    arch = load_catalog().model(name)  # config.json: attention_chunk_size 8192, 48 layers
    assert (arch.n_window_layers, arch.n_full_layers, arch.window) == (36, 12, 8192)
    token = 2 * 8 * 128 * 2  # keys and values of a layer, bf16
    assert kv_bytes_per_token(arch) == 12 * token
    assert state_bytes_per_sequence(arch, context=1e9) == pytest.approx(36 * token * 4096.5)
    # up to one chunk nothing is saved, far beyond it three quarters are
    dense = replace(arch, n_window_layers=0)
    assert attention_flop(arch, 8192) == attention_flop(dense, 8192)
    ratio = attention_flop(arch, 2**20) / attention_flop(dense, 2**20)
    assert ratio == pytest.approx(0.25 + 0.75 * 8193 / (2**20 + 1), rel=1e-9)
    short = serving_load(arch, context=1000)
    held = short.state_bytes_per_sequence + 1000 * short.kv_bytes_per_token
    assert held == pytest.approx(1000 * kv_bytes_per_token(dense), rel=1e-3)


@given(st.integers(1, 10**6), st.floats(1.0, 3.0))
def test_longer_prompts_cost_more_than_in_proportion(prompt, factor):
    short, long = (attention_flop(models.LLAMA_8B, n) for n in (prompt, prompt * factor))
    assert long >= factor * short * (1 - 1e-12)


@pytest.mark.parametrize(
    ("arch", "kilobytes"),
    [  # DeepSeek-V3 technical discussion (ISCA 2025), table 1: KV cache per token in bf16
        (models.DEEPSEEK_V3, 70.272),
        (models.LLAMA_405B, 516.096),
        (models.LLAMA_70B, 327.680),
    ],
    ids=lambda v: str(v),
)
def test_cache_per_token_is_the_published_one(arch, kilobytes):
    assert kv_bytes_per_token(arch) / 1e3 == pytest.approx(kilobytes, rel=1e-9)


def test_windowed_layers_keep_only_their_window():
    arch = models.GPT_OSS_120B
    one_layer = 2 * 8 * 64 * 2
    assert kv_bytes_per_token(arch) == 18 * one_layer
    assert state_bytes_per_sequence(arch) == 18 * 128 * one_layer
    assert state_bytes_per_sequence(arch, context=10) == 18 * 10 * one_layer


def test_state_of_a_mamba_layer_is_heads_times_width_times_state():
    states = 23 * (64 * 64 * 128 * 4 + 3 * (64 * 64 + 2 * 8 * 128) * 2)
    assert state_bytes_per_sequence(models.NEMOTRON_3_NANO) == states


@pytest.mark.parametrize("arch", KINDS, ids=lambda a: a.name)
def test_cache_read_in_one_go_is_that_of_its_tokens(arch):
    one_by_one = sum(cache_bytes_read(arch, p, p - 1) for p in range(41, 131))
    assert cache_bytes_read(arch, 130, 40) == pytest.approx(one_by_one, rel=1e-12)


def test_absorbed_decoding_of_deepseek_trades_flop_for_bytes():
    arch = models.DEEPSEEK_V3
    more = attention_flop_per_pair(arch, absorbed=True) / attention_flop_per_pair(arch)
    assert more == pytest.approx((2 * 512 + 64) / (192 + 128))
    assert attention_flop_per_pair(models.LLAMA_8B, absorbed=True) == attention_flop_per_pair(
        models.LLAMA_8B
    )


@pytest.mark.parametrize("arch", KINDS[:-1], ids=lambda a: a.name)  # chunks: at mean fill
def test_a_serving_load_says_the_same_as_the_formulas(arch):
    load, far = serving_load(arch, "fp8", "bf16"), 5000
    token = load.flop_per_token + load.attention_flop_per_token
    token += load.attention_flop_per_pair * far
    assert token == pytest.approx(forward_flop_per_token(arch, far), rel=1e-12)
    assert load.weight_bytes == pytest.approx(parameter_count(arch).total)
    read = (load.kv_bytes_per_token - load.kv_unread_bytes_per_token) * far
    read += load.selected_bytes_per_sequence + load.state_bytes_per_sequence
    taps = arch.n_linear_layers * 3 * (2 * 16 * 128 + arch.n_linear_heads * 128) * 2
    assert read - taps == pytest.approx(cache_bytes_read(arch, far, far - 1), rel=1e-12)


def test_a_step_does_not_read_the_input_embedding_unless_it_is_the_head():
    load = serving_load(models.LLAMA_8B)
    assert load.embedding_bytes == 2 * 4096 * 128256
    assert serving_load(models.GPT_3).embedding_bytes == 0


def test_the_cache_splits_by_kv_heads_and_a_latent_does_not_split():
    assert serving_load(models.QWEN3_235B).kv_shards == 4
    assert serving_load(models.DEEPSEEK_V3).kv_shards == 1


def test_a_training_load_says_the_same_as_the_formulas():
    load = training_load(models.DEEPSEEK_V3, 4096)
    assert load.flop_per_token == pytest.approx(train_flop_per_token(models.DEEPSEEK_V3, 4096))
    assert load.n_params == pytest.approx(671.03e9 + 11.6e9, rel=0.001)
    assert kv_width(models.DEEPSEEK_V3) == 576


def test_kept_activations_of_gpt_are_korthikantis_without_dropout_masks():
    """34 s b h less one byte each for two dropout masks (Korthikanti 2022, section 4.1)."""
    load = training_load(models.GPT_3, 2048)
    assert load.activation_bytes_per_token_layer == pytest.approx((34 - 2) * 12288)
