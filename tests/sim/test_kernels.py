"""The kernels against their SimPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from serving_cases import Case, cases

from computesim.errors import SimulationError
from computesim.sim.engine import simulate_queue, simulate_rollout, simulate_serving
from computesim.sim.service import Replicas, Service
from computesim.sim.trace import Trace

repeatable = settings(max_examples=120, deadline=None, derandomize=True)
ROUTINGS = st.sampled_from(["shortest-queue", "round-robin"])
ASSIGNMENTS = st.sampled_from(["shared-queue", "round-robin", "least-tokens"])


def both_servings(case: Case, routing: str) -> list:
    return [
        simulate_serving(
            case.trace,
            Replicas(case.service, case.weight_seconds, case.n_replicas),
            routing,
            engine,
        )
        for engine in ("numba", "simpy")
    ]


def both_rollouts(case: Case, assignment: str, stop_after: int) -> list:
    return [
        simulate_rollout(
            Trace.at_once(
                case.trace.prompt_tokens, case.trace.output_tokens, case.trace.cached_tokens
            ),
            Replicas(case.service, case.weight_seconds, case.n_replicas),
            assignment,
            stop_after,
            engine,
        )
        for engine in ("numba", "simpy")
    ]


def assert_close(ours, theirs) -> None:
    for name in ours.dtype.names:
        assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-12, err_msg=name)


@repeatable
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), min_size=1, max_size=60),
    st.integers(1, 7),
)
def test_the_queue_equals_its_twin_bit_for_bit(jobs, servers) -> None:
    arrival = np.cumsum([gap for gap, _ in jobs]) / 8
    service = np.array([seconds for _, seconds in jobs]) / 8
    ours = simulate_queue(arrival, service, servers)
    theirs = simulate_queue(arrival, service, servers, engine="simpy")
    assert_array_equal(ours.start, theirs.start)
    assert_array_equal(ours.finish, theirs.finish)


@repeatable
@given(cases(), ROUTINGS)
def test_serving_equals_its_twin_bit_for_bit(case, routing) -> None:
    ours, theirs = both_servings(case, routing)
    assert_array_equal(ours.requests, theirs.requests)
    assert_array_equal(ours.replicas, theirs.replicas)


@repeatable
@given(cases(tick=False), ROUTINGS)
def test_jumping_over_equal_steps_equals_playing_each_of_them(case, routing) -> None:
    ours, theirs = both_servings(case, routing)
    assert_close(ours.requests, theirs.requests)
    assert_close(ours.replicas, theirs.replicas)


@repeatable
@given(cases(), ASSIGNMENTS, st.data())
def test_a_rollout_equals_its_twin_bit_for_bit(case, assignment, data) -> None:
    stop_after = data.draw(st.integers(1, len(case.trace)))
    ours, theirs = both_rollouts(case, assignment, stop_after)
    assert_array_equal(ours.requests, theirs.requests)
    assert_array_equal(ours.replicas, theirs.replicas)
    assert ours.makespan == theirs.makespan


@repeatable
@given(cases(tick=False), ASSIGNMENTS, st.data())
def test_a_rollout_with_any_coefficients_equals_its_twin(case, assignment, data) -> None:
    stop_after = data.draw(st.integers(1, len(case.trace)))
    ours, theirs = both_rollouts(case, assignment, stop_after)
    assert_close(ours.requests, theirs.requests)
    assert_close(ours.replicas, theirs.replicas)
    assert ours.makespan == pytest.approx(theirs.makespan, rel=1e-9)


def test_a_long_run_crosses_from_compute_to_memory_exactly_as_step_by_step() -> None:
    service = Service(1e-3, 1e-6, 2e-2, 1e-5, 1e-9, 3e-6, 1e-5, 100_000, 4, 64)
    trace = Trace(np.zeros(3), [700, 30, 1], [0, 0, 0], [3000, 2000, 2500])
    ours, theirs = (
        simulate_serving(trace, Replicas(service, np.full(65, 5e-3), 1), engine=engine)
        for engine in ("numba", "simpy")
    )
    assert_close(ours.requests, theirs.requests)
    assert_close(ours.replicas, theirs.replicas)
    totals = ours.replicas[0]
    # it does cross: the busy time is more than either side alone explains
    rest = totals["iterations"] * 1e-3 + 1e-6 * (totals["prefill_tokens"] + totals["decode_tokens"])
    assert totals["busy_seconds"] - rest > 1.01 * totals["compute_seconds"]
    assert totals["busy_seconds"] - rest > 1.01 * totals["memory_seconds"]


def test_many_replicas_route_as_the_twin_does() -> None:
    """Nine replicas fill a tournament of sixteen places."""
    rng = np.random.default_rng(3)
    n = 60
    trace = Trace(
        np.sort(rng.integers(0, 40, n)) / 8.0,
        rng.integers(1, 20, n),
        np.zeros(n),
        rng.integers(1, 30, n),
    )
    service = Service(2.0**-6, 0.0, 0.0, 2.0**-9, 0.0, 2.0**-12, 0.0, 200, 4, 8)
    ours, theirs = (
        simulate_serving(trace, Replicas(service, np.zeros(9), 9), engine=engine)
        for engine in ("numba", "simpy")
    )
    assert_array_equal(ours.requests, theirs.requests)
    assert set(ours.requests["replica"]) == set(range(9))


def test_requests_that_never_fit_are_counted_and_refused() -> None:
    service = Service(1.0, 0, 0, 0, 0, 0, 0, 100, 4, 8)
    trace = Trace([0.0, 1.0, 2.0], [90, 100, 50], [0, 0, 0], [10, 1, 51])
    with pytest.raises(SimulationError, match=r"2 of 3 requests never fit.*101 tokens.*100"):
        simulate_serving(trace, Replicas(service, np.zeros(9), 2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_batch": 9}, "max_batch <= token_budget"),
        ({"per_token": -1.0}, "not negative"),
        ({"wire": float("nan")}, "not negative"),
        ({"fixed": 0.0}, "must take time"),
        ({"token_budget": 10}, "needs 11 finite entries"),
    ],
)
def test_an_impossible_service_says_what_is_wrong(change, words) -> None:
    service = Service(1.0, 0, 0, 0, 0, 0, 0, 100, 4, 8)._replace(**change)
    with pytest.raises(SimulationError, match=words):
        simulate_serving(Trace([0.0], [1], [0], [1]), Replicas(service, np.zeros(9), 1))


def test_impossible_queues_rollouts_and_engines_are_refused() -> None:
    service = Service(1.0, 0, 0, 0, 0, 0, 0, 100, 4, 8)
    with pytest.raises(SimulationError, match="must not decrease"):
        simulate_queue([1.0, 0.5], [1.0, 1.0], 1)
    with pytest.raises(SimulationError, match="one length"):
        simulate_queue([1.0], [1.0, 1.0], 1)
    with pytest.raises(SimulationError, match="stop_after is 3"):
        simulate_rollout(
            Trace.at_once([1, 1], [1, 1]), Replicas(service, np.zeros(9), 1), stop_after=3
        )
    with pytest.raises(SimulationError, match="0 replicas"):
        simulate_rollout(Trace.at_once([1, 1], [1, 1]), Replicas(service, np.zeros(9), 0))
    with pytest.raises(SimulationError, match="unknown engine 'simply'"):
        simulate_queue([1.0], [1.0], 1, engine="simply")
