"""What must hold for every run: closed forms by hand, identities, limits, order."""

from __future__ import annotations

import numpy as np
import pytest
from census import number_in_system, time_weighted_mean
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from serving_cases import cases

from computesim.sim.chains import closed_loop
from computesim.sim.engine import simulate_queue, simulate_rollout, simulate_serving
from computesim.sim.service import Replicas, Service
from computesim.sim.trace import Trace

repeatable = settings(max_examples=80, deadline=None, derandomize=True)
ENGINES = pytest.mark.parametrize("engine", ["numba", "simpy"])
#: 1 s a step plus 1 s for each decoding sequence
PLAIN = Service(1.0, 0, 0, 0, 0, 0, 1.0, 1000, 8, 16)
NO_WEIGHTS = np.zeros(17)


@ENGINES
def test_one_request_takes_the_sum_of_its_steps(engine) -> None:
    service = Service(0.5, 0.25, 1.0, 0.5, 0.125, 0.25, 2.0, 1000, 4, 8)
    weights = np.arange(9) / 4
    run = simulate_serving(
        Trace([3.0], [11], [2], [3]), Replicas(service, weights, 1), engine=engine
    )
    # 9 prompt tokens in chunks of 8 and 1; then decodes at contexts 11 and 12
    chunk = 8 * 2 + 36
    first_chunk = 0.5 + 0.25 * 8 + max(1.0 + 0.5 * 8 + 0.125 * chunk, 8 / 4)
    second_chunk = 0.5 + 0.25 + max(1.0 + 0.5 + 0.125 * 11, 1 / 4)
    decodes = [
        0.5 + 0.25 + max(1.0 + 0.5 + 0.125 * (x + 1), 1 / 4 + 0.25 * x + 2.0) for x in (11, 12)
    ]
    assert run.requests["first"][0] == 3.0 + first_chunk + second_chunk
    assert run.requests["finish"][0] == run.requests["first"][0] + sum(decodes)
    assert run.replicas["iterations"][0] == 4
    assert run.replicas["prefill_tokens"][0] == 9
    assert run.replicas["decode_tokens"][0] == 2
    assert run.replicas["peak_kv_tokens"][0] == 14
    assert run.ttft[0] == first_chunk + second_chunk
    assert run.tpot[0] == sum(decodes) / 2
    assert run.utilisation == run.replicas["busy_seconds"][0] / run.makespan


@ENGINES
def test_short_prompts_share_a_step_and_a_long_one_takes_what_is_left(engine) -> None:
    trace = Trace(np.zeros(3), [6, 6, 30], [0, 0, 0], [1, 2, 1])
    run = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), engine=engine)
    # step 1: 6 + 6 + 4 tokens; step 2: a decode and 15 of 26; step 3: the last 11
    assert list(run.requests["first"]) == [1.0, 1.0, 4.0]
    assert list(run.requests["finish"]) == [1.0, 3.0, 4.0]


@ENGINES
def test_who_decodes_waits_where_prompts_are_read_first(engine) -> None:
    # 1: the first prompt; 3: a token; the second one comes at 2 and is read from 3 to 5, alone,
    # in steps of 16 and 4 tokens; 8: both get a token; 10: the first one gets its last
    trace = Trace([0.0, 2.0], [4, 20], [0, 0], [4, 2])
    service = PLAIN._replace(mixes=0)
    run = simulate_serving(trace, Replicas(service, NO_WEIGHTS, 1), engine=engine)
    assert list(run.requests["first"]) == [1.0, 5.0]
    assert list(run.requests["finish"]) == [10.0, 8.0]
    done = run.replicas[0]
    assert (done["prefill_tokens"], done["decode_tokens"], done["iterations"]) == (24, 4, 6)
    mixed = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1), engine=engine)
    assert list(mixed.requests["finish"]) == [7.0, 9.0]  # 5: 15 of 20; 7: the rest; 9: the last


@ENGINES
def test_clients_see_their_tokens_later_than_the_replica_writes_them(engine) -> None:
    # sent at 0 and seen by the replica at 0.5; first at 1, then a token every 2 s: 3, 5, 7
    service = PLAIN._replace(request_seconds=0.5, held_steps=1.5)
    trace = Trace([0.0, 0.0], [4, 4], [0, 0], [4, 1])
    run = simulate_serving(
        trace, Replicas(service, NO_WEIGHTS, 1), engine=engine, chains=closed_loop(2, 1)
    )
    assert list(run.requests["arrival"]) == [0.0, 7.5]
    assert list(run.requests["first"]) == [0.5 + 1.0 + 1.5 * 2.0, 9.0]
    assert list(run.requests["finish"]) == [7.5, 9.0]
    assert run.ttft[0] == 4.5
    held = simulate_serving(
        trace, Replicas(service._replace(held_steps=9.0), NO_WEIGHTS, 1), engine=engine
    )
    assert held.requests["first"][0] == held.requests["finish"][0]  # no later than the last one


