from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import (
    ServingLayout,
    serving_layout,
    serving_step,
)
from computesim.hardware.serving_efficiency import GRAPH_TOKENS
from computesim.hardware.step import StepModel, largest_batch
from computesim.quantities import ServingLoad

LoadOf = Callable[..., ServingLoad]

# Median time per output token, ms, of measured serving points (InferenceX, as republished in the
# silicon samples of ai-dynamo/aiconfigurator): every sixteenth row of Llama-3.1-70B, every
# twelfth of DeepSeek-R1 fp8, every thirtieth of Qwen3-32B on H100.
# model, machine, dtype, engine, tp, dp, prompt, output, concurrency, ms
MEASURED = [
    ("llama-3.1-70b", "b200-sxm", "fp4", "trtllm", 2, 1, 1024, 1024, 8, 8.91),
    ("llama-3.1-70b", "b200-sxm", "fp4", "trtllm", 1, 1, 1024, 8192, 64, 21.3),
    ("llama-3.1-70b", "h100-sxm", "fp8", "vllm", 4, 1, 1024, 8192, 32, 18.39),
    ("llama-3.1-70b", "h100-sxm", "fp8", "vllm", 2, 1, 1024, 8192, 4, 17.97),
    ("llama-3.1-70b", "h100-sxm", "fp8", "vllm", 2, 1, 1024, 8192, 32, 27.69),
    ("llama-3.1-70b", "h200-sxm", "fp8", "trtllm", 8, 1, 1024, 8192, 64, 13.22),
    ("llama-3.1-70b", "b200-sxm", "fp8", "trtllm", 2, 1, 1024, 8192, 8, 10.03),
    ("llama-3.1-70b", "b200-sxm", "fp4", "trtllm", 2, 1, 1024, 8192, 64, 14.37),
    ("llama-3.1-70b", "b200-sxm", "fp4", "trtllm", 1, 1, 1024, 1024, 16, 13.11),
    ("llama-3.1-70b", "h200-sxm", "fp8", "vllm", 1, 1, 8192, 1024, 32, 75.74),
    ("llama-3.1-70b", "b200-sxm", "fp8", "vllm", 1, 1, 1024, 1024, 32, 19.56),
    ("llama-3.1-70b", "b200-sxm", "fp4", "vllm", 8, 1, 1024, 1024, 8, 6.6),
    ("llama-3.1-70b", "b200-sxm", "fp8", "trtllm", 4, 1, 1024, 1024, 16, 7.31),
    ("llama-3.1-70b", "h100-sxm", "fp8", "vllm", 2, 1, 1024, 1024, 4, 17.41),
    ("llama-3.1-70b", "b200-sxm", "fp4", "trtllm", 4, 1, 1024, 1024, 8, 7.06),
    ("llama-3.1-70b", "h200-sxm", "fp8", "trtllm", 1, 1, 1024, 1024, 8, 21.12),
    ("llama-3.1-70b", "b200-sxm", "fp8", "trtllm", 8, 1, 1024, 1024, 32, 7.36),
    ("llama-3.1-70b", "b200-sxm", "fp8", "vllm", 8, 1, 1024, 1024, 16, 7.61),
    ("llama-3.1-70b", "b200-sxm", "fp4", "trtllm", 8, 1, 8192, 1024, 16, 8.8),
    ("llama-3.1-70b", "b200-sxm", "fp8", "trtllm", 4, 1, 8192, 1024, 4, 7.67),
    ("deepseek-v3", "b200-sxm", "fp8", "sglang", 8, 1, 1024, 1024, 8, 10.81),
    ("deepseek-v3", "h200-sxm", "fp8", "sglang", 8, 1, 8192, 1024, 4, 11.27),
    ("deepseek-v3", "b200-sxm", "fp8", "sglang", 8, 1, 1024, 1024, 64, 22.53),
    ("deepseek-v3", "h200-sxm", "fp8", "sglang", 8, 1, 8192, 1024, 64, 50.24),
    ("deepseek-v3", "b200-sxm", "fp8", "trtllm", 8, 1, 8192, 1024, 64, 25.14),
    ("deepseek-v3", "b200-sxm", "fp8", "trtllm", 1, 8, 1024, 1024, 256, 21.03),
    ("deepseek-v3", "b200-sxm", "fp8", "trtllm", 8, 1, 1024, 8192, 8, 10.5),
    ("deepseek-v3", "h200-sxm", "fp8", "trtllm", 8, 1, 1024, 1024, 64, 23.42),
    ("deepseek-v3", "h200-sxm", "fp8", "trtllm", 8, 1, 1024, 8192, 16, 11.39),
    ("deepseek-v3", "h200-sxm", "fp8", "trtllm", 8, 1, 1024, 1024, 16, 20.39),
    ("deepseek-v3", "b200-sxm", "fp8", "trtllm", 8, 1, 1024, 1024, 32, 10.88),
    ("qwen3-32b", "h100-sxm", "bf16", "sglang", 4, 1, 1024, 128, 16, 10.55),
    ("qwen3-32b", "h100-sxm", "bf16", "sglang", 8, 1, 2048, 512, 16, 8.35),
    ("qwen3-32b", "h100-sxm", "fp8", "trtllm", 1, 1, 1024, 512, 16, 18.05),
    ("qwen3-32b", "h100-sxm", "fp8", "trtllm", 2, 1, 1024, 128, 8, 11.87),
    ("qwen3-32b", "h100-sxm", "fp8", "trtllm", 2, 1, 2048, 256, 64, 36.58),
    ("qwen3-32b", "h100-sxm", "fp8", "trtllm", 4, 1, 4096, 256, 16, 13.34),
    ("qwen3-32b", "h100-sxm", "bf16", "vllm", 4, 1, 1024, 128, 8, 11.76),
    ("qwen3-32b", "h100-sxm", "bf16", "vllm", 4, 1, 1024, 1024, 8, 10.6),
    ("qwen3-32b", "h100-sxm", "bf16", "vllm", 8, 1, 4096, 512, 8, 8.9),
]


