"""Degrees of parallelism: what is tried, what frameworks accept, what is refused."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from computesim.catalog import load_catalog
from computesim.errors import CapacityError
from computesim.hardware.layout import LayoutGrid, candidates
from computesim.hardware.layout_degrees import (
    SEARCHED,
    FixedDegrees,
    breaches,
    interleavings,
    splits_experts,
    splits_sequence,
    splits_stage,
)
from computesim.hardware.parallel import best_layout
from computesim.hardware.possible import divides
from computesim.hardware.training_job import TrainingJob
from computesim.workload.transformer import training_load

CATALOG = load_catalog()
LOAD = training_load(CATALOG.model("deepseek-v3"), 4096)


def test_interleaving_divides_the_layers_of_a_stage() -> None:
    # Megatron Bridge, performance guide: 24 layers on 4 stages can have 1, 2, 3 or 6 pieces
    assert interleavings(24, 4) == [1, 2, 3, 6]
    assert interleavings(80, 4) == [1, 2, 4, 5, 10]
    # Llama 3 405B: 126 layers on 16 stages of 8, the first and the last have one less
    assert interleavings(126, 16) == [1, 2, 4]
    assert interleavings(80, 1) == [1]
    # 94 layers with embedding and loss are 16 stages of 6; dealt out by hand otherwise
    assert splits_stage(94, 16, 3)
    assert not splits_stage(94, 16, 4)
    assert splits_stage(61, 8, 5)


def test_the_interleaving_of_published_recipes_is_found_by_itself() -> None:
    # Megatron-Bridge trains Llama 3 70B with tp 4, pp 4, vp 5 on H100
    job = TrainingJob.of(
        training_load(CATALOG.model("llama-3.1-70b"), 8192), CATALOG.accelerator("h100-sxm"), 2**22
    )
    grid = job.layouts(512)
    pieces = set(grid.vp[(grid.tp == 4) & (grid.pp == 4)].tolist())
    assert {5, 10} <= pieces
    assert 8 not in pieces


def test_short_sequences_are_packed_into_microbatches() -> None:
    few, many = (candidates(replace(LOAD, seq_len=n), 8, 64, 1e6) for n in (8192, 512))
    assert set(few.microbatch.tolist()) == {1, 2, 4}
    assert many.microbatch.max() == 32  # 16,384 tokens


def test_degrees_follow_machines_that_are_no_powers_of_two() -> None:
    wide = replace(LOAD, head_counts=(96,), kv_head_counts=(1,))
    assert {3, 6, 12} <= set(candidates(wide, 72, 576, 1e4).tp.tolist())
    assert 48 in candidates(replace(LOAD, n_experts=384), 8, 384, 1e4).ep
    assert 5 in candidates(replace(LOAD, n_layers=80), 8, 640, 1e4).pp


SIZES = st.sampled_from([8, 24, 64, 72, 96, 320, 512, 1000, 1024, 3072, 16384])
NAMES = st.sampled_from(["llama-3.1-70b", "deepseek-v3", "qwen3-30b-a3b", "llama-2-13b"])


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    machine=st.sampled_from(["h100-sxm", "gb200", "tpu-v5p"]),
    n=SIZES,
    sequences=st.floats(1.0, 20_000.0),
    seq_len=st.sampled_from([512, 4096, 5713, 8192, 131_072]),
)
def test_every_candidate_obeys_the_laws_of_frameworks(
    data: st.DataObject, machine: str, n: int, sequences: float, seq_len: int
) -> None:
    model = CATALOG.model(data.draw(st.sampled_from(CATALOG.names("models"))))
    load, domain = training_load(model, seq_len), CATALOG.accelerator(machine).scaleup_domain
    grid = candidates(load, domain, n, sequences)
    for tp in np.unique(grid.tp):
        assert tp <= domain
        assert model.n_heads % tp == 0
        assert divides(load, int(tp))
    for pp, vp in {(int(p), int(v)) for p, v in zip(grid.pp, grid.vp, strict=True)}:
        assert pp * vp <= model.n_layers
        if model.n_layers % pp == 0 and (model.n_layers + 2) % pp:
            assert (model.n_layers // pp) % vp == 0
    for ep in np.unique(grid.ep):
        assert ep == 1 or splits_experts(model.n_experts, int(ep))
    assert all(splits_sequence(seq_len, int(cp)) for cp in np.unique(grid.cp))
    assert np.all((grid.tp * grid.cp * grid.dp) % grid.ep == 0)
    assert np.all(grid.dp * grid.microbatch <= max(sequences, 1.0))
    assert np.all(grid.n_accelerators <= n)
    for i in range(0, len(grid), max(len(grid) // 20, 1)):  # and so says whoever refuses
        x = grid.at(i)
        fixed = FixedDegrees(x.tp, x.pp, x.dp, x.ep, x.cp, x.vp, x.zero, x.microbatch, x.recompute)
        assert not breaches(load, domain, fixed, n, sequences)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), n=st.sampled_from([64, 96, 512, 1000, 4096]), name=NAMES)
def test_a_settled_layout_is_never_better_than_the_one_that_is_searched(
    data: st.DataObject, n: int, name: str
) -> None:
    job = TrainingJob.of(
        training_load(CATALOG.model(name), 4096), CATALOG.accelerator("h100-sxm"), 1024 * 4096
    )
    grid = job.layouts(n)
    grid = grid.select(job.fitting(grid))
    if not len(grid):
        return
    one = grid.at(data.draw(st.integers(0, len(grid) - 1)))
    names = [f.name for f in fields(FixedDegrees)]
    some = data.draw(st.sets(st.sampled_from(names)))
    fixed = FixedDegrees(**{name: getattr(one, name) for name in some})
    settled = best_layout(replace(job, fixed=fixed), n)
    assert all(getattr(settled.layout, name) == getattr(one, name) for name in some)
    given_whole = job.step(LayoutGrid.of([one]), 0, n).seconds
    assert best_layout(job, n).seconds <= settled.seconds <= given_whole * (1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([8, 24, 64, 512, 2048]),
    times=st.integers(2, 9),
    each=st.sampled_from([1, 2, 5, 16]),
    name=NAMES,
)
def test_more_machines_with_their_share_of_the_batch_never_lengthen_a_run(
    n: int, times: int, each: int, name: str
) -> None:
    load, chip = training_load(CATALOG.model(name), 4096), CATALOG.accelerator("h100-sxm")
    small, large = (TrainingJob.of(load, chip, float(k * n * each * 4096)) for k in (1, times))
    try:
        before = best_layout(small, n)
    except CapacityError:
        return
    assert best_layout(large, times * n).tokens_per_second * times >= before.tokens_per_second


def test_what_breaks_a_law_is_named_with_what_would_be_possible() -> None:
    load = training_load(CATALOG.model("llama-3.1-70b"), 8192)

    def said(**degrees: int) -> list[tuple[tuple[str, ...], str]]:
        broken = breaches(load, 8, replace(SEARCHED, **degrees), 512, 976.0)
        return [(one.degrees, one.possible) for one in broken]

    assert said(tp=4, pp=4, vp=5, dp=32, microbatch=2) == []
    assert said(tp=3) == [(("tp",), "1, 2, 4, 8")]
    assert said(tp=16) == [(("tp",), "1, 2, 4, 8")]
    assert said(pp=4, vp=8) == [(("vp",), "1, 2, 4, 5, 10, 20")]
    assert said(pp=1, vp=2)[0][0] == ("vp", "pp")
    assert said(pp=81) == [(("pp",), "1 to 80")]
    assert said(vp=41) == [(("vp",), "1 to 40")]
    assert said(ep=2) == [(("ep",), "1")]
    assert said(cp=3)[0][0] == ("cp",)
    assert said(tp=8, pp=8, dp=16)[0][0] == ("tp", "pp", "dp")
    assert said(dp=256, microbatch=4)[0][0] == ("dp", "microbatch")
    assert len(said(tp=3, pp=4, vp=8, ep=2, cp=3, dp=512, microbatch=4)) == 6
    experts = training_load(CATALOG.model("deepseek-v3"), 4096)
    (wrong,) = breaches(experts, 8, FixedDegrees(ep=96), 512)
    assert wrong.possible == "1, 2, 4, 8, 16, 32, 64, 128, 256, or multiples of it"
    (undivided,) = breaches(experts, 8, FixedDegrees(tp=2, cp=1, dp=12, ep=16), 512)
    assert undivided.possible == "1, 2, 3, 4, 6, 8, 12, 24"
