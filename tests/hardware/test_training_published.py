from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import efficiency
from computesim.hardware.layout import LayoutGrid, TrainingLayout
from computesim.hardware.memory import Recipe, TrainingMemory, time_stretch
from computesim.hardware.parallel import best_layout, training_step
from computesim.hardware.training_job import TrainingJob, pipeline_bubble
from computesim.hardware.training_wire import Wires, data_seconds
from computesim.quantities import TrainingLoad
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import training_load

GPT = {  # layers, d_model, heads
    "22B": (48, 6144, 64),
    "175B": (96, 12288, 96),
    "530B": (105, 20480, 128),
    "1T": (128, 25600, 160),
}


def _gpt(name: str) -> Architecture:
    layers, d, heads = GPT[name]
    return Architecture(
        name, layers, d, heads, heads, d // heads, d // heads, 4 * d, 51200, ffn_matrices=2,
        tied_embeddings=True,
    )  # fmt: skip


# Korthikanti 2022, table 5: tp 8, pp, sequences, microbatch, interleaving, seconds of a step with
# full recomputation and with sequence parallelism and selective recomputation, A100
TABLE_5 = [
    ("22B", 1, 4, 4, 1, 1.42, 1.10),
    ("175B", 8, 64, 1, 3, 18.13, 13.75),
    ("530B", 35, 280, 1, 3, 49.05, 37.83),
    ("1T", 64, 512, 1, 1, 94.42, 71.49),
]


def test_iteration_times_of_megatron_table_5_within_five_percent_on_average(
    machines: dict[str, Accelerator],
) -> None:
    errors = []
    for name, pp, batch, microbatch, vp, full, selective in TABLE_5:
        load = training_load(_gpt(name), 2048)
        for recompute, seconds in (("full", full), ("selective", selective)):
            layout = TrainingLayout(
                tp=8, pp=pp, vp=vp, zero=0, microbatch=microbatch, recompute=recompute
            )
            step = training_step(
                TrainingJob.of(load, machines["a100-sxm-80gb"], batch * 2048), layout
            )
            errors.append(abs(step.seconds / seconds - 1))
    assert np.mean(errors) < 0.05
    assert max(errors) < 0.10


# Narayanan 2021, table 2, ZeRO-3 of DeepSpeed: accelerators, sequences, microbatch, TFLOP/s
ZERO_3 = [
    ("175B", 384, 1536, 4, 144),
    ("175B", 768, 1536, 2, 88),
    ("175B", 1536, 1536, 1, 44),
    ("530B", 640, 2560, 4, 138),
    ("530B", 1120, 2240, 2, 98),
    ("530B", 2240, 2240, 1, 48),
]


@pytest.mark.parametrize(("name", "n", "batch", "microbatch", "tflops"), ZERO_3)
def test_zero_3_falls_as_published_when_the_batch_of_a_rank_shrinks(
    machines: dict[str, Accelerator],
    name: str,
    n: int,
    batch: int,
    microbatch: int,
    tflops: float,
) -> None:
    layers, d, _ = GPT[name]
    layout = TrainingLayout(dp=n, zero=3, microbatch=microbatch, recompute="full")
    step = training_step(
        TrainingJob.of(training_load(_gpt(name), 2048), machines["a100-sxm-80gb"], batch * 2048),
        layout,
    )
    per_token = 96 * layers * d**2 * (1 + 2048 / 6 / d + 51200 / 16 / layers / d)
    # 175B sets the two coefficients of sharded weights, 530B checks them
    allowed = 0.05 if name == "175B" else 0.15
    assert per_token * step.tokens_per_second / 1e12 == pytest.approx(tflops, rel=allowed)


def test_strong_scaling_of_mlperf_within_five_points(machines: dict[str, Accelerator]) -> None:
    # MLPerf Training v3.1, GPT-3 175B in fp8: 716 TFLOP/s on 512 H100 (2,048 sequences), 581 on
    # 8,192 (4,096 sequences); layouts are not in the logs
    load = training_load(_gpt("175B"), 2048)
    few, many = (
        best_layout(
            TrainingJob.of(load, machines["h100-sxm"], batch * 2048, "fp8"), n
        ).tokens_per_second
        for n, batch in ((512, 2048), (8192, 4096))
    )
    assert many / few == pytest.approx(581.2 / 716.2, abs=0.05)


def _step_per_token(load: TrainingLoad, machine: Accelerator, ep: int, dtype: str) -> float:
    layout = TrainingLayout(dp=64, ep=ep)
    return (
        1.0 / training_step(TrainingJob.of(load, machine, 2**22, dtype), layout).tokens_per_second
    )


