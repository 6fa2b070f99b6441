"""One request: its two phases against the parts they are made of."""

import published_models as models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.inference import (
    Request,
    attention_share,
    request_work,
    weight_bytes_read,
)
from computesim.workload.transformer import parameter_count, weight_bytes

ARCH = models.LLAMA_70B


@given(st.integers(1, 50_000), st.integers(1, 5_000), st.integers(1, 64))
def test_samples_share_the_prompt_and_nothing_else(prompt, output, samples):
    one = request_work(ARCH, Request(prompt, output))
    many = request_work(ARCH, Request(prompt, output, samples=samples))
    assert many.prefill == one.prefill
    assert many.decode.flop == pytest.approx(samples * one.decode.flop)
    assert many.decode.hbm_bytes == pytest.approx(samples * one.decode.hbm_bytes)


@given(st.integers(100, 50_000), st.floats(0.1, 0.99))
def test_a_cached_prefix_saves_prefill_and_leaves_decode(prompt, share):
    plain = request_work(ARCH, Request(prompt, 100))
    cached = request_work(ARCH, Request(prompt, 100, cached_tokens=prompt * share))
    assert cached.prefill.flop < plain.prefill.flop * (1 - share) * 1.01 * (1 + share) + 1e12
    assert cached.decode == plain.decode


def test_a_fully_cached_prompt_has_no_prefill():
    assert request_work(ARCH, Request(500, 10, 500)).prefill.flop == 0
    assert request_work(ARCH, Request(500, 10, 500)).prefill.hbm_bytes == 0


def test_decoding_alone_reads_all_weights_for_each_token_and_a_batch_shares_them():
    alone = request_work(ARCH, Request(1000, 100)).decode.hbm_bytes
    shared = request_work(ARCH, Request(1000, 100), batch=50).decode.hbm_bytes
    weights = weight_bytes_read(ARCH, 1)
    assert alone - shared == pytest.approx(100 * weights * (1 - 1 / 50))
    assert weights == weight_bytes(ARCH, "bf16") - 2 * parameter_count(ARCH).embedding


def test_a_token_of_a_mixture_reads_its_experts_and_a_large_batch_all():
    arch = models.DEEPSEEK_V3
    count = parameter_count(arch)
    one = count.active - count.embedding
    assert weight_bytes_read(arch, 1, "fp8") == pytest.approx(one)
    assert weight_bytes_read(arch, 1e6, "fp8") == pytest.approx(count.total - count.embedding)


def test_small_batch_decoding_waits_for_memory_and_prefill_for_cores():
    """Intensity in FLOP/B around the ridge of about 300 of an H100 in bf16."""
    work = request_work(ARCH, Request(4000, 500), batch=8)
    assert work.decode.flop / work.decode.hbm_bytes < 30
    assert work.prefill.flop / work.prefill.hbm_bytes > 1000


@given(st.integers(1, 20_000), st.floats(1.0, 5.0))
def test_longer_chains_cost_at_least_in_proportion(output, factor):
    short, long = (request_work(ARCH, Request(1000, n)).decode for n in (output, output * factor))
    assert long.flop >= factor * short.flop * (1 - 1e-9)
    assert long.hbm_bytes >= factor * short.hbm_bytes * (1 - 1e-9)


def test_attention_takes_over_at_long_context():
    short = attention_share(models.DEEPSEEK_V3, Request(100, 100))
    long = attention_share(models.DEEPSEEK_V3, Request(100_000, 1000))
    assert 0 < short < 0.03
    assert 0.5 < long < 1


def test_prefill_in_more_chunks_reads_weights_more_often():
    one = request_work(ARCH, Request(8000, 0), chunk=8000).prefill
    four = request_work(ARCH, Request(8000, 0), chunk=2000).prefill
    assert one.flop == four.flop
    weights = weight_bytes_read(ARCH, 2000)
    cache = 327_680 * (2000 + 4000 + 6000)
    assert four.hbm_bytes - one.hbm_bytes == pytest.approx(3 * weights + cache)
