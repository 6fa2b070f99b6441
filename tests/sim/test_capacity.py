"""The highest rate that keeps a service level."""

from __future__ import annotations

import numpy as np
import pytest

from computesim.errors import SimulationError
from computesim.sim.capacity import (
    ServiceLevel,
    in_flight,
    max_rate,
    max_serving_rate,
    meets,
)
from computesim.sim.engine import simulate_serving
from computesim.sim.fluid import fluid_rate, mean_lengths, steady_state
from computesim.sim.service import Service
from computesim.sim.trace import Lengths, Trace, generate, scaled

SERVICE = Service(2e-3, 0.0, 1e-3, 5e-5, 1e-10, 2e-8, 1e-6, 600_000, 64, 512)
WEIGHTS = np.full(513, 0.012)
CHAT = generate(1, 300, 1.0, Lengths(400, 0.5, 4000), Lengths(60, 0.6, 400))
LEVEL = ServiceLevel(ttft=0.5, tpot=0.025)


def test_bisection_finds_the_edge_within_its_tolerance() -> None:
    tried = []

    def keeps(rate: float) -> bool:
        tried.append(rate)
        return rate <= 3.21

    found = max_rate(keeps, 1.0, 16.0, 0.01)
    assert found.rate <= 3.21 < found.rate * 1.01
    assert found.n_runs == len(tried) <= 9
    assert not found.unbounded
    assert max_rate(lambda rate: True, 1.0, 2.0).unbounded
    assert max_rate(lambda rate: False, 1.0, 2.0).rate == 0.0
    assert max_rate(lambda rate: rate <= 1.0, 1.0, 2.0).rate == 1.0
    with pytest.raises(SimulationError, match="cannot search"):
        max_rate(keeps, 2.0, 1.0)


def test_the_rate_found_is_kept_and_a_higher_one_is_not() -> None:
    found = max_serving_rate(CHAT, SERVICE, WEIGHTS, 2, LEVEL, tolerance=0.03)
    assert found.n_runs <= 10
    assert found.run is not None
    assert meets(found.run, LEVEL, found.skip)
    beyond = simulate_serving(scaled(CHAT, 1.3 * found.rate / CHAT.rate), SERVICE, WEIGHTS, 2)
    assert not meets(beyond, LEVEL)
    # what it says of the run is what the run says
    late = found.run.requests[found.skip :]
    assert late.size == len(CHAT)
    assert late.size / late["arrival"][-1] == pytest.approx(found.rate)


def test_a_stricter_level_allows_less_and_an_impossible_one_nothing() -> None:
    rates = [
        max_serving_rate(CHAT, SERVICE, WEIGHTS, 2, ServiceLevel(ttft, tpot)).rate
        for ttft, tpot in ((1.0, 0.035), (0.5, 0.025), (0.08, 0.025), (0.5, 0.001), (1e-3, 0.025))
    ]
    assert rates[0] > rates[1] > rates[2] > 0.0
    assert rates[3:] == [0.0, 0.0]


def test_replicas_share_the_load() -> None:
    one, four = (max_serving_rate(CHAT, SERVICE, WEIGHTS, n, LEVEL).rate for n in (1, 4))
    assert four >= 3.8 * one  # and a little more, for a larger pool is better balanced


def test_the_fluid_limit_is_what_a_long_run_does() -> None:
    trace = generate(2, 1500, 3.0, Lengths(400, 0.5, 4000), Lengths(60, 0.6, 400))
    run = simulate_serving(trace, SERVICE, WEIGHTS, 1)
    state = steady_state(trace.rate, mean_lengths(trace), SERVICE, WEIGHTS)
    totals = run.replicas[0]
    decoding = totals["decode_tokens"] / run.makespan * state.step_seconds
    assert not state.bounded
    assert state.batch == pytest.approx(decoding, rel=0.02)
    assert totals["busy_seconds"] / totals["iterations"] == pytest.approx(
        state.step_seconds, rel=0.1
    )


def test_the_fluid_rate_is_the_edge_of_the_fluid_limit() -> None:
    lengths = mean_lengths(CHAT)
    rate = fluid_rate(lengths, SERVICE, WEIGHTS, 0.02)
    assert steady_state(rate, lengths, SERVICE, WEIGHTS).step_seconds <= 0.02
    assert steady_state(1.06 * rate, lengths, SERVICE, WEIGHTS).step_seconds > 0.02
    assert fluid_rate(lengths, SERVICE, WEIGHTS, 0.001) == 0.0
    small = SERVICE._replace(kv_capacity_tokens=2_000)  # now the KV cache is the limit
    edge = fluid_rate(lengths, small, WEIGHTS, 1.0)
    assert steady_state(edge * 1.06, lengths, small, WEIGHTS).bounded


def test_sequences_in_flight_are_the_long_ones_half_written() -> None:
    trace = Trace(np.arange(4.0), [10, 10, 20, 20], [0, 0, 0, 0], [1, 11, 101, 1001])
    warm = in_flight(trace, 20_000, 3)
    front, rest = slice(0, 20_000), slice(20_000, None)
    assert np.array_equal(warm.arrival[rest], trace.arrival)
    assert set(warm.arrival[front]) == {0.0}
    written = warm.prompt_tokens[front] + warm.output_tokens[front]
    shares = {30 - 9: 10, 121: 100, 1021: 1000}  # prompt + output -> later tokens
    for total, later in shares.items():
        share = np.mean(written == total)
        assert share == pytest.approx(later / 1110, abs=4 * (0.25 / 20_000) ** 0.5)
    long = warm.output_tokens[front][written == 1021]
    assert long.mean() == pytest.approx(500, rel=0.02)
    assert np.array_equal(warm.computed_from[front], warm.prompt_tokens[front] - 1)
    assert np.array_equal(in_flight(trace, 5, 3).prompt_tokens[:5], warm.prompt_tokens[:5])
    assert in_flight(trace, 0, 3) is trace


def test_a_warm_start_spares_the_filling_up() -> None:
    """Early requests are as slow as late ones; in a pool that starts empty they are faster."""
    early = {"warm": [], "cold": []}
    for seed in range(12):
        trace = generate(seed, 500, 1.0, Lengths(100, 0.3), Lengths(2000, 0.5, 20_000))
        state = steady_state(trace.rate, mean_lengths(trace), SERVICE, WEIGHTS)
        warm = in_flight(trace, round(state.batch), seed)
        for name, played in (("warm", warm), ("cold", trace)):
            tpot = simulate_serving(played, SERVICE, WEIGHTS, 1).tpot[-500:]
            early[name].append(tpot[:30].mean() / tpot[200:450].mean())
    assert np.mean(early["warm"]) == pytest.approx(1.0, abs=0.01)
    assert np.mean(early["cold"]) < 0.98
