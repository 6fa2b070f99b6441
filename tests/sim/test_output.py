"""Percentiles, means over time, intervals, saturation."""

from __future__ import annotations

import numpy as np
import pytest
from census import number_in_system, time_weighted_mean
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from computesim.errors import SimulationError
from computesim.sim.engine import simulate_queue, simulate_serving
from computesim.sim.output import (
    batch_means,
    latencies,
    mean_inside,
    quantile,
    replications,
    saturated,
    warm_up_length,
)
from computesim.sim.service import Replicas, Service
from computesim.sim.streams import stream
from computesim.sim.summary import summarise
from computesim.sim.trace import Trace, bursty_arrivals, generate, lognormal, poisson_arrivals

SERVICE = Service(1.0, 0, 0, 0, 0, 0, 1.0, 1000, 8, 16)


def run_of_three():
    trace = Trace([0.0, 10.0, 20.0], [4, 4, 4], [0, 0, 0], [1, 3, 5])
    return simulate_serving(trace, Replicas(SERVICE, np.zeros(17), 1))


def test_latencies_leave_out_the_warm_up_and_requests_of_one_token_from_tpot() -> None:
    seen = latencies(run_of_three())
    assert list(seen.ttft) == [1.0, 1.0, 1.0]
    assert list(seen.tpot) == [2.0, 2.0]
    assert list(seen.e2e) == [1.0, 5.0, 9.0]
    assert list(latencies(run_of_three(), skip=2).e2e) == [9.0]
    with pytest.raises(SimulationError, match="no request is left"):
        latencies(run_of_three(), skip=3)


def test_what_is_unfinished_at_the_end_counts_as_for_ever() -> None:
    seen = latencies(run_of_three(), until=21.5)
    assert list(seen.e2e) == [1.0, 5.0, np.inf]
    assert list(seen.ttft) == [1.0, 1.0, 1.0]
    assert list(seen.tpot) == [2.0, np.inf]
    assert quantile(seen.e2e, 0.9) == np.inf
    assert len(latencies(run_of_three(), until=19.0).ttft) == 2


def test_a_quantile_is_one_of_the_values() -> None:
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 10.0, 9.0, 8.0, 7.0, 6.0])
    assert quantile(values, 0.9) == 9.0
    assert quantile(values, 0.91) == 10.0
    assert quantile(values, 0.0) == 1.0
    assert quantile(values, 1.0) == 10.0
    assert np.isnan(quantile([], 0.5))
    rng = np.random.default_rng(1)
    for share in (0.1, 0.5, 0.9, 0.99):
        sample = rng.exponential(size=137)
        assert quantile(sample, share) == np.quantile(sample, share, method="inverted_cdf")


def test_a_mean_over_time_weighs_by_duration() -> None:
    time, inside = number_in_system([0.0, 1.0, 2.0], [4.0, 3.0, np.inf])
    assert list(inside) == [1, 2, 3, 2, 1]
    assert time_weighted_mean(time, inside, 0.0, 4.0) == (1 + 2 + 3 + 2) / 4
    assert time_weighted_mean(time, inside, 2.5, 3.5) == 2.5
    assert time_weighted_mean(time, inside, 3.0, 8.0) == (2 + 4 * 1) / 5
    with pytest.raises(SimulationError, match="no time between"):
        time_weighted_mean(time, inside, 1.0, 1.0)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=1), st.floats(0, 8))
def test_a_mean_number_inside_is_that_of_its_jumps(
    stays: list[tuple[float, float]], start: float
) -> None:
    came = np.array([begin for begin, _ in stays])
    went = came + [length if length < 8 else np.inf for _, length in stays]
    time, inside = number_in_system(came, went)
    mean = time_weighted_mean(time, inside, start, 10.0)
    assert mean_inside(came, went, start, 10.0) == pytest.approx(mean, abs=1e-9)