def _tpot_errors(machines: dict[str, Accelerator], loads: LoadOf) -> np.ndarray:
    errors = []
    for model, machine, dtype, engine, tp, dp, prompt, output, batch, measured in MEASURED:
        # TensorRT-LLM caches in fp8 with quantised weights, vLLM and SGLang in bf16 by default
        kv = "fp8" if engine == "trtllm" and dtype != "bf16" else "bf16"
        layout = ServingLayout(tp=tp, dp=dp, ep=tp * dp if dp > 1 else 1)
        step = serving_step(loads(model, dtype, kv), machines[machine], layout)
        running = min(batch, step.kv_capacity_tokens / (prompt + output / 2))
        errors.append(step.steady_seconds(running, prompt, output) * 1e3 / measured - 1)
    return np.array(errors)


def test_time_per_output_token_follows_measurements(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    # four models, three machines, three engines, batches 4 to 256, one set of coefficients per
    # generation
    errors = _tpot_errors(machines, loads)
    assert np.median(np.abs(errors)) < 0.15
    assert np.quantile(np.abs(errors), 0.9) < 0.37
    assert abs(np.median(errors)) < 0.10


def test_wide_expert_parallel_decode_matches_the_deepseek_disclosure(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    # DeepSeek inference overview (2025-02): EP144 decode on H800, 14.8k token/s per node of 8 in
    # production (1,850 per accelerator), 88 sequences each of mean context 4,989. Our step time
    # knows no idle time and no speculative decoding, so it may exceed production by 30 %.
    load, n = loads("deepseek-v3", "fp8"), 144
    step = serving_step(load, machines["h800-sxm"], ServingLayout(ep=n, dp=n), max_batch=128 * n)
    rate = 88 / step.decode_seconds(88 * n, 4989.0)
    assert 1850 <= rate <= 1850 * 1.3
    # profiled: 18.6k per node at 128 sequences each
    profiled = 128 / step.decode_seconds(128 * n, 4989.0)
    assert profiled == pytest.approx(18600 / 8, rel=0.15)


def test_wide_expert_parallel_prefill_matches_the_deepseek_disclosure(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    # profiled EP32 prefill of 4,096-token prompts, 16k tokens per accelerator: 62.7k token/s per
    # node (7,840 each); in production 32.2k computed token/s per node (4,026 each)
    n = 32
    budget = 16384 * n
    step = serving_step(
        loads("deepseek-v3", "fp8"),
        machines["h800-sxm"],
        ServingLayout(ep=n, dp=n),
        token_budget=budget,
    )
    rate = 16384 / step.step_seconds(budget, budget * 2048.0, 0.0, 0.0)
    assert 4026 <= rate <= 7840


def test_layout_takes_the_smallest_replica_that_serves_well(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    h100 = machines["h100-sxm"]
    assert serving_layout(loads("llama-3.1-8b", "bf16"), h100).n_accelerators == 1
    assert 2 <= serving_layout(loads("llama-3.1-70b", "fp8"), h100).n_accelerators <= 4
    wide = serving_layout(loads("deepseek-v3", "fp8"), machines["gb200"])
    assert wide.ep >= 8
    assert wide.n_accelerators <= 72


def test_a_tighter_time_per_token_never_takes_a_slower_layout(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    load, b200 = loads("llama-3.1-70b", "fp8"), machines["b200-sxm"]
    fastest = [
        serving_step(load, b200, serving_layout(load, b200, tpot=tpot)).decode_seconds(1, 4096)
        for tpot in (0.1, 0.03, 0.01, 0.001)
    ]
    assert fastest == sorted(fastest, reverse=True)


def test_what_does_not_fit_says_by_how_much(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    # 70.6 GB in fp8 and 141 GB in bf16 on 80 GiB (85.9 GB) of which 76 GB are the engine's
    load = loads("llama-3.1-70b", "bf16")
    with pytest.raises(CapacityError, match=r"does not fit on 1 x h100-sxm: 65\.\d GB too much"):
        serving_step(load, machines["h100-sxm"], ServingLayout())
    with pytest.raises(CapacityError, match="leaves the scale-up domain"):
        serving_step(load, machines["h100-sxm"], ServingLayout(tp=16))
    phone = Accelerator("phone", {"int8": 38e12}, 12e9, 76e9, 9.0, kind="device")
    with pytest.raises(CapacityError, match="does not fit on 1 x phone"):
        serving_layout(load, phone)


def test_a_phone_decodes_at_its_memory_bandwidth(loads: LoadOf) -> None:
    # 8 B parameters of 4 bits on 76 GB/s: about 76 · 0.7 / 3.8 GB = 13 token/s
    phone = Accelerator("phone", {"int8": 38e12}, 16e9, 76e9, 9.0, kind="device")
    step = serving_step(loads("llama-3.1-8b", "fp4"), phone, ServingLayout())
    assert 1 / step.decode_seconds(1, 1000.0) == pytest.approx(12.5, rel=0.15)


def test_weight_table_counts_the_experts_that_tokens_touch(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    load = loads("deepseek-v3", "fp8")
    step = serving_step(load, machines["h200-sxm"], ServingLayout(tp=8), token_budget=4096)
    table = step.weight_stream
    assert np.all(
        table <= step.weight_seconds[0] * (1 + 1e-9)
    )  # multiplications take no less than their weights
    assert table.dtype == np.float64
    assert table.shape == (step.token_budget + 1,)
    assert np.all(np.diff(table) >= 0)
    # no token reads the dense weights alone, one token eight of 256 experts at most (routing is
    # no independent draw), many tokens all
    experts = table[-1] - table[0]
    assert 0.6 * experts * 8 / 256 < table[1] - table[0] <= experts * 8 / 256
    assert experts / table[0] == pytest.approx(load.expert_weight_bytes / load.dense_weight_bytes)


def test_attention_groups_copy_dense_weights_and_share_experts(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    load, h200 = loads("deepseek-v3", "fp8"), machines["h200-sxm"]
    split = serving_step(load, h200, ServingLayout(tp=8), token_budget=2048, max_batch=64)
    groups = serving_step(load, h200, ServingLayout(ep=8, dp=8), token_budget=2048, max_batch=64)
    assert groups.weight_stream[0] == pytest.approx(8 * split.weight_stream[0])
    assert np.ptp(groups.weight_stream) == pytest.approx(np.ptp(split.weight_stream))
    # one latent cache per group against one copy on every rank
    assert groups.kv_capacity_tokens > 4 * split.kv_capacity_tokens


def test_a_large_step_waits_for_its_launches(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    load, rack = loads("deepseek-v3", "fp8"), machines["gb200"]
    table = serving_step(load, rack, ServingLayout(tp=8), token_budget=1024).weight_seconds[0]
    assert table[GRAPH_TOKENS + 1] > 2 * table[GRAPH_TOKENS]  # no graph holds it


def _step(**changes: float) -> StepModel:
    values = {
        "fixed": 4e-3, "wire": 1e-7, "compute_offset": 1e-4, "per_token": 2e-5, "per_pair": 1e-9,
        "per_kv_token": 1e-8, "per_sequence": 1e-5,
    } | changes  # fmt: skip
    table = 0.02 * (1 - 0.9 ** np.arange(1025))
    both = np.outer([1.0, 0.0, 0.0], table)
    return StepModel(**values, weight_seconds=both, weight_stream=table, kv_capacity_tokens=1e6,
                     max_batch=256, token_budget=1024, n_accelerators=8)  # fmt: skip


def test_step_time_is_the_written_form() -> None:
    step = _step()
    compute = 1e-4 + 2e-5 * 512 + 1e-9 * 1e6
    memory = float(step.weight_seconds[0, 512]) + 1e-8 * 2e5 + 1e-5 * 100
    expected = 4e-3 + 1e-7 * 512 + max(compute, memory)
    assert step.step_seconds(512, 1e6, 2e5, 100) == pytest.approx(expected)


def test_a_prompt_of_several_chunks_is_the_sum_of_their_steps() -> None:
    step = _step()
    first = step.step_seconds(1024, 1024 * 1025 / 2, 0, 0)
    second = step.step_seconds(512, 512 * (1024 + 513 / 2), 0, 0)
    assert step.prefill_seconds(1536) == pytest.approx(first + second)
    assert step.prefill_seconds(512, cached=1024) == pytest.approx(second)


def test_steady_time_of_long_answers_is_the_decode_time() -> None:
    step = _step()
    alone = step.decode_seconds(32, 100 + 5e6 / 2)
    assert step.steady_seconds(32, 100, 5e6) == pytest.approx(alone, rel=1e-3)


@given(
    batch=st.integers(1, 255),
    context=st.floats(1, 1e5),
    more=st.floats(1, 10),
)
def test_more_sequences_and_longer_contexts_are_never_faster(
    batch: int, context: float, more: float
) -> None:
    step = _step()
    assert step.decode_seconds(batch + 1, context) >= step.decode_seconds(batch, context)
    assert step.decode_seconds(batch, context * more) >= step.decode_seconds(batch, context)
    rounding = 1.0 - 1e-12  # contexts that differ in the last digit are equally fast
    longer = step.steady_seconds(batch, context * more, 500)
    assert longer >= rounding * step.steady_seconds(batch, context, 500)


def test_the_bytes_of_a_step_are_those_of_weights_and_cache(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    load, chip = loads("llama-3.1-8b", "fp8"), machines["h100-sxm"]
    one, two = (serving_step(load, chip, ServingLayout(tp=n)) for n in (1, 2))
    moved = one.traffic_seconds(16, 16 * 4000, 16) * chip.memory_bandwidth
    activations = moved - load.dense_weight_bytes - 16 * 4000 * load.kv_bytes_per_token
    assert 0.0 < activations < 0.01 * moved
    assert two.traffic_seconds(16, 16 * 4000, 16) == pytest.approx(
        one.traffic_seconds(16, 16 * 4000, 16) / 2, rel=0.01
    )


@pytest.mark.parametrize("model", ["llama-3.1-70b", "deepseek-v3"])
@pytest.mark.parametrize("batch", [1, 32, 256])
def test_no_step_moves_more_than_its_kernels_attain(
    machines: dict[str, Accelerator], loads: LoadOf, model: str, batch: int
) -> None:
    step = serving_step(loads(model, "fp8"), machines["h200-sxm"])
    share = step.traffic_seconds(batch, batch * 8000, batch) / step.decode_seconds(batch, 8000)
    assert 0.1 < share < max(step.weight_hbm, step.kv_hbm)
    reading = step.traffic_seconds(8192, 0, 0) / step.step_seconds(8192, 8192 * 4096, 0, 0)
    assert 0.0 < reading < 0.5 * share + 0.1  # prompts compute


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=300),
    st.floats(0.0, 40.0),
    st.integers(0, 300),
)
def test_the_largest_batch_in_time_is_the_one_that_a_scan_finds(
    growth: list[float], tpot: float, crowded: int
) -> None:
    """Any step time that does not fall, with jumps, and without room from some batch on."""
    seconds = np.cumsum(np.array(growth) ** 8)
    seconds[crowded:] = np.inf
    tried = []

    def step_seconds(batch: int) -> float:
        tried.append(batch)
        return float(seconds[batch - 1])

    batch, of_it = largest_batch(step_seconds, seconds.size, tpot)
    kept = np.flatnonzero(seconds <= tpot)
    assert batch == (kept[-1] + 1 if kept.size else 1)
    assert of_it == seconds[batch - 1]
    assert len(tried) <= 2 + 2 * np.log2(seconds.size + 1)
