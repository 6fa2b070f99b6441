"""Watts over time: conservation, closed forms, what is off."""

from __future__ import annotations

import numpy as np
import pytest

from computesim.catalog import load_catalog
from computesim.cells.serving import paged_service
from computesim.cells.serving_power import (
    TokenWork,
    bandwidth_in_use,
    power_over_time,
    token_work,
)
from computesim.hardware.power import (
    accelerator_watts,
    cluster_watts,
    facility_watts,
    node_watts,
)
from computesim.hardware.serving import ServingLayout, serving_step
from computesim.sim.engine import simulate_serving
from computesim.sim.fluid import MeanLengths, mean_lengths
from computesim.sim.operation import Autoscaler, Operation
from computesim.sim.records import BIN
from computesim.sim.runs import Timeline
from computesim.sim.service import Replicas, Service, check_service
from computesim.sim.trace import Trace, generate, lognormal
from computesim.workload.transformer import serving_load

CATALOG = load_catalog()
CHIP, SITE = CATALOG.accelerator("h100-sxm"), CATALOG.site("hyperscale-us")
WORK = TokenWork(2e10, 2e10, 3000.0)
LOAD = serving_load(CATALOG.model("llama-3.1-8b"), "fp8", "bf16")
ONE, FOUR, EIGHT = (serving_step(LOAD, CHIP, ServingLayout(tp=n)) for n in (1, 4, 8))
DESIGN = cluster_watts(CHIP.tdp + CHIP.node_overhead)
SERVICE = Service(0.004, 0, 0, 1e-5, 0, 1e-8, 1e-5, 100_000, 64, 2048)
WEIGHTS = np.full(2049, 0.006)


def at_the_meter(chip: float, load: float) -> float:
    return facility_watts(SITE, cluster_watts(node_watts(CHIP, chip, load)), DESIGN)


def timeline(**seconds: float) -> Timeline:
    bins = np.zeros((1, 1), BIN)
    for name, value in seconds.items():
        bins[name] = value
    return Timeline(100.0, bins)


def test_an_idle_pool_draws_what_idle_machines_draw() -> None:
    power = power_over_time(timeline(on_seconds=300.0), CHIP, SITE, EIGHT, WORK, "fp8")
    idle = at_the_meter(accelerator_watts(CHIP, 0.0, 0.0, busy=0.0), 0.0)
    assert power.facility[0, :, 0] == pytest.approx([0.0, 0.0, 3 * 8 * idle])
    assert power.joules["idle"] == pytest.approx(300.0 * 8 * idle)


def test_a_decoding_pool_is_the_fleet_model_at_the_mean_load() -> None:
    """Phases, added up, are the mean draw that the projection takes: all of it is affine."""
    seconds = ONE.decode_seconds(16.0, WORK.context)
    tokens = 16.0 * 40.0 / seconds
    half = timeline(
        decode_seconds=40.0, batch_seconds=640.0, on_seconds=100.0, decode_tokens=tokens
    )
    power = power_over_time(half, CHIP, SITE, ONE, WORK, "fp8")
    compute = tokens * WORK.decode / 40.0 / CHIP.peak("fp8")
    bandwidth = ONE.traffic_seconds(16.0, 16.0 * WORK.context, 16.0) / seconds
    chip = accelerator_watts(CHIP, compute, bandwidth, busy=0.4)
    assert power.facility.sum() == pytest.approx(at_the_meter(chip, 0.4))
    assert power.it.sum() == pytest.approx(cluster_watts(node_watts(CHIP, chip, 0.4)))


def test_reading_prompts_draws_more_than_decoding_and_less_than_what_was_built() -> None:
    reads = timeline(prefill_seconds=100.0, on_seconds=100.0, prefill_tokens=2e6)
    decodes = timeline(
        decode_seconds=100.0, batch_seconds=1000.0, on_seconds=100.0, decode_tokens=1e5
    )
    first, second = (
        power_over_time(t, CHIP, SITE, ONE, WORK, "fp8").facility.sum() for t in (reads, decodes)
    )
    assert DESIGN * SITE.pue > first > second > 0


