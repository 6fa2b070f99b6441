"""State in host memory: what it saves, what it costs, and when it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import efficiency
from computesim.hardware.layout import OFFLOAD, LayoutGrid, TrainingLayout
from computesim.hardware.memory import Recipe
from computesim.hardware.parallel import best_layout, training_step
from computesim.hardware.training_host import host_optimiser_seconds, optimiser_bytes_moved
from computesim.hardware.training_job import TrainingJob
from computesim.quantities import TrainingLoad
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import training_load

# the host of a DGX-2: two Xeon 8168 with 6 channels of DDR4-2666 each, PCIe Gen3
DGX_2 = Accelerator(
    "v100-of-dgx-2", {"fp16": 125e12}, 32e9, 0.9e12, 300.0, scaleup_bandwidth=1.5e11,
    scaleup_domain=16, nic_bandwidth=1.25e10, host_bandwidth=15.75e9, host_memory=1.5e12,
    host_memory_bandwidth=256e9,
)  # fmt: skip
H20 = Accelerator(
    "h20", {"bf16": 148e12}, 96e9, 4e12, 400.0, generation="hopper", scaleup_bandwidth=4.5e11,
    scaleup_domain=8, nic_bandwidth=5e10, host_bandwidth=63e9, host_memory=256e9,
    host_memory_bandwidth=76.8e9,
)  # fmt: skip


def dense(params: float) -> TrainingLoad:
    return TrainingLoad(
        name="dense", n_layers=32, n_moe_layers=0, d_model=4096, seq_len=1024, vocab_size=50000,
        matmul_flop_per_token=6 * params, attention_flop_per_token=0.0, n_params=params,
        n_expert_params=0.0, experts_per_token=0, activation_bytes_per_token_layer=1.4e5,
        kv_width=8192,
    )  # fmt: skip


@pytest.mark.parametrize(("params", "seconds"), [(1e9, 0.22), (4e9, 1.03), (10e9, 2.57)])
def test_adam_on_the_cpu_takes_as_long_as_zero_offload_measured(
    params: float, seconds: float
) -> None:
    # Ren 2021, table 4; the coefficient is that of the last row
    grid = LayoutGrid.of([TrainingLayout(offload="all", zero=3)])
    own = efficiency(DGX_2)
    found = host_optimiser_seconds(dense(params), DGX_2, own, Recipe(), grid)
    assert found[0] == pytest.approx(seconds, rel=0.2)


def test_the_slowest_of_adam_and_both_crossings_counts() -> None:
    load, recipe = dense(1e9), Recipe()
    grid = LayoutGrid.of([TrainingLayout(dp=8, offload="optimiser")])
    own = efficiency(H20)
    share = 1e9 / 8
    adam = share * optimiser_bytes_moved(recipe) / (76.8e9 * own.host_adam)
    assert optimiser_bytes_moved(recipe) == 2 * 12 + 4 + 2
    assert host_optimiser_seconds(load, H20, own, recipe, grid)[0] == pytest.approx(adam)
    thin = replace(H20, host_bandwidth=1e9)
    down = share * 4.0 / (1e9 * own.host_link)
    assert host_optimiser_seconds(load, thin, own, recipe, grid)[0] == pytest.approx(down)


def test_bytes_move_to_the_host_and_none_are_lost() -> None:
    load = dense(13e9)
    kept = training_step(TrainingJob.of(load, H20, 2**20), TrainingLayout(dp=8, zero=3)).memory
    some, everything = (
        training_step(
            TrainingJob.of(load, H20, 2**20), TrainingLayout(dp=8, zero=3, offload=what)
        ).memory
        for what in OFFLOAD[1:]
    )
    assert kept.host == 0.0
    assert (some.optimiser, some.weights) == (0.0, kept.weights)
    # master weights and moments, and beside them gradients coming down and weights going up
    assert some.host == pytest.approx(kept.optimiser + 6 * 13e9 / 8)
    assert everything.host == pytest.approx(18 * 13e9 / 8)
    # one gathered layer, and its gradients
    assert everything.weights + everything.gradients == pytest.approx(4 * 13e9 / 32)
    assert everything.activations == kept.activations


@given(dp=st.sampled_from([2, 8, 64]), again=st.sampled_from(["none", "full"]))
def test_offloading_saves_memory_and_never_time(dp: int, again: str) -> None:
    steps = [
        training_step(
            TrainingJob.of(dense(7e9), H20, 2**20),
            TrainingLayout(dp=dp, zero=3, recompute=again, offload=what),
        )
        for what in OFFLOAD
    ]
    totals, seconds = [s.memory.total for s in steps], [s.seconds for s in steps]
    assert totals[0] > totals[1] > totals[2]
    assert seconds[0] < seconds[1] <= seconds[2]
    assert [s.host_seconds > 0 for s in steps] == [False, True, True]


def test_auto_leaves_alone_what_fits_and_finds_a_way_where_nothing_does(
    models: dict[str, Architecture],
) -> None:
    load = training_load(models["llama-3.1-8b"], 8192)
    roomy = best_layout(TrainingJob.of(load, H20, 2**21), 64, offload="auto")
    assert roomy == best_layout(TrainingJob.of(load, H20, 2**21), 64)
    with pytest.raises(CapacityError, match="does not fit"):
        best_layout(TrainingJob.of(load, H20, 2**20), 1)
    tight = best_layout(TrainingJob.of(load, H20, 2**20), 1, offload="auto")
    assert tight.layout.offload == "optimiser"
    assert tight.memory.fits
    tighter = best_layout(
        TrainingJob.of(load, replace(H20, memory_bytes=24e9), 2**20), 1, offload="auto"
    )
    assert tighter.layout.offload == "all"
    assert tighter.seconds > tight.seconds


def test_deepseek_v3_trains_on_96_h20_as_verl_does(models: dict[str, Architecture]) -> None:
    load = training_load(models["deepseek-v3"], 2048)
    with pytest.raises(CapacityError, match="does not fit"):
        best_layout(TrainingJob.of(load, H20, 512 * 2048), 96)
    step = best_layout(TrainingJob.of(load, H20, 512 * 2048), 96, offload="auto")
    assert step.layout.offload == "optimiser"
    # 671 billion parameters over 96 accelerators, 30 B each at 35 GB/s
    assert step.host_seconds == pytest.approx(671e9 / 96 * 30 / 35.3e9, rel=0.1)


def test_hosts_have_limits_too() -> None:
    small = replace(H20, host_memory=32e9)
    step = training_step(
        TrainingJob.of(dense(13e9), small, 2**20), TrainingLayout(dp=2, offload="optimiser")
    )
    assert not step.memory.fits
    assert step.memory.verdict.endswith("GB of host memory")
    with pytest.raises(CapacityError, match="does not fit"):
        best_layout(TrainingJob.of(dense(13e9), small, 2**20), 1, offload="auto")


def test_without_a_host_nothing_is_offloaded() -> None:
    bare = replace(H20, host_bandwidth=0.0)
    job = TrainingJob.of(dense(70e9), bare, 2**20)
    assert np.all(job.layouts(8, "auto").offload == 0)
    with pytest.raises(CapacityError, match="no known host memory"):
        job.layouts(8, "optimiser")
    with pytest.raises(ValueError, match="did you mean optimiser"):
        job.layouts(8, "optimizer")


def test_auto_tries_one_after_the_other_and_shows_all_of_it() -> None:
    job = TrainingJob.of(dense(70e9), replace(H20, memory_bytes=40e9, host_memory=512e9), 2**20)
    tried = job.layouts(4, "auto")
    assert set(tried.offload.tolist()) == {0, 1, 2}
    assert np.all(tried.zero[tried.offload == 2] == 3)
    assert job.fitting(tried).any()
    assert not job.fitting(tried.select(tried.offload < 2)).any()


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValueError, match="offload is one of"):
        TrainingLayout(offload="some")
    with pytest.raises(ValueError, match="ZeRO-3"):
        TrainingLayout(zero=1, offload="all")
