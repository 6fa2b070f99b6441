"""The highest rate that keeps a service level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from computesim.errors import SimulationError
from computesim.sim.capacity import RateSearch, highest_rate, max_rate, max_serving_rate
from computesim.sim.chains import Chains
from computesim.sim.demand import Demand, in_flight, step_limit
from computesim.sim.engine import simulate_serving
from computesim.sim.fluid import fluid_rate, mean_lengths, steady_state
from computesim.sim.levels import METRICS, ServiceLevel
from computesim.sim.output import latencies, quantile, saturated
from computesim.sim.pool import Pool
from computesim.sim.queueing import erlang_c
from computesim.sim.replicas import fewest, fewest_replicas
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas, Service, check_service
from computesim.sim.trace import Blocks, Trace, generate, lognormal, merged, scaled
from computesim.sim.trial import play

SERVICE = Service(2e-3, 0.0, 1e-3, 5e-5, 1e-10, 2e-8, 1e-6, 600_000, 64, 512)
WEIGHTS = np.outer([0.012, 0.0, 0.0], np.ones(513))
CHAT = generate(1, 300, 1.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
LEVEL = ServiceLevel(ttft=0.5, tpot=0.025)


@given(
    st.floats(0.06, 15.0),
    st.floats(0.06, 15.0),
    st.sampled_from([1.03, 1.25, 2.0]),
    st.sampled_from([lambda x: x, lambda x: 1.0 if x > 0 else -1.0, lambda x: math.expm1(30 * x)]),
)
def test_the_search_finds_the_edge_within_its_tolerance(
    edge: float, start: float, stride: float, shape: Callable[[float], float]
) -> None:
    tried = []

    def excess(rate: float) -> float:
        tried.append(rate)
        return shape(math.log(rate / edge))

    found = max_rate(excess, start, stride, 0.05, 16.0, 0.01)
    assert found.rate <= edge * (1 + 1e-12) < found.rate * 1.0101
    assert found.n_runs == len(tried) == len(set(tried)) <= 26
    assert not found.unbounded


def test_a_search_says_where_its_ends_are_kept_or_fail() -> None:
    assert max_rate(lambda rate: -1.0, 1.0, 1.5, 0.5, 2.0) == RateSearch(2.0, 3, True)
    assert max_rate(lambda rate: 1.0, 1.0, 1.5, 0.5, 2.0) == RateSearch(0.0, 3, False)
    lowest = max_rate(lambda rate: 0.0 if rate <= 0.5 * (1 + 1e-12) else 9.0, 1.0, 1.5, 0.5, 2.0)
    assert lowest.rate == pytest.approx(0.5)
    with pytest.raises(SimulationError, match="cannot search"):
        max_rate(lambda rate: -1.0, 1.0, 1.5, 2.0, 1.0)


def test_the_rate_found_is_kept_and_a_higher_one_is_not() -> None:
    found = max_serving_rate(CHAT, Replicas(SERVICE, WEIGHTS, 2), LEVEL, tolerance=0.03)
    assert found.n_runs <= 10
    assert found.run is not None
    assert meets(found.run, LEVEL, found.skip)
    beyond = simulate_serving(
        scaled(CHAT, 1.3 * found.rate / CHAT.rate), Replicas(SERVICE, WEIGHTS, 2)
    )
    assert not meets(beyond, LEVEL)
    # what it says of the run is what the run says
    late = found.run.requests[found.skip :]
    assert late.size == len(CHAT)
    assert late.size / late["arrival"][-1] == pytest.approx(found.rate)


def meets(run: ServingRun, level: ServiceLevel, skip: int = 0) -> bool:
    """Tell whether a run keeps a service level after its warm-up and builds up no backlog."""
    seen, rest = latencies(run, skip), run.requests[skip:]
    kept = [quantile(getattr(seen, n), level.share) <= getattr(level, n) for n in METRICS]
    return all(kept) and not saturated(rest["arrival"], rest["first"])


def test_a_stricter_level_allows_less_and_an_impossible_one_nothing() -> None:
    rates = [
        max_serving_rate(CHAT, Replicas(SERVICE, WEIGHTS, 2), ServiceLevel(ttft, tpot)).rate
        for ttft, tpot in ((1.0, 0.035), (0.5, 0.025), (0.08, 0.025), (0.5, 0.001), (1e-3, 0.025))
    ]
    assert rates[0] > rates[1] > rates[2] > 0.0
    assert rates[3:] == [0.0, 0.0]


def test_replicas_share_the_load() -> None:
    one, four = (max_serving_rate(CHAT, Replicas(SERVICE, WEIGHTS, n), LEVEL).rate for n in (1, 4))
    assert four >= 3.8 * one  # and a little more, for a larger pool is better balanced


def test_the_fluid_limit_is_what_a_long_run_does() -> None:
    trace = generate(2, 1500, 3.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    run = simulate_serving(trace, Replicas(SERVICE, WEIGHTS, 1))
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


def test_the_fluid_limit_of_decodes_alone_fills_every_token_of_a_step() -> None:
    lengths = mean_lengths(CHAT)
    tight = SERVICE._replace(max_batch=512, kv_capacity_tokens=10**9)  # as many as the budget
    decodes = lengths._replace(fresh=0.0, pairs=0.0)
    edge = fluid_rate(decodes, tight, WEIGHTS, np.inf)
    step = steady_state(edge, decodes, tight, WEIGHTS).step_seconds
    assert edge * lengths.later * step == pytest.approx(512, rel=0.15)  # within 5 % of the rate
    assert steady_state(2 * edge, decodes, tight, WEIGHTS).bounded
    assert fluid_rate(lengths, tight, WEIGHTS, np.inf) < edge  # prompts need room in the steps
    assert steady_state(2 * edge, lengths, tight, WEIGHTS).bounded


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
        trace = generate(seed, 500, 1.0, lognormal(100, 0.3), lognormal(2000, 0.5, 20_000))
        state = steady_state(trace.rate, mean_lengths(trace), SERVICE, WEIGHTS)
        warm = in_flight(trace, round(state.batch), seed)
        for name, played in (("warm", warm), ("cold", trace)):
            tpot = simulate_serving(played, Replicas(SERVICE, WEIGHTS, 1)).tpot[-500:]
            early[name].append(tpot[:30].mean() / tpot[200:450].mean())
    assert np.mean(early["warm"]) == pytest.approx(1.0, abs=0.01)
    assert np.mean(early["cold"]) < 0.98


def test_in_flight_keeps_every_column_of_a_trace() -> None:
    trace = Trace(
        np.arange(3.0), [600, 1100, 20], [0, 0, 0], [50, 60, 70],
        kind=[0, 1, 0], reason_tokens=[40, 0, 70], blocks=Blocks([1, 2, 3, 4, 5, 6], [0, 2, 5, 6]),
        kind_names=("chat", "code"),
    )  # fmt: skip
    warm = in_flight(trace, 200, 1)
    assert warm.kind_names == ("chat", "code")
    assert np.array_equal(warm.kind[200:], trace.kind)
    long = warm.prompt_tokens[:200] >= 1100
    assert np.array_equal(warm.kind[:200] == 1, long)
    assert np.array_equal(warm.blocks.of(np.flatnonzero(long)[:1]).ids, [3, 4, 5])
    assert np.all(warm.reason_tokens <= warm.output_tokens)
    # what is left of the reasoning comes first: of 40 tokens, some are behind
    assert np.count_nonzero(warm.reason_tokens[:200]) > 0


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 500), st.integers(1, 600), st.integers(1, 500))
def test_the_fewest_that_are_enough_are_found_from_any_guess(
    enough: int, guess: int, most: int
) -> None:
    tried = []

    def keeps(count: int) -> bool:
        tried.append(count)
        return count >= enough

    found = fewest(keeps, guess, most)
    assert found == (enough if enough <= most else None)
    assert len(tried) == len(set(tried))
    assert set(tried) <= set(range(1, most + 1))


#: a server that gives each request as many steps of 10 ms as it has tokens, one at a time
QUEUE = Pool(*check_service(Service(0.01, 0, 0, 0, 0, 0, 0, 10**9, 1, 1), np.zeros(2)),
             routing="shared-queue")  # fmt: skip


def exponential_jobs(n: int, rate: float, seed: int) -> Trace:
    """Return Poisson arrivals of one prompt token and exponentially many output tokens."""
    rng = np.random.default_rng(seed)
    steps = rng.geometric(1 / 200.0, n)
    return Trace(np.cumsum(rng.exponential(1 / rate, n)), np.ones(n), np.zeros(n), steps)


def wait_beyond(rate: float, servers: int, seconds: float) -> float:
    """Return the probability to wait longer in an M/M/c queue of mean service 2 s."""
    load = rate * 2.0
    if load >= servers:
        return 1.0
    return erlang_c(servers, load) * np.exp(-(servers / 2.0 - rate) * seconds)


@pytest.mark.parametrize(("rate", "ttft"), [(3.0, 0.5), (3.0, 4.0), (8.2, 1.0), (0.3, 0.1)])
def test_a_trivial_service_needs_the_servers_of_an_mmc_queue(rate: float, ttft: float) -> None:
    demand = Demand(exponential_jobs(60_000, rate, 3), (ServiceLevel(ttft=ttft + 0.01),))
    found = fewest_replicas(demand, QUEUE).counts
    exact = next(c for c in range(1, 100) if wait_beyond(rate, c, ttft) <= 0.1)
    near = next(c for c in range(1, 100) if wait_beyond(rate, c, ttft * 1.15) <= 0.1)
    assert found[0] in {exact, near}


def test_a_trivial_service_keeps_the_rate_of_an_mmc_queue() -> None:
    demand = Demand(exponential_jobs(60_000, 1.0, 5), (ServiceLevel(ttft=1.01),))
    found = highest_rate(demand, QUEUE, (6,), tolerance=0.005)
    exact = max(r for r in np.linspace(0.5, 3.0, 2501) if wait_beyond(r, 6, 1.0) <= 0.1)
    assert found.rate == pytest.approx(exact, rel=0.02)


CHAT_POOL = Pool(*check_service(SERVICE, WEIGHTS))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_replicas_are_never_worse(seed: int) -> None:
    trace = generate(seed, 1200, 40.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    demand = Demand(trace, (LEVEL,), judged=0.8, seed=seed)
    lengths = mean_lengths(trace)
    trials = [play(demand, CHAT_POOL, (n,), lengths) for n in range(1, 13)]
    kept = [trial.kept for trial in trials]
    assert kept == sorted(kept)
    assert kept[-1]
    assert not kept[0]
    assert fewest_replicas(demand, CHAT_POOL).counts == (1 + kept.index(True),)
    for fewer, more in itertools.pairwise(trials):
        for before, after in zip(fewer.outcomes, more.outcomes, strict=True):
            # a request that finds its replica at work meets another phase of the step
            assert after.value <= before.value * 1.1


def test_both_engines_need_the_same_replicas() -> None:
    trace = generate(4, 200, 60.0, lognormal(400, 0.5, 4000), lognormal(30, 0.6, 100))
    demand = Demand(trace, (LEVEL,))
    found = [fewest_replicas(demand, CHAT_POOL, engine=engine) for engine in ("numba", "simpy")]
    assert found[0].counts == found[1].counts
    assert found[0].counts > (1,)
    values = [[o.value for o in search.trial.outcomes] for search in found]
    assert values[0] == pytest.approx(values[1])


@pytest.mark.parametrize("think", [0.0, 2.0])
def test_a_closed_loop_obeys_littles_law(think: float) -> None:
    trace = generate(2, 2000, 1.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    demand = Demand(trace, (ServiceLevel(),), clients=40, think_seconds=think)
    trial = play(demand, CHAT_POOL, (2,), mean_lengths(trace))
    seen = trial.run.requests[trial.judged]
    inside = trial.run.requests["finish"] <= trial.span
    rate = np.count_nonzero(inside) / trial.span
    assert rate * ((seen["finish"] - seen["arrival"]).mean() + think) == pytest.approx(40, rel=0.05)
    assert trial.closed
    assert not trial.saturated


def test_a_closed_loop_of_more_clients_than_places_waits() -> None:
    trace = generate(2, 4000, 1.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    demand = Demand(trace, (ServiceLevel(),), clients=400)
    trial = play(demand, CHAT_POOL, (2,), mean_lengths(trace))
    assert trial.saturated
    assert trial.waiting == pytest.approx(400 - 2 * 64, rel=0.1)  # 64 sequences of each replica
    assert trial.kept  # nothing is promised, and a closed loop has no backlog that grows
    prompt = replace(demand, levels=(ServiceLevel(ttft=0.5),))
    assert fewest_replicas(prompt, CHAT_POOL).counts in {(6,), (7,)}  # 400 / 64


def test_a_divided_pool_has_the_fewest_replicas_of_each_kind() -> None:
    pool = Pool(*check_service(SERVICE, WEIGHTS), CHAT_POOL, 1e-3, 1e-7)
    trace = generate(6, 3000, 40.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    demand = Demand(trace, (LEVEL,), judged=0.8)
    found = fewest_replicas(demand, pool)
    assert found.trial is not None
    assert found.trial.kept
    assert len(found.counts) == 2
    assert all(trial is None or not trial.kept for trial in found.beyond)
    totals = found.trial.run.replicas
    assert not totals["decode_tokens"][: found.counts[0]].any()  # the first ones only read


def test_every_class_has_its_own_promise() -> None:
    quick = generate(1, 400, 4.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    slow = generate(2, 400, 4.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    both = merged([replace(t, kind=np.full(400, k)) for k, t in enumerate((quick, slow))])
    patient = ServiceLevel(ttft=20.0, tpot=1.0)
    counts = {}
    for name, levels, priority in (
        ("both quick", (LEVEL, LEVEL), ()),
        ("one patient", (LEVEL, patient), ()),
        ("patient and behind", (LEVEL, patient), (0, 1)),
    ):
        demand = Demand(both, levels, priority)
        counts[name] = fewest_replicas(demand, CHAT_POOL).counts[0]
        trial = play(demand, CHAT_POOL, (counts[name],), mean_lengths(both))
        assert [o.kind for o in trial.outcomes] == [0, 0, 0, 1, 1, 1]
        assert trial.kept
    assert counts["both quick"] >= counts["one patient"] >= counts["patient and behind"]
    with pytest.raises(SimulationError, match="2 levels"):
        Demand(quick, (LEVEL, LEVEL))


def test_an_end_to_end_promise_binds_the_step_time() -> None:
    trace = Trace(np.arange(1.0, 101.0), np.full(100, 10), np.zeros(100), np.full(100, 201))
    assert step_limit(Demand(trace, (ServiceLevel(e2e=10.0),))) == pytest.approx(0.05)
    assert step_limit(Demand(trace, (ServiceLevel(tpot=0.02, e2e=10.0),))) == 0.02
    assert step_limit(Demand(trace, (ServiceLevel(ttft=1.0),))) == np.inf


#: steps of 10 ms whatever is in them; as many sequences as `max_batch` at a time
STEADY = Service(0.01, 0, 0, 0, 0, 0, 0, 10**9, 32, 4096)
STEADY_POOL = Pool(
    *check_service(STEADY, np.zeros(4097)), Pool(*check_service(STEADY, np.zeros(4097))), 1e-3, 1e-7
)


@pytest.mark.parametrize("n", [400, 2000, 10_000])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_backlog_behind_the_first_tokens_is_seen_and_chance_is_not(seed: int, n: int) -> None:
    """32 places that a request needs for its output tokens less one, in steps of 10 ms."""
    trace = generate(seed, n, 1.0, lognormal(400, 0.5, 4000), lognormal(60, 0.6, 400))
    full = 32 / (0.01 * (trace.output_tokens - 1).mean())
    demand = Demand(trace, (ServiceLevel(),), judged=0.6, seed=seed)
    # a batch has half a step to wait for its next one, and needs as many places more
    stable, grows = (
        play(demand, STEADY_POOL, (2, 1), demand.lengths, factor * full / trace.rate).saturated
        for factor in (0.88, 1.15)
    )
    assert grows
    assert not stable


def test_the_first_requests_of_a_demand_keep_what_they_share() -> None:
    trace = Trace(np.zeros(6), np.full(6, 9), np.zeros(6), np.full(6, 5))
    chains = Chains([1, 1, -1, 0, 2, 2], [-1, -1, -1], [0, 0, 0], [True, False, True])
    demand = Demand(trace, (LEVEL,), chains=chains)
    few = demand.first(4)
    assert few.chains is not None
    assert few.chains.stage.tolist() == [1, 1, -1, 0]
    assert few.chains.shares.tolist() == [True, False]
    assert demand.first(6) is demand
    assert demand.sharers is not None
    assert demand.first(5).sharers.tolist() == [1, 1, 1, 1, 1]
    assert demand.sharers.tolist() == [1, 1, 1, 1, 2, 2]