def test_student_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(8)
    assert replications([1.0]).half_width == np.inf  # one replication says nothing
    estimates = [replications(rng.normal(3.0, 2.0, 5), 0.9) for _ in range(2000)]
    covered = np.mean([e.low <= 3.0 <= e.high for e in estimates])
    assert covered == pytest.approx(0.9, abs=4 * (0.09 / 2000) ** 0.5)
    # t(0.975; 4) = 2.776445 from the tables
    known = replications([1.0, 2.0, 3.0, 4.0, 5.0])
    assert known.half_width == pytest.approx(2.776445 * 2.5**0.5 / 5**0.5, rel=1e-6)
    assert (known.mean, known.n) == (3.0, 5)
    with pytest.raises(SimulationError, match="no replications"):
        replications([])


def test_batch_means_see_the_correlation_that_single_values_hide() -> None:
    rng = np.random.default_rng(9)
    noise = rng.normal(size=40_000)
    series = np.empty_like(noise)
    level = 0.0
    for i, shock in enumerate(noise):  # autoregression: true variance of the mean is 1/(1-φ)²/n
        level = 0.9 * level + shock
        series[i] = level
    true_error = 1 / (1 - 0.9) / series.size**0.5
    by_batches = batch_means(series, 20).half_width
    as_if_independent = replications(series).half_width
    assert by_batches == pytest.approx(2.093 * true_error, rel=0.35)  # t(0.975; 19)
    assert as_if_independent < 0.4 * by_batches
    with pytest.raises(SimulationError, match="do not fill"):
        batch_means([1.0] * 5, 20)


def test_the_warm_up_rule_finds_the_end_of_a_transient() -> None:
    rng = np.random.default_rng(10)
    steady = rng.normal(10.0, 1.0, 2000)
    transient = steady.copy()
    transient[:300] -= np.linspace(10, 0, 300)
    assert 150 <= warm_up_length(transient) <= 500
    assert warm_up_length(transient) > warm_up_length(steady)
    assert warm_up_length([1.0, 2.0]) == 0


@pytest.mark.parametrize("servers", [1, 8])
@pytest.mark.parametrize("variation", [1.0, 2.0])
def test_overload_is_told_from_a_busy_queue(servers, variation) -> None:
    """ρ = 1.2 must be seen and ρ = 0.8 must not, in every one of 20 runs of 2,000 jobs."""
    for replication in range(20):
        arrival = bursty_arrivals(1.0, variation, 2000, stream(6, "arrivals", replication))
        work = stream(6, "service", replication).standard_exponential(2000)
        for load, expected in ((0.8, False), (1.2, True)):
            run = simulate_queue(arrival, work * load * servers, servers)
            assert saturated(run.arrival, run.start) is expected


def test_requests_that_never_start_are_a_growing_backlog() -> None:
    arrival = poisson_arrivals(1.0, 200, stream(6, "arrivals"))
    assert saturated(arrival, np.full(200, np.inf))
    assert not saturated(arrival, arrival)
    assert not saturated(arrival[:5], np.full(5, np.inf))  # too few to tell


def test_a_summary_adds_up() -> None:
    trace = generate(3, 300, 0.1, lognormal(30, 0.5, 60), lognormal(10, 0.5, 60))
    run = simulate_serving(trace, Replicas(SERVICE, np.zeros(17), 2))
    figures = summarise(run)
    assert_allclose(figures["requests_per_second"] * figures["makespan"], 300)
    assert_allclose(
        figures["output_tokens_per_second"] * figures["makespan"], trace.output_tokens.sum()
    )
    assert 0 < figures["utilisation"] <= 1
    assert 0 < figures["mean_batch"] <= 8
    assert figures["ttft_p50"] <= figures["ttft_p90"] <= figures["ttft_p99"]
    assert figures["saturated"] is False
    assert figures["peak_kv_tokens"] == run.replicas["peak_kv_tokens"].max()
