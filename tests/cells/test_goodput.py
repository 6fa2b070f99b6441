"""Goodput of serving cells: what the capacity search must not do to them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from computesim import load_catalog, load_scenario
from computesim.cells import serving, serving_cell
from computesim.cells.jobs import COT
from computesim.cells.serving import Play
from computesim.cells.serving_plant import plant_of
from computesim.demand.asked import demand_at
from computesim.scenario import Moment
from computesim.sim.fluid import fluid_rate, mean_lengths
from computesim.workload.transformer import serving_load

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
# many sequences fit one replica, so that a short trace is over before one of them is done
DEEP_BATCH = ("tiers.quick.model=qwen3-30b-a3b", "tiers.quick.tpot=40 ms")
CASES = [("h100-sxm", 7, 200), ("h100-sxm", 8, 1000), ("gb200", 7, 400), ("h100-sxm", 1, 200)]


@cache
def measured(machine: str, seed: int, requests: int) -> tuple[float, float]:
    """Return the rate of sequences that a cell keeps, and that of its fluid limit, 1/s."""
    scenario = load_scenario(SMALL, DEEP_BATCH)
    demand = next(d for d in demand_at(Moment.of(scenario, 2025)).serving if d.workload == COT)
    play = Play(seed=seed, requests=requests, burstiness=1.2, peak_to_mean=1.5)
    accelerator = load_catalog().accelerator(machine)
    cell = serving_cell.measure(demand, accelerator, play)
    trace = serving.sample_trace(demand, play)
    load = serving_load(demand.model, demand.dtype, demand.kv_dtype)
    step = plant_of(demand, load, accelerator, trace).steps[0]
    service = serving.as_service(step)
    limit = fluid_rate(mean_lengths(trace), service, step.weight_seconds, demand.tpot)
    return cell.requests * step.n_accelerators, limit


@pytest.mark.parametrize(("machine", "seed", "requests"), CASES)
def test_a_pool_that_could_serve_at_the_fluid_rate_serves_something(
    machine: str, seed: int, requests: int
) -> None:
    rate, limit = measured(machine, seed, requests)
    assert limit > 0
    assert rate > 0.5 * limit


@pytest.mark.parametrize(("machine", "seed", "requests"), CASES)
def test_no_pool_serves_more_than_its_fluid_limit(machine: str, seed: int, requests: int) -> None:
    rate, limit = measured(machine, seed, requests)
    assert rate < 1.15 * limit  # a short trace may be a little lighter than its mean
