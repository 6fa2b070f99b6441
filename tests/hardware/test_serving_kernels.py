"""What a step is made of: multiplications between their bounds, experts, engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import ServingLayout, serving_step
from computesim.hardware.serving_efficiency import (
    ENGINES,
    GENERAL_ENGINE,
    GRAPH_TOKENS,
    KERNELS,
    engine_named,
    serving_kernels,
)
from computesim.quantities import ServingLoad

LoadOf = Callable[..., ServingLoad]
NO_LAUNCH = replace(GENERAL_ENGINE, eager_layer=0.0, eager_expert=0.0, eager_latent=0.0)


@pytest.mark.parametrize("model", ["llama-3.1-70b", "deepseek-v3"])
def test_multiplications_take_no_less_than_memory_and_no_less_than_compute(
    machines: dict[str, Accelerator], loads: LoadOf, model: str
) -> None:
    step = serving_step(
        loads(model, "fp8"), machines["h200-sxm"], ServingLayout(tp=8), engine=NO_LAUNCH
    )
    tokens = np.arange(step.token_budget + 1)
    table = step.weight_seconds[0]
    assert np.all(table >= step.weight_stream * (1 - 1e-9))
    assert np.all(np.diff(table) >= 0)
    windowless = step.per_token * tokens[GRAPH_TOKENS:]  # no attention but the pairs
    assert np.all(table[GRAPH_TOKENS:] >= windowless * (1 - 1e-9))
    # a prompt that fills the step waits for compute alone: within a quarter of its limit
    assert table[-1] < 1.25 * windowless[-1]


def test_the_bend_is_that_of_measured_narrow_kernels(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    # aiconfigurator GEMM tables (vLLM 0.24): where memory and compute take as long as each other,
    # fp8 and nvfp4 multiplications take 2^(1/p) times as long, quartiles of p 0.75 to 2.0
    for kernels in KERNELS.values():
        assert 0.75 <= kernels.bend <= 2.0
    load, h200 = loads("llama-3.1-70b", "fp8"), machines["h200-sxm"]
    sharp = replace(serving_kernels(h200), bend=50.0)
    round_, edged = (
        serving_step(load, h200, ServingLayout(), engine=NO_LAUNCH, kernels=kernels)
        for kernels in (serving_kernels(h200), sharp)
    )
    gain = (round_.weight_seconds[0] / edged.weight_seconds[0])[1:]
    assert gain.max() == pytest.approx(2 ** (1 / serving_kernels(h200).bend), rel=0.03)
    assert gain[0] == pytest.approx(1.0, abs=0.01)


def test_steps_are_padded_to_the_next_graph(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    table = serving_step(
        loads("llama-3.1-70b", "fp8"), machines["h200-sxm"], ServingLayout()
    ).weight_seconds[0]
    activations = np.diff(table[33:41])  # all padded to 40 rows: only activations differ
    assert activations == pytest.approx(np.full(7, activations[0]))
    assert np.diff(table[40:42])[0] > 2 * activations[0]


def test_slices_of_experts_are_slower_than_whole_experts(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    load, h200 = loads("deepseek-v3", "fp8"), machines["h200-sxm"]
    split = serving_step(load, h200, ServingLayout(tp=8))
    whole = serving_step(load, h200, ServingLayout(dp=8, ep=8))
    # SGLang's fused kernel on H200, 16,384 tokens: 383 TFLOP/s for an eighth of each expert
    # against 695 for whole ones (aiconfigurator MoE table); imbalance and activations beside
    of_group = whole.per_token + whole.per_shared_token  # a token of each of the eight
    assert 1.2 < split.per_token / (of_group / 8) < 2.5


def test_four_bit_weights_are_multiplied_in_sixteen_bits_where_nothing_narrower_reads_them(
    machines: dict[str, Accelerator], loads: LoadOf
) -> None:
    hopper, blackwell = machines["h200-sxm"], machines["b200-sxm"]
    layout = ServingLayout(tp=2)
    bf16, fp4 = (loads("llama-3.1-70b", dtype) for dtype in ("bf16", "fp4"))
    alike = [serving_step(load, hopper, layout).per_token for load in (bf16, fp4)]
    assert alike[0] == pytest.approx(alike[1])
    faster = [serving_step(load, blackwell, layout).per_token for load in (bf16, fp4)]
    assert faster[1] < faster[0] / 1.5


def test_engines_are_found_by_their_names() -> None:
    assert engine_named("TensorRT-LLM") is ENGINES["trtllm"]
    assert engine_named("vllm").mixes
    assert not engine_named("sglang").mixes
    for version in ("vllm-0.11", "vLLM 0.12.0", "vllm_v1", "VLLM:0.18.0rc2"):
        assert engine_named(version) is ENGINES["vllm"]
    assert engine_named("trt-llm-1.2.0rc6.post2") is ENGINES["trtllm"]
    for nobody in ("", "general"):
        assert engine_named(nobody) is GENERAL_ENGINE
    for name, hint in (("vlm", "vllm"), ("sglang-next", "sglang"), ("tensorrt", "tensorrt-llm")):
        with pytest.raises(ValueError, match=f"did you mean.*{hint}"):
            engine_named(name)


def test_an_engine_looks_at_requests_as_often_as_its_recipe_says(
    machines: dict[str, Accelerator],
) -> None:
    # InferenceX, dsr1_fp8_b200.sh: --scheduler-recv-interval 30, 10 below 16 clients; none in
    # dsr1_fp8_h200.sh
    sglang, h200, b200 = ENGINES["sglang"], machines["h200-sxm"], machines["b200-sxm"]
    assert sglang.held(h200) == sglang.held(h200, 4) == sglang.held_steps
    assert sglang.held(b200) - sglang.held(h200) == pytest.approx((30 - 1) / 2)
    assert sglang.held(b200, 15) - sglang.held(h200) == pytest.approx((10 - 1) / 2)
    assert ENGINES["vllm"].held(b200, 4) == ENGINES["vllm"].held_steps


def test_the_cache_is_narrow_where_the_engine_makes_it_so(
    machines: dict[str, Accelerator],
) -> None:
    h100, b200 = machines["h100-sxm"], machines["b200-sxm"]
    assert engine_named("vllm").kv_dtype("fp8", h100) == "bf16"
    assert engine_named("trtllm").kv_dtype("fp8", h100) == "fp8"
    assert engine_named("vllm").kv_dtype("fp4", b200) == "fp8"
    assert engine_named("trtllm").kv_dtype("bf16", b200) == "bf16"
