"""What a serving run comes to: by task, by class, within a service level, over time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from census import number_in_system
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from computesim.sim.chains import closed_loop, samples, sessions
from computesim.sim.demand import in_flight
from computesim.sim.engine import simulate_serving
from computesim.sim.operation import Operation, draw_failures
from computesim.sim.output import latencies
from computesim.sim.service import Replicas, Service
from computesim.sim.summary import (
    by_class,
    judged,
    summarise,
    tasks,
    throughput,
    warm_up_seconds,
    within,
)
from computesim.sim.trace import Trace, generate, lognormal

#: 1 s a step plus 1 s for each decoding sequence
PLAIN = Service(1.0, 0, 0, 0, 0, 0, 1.0, 1000, 8, 16)
ROOMY = PLAIN._replace(kv_capacity_tokens=100_000, max_batch=64, token_budget=256)
NO_WEIGHTS, ROOMY_WEIGHTS = np.zeros(17), np.zeros(257)


def test_an_answer_of_several_samples_ends_with_the_last_of_them() -> None:
    one = Trace([0.0], [4], [0], [3])
    trace, chains = samples(Trace([0.0, 0.0], [4, 4], [0, 0], [3, 9]), 2)
    run = simulate_serving(trace, Replicas(ROOMY, ROOMY_WEIGHTS, 1), chains=chains)
    found = tasks(run.requests, [0, 0, 1, 1])
    assert list(found.output_tokens) == [12, 12]
    assert list(found.end) == [run.requests["finish"][i : i + 2].max() for i in (0, 2)]
    alone = simulate_serving(one, Replicas(ROOMY, ROOMY_WEIGHTS, 1))
    # a single request: 1 s for its prompt, then two steps of 1 + 1 s
    assert alone.e2e[0] == 5.0
    assert np.all(found.end - found.begin > alone.e2e[0])


@pytest.mark.parametrize("k", [1, 2, 8])
def test_more_samples_never_answer_sooner(k: int) -> None:
    trace = generate(3, 60, 0.001, lognormal(20, 0), lognormal(30, 0.8))  # far apart
    single = simulate_serving(trace, Replicas(ROOMY, ROOMY_WEIGHTS, 1))
    many, chains = samples(trace, k)
    run = simulate_serving(many, Replicas(ROOMY, ROOMY_WEIGHTS, 1), chains=chains)
    found = tasks(run.requests, np.repeat(np.arange(60), k))
    assert np.all(found.end - found.begin >= single.e2e * (1 - 1e-12))


def test_a_session_takes_its_turns_and_its_thinking() -> None:
    trace = Trace([0.0, 0.0, 0.0], [4, 4, 4], [0, 0, 0], [1, 3, 1])
    run = simulate_serving(
        trace, Replicas(PLAIN, NO_WEIGHTS, 1), chains=sessions([0, 0, 0], [9.0, 10.0, 7.0])
    )
    found = tasks(run.requests, [0, 0, 0])
    assert found.end[0] - found.begin[0] == 1.0 + 10.0 + 5.0 + 7.0 + 1.0


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.floats(0.0, 20.0), st.integers(0, 1000))
def test_clients_never_have_more_requests_outstanding_than_they_are(clients, think, seed) -> None:
    trace = generate(seed, 80, 1.0, lognormal(12, 0.5), lognormal(8, 0.7))
    flat = Trace(np.zeros(80), trace.prompt_tokens, trace.cached_tokens, trace.output_tokens)
    run = simulate_serving(
        flat, Replicas(ROOMY, ROOMY_WEIGHTS, 2), chains=closed_loop(80, clients, think)
    )
    _, inside = number_in_system(run.requests["arrival"], run.requests["finish"])
    times, _ = number_in_system(run.requests["arrival"], run.requests["finish"])
    settled = np.append(times[1:] > times[:-1], True)  # after all that happens at one time
    assert inside[settled].max() <= clients
    if think == 0.0:  # and they all wait all the time, until the first of them has no more
        last = run.requests["finish"][-clients:].min()
        assert inside[settled & (times < last)].min() == clients


def test_running_sequences_over_time_are_their_times_inside() -> None:
    """Little's law, bin by bin: with room for all, who is inside is running."""
    arrival = np.zeros(30)
    rng = np.random.default_rng(5)
    trace = Trace(arrival, np.full(30, 3), np.zeros(30), rng.integers(1, 60, 30))
    run = simulate_serving(
        trace, Replicas(ROOMY, ROOMY_WEIGHTS, 2), operation=Operation(bin_seconds=7.0)
    )
    assert run.timeline is not None
    held = run.timeline.bins["batch_seconds"][0]
    assert_allclose(held.sum(), run.e2e.sum())
    for b in range(held.size):
        start, end = 7.0 * b, 7.0 * (b + 1)
        inside = np.clip(run.requests["finish"], start, end) - np.clip(arrival, start, end)
        assert held[b] == pytest.approx(inside.sum())


def test_failing_replicas_lower_goodput() -> None:
    trace = generate(7, 400, 0.04, lognormal(20, 0), lognormal(30, 0.5))
    seen = []
    for mtbf in (np.inf, 2000.0, 500.0):
        failures = Operation().failures
        if mtbf < np.inf:
            failures = draw_failures(2, mtbf, 200.0, 40_000.0, 7)
        run = simulate_serving(
            trace, Replicas(ROOMY, ROOMY_WEIGHTS, 2), operation=Operation(failures=failures)
        )
        kept = within(run.requests, 30.0, 8.0)
        seen.append((float(kept.mean()), summarise(run)["failures"]))
    (whole, none), (rare, some), (often, many) = seen
    assert whole > 0.9 > rare > often > 0.0
    assert none == 0 < some < many


