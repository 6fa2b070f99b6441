"""Layouts that serving engines refuse, and those that they start with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.catalog import load_catalog
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.possible import divides, misfits
from computesim.hardware.serving import ServingLayout, serving_layouts, serving_step
from computesim.quantities import ServingLoad
from computesim.study.pool.possible import layout_faults
from computesim.study.verify.cases import SERVING, shipped_cases
from computesim.study.verify.serving import benchmark_of
from computesim.workload.transformer import serving_load

LoadOf = Callable[..., ServingLoad]
CATALOG = load_catalog()
MODELS = sorted(CATALOG.names("models"))
# model, accelerator, tp, ep, dp: published deployments (DeepSeek's inference overview and V3
# report; LMSYS, 96 H100; NVIDIA TensorRT-LLM performance overview; vLLM recipes)
DEPLOYED = [
    ("deepseek-v3", "h800-sxm", 1, 144, 144),
    ("deepseek-v3", "h800-sxm", 1, 32, 32),
    ("deepseek-v3", "h100-sxm", 1, 72, 72),
    ("deepseek-v3", "b200-sxm", 8, 8, 1),
    ("kimi-k2", "h200-sxm", 16, 1, 1),
    ("qwen3-235b-a22b", "h200-sxm", 8, 1, 1),  # 4 KV heads, each on two ranks
    ("llama-4-maverick", "b200-sxm", 1, 4, 4),
    ("gpt-oss-120b", "b200-sxm", 1, 2, 2),
    ("qwen3-next-80b-a3b", "h200-sxm", 4, 1, 1),
]


def load_of(name: str) -> ServingLoad:
    return serving_load(CATALOG.model(name), "fp8", "bf16")


@pytest.mark.parametrize(("model", "machine", "tp", "ep", "dp"), DEPLOYED)
def test_what_is_deployed_is_possible(model: str, machine: str, tp: int, ep: int, dp: int) -> None:
    layout = ServingLayout(tp=tp, ep=ep, dp=dp)
    chip = replace(CATALOG.accelerator(machine), scaleup_domain=16)
    assert not [*misfits(load_of(model), layout, chip)]


def test_every_published_measurement_ran_on_a_possible_layout() -> None:
    for case in shipped_cases(SERVING):
        asked = benchmark_of(case, CATALOG)
        chip = CATALOG.accelerator(asked.accelerator)
        load = asked.load(CATALOG.model(asked.model), chip)
        assert [*layout_faults(asked, load, chip)] == []


def test_degrees_that_divide_are_named_where_one_does_not() -> None:
    # 40 query and 40 KV heads; vLLM: "Total number of attention heads (40) must be divisible by
    # tensor parallel size (3)"
    load = load_of("llama-2-13b")
    (misfit,) = misfits(load, ServingLayout(tp=3))
    assert str(misfit) == (
        "tp 3 does not divide the 40 heads of llama-2-13b; accepted: 1, 2, 4, 5, 8, 10, 20, 40"
    )
    (misfit,) = misfits(load, ServingLayout(tp=3), CATALOG.accelerator("h100-sxm"))
    assert misfit.accepted == "accepted: 1, 2, 4, 5, 8"
    (misfit,) = misfits(load_of("llama-4-scout"), ServingLayout(tp=5))
    assert (
        misfit.why
        == "tp 5 neither divides the 8 KV heads of llama-4-scout nor is a multiple of them"
    )


def test_experts_and_layers_bound_the_other_degrees(machines: dict[str, Accelerator]) -> None:
    dense, experts = load_of("llama-3.1-70b"), load_of("gpt-oss-20b")
    whys = [m.why for m in misfits(dense, ServingLayout(tp=8, ep=8, pp=100))]
    assert whys == ["ep 8: llama-3.1-70b has no experts",
                    "pp 100 exceeds the 80 layers of llama-3.1-70b"]  # fmt: skip
    (misfit,) = misfits(experts, ServingLayout(ep=64, dp=64))
    assert str(misfit) == "ep 64: gpt-oss-20b has 32 experts; accepted: 1 to 32"
    with pytest.raises(CapacityError, match="does not divide the 64 heads"):
        serving_step(dense, machines["h100-sxm"], ServingLayout(tp=3))


@given(st.sampled_from(MODELS), st.sampled_from(["h100-sxm", "gb200", "tpu-v5p", "ascend-910c"]))
def test_only_possible_layouts_are_searched(model: str, machine: str) -> None:
    load, chip = load_of(model), CATALOG.accelerator(machine)
    layouts = [*serving_layouts(load, chip)]
    assert layouts
    assert not [misfit for layout in layouts for misfit in misfits(load, layout, chip)]


@given(st.sampled_from(MODELS), st.integers(1, 256))
def test_equal_parts_are_what_divides(model: str, tp: int) -> None:
    arch, load = CATALOG.model(model), load_of(model)
    kv = 1 if arch.attention == "mla" else arch.n_kv_heads
    if divides(load, tp):
        assert arch.n_heads % tp == 0
        # each rank holds whole KV heads, or each KV head is on equally many ranks
        assert tp % kv == 0 or kv % tp == 0


def test_ranks_that_experts_do_not_divide_hold_redundant_ones(loads: LoadOf) -> None:
    # DeepSeek: 144 ranks of two of 256 + 32 experts
    chip = CATALOG.accelerator("h800-sxm")
    load = loads("deepseek-v3", "fp8")
    for ep, held in ((128, 256), (144, 288)):
        step = serving_step(load, chip, ServingLayout(ep=ep, dp=ep), 1, 1)
        bare = serving_step(replace(load, expert_weight_bytes=0.0), chip,
                            ServingLayout(ep=ep, dp=ep), 1, 1)  # fmt: skip
        taken = (bare.kv_capacity_tokens - step.kv_capacity_tokens) * load.kv_bytes_per_token
        assert taken == pytest.approx(load.expert_weight_bytes * held / 256)