@pytest.mark.parametrize("width", [1.0, 7.0, 1000.0])
def test_energy_is_the_integral_of_power_and_hardly_depends_on_the_intervals(width) -> None:
    trace = generate(3, 200, 4.0, lognormal(500, 0.3), lognormal(200, 0.7))
    run = simulate_serving(
        trace, Replicas(SERVICE, WEIGHTS, 2), operation=Operation(bin_seconds=width)
    )
    assert run.timeline is not None
    power = power_over_time(run.timeline, CHIP, SITE, FOUR, WORK, "fp8")
    joules = sum(power.joules.values())
    assert joules == pytest.approx(power.facility.sum() * width)
    # bounds that hold for any split of the work: idle and built power over the time paid for
    machine_seconds = 4 * run.replicas["on_seconds"].sum()
    idle = at_the_meter(accelerator_watts(CHIP, 0.0, 0.0, busy=0.0), 0.0)
    assert idle * machine_seconds < joules < DESIGN * SITE.pue * machine_seconds
    fine = simulate_serving(
        trace, Replicas(SERVICE, WEIGHTS, 2), operation=Operation(bin_seconds=0.5)
    )
    assert fine.timeline is not None
    finer = power_over_time(fine.timeline, CHIP, SITE, FOUR, WORK, "fp8")
    assert joules == pytest.approx(sum(finer.joules.values()), rel=0.03)


def test_a_replica_that_is_switched_off_draws_nothing() -> None:
    trace = Trace([0.0, 4000.0], [10, 10], [0, 0], [10, 10])
    scaler = Autoscaler(interval=10.0, wanted=4.0, least=1, startup=30.0)
    joules = []
    for autoscaler in (None, scaler):
        how = Operation(autoscaler=autoscaler, bin_seconds=60.0)
        run = simulate_serving(trace, Replicas(SERVICE, WEIGHTS, 4), operation=how)
        assert run.timeline is not None
        power = power_over_time(run.timeline, CHIP, SITE, ONE, WORK, "fp8")
        joules.append(sum(power.joules.values()))
    assert joules[1] == pytest.approx(joules[0] / 4, rel=0.01)


def test_the_mean_is_that_of_whole_intervals_inside() -> None:
    bins = np.zeros((1, 4), BIN)
    bins["on_seconds"] = [10.0, 20.0, 20.0, 5.0]
    power = power_over_time(Timeline(10.0, bins), CHIP, SITE, ONE, WORK, "fp8")
    one = power.facility[0, :, 0].sum()
    assert power.mean_watts(8.0, 30.0) == pytest.approx(2 * one)
    assert power.mean_watts(12.0, 17.0) == pytest.approx(one * 5.5 / 4)  # none lies inside: all


def test_flop_of_a_token_are_those_of_matrices_and_of_its_context() -> None:
    lengths = MeanLengths(fresh=1000.0, pairs=500_000.0, later=10.0, context=3000.0, need=1.0)
    found = token_work(LOAD, lengths)
    # two FLOP a parameter in the matrices (8.03 billion, embedding not multiplied), and for
    # attention 4 · layers · width · context: 32 layers, 32 heads of 128
    assert found.prefill == pytest.approx(2 * 7.5e9 + 4 * 32 * 4096 * 500, rel=0.02)
    assert found.decode == pytest.approx(2 * 7.5e9 + 4 * 32 * 4096 * 3000, rel=0.02)


@pytest.mark.parametrize("rate", [0.3, 3.0, 12.0])
def test_an_interval_tells_the_bandwidth_that_its_steps_use(rate: float) -> None:
    """Steps are not counted in an interval; in the totals of a run they are."""
    trace = generate(3, 300, rate, lognormal(500, 0.3), lognormal(400, 0.5))
    service, table = check_service(paged_service(ONE), ONE.weight_seconds)
    pool = Replicas(service, table, 1)
    run = simulate_serving(trace, pool, operation=Operation(bin_seconds=1e9))
    assert run.timeline is not None
    context = mean_lengths(trace).context
    totals, row = run.replicas[0], run.timeline.bins[0, 0]
    steps, read = float(totals["iterations"]), float(totals["prefill_tokens"])
    written = float(totals["decode_tokens"]) / steps
    step = ONE.traffic_seconds(written + read / steps, written * context, written)
    exact = steps * step / float(totals["busy_seconds"])
    assert bandwidth_in_use(ONE, row, context) == pytest.approx(exact, rel=0.1)
