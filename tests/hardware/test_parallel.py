from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.layout import LayoutGrid, TrainingLayout, candidates
from computesim.hardware.layout_degrees import expert_degrees
from computesim.hardware.memory import Recipe, parameters_per_rank, updated_parameters
from computesim.hardware.parallel import TrainingStep, best_layout, training_step
from computesim.hardware.training_compute import Compute
from computesim.hardware.training_job import TrainingJob
from computesim.hardware.training_wire import expert_seconds
from computesim.quantities import TrainingLoad
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import training_load


def _llama(
    models: dict[str, Architecture], machines: dict[str, Accelerator], dp: int, cp: int = 1
) -> TrainingStep:
    load = training_load(models["llama-3.1-405b"], 131072 if cp > 1 else 8192)
    layout = TrainingLayout(tp=8, pp=16, dp=dp, cp=cp, vp=4)
    return training_step(TrainingJob.of(load, machines["h100-sxm"], 16 * 2**20), layout)


def test_llama_405b_reaches_its_published_mfu(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    # Llama 3 report, table 4: 43 % on 8,192, 41 % on 16,384 H100 (tp 8, pp 16), and 38 % at
    # 131,072 tokens of context with cp 16; interleaving is not given
    assert _llama(models, machines, dp=64).mfu == pytest.approx(0.43, rel=0.12)
    assert _llama(models, machines, dp=128).mfu == pytest.approx(0.41, rel=0.10)
    assert _llama(models, machines, dp=8, cp=16).mfu == pytest.approx(0.38, rel=0.10)


def test_half_the_microbatches_lower_the_mfu_by_the_bubble(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    # (pp − 1) / (vp · M): 15/128 with 32 microbatches, 15/64 with 16
    many, few = _llama(models, machines, dp=64), _llama(models, machines, dp=128)
    assert many.bubble == pytest.approx(15 / 128 / (1 + 15 / 128))
    assert few.bubble == pytest.approx(15 / 64 / (1 + 15 / 64))
    assert few.mfu / many.mfu == pytest.approx((1 - few.bubble) / (1 - many.bubble), rel=0.02)


def test_deepseek_v3_takes_its_published_hours(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    # DeepSeek-V3 report: 2.664 M H800 hours for 14.8T tokens on 2,048; ISCA 2025: 19.926 s per
    # step of 15,360 sequences, bubble 10.3 %, pp 16, ep 64, and 38.9 % MFU of the bf16 peak
    # without counting the prediction layer, which was trained all the same.
    arch = models["deepseek-v3"]
    load = training_load(arch, 4096)
    layout = TrainingLayout(pp=16, dp=128, ep=64, recompute="selective")
    step = training_step(TrainingJob.of(load, machines["h800-sxm"], 15360 * 4096, "fp8"), layout)
    assert step.memory.fits
    assert step.seconds == pytest.approx(19.926, rel=0.05)
    assert step.bubble == pytest.approx(0.103, abs=0.01)
    assert step.accelerator_hours(14.8e12) == pytest.approx(2.664e6, rel=0.05)
    counted = training_load(arch, 4096, mtp=False).flop_per_token / load.flop_per_token
    assert step.mfu * counted == pytest.approx(0.389, rel=0.05)


# Narayanan 2021, table 1: layers, d_model, heads, tp, pp, accelerators, sequences, TFLOP/s (with
# recomputation and full attention counted, the printed formula F = 96 B s l h² (1 + …)).
NARAYANAN = [
    (24, 2304, 24, 1, 1, 32, 512, 137),
    (30, 3072, 32, 2, 1, 64, 512, 138),
    (36, 4096, 32, 4, 1, 128, 512, 142),
    (40, 6144, 48, 8, 1, 256, 1024, 135),
    (60, 10240, 80, 8, 4, 1024, 1792, 140),
    (80, 12288, 96, 8, 8, 1536, 2304, 148),
    (105, 20480, 128, 8, 35, 2520, 2520, 163),
]


@pytest.mark.parametrize(("layers", "d", "heads", "tp", "pp", "n", "batch", "tflops"), NARAYANAN)
def test_megatron_throughput_of_2021_within_a_tenth(
    machines: dict[str, Accelerator],
    layers: int,
    d: int,
    heads: int,
    tp: int,
    pp: int,
    n: int,
    batch: int,
    tflops: float,
) -> None:
    head = d // heads
    arch = Architecture(
        "gpt", layers, d, heads, heads, head, head, 4 * d, 51200, ffn_matrices=2,
        tied_embeddings=True,
    )  # fmt: skip
    load = training_load(arch, 2048)
    best = min(
        (
            training_step(
                TrainingJob.of(load, machines["a100-sxm-80gb"], batch * 2048),
                TrainingLayout(
                    tp=tp, pp=pp, dp=n // tp // pp, zero=0, microbatch=microbatch, recompute="full"
                ),
            )
            for microbatch in (1, 2, 4, 8)
        ),
        key=lambda step: (step.memory.shortage, step.seconds),
    )
    per_token = 96 * layers * d**2 * (1 + 2048 / 6 / d + 51200 / 16 / layers / d)
    assert best.memory.fits
    assert per_token * best.tokens_per_second / 1e12 == pytest.approx(tflops, rel=0.10)


# Megatron-Bridge 26.06 performance tables (256 GB200 or 1,024 H100, fp8): tokens/s/accelerator
BRIDGE = [
    ("llama-3.1-405b", "h100-sxm", TrainingLayout(tp=8, pp=8, cp=2, dp=8, vp=8), 1536, 8192, 326),
    ("llama-3.1-405b", "gb200", TrainingLayout(tp=4, pp=16, dp=4, vp=4), 1536, 8192, 843),
]


@pytest.mark.parametrize(("model", "machine", "layout", "batch", "seq_len", "measured"), BRIDGE)
def test_megatron_bridge_throughput(
    models: dict[str, Architecture],
    machines: dict[str, Accelerator],
    model: str,
    machine: str,
    layout: TrainingLayout,
    batch: int,
    seq_len: int,
    measured: float,
) -> None:
    load = training_load(models[model], seq_len)
    step = training_step(TrainingJob.of(load, machines[machine], batch * seq_len, "fp8"), layout)
    assert step.tokens_per_second == pytest.approx(measured, rel=0.10)


def test_best_layout_fits_and_is_not_worse_than_the_published_one(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    load = training_load(models["llama-3.1-405b"], 8192)
    found = best_layout(TrainingJob.of(load, machines["h100-sxm"], 16 * 2**20), 16384)
    assert found.memory.fits
    assert found.layout.n_accelerators <= 16384
    selective = TrainingLayout(tp=8, pp=16, dp=128, vp=4, recompute="selective")
    published = training_step(TrainingJob.of(load, machines["h100-sxm"], 16 * 2**20), selective)
    assert published.memory.fits
    assert found.seconds <= published.seconds
    assert 0.38 < found.mfu < 0.48


def test_best_layout_equals_the_least_of_one_by_one(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    # the vectorised search against the scalar function over every candidate
    load = training_load(models["llama-3.1-8b"], 8192)
    h100 = machines["h100-sxm"]
    grid = candidates(load, h100.scaleup_domain, 64, 128)
    steps = [
        training_step(TrainingJob.of(load, h100, 128 * 8192), grid.at(i))
        for i in range(len(grid.tp))
    ]
    fitting = [step for step in steps if step.memory.fits]
    found = best_layout(TrainingJob.of(load, h100, 128 * 8192), 64)
    assert found.seconds == pytest.approx(min(step.seconds for step in fitting), rel=1e-12)


def test_what_does_not_fit_says_by_how_much(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    load = training_load(models["llama-3.1-405b"], 8192)
    with pytest.raises(CapacityError, match=r"does not fit on 64 x h100-sxm in training: \d+"):
        best_layout(TrainingJob.of(load, machines["h100-sxm"], 2**22), 64)
    with pytest.raises(ValueError, match="shorter than a sequence"):
        best_layout(TrainingJob.of(load, machines["h100-sxm"], 4096), 64)
    with pytest.raises(CapacityError, match="leaves the scale-up domain"):
        training_step(TrainingJob.of(load, machines["h100-sxm"], 2**22), TrainingLayout(tp=16))


def test_mixed_precision_adam_holds_eighteen_bytes_per_parameter(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    # 2 weight + 4 gradient + 12 optimiser; ZeRO-1 over dp leaves 6 + 12/dp (Rajbhandari 2020);
    # ZeRO-3 has the weights of one layer gathered, and its gradients, 2 bytes each
    load = training_load(models["llama-3.1-8b"], 8192)
    h100 = machines["h100-sxm"]
    for zero, each in ((0, 18), (1, 6 + 12 / 8), (2, 2 + 16 / 8), (3, 18 / 8 + 4 / 32)):
        memory = training_step(
            TrainingJob.of(load, h100, 8 * 8192), TrainingLayout(dp=8, zero=zero)
        ).memory
        held = memory.weights + memory.gradients + memory.optimiser
        assert held == pytest.approx(each * load.n_params), zero


def test_recomputation_trades_memory_for_time(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    load = training_load(models["llama-3.1-70b"], 8192)
    steps = [
        training_step(
            TrainingJob.of(load, machines["h100-sxm"], 2**21),
            TrainingLayout(tp=8, pp=4, dp=8, recompute=kind),
        )
        for kind in ("none", "selective", "full")
    ]
    activations = [step.memory.activations for step in steps]
    assert activations == sorted(activations, reverse=True)
    assert [step.seconds for step in steps] == sorted(step.seconds for step in steps)
    assert steps[2].hfu == pytest.approx(steps[2].mfu * 4 / 3)


LOAD = TrainingLoad(
    name="any",
    n_layers=64,
    n_moe_layers=60,
    d_model=4096,
    seq_len=4096,
    vocab_size=128000,
    matmul_flop_per_token=1.2e11,
    attention_flop_per_token=1e10,
    n_params=2e11,
    n_expert_params=1.8e11,
    experts_per_token=8,
    activation_bytes_per_token_layer=3e5,
    kv_width=2048,
    n_experts=256,
    expert_flop_per_token=3e10,
)
DEGREE = st.sampled_from([1, 2, 4, 8])


@given(tp=DEGREE, pp=DEGREE, dp=DEGREE, ep=DEGREE, zero=st.integers(0, 3))
def test_more_parallelism_never_holds_more_weights(
    tp: int, pp: int, dp: int, ep: int, zero: int
) -> None:
    ep = min(ep, dp)

    def held(**more: int) -> float:
        degrees = {"tp": tp, "pp": pp, "dp": dp, "ep": ep, "zero": zero} | more
        grid = LayoutGrid.of([TrainingLayout(**degrees)])
        return float(sum(part[0] for part in parameters_per_rank(LOAD, grid)))

    assert held(tp=2 * tp) <= held()
    assert held(pp=2 * pp) <= held()
    assert held(dp=2 * dp) == held()
    if ep > 1:
        assert held(dp=2 * dp, ep=2 * ep) <= held()


@given(tp=DEGREE, pp=DEGREE, dp=DEGREE, recompute=st.sampled_from(["none", "selective", "full"]))
def test_parameters_are_conserved_over_ranks(tp: int, pp: int, dp: int, recompute: str) -> None:
    layout = TrainingLayout(tp=tp, pp=pp, dp=dp, ep=dp * tp, recompute=recompute)
    dense, expert = parameters_per_rank(LOAD, LayoutGrid.of([layout]))
    assert dense[0] * tp * pp == pytest.approx(LOAD.n_params - LOAD.n_expert_params)
    pieces = layout.ep if layout.ep > 1 else tp
    assert expert[0] * pieces * pp == pytest.approx(LOAD.n_expert_params)


@given(batch=st.integers(8, 512), slower=st.floats(0.1, 1.0))
def test_congestion_never_helps(batch: int, slower: float) -> None:
    chip = Accelerator(
        "a", {"bf16": 1e15}, 8e10, 3e12, 700.0, scaleup_bandwidth=4.5e11, scaleup_domain=8,
        nic_bandwidth=5e10,
    )  # fmt: skip
    layout = TrainingLayout(tp=2, pp=4, dp=8, ep=16)
    free = training_step(TrainingJob.of(LOAD, chip, batch * 4096), layout)
    congested = training_step(TrainingJob.of(LOAD, chip, batch * 4096, congestion=slower), layout)
    assert congested.seconds >= free.seconds
    assert free.seconds >= free.compute_seconds


def test_layouts_that_contradict_themselves_are_refused() -> None:
    for wrong in ({"tp": 0}, {"zero": 4}, {"recompute": "some"}, {"ep": 3, "dp": 4}, {"vp": 2}):
        with pytest.raises(ValueError, match=r"degrees|recompute|divide|interleaved"):
            TrainingLayout(**wrong)


def test_pieces_of_experts_divide_them_and_large_machines_have_deep_pipelines() -> None:
    small = candidates(replace(LOAD, n_experts=160), 8, 1024, 512.0)
    assert set(small.ep.tolist()) == {1, 2, 4, 8, 16, 32}
    assert small.pp.max() == 32
    assert expert_degrees(16) == [1, 2, 4, 8, 16, 32, 64, 128]  # an expert has at most 8 pieces
    large = candidates(LOAD, 8, 16384, 8192.0)
    assert large.ep.max() == 256
    assert large.pp.max() == 64


def test_pieces_of_an_expert_are_smaller_matrices_and_need_every_token() -> None:
    few = replace(LOAD, n_experts=8, experts_per_token=2)
    chip = Accelerator(
        "a", {"bf16": 1e15}, 8e10, 3e12, 700.0, scaleup_bandwidth=4.5e11, scaleup_domain=8,
        nic_bandwidth=5e10,
    )  # fmt: skip
    job = TrainingJob.of(few, chip, 64 * 4096)
    whole, split = (LayoutGrid.of([TrainingLayout(dp=64, ep=ep)]) for ep in (8, 32))
    compute = Compute.of(few, chip, job.own, "bf16", job.recipe)
    rows = 4.0  # times the tokens reach an expert, over four times the ranks
    own, width = job.own, 1.8e11 / (few.n_moe_layers * 8) / (few.d_model * 3.0)
    slower = (1 + own.half_width / (width / 4)) / (1 + own.half_width / width)
    found = compute.expert_seconds(split)[0] / compute.expert_seconds(whole)[0]
    tokens = 4096 * 8 * 2 / 8
    by_rows = (1 + own.half_rows / (rows * tokens)) / (1 + own.half_rows / tokens)
    assert found == pytest.approx(slower * by_rows)
    assert expert_seconds(job.wires, split, "bf16")[0] > expert_seconds(job.wires, whole, "bf16")[0]


def test_context_is_cut_where_sequences_are_scarce() -> None:
    short, long = (replace(LOAD, n_moe_layers=0, seq_len=n) for n in (8192, 131072))
    assert candidates(short, 8, 1024, 512.0).cp.max() == 1
    assert candidates(short, 8, 16384, 1024.0).cp.max() == 4
    assert candidates(short, 8, 2**20, 64.0).cp.max() == 8  # 1,024 tokens are left
    assert candidates(long, 8, 64, 512.0).cp.max() == 16


def test_experts_are_updated_where_their_state_is() -> None:
    # 16 experts' pieces on 16 ranks: every parameter is updated once, ZeRO or not
    grid = LayoutGrid.of([TrainingLayout(tp=2, pp=4, dp=8, ep=16)])
    dense = (LOAD.n_params - LOAD.n_expert_params) / (2 * 4 * 8)
    assert updated_parameters(LOAD, grid)[0] == pytest.approx(dense + LOAD.n_expert_params / 64)


def test_candidates_use_no_more_accelerators_than_there_are() -> None:
    grid = candidates(replace(LOAD, n_layers=61, n_moe_layers=58), 8, 1000, 512.0)
    assert len(grid.tp) > 1000
    assert np.all(grid.tp * grid.pp * grid.dp * grid.cp <= 1000)
    assert np.all((grid.tp * grid.cp * grid.dp) % grid.ep == 0)
    assert np.all(grid.dp * grid.microbatch <= 512)
    assert {grid.at(i).recompute for i in range(0, len(grid.tp), 7)} == {
        "none",
        "selective",
        "full",
    }


def test_a_recipe_with_bf16_moments_saves_the_state_it_says(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    load = training_load(models["llama-3.1-8b"], 8192)
    layout = TrainingLayout(dp=4)
    lean = Recipe(gradient_bytes=2.0, optimiser_bytes=8.0)
    full = training_step(TrainingJob.of(load, machines["h100-sxm"], 2**20), layout).memory
    less = training_step(
        TrainingJob.of(load, machines["h100-sxm"], 2**20, recipe=lean), layout
    ).memory
    assert full.gradients == pytest.approx(2 * less.gradients)
    assert full.optimiser == pytest.approx(1.5 * less.optimiser)


def test_memory_moves_what_a_step_counts_and_a_larger_microbatch_reads_weights_less_often(
    machines: dict[str, Accelerator], models: dict[str, Architecture]
) -> None:
    chip, load = machines["h100-sxm"], training_load(models["llama-3.1-8b"], 4096)
    small, large = (
        training_step(
            TrainingJob.of(load, chip, 4096 * 64), TrainingLayout(tp=4, dp=2, microbatch=b)
        )
        for b in (1, 8)
    )
    moved = large.bandwidth * large.seconds * chip.memory_bandwidth
    share = load.n_params / 4
    weights = share * (2 + 4) * 2 * 4  # read, added to and written, in each of four microbatches
    assert weights < moved < weights + 50 * share + 4096 * 64 / 8 * 70e6
    assert large.bandwidth * large.seconds < small.bandwidth * small.seconds
    assert 0.05 < large.bandwidth < small.bandwidth < 0.6