def test_a_service_level_is_met_by_requests_that_meet_both_promises_and_end() -> None:
    trace = Trace([0.0, 10.0, 20.0], [4, 4, 4], [0, 0, 0], [1, 3, 5])
    run = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1))  # TTFT 1 s, TPOT 2 s
    assert within(run.requests, 1.0, 2.0).all()
    assert not within(run.requests, 0.9, 2.0).any()
    assert list(within(run.requests, 1.0, 1.9)) == [True, False, False]  # one token has no TPOT
    assert list(within(run.requests, [1.0, 0.5, 1.0], np.inf)) == [True, False, True]
    cut = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), stop_after=2)
    assert list(within(cut.requests, np.inf, np.inf)) == [True, True, False]


def test_classes_have_their_own_percentiles_and_the_unfinished_never_come() -> None:
    trace = Trace(np.zeros(4), [4, 4, 4, 4], [2, 0, 0, 0], [1, 1, 40, 40])
    run = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), stop_after=3)
    found = by_class(run.requests, np.array([0, 0, 2, 2]), ("chat", "nobody", "batch"))
    assert set(found) == {"chat", "batch"}
    assert found["chat"]["cached_share"] == 2 / 8
    assert found["chat"]["e2e_p90"] == 1.0
    assert found["batch"]["requests"] == 2
    assert found["batch"]["e2e_p99"] in (np.inf, found["batch"]["e2e_p50"])
    stopped = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), stop_after=2)
    assert by_class(stopped.requests, np.array([0, 0, 2, 2]), "abc")["c"]["e2e_p50"] == np.inf
    assert summarise(stopped)["e2e_mean"] == np.inf


def test_requests_are_judged_in_order_of_arrival_if_they_were_sent() -> None:
    trace = Trace(np.zeros(4), np.full(4, 4), np.zeros(4), [9, 1, 1, 1])
    chains = sessions([0, 1, 0, 1], np.zeros(4))
    run = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), chains=chains)
    # request 2 follows the long request 0, request 3 the short request 1
    assert list(judged(run)) == [0, 1, 3, 2]
    assert list(judged(run, start=0.5)) == [3, 2]
    assert np.isfinite(latencies(run).ttft[:3]).all()
    never = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), chains=chains, stop_after=1)
    assert 2 not in judged(never)
    assert not np.isnan(latencies(never).e2e).any()


def test_throughput_of_parts_adds_up_to_all_tokens() -> None:
    trace = generate(2, 200, 0.4, lognormal(20, 0.4), lognormal(30, 0.8))
    run = simulate_serving(trace, Replicas(ROOMY, ROOMY_WEIGHTS, 2))
    marks = np.linspace(0.0, run.makespan, 8)
    parts = [throughput(run, a, b) for a, b in pairwise(marks)]
    width = marks[1]
    tokens = sum(part["output_tokens_per_second"] for part in parts) * width
    assert tokens == pytest.approx(trace.output_tokens.sum())
    assert sum(p["requests_per_second"] for p in parts) * width == pytest.approx(200)
    assert sum(p["prompt_tokens_per_second"] for p in parts) * width == pytest.approx(
        trace.prompt_tokens.sum()
    )
    assert throughput(run, 3.0, 3.0) == {}


def test_a_pool_that_fills_up_has_a_warm_up_and_a_steady_one_has_none() -> None:
    trace = generate(4, 4000, 1.0, lognormal(8, 0), lognormal(400, 0.0))
    service = ROOMY._replace(
        per_sequence=0.0, max_batch=2000, token_budget=4000, kv_capacity_tokens=10**6
    )
    run = simulate_serving(trace, Replicas(service, np.zeros(4001), 1))
    # every output takes 399 steps of 1 s: until then nobody leaves
    assert 300 < warm_up_seconds(run.requests) < 800
    steady = run.requests[judged(run, start=600.0)]
    assert summarise(run, start=600.0)["judged"] == steady.size < 4000


def test_intervals_narrow_with_the_number_of_requests() -> None:
    few, many = (
        summarise(
            simulate_serving(
                generate(9, n, 0.02, lognormal(20, 0), lognormal(20, 0.6)),
                Replicas(ROOMY, ROOMY_WEIGHTS, 2),
            )
        )
        for n in (200, 12_800)
    )
    assert few["e2e_half_width"] / many["e2e_half_width"] == pytest.approx(8.0, rel=0.6)
    assert abs(few["e2e_mean"] - many["e2e_mean"]) < 3 * few["e2e_half_width"]
    tiny = simulate_serving(Trace([0.0], [4], [0], [2]), Replicas(PLAIN, NO_WEIGHTS, 1))
    assert summarise(tiny)["e2e_half_width"] == np.inf


def test_rates_of_a_pool_found_at_work_are_those_that_come() -> None:
    trace = generate(5, 3000, 0.25, lognormal(20, 0), lognormal(30, 1.0))
    flying = in_flight(trace, 40, 5)
    run = simulate_serving(flying, Replicas(ROOMY._replace(per_sequence=0.0), ROOMY_WEIGHTS, 1))
    last = float(trace.arrival[-1])
    found = throughput(run, 0.0, last, len(flying) - len(trace))
    assert found["requests_per_second"] == pytest.approx(trace.rate, rel=0.02)
    assert found["prompt_tokens_per_second"] == pytest.approx(20 * trace.rate, rel=0.02)