@ENGINES
def test_a_step_ends_before_a_request_arrives_and_that_before_a_step_starts(engine) -> None:
    # the first request ends at 1.0, when the second one arrives and joins the next step
    trace = Trace([0.0, 1.0, 1.0], [1, 1, 1], [0, 0, 0], [1, 1, 1])
    run = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 2), engine=engine)
    assert list(run.requests["replica"]) == [0, 0, 1]  # replica 0 is empty again
    assert list(run.requests["finish"]) == [1.0, 2.0, 2.0]


@ENGINES
def test_a_request_that_fills_the_kv_cache_exactly_is_served_alone(engine) -> None:
    service = PLAIN._replace(kv_capacity_tokens=20)
    trace = Trace(np.zeros(2), [10, 1], [0, 0], [10, 1])
    run = simulate_serving(trace, Replicas(service, NO_WEIGHTS, 1), engine=engine)
    assert run.replicas["peak_kv_tokens"][0] == 20
    assert run.requests["first"][1] == run.requests["finish"][0] + 1.0


@ENGINES
def test_a_head_that_does_not_fit_holds_up_the_ones_behind_it(engine) -> None:
    service = PLAIN._replace(kv_capacity_tokens=20)
    trace = Trace(np.zeros(3), [5, 15, 1], [0, 0, 0], [5, 5, 1])
    run = simulate_serving(trace, Replicas(service, NO_WEIGHTS, 1), engine=engine)
    assert run.requests["first"][1] > run.requests["finish"][0]
    assert run.requests["first"][2] > run.requests["finish"][0]


@repeatable
@given(cases())
def test_all_tokens_that_go_in_come_out(case) -> None:
    run = simulate_serving(case.trace, Replicas(case.service, case.weight_seconds, case.n_replicas))
    fresh = case.trace.prompt_tokens - case.trace.computed_from
    assert run.replicas["prefill_tokens"].sum() == fresh.sum()
    assert run.replicas["decode_tokens"].sum() == (case.trace.output_tokens - 1).sum()
    assert np.array_equal(run.requests["generated"], case.trace.output_tokens)
    assert run.replicas["peak_kv_tokens"].max() <= case.service.kv_capacity_tokens
    assert np.all(run.requests["arrival"] < run.requests["first"])
    assert np.all(run.requests["first"] <= run.requests["finish"])


@repeatable
@given(cases())
def test_busy_time_lies_between_the_larger_side_and_the_sum_of_both(case) -> None:
    run = simulate_serving(case.trace, Replicas(case.service, case.weight_seconds, case.n_replicas))
    totals, service = run.replicas, case.service
    assume(service.microbatches == 1)  # otherwise base counts the tokens of the fullest one
    tokens = totals["prefill_tokens"] + totals["decode_tokens"]
    base = service.fixed * totals["iterations"] + service.wire * tokens
    bound = totals["busy_seconds"] - base
    larger = np.maximum(totals["compute_seconds"], totals["memory_seconds"])
    assert np.all(bound >= larger * (1 - 1e-12))
    assert np.all(bound <= (totals["compute_seconds"] + totals["memory_seconds"]) * (1 + 1e-12))


@repeatable
@given(cases())
def test_little_holds_on_every_path(case) -> None:
    """Requests inside, integrated over time, are the sum of their times inside."""
    run = simulate_serving(case.trace, Replicas(case.service, case.weight_seconds, case.n_replicas))
    time, inside = number_in_system(run.requests["arrival"], run.requests["finish"])
    mean = time_weighted_mean(time, inside, 0.0, run.makespan)
    assert_allclose(mean * run.makespan, run.e2e.sum(), rtol=1e-12)
    # with room for all, the running batch is everything inside from one step on
    assert run.replicas["batch_seconds"].sum() <= run.e2e.sum() * (1 + 1e-12)


def test_without_waiting_the_running_batch_is_the_number_inside() -> None:
    trace = Trace(np.zeros(5), np.full(5, 3), np.zeros(5), [1, 4, 9, 2, 7])
    run = simulate_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1))
    assert run.replicas["batch_seconds"][0] == run.e2e.sum()
    assert run.mean_batch == run.e2e.sum() / run.makespan


@repeatable
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_one_more_server_never_makes_anybody_wait_longer(seed, servers) -> None:
    """True job by job for FCFS queues; for batching replicas it is not."""
    rng = np.random.default_rng(seed)
    arrival, service = np.cumsum(rng.exponential(1.0, 50)), rng.exponential(3.0, 50)
    few, more = (simulate_queue(arrival, service, c) for c in (servers, servers + 1))
    assert np.all(more.start <= few.start)


def test_enough_servers_mean_no_wait_and_one_server_follows_lindley() -> None:
    rng = np.random.default_rng(5)
    arrival, service = np.cumsum(rng.exponential(1.0, 300)), rng.exponential(0.9, 300)
    assert simulate_queue(arrival, service, 300).wait.max() == 0.0
    wait = [0.0]
    for gap, seconds in zip(np.diff(arrival), service[:-1], strict=True):
        wait.append(max(wait[-1] + seconds - gap, 0.0))
    assert_allclose(simulate_queue(arrival, service, 1).wait, wait, atol=1e-9)


