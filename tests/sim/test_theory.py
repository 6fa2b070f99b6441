"""Simulations against exact queueing theory."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from census import number_in_system, time_weighted_mean

from computesim.errors import SimulationError
from computesim.quantities import Estimate
from computesim.sim.chains import sessions
from computesim.sim.engine import simulate_queue, simulate_serving
from computesim.sim.operation import draw_failures
from computesim.sim.output import replications
from computesim.sim.queueing import (
    closed_throughput,
    erlang_b,
    erlang_c,
    mg1_wait,
    mmc_wait,
    priority_waits,
    processor_sharing_sojourn,
)
from computesim.sim.service import Replicas, Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace, poisson_arrivals

SEED, REPLICATIONS = 20, 24
#: without compilation, runs are shorter and intervals wider
PLAIN_PYTHON = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
SHORTER, WIDEST = (6, 0.13) if PLAIN_PYTHON else (1, 0.05)


def assert_covers(estimate: Estimate, theory: float) -> None:
    assert estimate.low <= theory <= estimate.high
    assert estimate.half_width < WIDEST * theory


def long_hand(offered_load: float, servers: int) -> float:
    """Mean wait of M/M/c in units of the service time, by the sum over states."""
    states = [offered_load**k / math.factorial(k) for k in range(servers)]
    waiting = offered_load**servers / math.factorial(servers) * servers / (servers - offered_load)
    return waiting / (sum(states) + waiting) / (servers - offered_load)


def test_erlang_formulas_give_the_published_numbers() -> None:
    # the closed sums of Erlang (1917), a = 2 erlang, 3 servers
    poisson = [1.0, 2.0, 2.0, 8 / 6]
    assert erlang_b(3, 2.0) == pytest.approx(poisson[3] / sum(poisson), rel=1e-14)
    waiting = poisson[3] * 3 / (3 - 2)
    assert erlang_c(3, 2.0) == pytest.approx(waiting / (sum(poisson[:3]) + waiting), rel=1e-14)
    assert erlang_b(0, 5.0) == 1.0
    assert mmc_wait(0.9, 1.0) == pytest.approx(0.9 / 0.1)  # M/M/1: ρ/(µ - λ)
    assert mmc_wait(9.0, 1.0, 10) == pytest.approx(long_hand(9.0, 10), rel=1e-13)
    assert mmc_wait(0.7, 1.0) == pytest.approx(mg1_wait(0.7, 1.0, 1.0))
    assert mg1_wait(0.7, 1.0, 0.0) == pytest.approx(mg1_wait(0.7, 1.0, 1.0) / 2)
    assert processor_sharing_sojourn(0.5, 1.0, 3.0) == 6.0


def test_a_queue_without_a_steady_state_is_refused() -> None:
    with pytest.raises(SimulationError, match="no steady state"):
        mmc_wait(2.0, 1.0, 2)
    with pytest.raises(SimulationError, match="negative"):
        erlang_b(-1, 1.0)


def test_the_wait_of_an_mmc_queue_is_erlangs() -> None:
    n, skip, servers, rate = 60_000, 2_000, 4, 3.0
    waits, waiting_share = [], []
    for replication in range(REPLICATIONS):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        service = stream(SEED, "service", replication).standard_exponential(n)
        wait = simulate_queue(arrival, service, servers).wait[skip:]
        waits.append(wait.mean())
        waiting_share.append((wait > 0).mean())
    assert_covers(replications(waits, 0.999), mmc_wait(rate, 1.0, servers))
    assert_covers(replications(waiting_share, 0.999), erlang_c(servers, rate))


def test_a_replica_that_serves_one_at_a_time_is_an_mg1_queue() -> None:
    """A step of 1 s, a batch of one, prompts of one token: service takes `output` seconds."""
    n, skip, rate = 6_000 // SHORTER, 400 // SHORTER, 0.05
    service = Service(1.0, 0, 0, 0, 0, 0, 0, 10_000, 1, 1)
    waits = []
    for replication in range(REPLICATIONS):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        output = stream(SEED, "output_tokens", replication).integers(1, 20, n)
        trace = Trace(arrival, np.ones(n), np.zeros(n), output)
        run = simulate_serving(trace, Replicas(service, np.zeros(2), 1))
        waits.append((run.ttft - 1.0)[skip:].mean())
    variation = np.std(np.arange(1, 20)) / 10
    assert_covers(replications(waits, 0.999), mg1_wait(rate, 10.0, variation))


def test_a_replica_whose_step_grows_with_its_batch_shares_its_processor() -> None:
    """Each decoding sequence adds 1 ms to a step: the machine is shared out evenly."""
    n, skip, rate, quantum = 1_500 // SHORTER, 150 // SHORTER, 0.5, 1e-3
    service = Service(1e-9, 0, 0, 0, 0, 0, quantum, 10**9, 500, 500)
    stretch = []
    for replication in range(REPLICATIONS):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        size = stream(SEED, "output_tokens", replication).uniform(0, 2, n)
        output = np.rint(size / quantum).astype(np.int64) + 2
        run = simulate_serving(
            Trace(arrival, np.ones(n), np.zeros(n), output), Replicas(service, np.zeros(501), 1)
        )
        stretch.append(run.e2e[skip:].mean() / size[skip:].mean())
    # insensitive to the law of the sizes; the quantum of 1/1000 is the only error
    theory = processor_sharing_sojourn(rate, 1.0, 1.0)
    assert_covers(replications(stretch, 0.999), theory)


def test_clients_that_wait_for_each_answer_get_the_rate_of_mean_value_analysis() -> None:
    """One machine shared evenly by six clients who think: a closed product-form network."""
    clients, think, quantum, n = 6, 2.0, 1e-3, 1_800 // SHORTER
    service = Service(1e-9, 0, 0, 0, 0, 0, quantum, 10**9, 50, 50)
    rates = []
    for replication in range(REPLICATIONS):
        size = stream(SEED, "output_tokens", replication).uniform(0, 2, n)
        output = np.rint(size / quantum).astype(np.int64) + 2
        pauses = stream(SEED, "think", replication).exponential(think, n)
        chains = sessions(np.arange(n) % clients, pauses)
        trace = Trace(np.zeros(n), np.ones(n), np.zeros(n), output)
        run = simulate_serving(trace, Replicas(service, np.zeros(51), 1), chains=chains)
        finish = np.sort(run.requests["finish"])[n // 10 : -n // 10]  # neither filling nor emptying
        rates.append((finish.size - 1) / (finish[-1] - finish[0]) * size.mean())
    assert_covers(replications(rates, 0.999), closed_throughput(clients, think, 1.0))


def test_urgent_requests_wait_as_cobham_says() -> None:
    n, skip, rate = 9_000 // SHORTER, 400 // SHORTER, 0.08
    service = Service(1.0, 0, 0, 0, 0, 0, 0, 10_000, 1, 1)
    waits: list[list[float]] = [[], []]
    for replication in range(REPLICATIONS):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        output = stream(SEED, "output_tokens", replication).integers(1, 20, n)
        urgent = stream(SEED, "priority", replication).random(n) < 0.5
        trace = Trace(arrival, np.ones(n), np.zeros(n), output)
        run = simulate_serving(trace, Replicas(service, np.zeros(2), 1), priority=~urgent)
        for lane in (0, 1):
            mine = np.flatnonzero(urgent == (lane == 0))
            waits[lane].append(float((run.ttft - 1.0)[mine[mine >= skip]].mean()))
    variation = np.std(np.arange(1, 20)) / 10
    theory = priority_waits((rate / 2, rate / 2), 10.0, float(variation))
    for found, expected in zip(waits, theory, strict=True):
        estimate = replications(found, 0.999)
        assert estimate.low <= expected <= estimate.high
        assert estimate.half_width < 2 * WIDEST * expected


def test_a_shared_queue_in_front_of_single_servers_is_erlangs() -> None:
    n, skip, servers, rate = 9_000 // SHORTER, 400 // SHORTER, 3, 0.2
    service = Service(1.0, 0, 0, 0, 0, 0, 0, 10_000, 1, 1)
    waits = []
    for replication in range(REPLICATIONS):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        output = stream(SEED, "output_tokens", replication).geometric(0.1, n)
        trace = Trace(arrival, np.ones(n), np.zeros(n), output)
        run = simulate_serving(trace, Replicas(service, np.zeros(2), servers), "shared-queue")
        waits.append((run.ttft - 1.0)[skip:].mean())
    estimate = replications(waits, 0.999)
    # a geometric law is a little more regular than an exponential one: Kingman's factor
    theory = mmc_wait(rate, 10.0, servers) * (1 + 0.9) / 2
    assert estimate.mean == pytest.approx(theory, rel=0.06)


def test_replicas_that_fail_are_up_for_the_share_of_renewal_theory() -> None:
    mtbf, repair, horizon = 900.0, 300.0, 1e6
    down = draw_failures(4, mtbf, repair, horizon, SEED)["repair"].sum()
    assert down / (4 * horizon) == pytest.approx(repair / (mtbf + repair), rel=0.05)


def test_littles_law_is_exact_on_the_path_of_a_queue() -> None:
    arrival = poisson_arrivals(1.0, 500, stream(SEED, "arrivals"))
    run = simulate_queue(arrival, stream(SEED, "service").standard_exponential(500), 2)
    time, inside = number_in_system(run.arrival, run.finish)
    span = float(run.finish.max())
    mean = time_weighted_mean(time, inside, 0.0, span)
    assert mean == pytest.approx(500 / span * run.sojourn.mean(), rel=1e-12)
