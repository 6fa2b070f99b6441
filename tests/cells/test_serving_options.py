"""What production engines do, in cells: prefix caches, separate prefill, drafts, shared prompts."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computesim.catalog import load_catalog
from computesim.cells import serving_cell, serving_phases
from computesim.cells.jobs import ServingDemand
from computesim.cells.prefix_cache import loading, waiting_tokens
from computesim.cells.rates import Served, serving_paces
from computesim.cells.serving import Cell, Play, long_prompt, sample_trace
from computesim.cells.serving_options import PrefixCache, ServingOptions
from computesim.cells.serving_plant import Plant, plant_of
from computesim.hardware.replica import ServingLayout
from computesim.hardware.serving import serving_step
from computesim.hardware.speculation import Speculation
from computesim.workload.requests import RequestStream
from computesim.workload.transformer import serving_load

CATALOG = load_catalog()
MODEL = CATALOG.model("llama-3.1-70b")
H100 = CATALOG.accelerator("h100-sxm")
LOAD = serving_load(MODEL, "fp8", "bf16")
PLAY = Play(requests=200)
CHAT = RequestStream(1.0, 3000, 0.6, 200, 300, 0.9)
PLAIN = ServingOptions()
H_STEP = serving_step(LOAD, H100, ServingLayout(tp=4))


def asked(
    cache: PrefixCache | None = None,
    options: ServingOptions = PLAIN,
    stream: RequestStream = CHAT,
    tpot: float = 0.05,
) -> ServingDemand:
    caches = (cache or PrefixCache("hbm", 0.0),)
    return ServingDemand(
        "CoT inference", "t", MODEL, "fp8", "bf16", 4.0, tpot, (stream,),
        options=options, caches=caches,
    )  # fmt: skip


def cell(demand: ServingDemand) -> Cell:
    return serving_cell.measure(demand, H100, PLAY)


def plant(demand: ServingDemand) -> Plant:
    return plant_of(demand, LOAD, H100, sample_trace(demand, PLAY))


def test_what_waits_is_rate_times_time_times_tokens() -> None:
    two = (replace(CHAT, rate=3.0), replace(CHAT, rate=1.0, prompt_tokens=1000, cached_share=0.0))
    caches = (PrefixCache("hbm", 100.0), PrefixCache("hbm", 100.0))
    demand = replace(asked(), streams=two, caches=caches)
    assert waiting_tokens(demand, "hbm") == pytest.approx(3.0 * 100 * 3000 / 4.0)
    assert waiting_tokens(demand, "host", "storage") == 0.0  # and what is never found does not wait


@settings(max_examples=6, deadline=None)
@given(st.lists(st.floats(0.0, 2000.0), min_size=2, max_size=2))
def test_no_pool_does_more_when_prompts_wait_longer_in_hbm(seconds: list[float]) -> None:
    short, long = (plant(asked(PrefixCache("hbm", s))).rate(0.05) for s in sorted(seconds))
    assert long <= short * 1.06  # the fluid limit answers within 5 %


def test_prompts_that_wait_in_hbm_displace_sequences_and_are_paid_by_cached_tokens() -> None:
    free, held = (asked(PrefixCache("hbm", seconds)) for seconds in (0.0, 60.0))
    cells = [cell(demand) for demand in (free, held)]
    assert 0.0 < cells[1].requests < 0.9 * cells[0].requests
    shares = [
        serving_phases.measure(demand, H100, PLAY, one.batch).shares()[0]
        for demand, one in zip((free, held), cells, strict=True)
    ]
    assert shares[1]["Cached input"] > shares[0]["Cached input"] + 0.1
    # what is left does the same work: reading and writing keep their ratio
    ratio = [share["Fresh input"] / share["Output"] for share in shares]
    assert ratio[1] == pytest.approx(ratio[0], rel=1e-9) or cells[0].batch != cells[1].batch


def test_the_memory_that_waits_is_what_the_lower_rate_leaves() -> None:
    demand = asked(PrefixCache("hbm", 60.0))
    one = plant(demand)
    rate = one.rate(demand.tpot)
    service = one.pool.service
    running = sum(kind.state.batch * kind.replicas for kind in one.kinds(rate))
    used = running * one.lengths.context + rate * one.lengths.kept
    whole = service.kv_capacity_tokens * one.counts[0]
    assert used == pytest.approx(whole, rel=0.12)  # memory is what binds, within two searches


def test_prompts_that_leave_no_room_for_a_request_are_not_served() -> None:
    assert cell(asked(PrefixCache("hbm", 1e9))).requests < 1e-4


@pytest.mark.parametrize("retention", [30.0, 120.0])
def test_no_more_is_served_than_the_prompts_that_wait_leave_room_for(retention: float) -> None:
    demand = asked(PrefixCache("hbm", retention))
    most = plant(demand)
    assert 0.0 < cell(demand).requests <= most.rate(demand.tpot) / most.accelerators * (1 + 1e-9)


def test_a_long_prompt_is_one_of_the_prompts() -> None:
    """Of two kinds, many new tokens and a long context: no prompt has both."""
    two = (
        replace(CHAT, prompt_tokens=6000, cached_share=0.0),
        replace(CHAT, prompt_tokens=40_000, cached_share=0.97),
    )
    demand = replace(asked(stream=two[0]), streams=two, caches=(PrefixCache("hbm", 0.0),) * 2)
    trace = sample_trace(demand, PLAY)
    known = trace.computed_from
    prompts = list(zip(trace.prompt_tokens - known, known, strict=True))
    for share in (0.5, 0.9, 0.99):
        assert long_prompt(trace, LOAD, share) in prompts
    reading = [H_STEP.prefill_seconds(float(new), float(cached)) for new, cached in prompts]
    alone = H_STEP.prefill_seconds(*long_prompt(trace, LOAD, 0.9))
    assert alone == pytest.approx(np.quantile(reading, 0.9), rel=0.05)


def test_prefixes_outside_come_over_a_link_before_a_prompt_is_read() -> None:
    layout = ServingLayout(tp=4)
    slow, fast = (
        loading(asked(PrefixCache("storage", 60.0, rate)), LOAD, H100, layout)
        for rate in (1e9, 2e9)
    )
    size = 1800 * LOAD.kv_bytes_per_token
    assert slow.link == pytest.approx(size / 1e9)
    assert slow.seconds == pytest.approx(2 * fast.seconds)
    # the long ones, over what the eight of a node draw together, however few of them hold a part
    assert size / 8e9 < slow.seconds < 3 * size / 8e9
    one = loading(asked(PrefixCache("storage", 60.0, 1e9)), LOAD, H100, ServingLayout())
    assert one.seconds == slow.seconds
    host = loading(asked(PrefixCache("host")), LOAD, H100, layout)
    assert 0 < host.seconds < fast.seconds
    alone = loading(asked(PrefixCache("host")), LOAD, H100, ServingLayout())
    assert alone.seconds == pytest.approx(4 * host.seconds)  # the link to its host is its own
    assert loading(asked(), LOAD, H100, layout).seconds == 0.0


def test_a_slow_link_bounds_what_a_pool_does() -> None:
    rate = 2e7  # B/s
    found = cell(asked(PrefixCache("storage", 60.0, rate), tpot=0.1, stream=replace(CHAT)))
    assert found.requests == 0.0  # half a minute until the prefix is there
    patient = replace(asked(PrefixCache("storage", 60.0, rate)), ttft=1e4)
    bound = rate / (1800 * LOAD.kv_bytes_per_token)
    assert cell(patient).requests == pytest.approx(bound, rel=0.01)
    phases = serving_phases.measure(patient, H100, PLAY, 1.0).shares()[0]
    assert phases["Cached input"] > 0.5  # links are what it waits for


def test_shared_prompts_hold_one_copy_and_serve_more_where_memory_binds() -> None:
    stream = replace(CHAT, samples=8.0, cached_share=0.0, prompt_tokens=6000)
    own, shared = (
        cell(asked(options=replace(PLAIN, shared_prompts=yes), stream=stream, tpot=0.2))
        for yes in (False, True)
    )
    assert shared.requests > 1.1 * own.requests
    assert shared.batch > 1.5 * own.batch


def test_a_single_sample_shares_nothing() -> None:
    one, other = (cell(asked(options=replace(PLAIN, shared_prompts=yes))) for yes in (False, True))
    assert one == other


def test_the_cell_of_shared_prompts_is_the_same_with_the_readable_twin() -> None:
    short = replace(CHAT, samples=3.0, prompt_tokens=200, answer_tokens=10, reasoning_tokens=10)
    demand = replace(asked(stream=short), ttft=0.1)
    small = Play(requests=30)
    twin = serving_cell.measure(demand, H100, replace(small, kernel="simpy"))
    fast = serving_cell.measure(demand, H100, small)
    assert astuple(fast) == pytest.approx(astuple(twin), rel=1e-9)


def test_drafts_are_used_where_they_serve_more_only() -> None:
    kept, useless = Speculation(1, 0.85), Speculation(4, 0.0)
    plain = cell(asked())
    assert cell(asked(options=replace(PLAIN, speculation=kept))).requests > 1.2 * plain.requests
    assert cell(asked(options=replace(PLAIN, speculation=useless))) == plain


def test_separate_prefill_reads_and_decodes_in_the_ratio_that_serves_most() -> None:
    one = plant(asked(options=replace(PLAIN, separate_prefill=True)))
    reads, writes = one.pool.halves(one.lengths, 0.05)
    sizes = [step.n_accelerators for step in one.steps]
    best = 1.0 / (sizes[0] / reads + sizes[1] / writes)  # any ratio, of many replicas
    assert 0.9 * best < one.rate(0.05) / one.accelerators <= best * (1 + 1e-9)


def test_separate_prefill_keeps_a_promise_that_chunks_of_prompts_break() -> None:
    stream = replace(CHAT, cached_share=0.0, prompt_tokens=6000)
    together, apart = (
        cell(asked(options=replace(PLAIN, separate_prefill=yes), stream=stream, tpot=0.02))
        for yes in (False, True)
    )
    assert apart.requests > together.requests
    assert apart.tpot <= 0.02
    assert apart.reading > 0.0


def test_without_a_nic_prefill_stays_where_it_is() -> None:
    alone = replace(H100, nic_bandwidth=0.0)
    options = replace(PLAIN, separate_prefill=True)
    apart = serving_cell.measure(asked(options=options), alone, PLAY)
    assert apart == serving_cell.measure(asked(), alone, PLAY)


def test_stated_layouts_are_those_of_the_plant() -> None:
    layouts = (ServingLayout(tp=4), ServingLayout(tp=8))
    options = ServingOptions(separate_prefill=True, layouts=layouts)
    assert plant(asked(options=options)).layouts == layouts


@pytest.mark.parametrize(
    "options",
    [
        PLAIN,
        replace(PLAIN, speculation=Speculation(1, 0.85)),
        replace(PLAIN, separate_prefill=True),
    ],
    ids=["plain", "drafts", "apart"],
)
def test_the_formula_of_a_balance_follows_the_simulated_pool(options: ServingOptions) -> None:
    stream = replace(CHAT, answer_tokens=0.0, reasoning_tokens=400, spread=0.3)
    demand = replace(asked(options=options, stream=stream), ttft=60.0)
    simulated = serving_cell.measure(demand, H100, Play(requests=400)).requests
    served = Served(MODEL, "fp8", "bf16", 0.05, stream, options=options, cache=demand.caches[0])
    paces = serving_paces(served, H100, 200.0, 800.0)
    assert 1.0 / paces.seconds(400.0, 1.0) == pytest.approx(simulated, rel=0.3)


@pytest.mark.parametrize("context", [20_000, 60_000])
def test_readers_of_long_contexts_read_while_another_long_prompt_is_in_progress(
    context: int,
) -> None:
    """Groups of one accelerator read most, but a group with a long prompt holds up all others."""
    model, machine = CATALOG.model("deepseek-v3"), CATALOG.accelerator("gb200")
    stream = RequestStream(1.0, context, 0.85, 300, 450, 0.9)
    options = ServingOptions(separate_prefill=True)
    tier = (model, "fp8", "fp8", 2.0, 0.04)
    demand = ServingDemand("CoT inference", "t", *tier, (stream,), options=options)
    trace = sample_trace(demand, PLAY)
    reader = plant_of(demand, demand.load, machine, trace)
    slow = replace(demand.options, layouts=(ServingLayout(ep=64, dp=64), reader.layouts[1]))
    one, other = (
        serving_cell.measure(replace(demand, options=how), machine, PLAY) for how in (options, slow)
    )
    assert reader.alone(trace, demand.load, 0.9) <= demand.ttft
    assert one.requests > 2.0 * other.requests
