"""Utilisation against training compute: linearity limit, latency wall, failures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from computesim import load_catalog
from computesim.errors import CapacityError
from computesim.hardware.efficiency import efficiency
from computesim.study.plan.batch import batch_for_compute
from computesim.study.plan.run_level import Reliability
from computesim.study.plan.scaled import scaled_model, wide_grid
from computesim.study.plan.scaling import (
    LARGEST_BATCH,
    Runs,
    Scaling,
    latency_floor,
    utilisation_against_compute,
)
from computesim.workload.parameters import parameter_count

CATALOG = load_catalog()
H100, GB200 = CATALOG.accelerator("h100-sxm"), CATALOG.accelerator("gb200")
LLAMA = CATALOG.model("llama-3.1-405b")


def curve(chip: str = "h100-sxm", batch: float | None = None) -> Scaling:
    def law(flop: float) -> float:
        return batch or batch_for_compute(flop)

    return utilisation_against_compute(
        Runs(LLAMA, CATALOG.accelerator(chip), law), reliability=Reliability.of(CATALOG)
    )


@pytest.fixture(scope="module")
def growing() -> Scaling:
    return curve()


@pytest.fixture(scope="module")
def fixed() -> Scaling:
    return curve(batch=LARGEST_BATCH)


@pytest.mark.parametrize("name", ["llama-3.1-405b", "llama-3.1-8b", "deepseek-v3"])
@pytest.mark.parametrize("factor", [0.3, 4.0, 300.0])
def test_a_scaled_model_has_the_size_asked_for_and_keeps_its_proportions(
    name: str, factor: float
) -> None:
    model = CATALOG.model(name)
    count = parameter_count(model)
    want = factor * (count.active - count.embedding - count.head)
    grown = scaled_model(model, want)
    after = parameter_count(grown)
    assert after.active - after.embedding - after.head == pytest.approx(want, rel=0.15)
    own, other = model.d_model / model.n_layers, grown.d_model / grown.n_layers
    assert other == pytest.approx(own, rel=0.25)
    assert (grown.n_experts, grown.vocab_size) == (model.n_experts, model.vocab_size)


def test_small_runs_use_their_machine_and_large_ones_do_not(growing: Scaling) -> None:
    assert 0.35 < growing.small_scale_mfu < 0.6
    assert growing.mfu[0] > 0.8 * growing.small_scale_mfu
    assert growing.mfu[-1] == 0.0
    assert np.isnan(growing.n_accelerators[-1])


def test_every_run_ends_in_time(growing: Scaling) -> None:
    runs = growing.mfu > 0
    rate = growing.mfu * growing.n_accelerators * H100.peak("bf16")
    seconds = growing.flop[runs] / rate[runs]
    assert np.all(seconds <= growing.duration * (1 + 1e-9))


def test_the_linearity_limit_is_where_utilisation_has_fallen_by_a_fifth(growing: Scaling) -> None:
    limit = growing.linear_limit
    at = np.interp(math.log(limit), np.log(growing.flop), growing.mfu)
    assert at == pytest.approx(0.8 * growing.small_scale_mfu, rel=1e-6)
    assert np.all(growing.mfu[growing.flop > limit * 3.2] < 0.8 * growing.small_scale_mfu)


def test_a_batch_that_grows_carries_larger_runs(growing: Scaling, fixed: Scaling) -> None:
    def largest(found: Scaling) -> float:
        return float(found.flop[found.mfu > 0].max())

    assert fixed.linear_limit < growing.linear_limit
    assert largest(fixed) < largest(growing)
    assert fixed.latency_wall < growing.latency_wall


def test_larger_domains_and_faster_links_scale_further(growing: Scaling) -> None:
    blackwell = curve("gb200")
    assert blackwell.linear_limit > 1.5 * growing.linear_limit
    # Erdil and Schneider-Joseph: utilisation falls beyond about 1e28 FLOP
    assert 1e27 < growing.linear_limit < 3e27
    assert 0.5e28 < blackwell.linear_limit < 3e28


#: of Erdil and Schneider-Joseph: 1e28 FLOP in the abstract, 2e28 in their article
EPOCH = (1e28, 2e28)
AROUND = tuple(10.0 ** (24 + n / 2) for n in (0, 2, 4, 5, 6, 7, 8, 9, 10))
OVERLAP = dict.fromkeys(
    ("tp_overlap", "cp_overlap", "ep_overlap", "dp_overlap", "pp_overlap", "shard_overlap"), 1.0
)
SATURATED = {"half_rows": 0.0, "half_width": 0.0}
INSTANT = {"collective_latency": 0.0, "nic_latency": 0.0, "training_layer_overhead": 0.0}


def limit_with(domain: int = 8, memory: float = 1.0, batch: float = 1.0, **better: float) -> float:
    """The linearity limit of H100s without some of what holds them back."""
    chip = replace(H100, scaleup_domain=domain, memory_bytes=memory * H100.memory_bytes)
    own = replace(efficiency(H100), **better)  # type: ignore[arg-type]
    runs = Runs(LLAMA, chip, lambda c: batch * batch_for_compute(c), coefficients=own)
    return utilisation_against_compute(runs, AROUND).linear_limit


def test_no_single_inefficiency_explains_why_epoch_finds_a_larger_limit(growing: Scaling) -> None:
    base = limit_with()
    assert base == pytest.approx(growing.linear_limit, rel=0.05)
    assert 4 < EPOCH[0] / base < 10
    for alone in (limit_with(**INSTANT), limit_with(**OVERLAP), limit_with(**SATURATED),
                  limit_with(memory=1e6)):  # fmt: skip
        assert 0.9 * base < alone < 2.0 * base


def test_matrices_split_across_domains_and_one_more_idealisation_are_epochs_limit() -> None:
    wide = limit_with(domain=128)
    assert 2 < wide / limit_with() < 4
    for both in (limit_with(128, **OVERLAP), limit_with(128, **SATURATED), limit_with(128, 1e6)):
        assert 0.8 * EPOCH[0] < both < 1.25 * EPOCH[1]


def test_a_batch_sixteen_times_as_large_reaches_epochs_limit_by_itself() -> None:
    assert 0.8 * EPOCH[0] < limit_with(batch=16.0) < 1.2 * EPOCH[1]


def test_stages_divide_the_layers_of_scaled_models(growing: Scaling) -> None:
    """As designers see to it; stages of powers of two only would cost a factor of four."""
    for layout, layers in zip(growing.layouts, growing.n_layers, strict=True):
        assert layout is None or layers % (layout.pp * layout.vp) == 0


def test_the_latency_wall_is_of_the_order_that_epoch_gives(fixed: Scaling) -> None:
    assert 2e30 < fixed.latency_wall < 2e32  # 2e31
    assert fixed.flop[fixed.mfu > 0].max() < fixed.latency_wall


def test_the_latency_wall_is_its_closed_form(fixed: Scaling) -> None:
    """D / B · 4 α L = T, solved for the budget with L as the cube root of the size."""
    last = -1
    alpha = fixed.step_floor[last] / (4 * fixed.n_layers[last])
    assert alpha == pytest.approx(18e-6)
    per_root = fixed.n_layers[last] / fixed.n_active[last] ** (1 / 3)
    # D = 20 N, C = 120 N², so that seconds = 20 N / B · 4 α · per_root · N^(1/3)
    n = (fixed.duration * LARGEST_BATCH / (80 * alpha * per_root)) ** 0.75
    assert fixed.latency_wall == pytest.approx(120 * n**2, rel=0.35)


def test_the_floor_is_latency_times_layers_times_microbatches() -> None:
    once = latency_floor(np.array([126.0]), H100)
    assert once[0] == pytest.approx(126 * 4 * 18e-6)
    assert latency_floor(np.array([252.0]), H100, 3.0)[0] == pytest.approx(6 * once[0])


def test_failures_end_large_runs_before_the_network_does(growing: Scaling) -> None:
    assert np.all(growing.all_in <= growing.mfu)
    assert growing.failure_limit < growing.flop[growing.mfu > 0].max()
    # half the time is lost near 1 / (2 r u): 8 / (2 · 3.79e-3/86400 · 600) accelerators
    half = 8 / (2 * 3.79e-3 / 86400 * 600)
    n = np.interp(
        math.log(growing.failure_limit), np.log(growing.flop), np.log(growing.n_accelerators)
    )
    assert math.exp(n) == pytest.approx(half, rel=0.6)


def test_the_grid_holds_only_layouts_of_the_machines_asked_for() -> None:
    grid = wide_grid(GB200, 61, 256, 4096, 15360.0, (1e4, 1e5))
    n = grid.tp * grid.pp * grid.dp * grid.cp
    assert len(n) > 10_000
    assert n.min() >= 1e4
    assert n.max() <= 1e5
    assert np.all((grid.tp * grid.cp * grid.dp) % grid.ep == 0)
    assert np.all(grid.pp * grid.vp <= 61)
    assert np.all(grid.dp * grid.microbatch <= 15360)


def test_what_has_no_nic_does_not_scale_out() -> None:
    with pytest.raises(CapacityError, match="apple-m4 has no NIC"):
        utilisation_against_compute(Runs(LLAMA, CATALOG.accelerator("apple-m4")))


def test_beyond_the_largest_budget_there_is_no_limit() -> None:
    small = utilisation_against_compute(Runs(LLAMA, GB200), (1e24, 1e25))
    assert math.isinf(small.linear_limit)
    assert math.isinf(small.latency_wall)
    assert np.array_equal(small.all_in, small.mfu)