def test_replicas_far_apart_in_time_serve_as_if_alone() -> None:
    """At zero load every request sees an empty pool, whatever the number of replicas."""
    lengths = np.array([3, 20, 40]), np.array([5, 2, 9])
    apart = Trace([0.0, 1e4, 2e4], lengths[0], [0, 0, 0], lengths[1])
    for n_replicas in (1, 3):
        run = simulate_serving(apart, Replicas(PLAIN, NO_WEIGHTS, n_replicas))
        assert_allclose(run.ttft, np.ceil(lengths[0] / 16))
        assert_allclose(run.tpot, 2.0)


def test_a_batch_at_time_zero_is_a_rollout() -> None:
    rng = np.random.default_rng(11)
    prompt, output = rng.integers(1, 60, 40), rng.integers(1, 200, 40)
    service = PLAIN._replace(kv_capacity_tokens=100_000)
    served = simulate_serving(
        Trace(np.zeros(40), prompt, np.zeros(40), output),
        Replicas(service, NO_WEIGHTS, 3),
        "round-robin",
    )
    rolled = simulate_rollout(
        Trace.at_once(prompt, output), Replicas(service, NO_WEIGHTS, 3), assignment="round-robin"
    )
    assert np.array_equal(rolled.requests["finish"], served.requests["finish"])
    assert rolled.makespan == served.makespan


def test_a_partial_rollout_stops_at_the_sequence_that_was_asked_for() -> None:
    output = np.array([5, 50, 500, 7, 70, 700])
    full = simulate_rollout(
        Trace.at_once(np.full(6, 4), output),
        Replicas(PLAIN._replace(kv_capacity_tokens=10_000), NO_WEIGHTS, 2),
    )
    part = simulate_rollout(
        Trace.at_once(np.full(6, 4), output),
        Replicas(PLAIN._replace(kv_capacity_tokens=10_000), NO_WEIGHTS, 2),
        stop_after=4,
    )
    assert np.isfinite(part.requests["finish"]).sum() == 4
    assert part.makespan == np.sort(full.requests["finish"])[3]
    cut = np.isinf(part.requests["finish"])
    assert np.all(part.requests["generated"][cut] < output[cut])
    assert np.all(part.requests["generated"][cut] >= 70)  # as far as the longest finished one
    assert part.tokens == part.requests["generated"].sum() < full.tokens == output.sum()
    # both replicas are still busy when it stops
    assert_allclose(part.replicas["busy_seconds"], part.makespan)


def test_the_long_tail_of_a_rollout_leaves_replicas_idle() -> None:
    rng = np.random.default_rng(2)
    output = np.minimum(np.exp(rng.normal(5, 1.2, 400)), 20_000).astype(np.int64) + 1
    service = PLAIN._replace(kv_capacity_tokens=1_000_000)
    run = simulate_rollout(Trace.at_once(np.full(400, 8), output), Replicas(service, NO_WEIGHTS, 8))
    assert run.utilisation < 0.9
    assert run.replicas["busy_seconds"].max() == run.makespan  # somebody works to the end
    assert run.makespan >= 2.0 * (output.max() - 1)  # a step lasts 2 s for a sequence alone


def test_a_shared_queue_keeps_grahams_bound() -> None:
    """List scheduling, one sequence at a time: makespan <= total/m + (1 - 1/m)·longest."""
    rng = np.random.default_rng(4)
    output = np.exp(rng.normal(3, 1, 60)).astype(np.int64) + 1
    service = PLAIN._replace(max_batch=1)
    seconds = 1.0 + 2.0 * (output - 1)
    run = simulate_rollout(Trace.at_once(np.full(60, 8), output), Replicas(service, NO_WEIGHTS, 5))
    assert_allclose(run.replicas["busy_seconds"].sum(), seconds.sum())
    assert run.makespan <= seconds.sum() / 5 + (1 - 1 / 5) * seconds.max()
    assert run.makespan >= max(seconds.sum() / 5, seconds.max())


def test_cached_prompts_of_a_group_save_their_prefill() -> None:
    prompt, output = np.full(8, 500), np.full(8, 10)
    cached = np.where(np.arange(8) % 4 == 0, 0, 500)
    service = PLAIN._replace(kv_capacity_tokens=10_000)
    run = simulate_rollout(Trace.at_once(prompt, output, cached), Replicas(service, NO_WEIGHTS, 1))
    assert run.replicas["prefill_tokens"].sum() == 2 * 500 + 6 * 1


def test_threads_give_what_one_thread_gives() -> None:
    from concurrent.futures import ThreadPoolExecutor

    service = PLAIN._replace(kv_capacity_tokens=10_000)

    def play(seed: int) -> float:
        rng = np.random.default_rng(seed)
        trace = Trace(
            np.cumsum(rng.exponential(20.0, 100)),
            rng.integers(1, 60, 100),
            np.zeros(100),
            rng.integers(1, 200, 100),
        )
        return float(simulate_serving(trace, Replicas(service, NO_WEIGHTS, 3)).e2e.sum())

    alone = [play(seed) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(play, range(16))) == alone
