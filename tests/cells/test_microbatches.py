"""Pipeline stages and attention groups: what they cannot do for a client that is alone."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from computesim import load_catalog
from computesim.cells.serving import as_service
from computesim.errors import CapacityError
from computesim.hardware.serving import ServingLayout, StepModel, serving_step
from computesim.sim.chains import closed_loop
from computesim.sim.engine import simulate_serving
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas
from computesim.sim.trace import Trace
from computesim.workload.transformer import serving_load

CATALOG = load_catalog()
MODELS = st.sampled_from([("llama-3.1-70b", "fp8"), ("gpt-oss-120b", "fp4"), ("deepseek-r1", "fp8"),
                          ("qwen3-235b-a22b", "fp8")])  # fmt: skip
MACHINES = st.sampled_from(["h100-sxm", "h200-sxm", "b200-sxm", "gb200"])
PROMPTS = st.integers(1, 60_000)
sampled = settings(max_examples=60, deadline=None, derandomize=True)


@cache
def _step(model: str, dtype: str, machine: str, layout: ServingLayout) -> StepModel | None:
    load = serving_load(CATALOG.model(model), dtype, "fp8")
    try:
        return serving_step(load, CATALOG.accelerator(machine), layout)
    except CapacityError:
        return None


def step_of(model: tuple[str, str], machine: str, layout: ServingLayout) -> StepModel:
    step = _step(*model, machine, layout)
    assume(step is not None and step.sequence_tokens > 70_000)
    assert step is not None
    return step


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[str, str], str, ServingLayout]:
    model, machine = draw(MODELS), draw(MACHINES)
    tp, dp, pp = (draw(st.sampled_from(sizes)) for sizes in ([1, 2, 4, 8], [1, 2, 8], [1, 2, 3, 4]))
    if model[0].startswith("llama"):
        return model, machine, ServingLayout(tp=tp, pp=pp)
    return model, machine, ServingLayout(tp=tp, dp=dp, ep=tp * dp if dp > 1 else 1, pp=pp)


def play(step: StepModel, prompts: list[int], outputs: list[int], clients: int) -> ServingRun:
    trace = Trace.at_once(np.array(prompts), np.array(outputs))
    chains = closed_loop(len(prompts), clients)
    return simulate_serving(
        trace, Replicas(as_service(step), step.weight_seconds, 1), chains=chains
    )


@sampled
@given(MODELS, MACHINES, st.sampled_from([1, 2, 4, 8]), st.sampled_from([2, 3, 4, 8]), PROMPTS)
def test_stages_shorten_a_lone_prompt_by_no_more_than_its_chunks_allow(
    model: tuple[str, str], machine: str, tp: int, pp: int, prompt: int
) -> None:
    one = step_of(model, machine, ServingLayout(tp=tp))
    more = step_of(model, machine, ServingLayout(tp=tp, pp=pp))
    chunks = math.ceil(prompt / one.token_budget)
    least = one.prefill_seconds(prompt) * (chunks + pp - 1) / (chunks * pp)
    assert more.prefill_seconds(prompt) >= least * (1 - 1e-9)


@sampled
@given(layouts(), PROMPTS)
def test_attention_groups_take_nothing_off_what_one_group_computes(
    case: tuple[tuple[str, str], str, ServingLayout], prompt: int
) -> None:
    model, machine, layout = case
    step = step_of(model, machine, layout)
    alone, queued = step.prefill_seconds(prompt), step.prefill_seconds(prompt, queued=True)
    assert alone >= queued * (1 - 1e-9)  # its share of a full replica
    chunks = math.ceil(prompt / (step.token_budget / step.microbatches))
    own = prompt * step.per_token  # matrices that its group multiplies alone
    assert alone >= own * (chunks + layout.pp - 1) / (chunks * layout.pp) * (1 - 1e-9)


@sampled
@given(layouts(), st.integers(1, 30_000), st.integers(2, 40))
def test_a_request_alone_takes_what_the_formulas_say(
    case: tuple[tuple[str, str], str, ServingLayout], prompt: int, output: int
) -> None:
    step = step_of(*case)
    run = play(step, [prompt], [output], 1)
    first, finish = run.requests["first"][0], run.requests["finish"][0]
    assert first == pytest.approx(step.prefill_seconds(prompt), rel=1e-9)
    context = prompt + (output - 1) / 2  # each step reads one more
    assert (finish - first) / (output - 1) == pytest.approx(
        step.decode_seconds(1, context), rel=1e-3
    )


@sampled
@given(MODELS, MACHINES, st.sampled_from([1, 2, 4, 8]), st.sampled_from([2, 4, 8]))
def test_stages_speed_no_lone_sequence_up(
    model: tuple[str, str], machine: str, tp: int, pp: int
) -> None:
    one = step_of(model, machine, ServingLayout(tp=tp))
    more = step_of(model, machine, ServingLayout(tp=tp, pp=pp))
    for context in (100.0, 4_000.0, 60_000.0):
        assert more.decode_seconds(1, context) >= one.decode_seconds(1, context)
    # as many sequences in each microbatch: the same step, and pp times the tokens
    full, less = more.decode_seconds(16 * pp, 4_000.0), one.decode_seconds(16, 4_000.0)
    assert less <= full <= 1.3 * less  # hops between stages, and the host


@settings(max_examples=25, deadline=None, derandomize=True)
@given(layouts(), st.integers(100, 12_000), st.integers(8, 80))
def test_more_clients_never_raise_the_speed_of_one(
    case: tuple[tuple[str, str], str, ServingLayout], prompt: int, output: int
) -> None:
    step = step_of(*case)
    seen = []
    for clients in (1, 2, 4, 16):
        n = 6 * clients
        run = play(step, [prompt] * n, [output] * n, clients)
        seen.append((run.requests["finish"] - run.requests["arrival"])[clients:].mean())
    assert all(later >= sooner * (1 - 1e-9) for sooner, later in pairwise(seen))


@sampled
@given(
    layouts(),
    st.sampled_from(["memory_bandwidth", "scaleup_bandwidth", "nic_bandwidth", "memory_bytes",
                     "peak"]),
    st.floats(1.01, 4.0), st.integers(1, 400), st.integers(1, 30_000),
)  # fmt: skip
def test_a_better_machine_never_slows_a_step(
    case: tuple[tuple[str, str], str, ServingLayout],
    part: str,
    factor: float,
    batch: int,
    prompt: int,
) -> None:
    (model, dtype), machine, layout = case
    chip, load = CATALOG.accelerator(machine), serving_load(CATALOG.model(model), dtype, "fp8")
    peaks = {name: factor * rate for name, rate in chip.peak_flop_per_second.items()}
    better = replace(chip, peak_flop_per_second=peaks)
    if part != "peak":
        better = replace(chip, **{part: factor * getattr(chip, part)})
    one = step_of((model, dtype), machine, layout)
    other = serving_step(load, better, layout)
    slack = 1 + 1e-9
    assert other.decode_seconds(batch, 3_000.0) <= one.decode_seconds(batch, 3_000.0) * slack
    assert other.prefill_seconds(prompt) <= one.prefill_seconds(prompt) * slack
    steady = (batch, min(prompt, 8_000.0), 500.0)
    assert other.steady_seconds(*steady) <= one.steady_seconds(*steady) * slack
    assert other.kv_capacity_tokens >= one.kv_capacity_tokens