def test_narrow_experts_are_slower_than_wide_ones_of_the_same_flop(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    wide = training_load(models["deepseek-v3"], 4096)
    narrow = replace(wide, n_experts=4 * wide.n_experts, experts_per_token=32)
    assert _step_per_token(narrow, machines["gb200"], 64, "fp8") > 1.05 * _step_per_token(
        wide, machines["gb200"], 64, "fp8"
    )


def test_few_tokens_for_an_expert_cost_time(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    # a rank of 32 experts sees 1,024 tokens each, one of 4 experts 8,192: more than the wire costs
    load = training_load(models["deepseek-v3"], 4096)
    few, many = (_step_per_token(load, machines["gb200"], ep, "fp8") for ep in (8, 64))
    assert few > 1.1 * many


def test_more_watts_for_the_same_cores_are_faster_at_the_power_limit(
    models: dict[str, Architecture], machines: dict[str, Accelerator]
) -> None:
    load = training_load(models["llama-3.1-70b"], 8192)
    machine = machines["gb200"]
    layout = TrainingLayout(tp=2, pp=4, dp=8, vp=5)
    cool = training_step(TrainingJob.of(load, machine, 2**21, "fp8"), layout)
    # Megatron-Bridge 26.04, Llama 3 70B, sharded data parallel on 64: 5,243 tokens/s on GB300
    # (1,400 W) against 4,143 on GB200 (1,200 W), the same peak in fp8
    hot = training_step(TrainingJob.of(load, replace(machine, tdp=1400.0), 2**21, "fp8"), layout)
    assert 1.03 < cool.seconds / hot.seconds < 5243 / 4143


def test_the_head_and_prediction_layers_fill_up_short_pipeline_stages(
    models: dict[str, Architecture],
) -> None:
    # 61 layers over 16 stages are four each at most; the head and the prediction layer weigh as
    # much as the three that are missing
    grid = LayoutGrid.of([TrainingLayout(pp=16)])
    bare = training_load(models["deepseek-v3"], 4096, mtp=False)
    assert time_stretch(training_load(models["deepseek-v3"], 4096), grid)[0] == pytest.approx(1.0)
    assert 1.0 < time_stretch(bare, grid)[0] < 64 / 61


def test_memory_says_by_how_much_it_does_not_fit() -> None:
    memory = TrainingMemory(40e9, 40e9, 10e9, 5.5e9, 80e9)
    assert memory.verdict == "does not fit, by 15.5 GB"
    assert replace(memory, capacity=96e9).verdict == "fits"


@pytest.mark.parametrize(("pp", "vp", "microbatches"), [
    (8, 1, 32), (8, 4, 8), (8, 4, 16), (16, 4, 3), (8, 8, 1), (4, 2, 2),
])  # fmt: skip
def test_the_bubble_is_that_of_a_schedule_played_chunk_by_chunk(
    pp: int, vp: int, microbatches: int
) -> None:
    """The forward half of an interleaved schedule: stages take chunks in rounds of pp batches.

    A chunk waits for the one before it in its microbatch, and for its stage.
    """
    free, done = [0] * pp, {}
    for first in range(0, microbatches, pp):  # rounds of at most pp microbatches
        group = range(first, min(first + pp, microbatches))
        for piece in range(pp * vp):
            for batch in group:
                start = max(free[piece % pp], done.get((batch, piece - 1), 0))
                free[piece % pp] = done[batch, piece] = start + 1
    work = microbatches * vp
    grid = LayoutGrid.of([TrainingLayout(pp=pp, vp=vp)])
    bubble = pipeline_bubble(grid, np.array([float(microbatches)]))[0]
    assert 1.0 + bubble == pytest.approx(max(free) / work)


def test_sharded_gradients_and_weights_move_as_often_as_rajbhandari_counts(
    machines: dict[str, Accelerator],
) -> None:
    """ZeRO-1 and 2 move twice the parameters, ZeRO-3 three times, once per microbatch from 2 on."""
    h100 = machines["h100-sxm"]
    own = replace(efficiency(h100), collective_latency=0, nic_latency=0, shard_rails=1.0)
    wires = Wires.of(training_load(_gpt("22B"), 2048), h100, own, 1.0)

    def moved(zero: int, microbatches: float, again: str = "none") -> float:
        grid = LayoutGrid.of([TrainingLayout(dp=64, zero=zero, recompute=again)])
        return float(data_seconds(wires, grid, np.array([microbatches]), Recipe())[0])

    once = moved(1, 1.0) / 2.0  # of the parameters
    assert moved(1, 4.0) == pytest.approx(2 * once)
    assert moved(2, 1.0) == pytest.approx(2 * once)
    assert moved(2, 4.0) == pytest.approx(5 * once)
    assert moved(3, 1.0) == pytest.approx(3 * once)
    assert moved(3, 4.0) == pytest.approx(12 * once)
    assert moved(3, 4.0, "full") == pytest.approx(16 * once)
