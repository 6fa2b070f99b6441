"""What pools do, worked out by hand: a mistake that kernel and twin share would show here.

A step lasts 1 s plus 1 s for each sequence that decodes in it.
"""

from __future__ import annotations

import numpy as np
import pytest

from computesim.errors import SimulationError
from computesim.sim.chains import Chains, samples, sessions
from computesim.sim.engine import simulate_serving
from computesim.sim.operation import Autoscaler, DecodePool, Operation, PrefixCache
from computesim.sim.records import FAILURE, RECOMPUTE, SWAP
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas, Service
from computesim.sim.trace import Trace

ENGINES = pytest.mark.parametrize("engine", ["numba", "simpy"])
PLAIN = Service(1.0, 0, 0, 0, 0, 0, 1.0, 1000, 8, 16)
NO_WEIGHTS = np.zeros(17)
#: two requests of 4 + 6 tokens fill this cache when both have 3 tokens
TIGHT = PLAIN._replace(kv_capacity_tokens=12, when_full=RECOMPUTE)
SWAPPING = TIGHT._replace(when_full=SWAP, swap_seconds_per_token=0.5)
PAIR = Trace([0, 0], [4, 4], [0, 0], [6, 6])


def failures(*rows: tuple[float, int, float]) -> np.ndarray:
    return np.array(list(rows), FAILURE)


def play(trace: Trace, service: Service, n: int, engine: str, **how) -> ServingRun:
    return simulate_serving(trace, Replicas(service, NO_WEIGHTS, n), engine=engine, **how)


def with_two_that_need_all(trace: Trace, time: float, tokens: int) -> Trace:
    """Append two requests that fill the KV cache each, to see what is free by then."""
    return Trace(
        np.append(trace.arrival, [time, time]),
        np.append(trace.prompt_tokens, [tokens - 1, tokens - 1]),
        np.append(trace.cached_tokens, [0, 0]),
        np.append(trace.output_tokens, [1, 1]),
    )


def alone_behind(chains: Chains) -> Chains:
    return Chains(np.append(chains.stage, [-1, -1]), chains.after, chains.pause, chains.shares)


@ENGINES
def test_a_request_of_a_failed_replica_keeps_its_tokens_and_reads_them_again(engine) -> None:
    # tokens at 1 and 3; lost at 4; back at 10: 4 + 2 tokens are read, then tokens at 11, 13, 15
    run = play(Trace([0], [4], [0], [5]), PLAIN, 1, engine,
               operation=Operation(failures=failures((4.0, 0, 6.0))))  # fmt: skip
    assert (run.requests["first"][0], run.requests["finish"][0]) == (1.0, 15.0)
    done = run.replicas[0]
    assert (done["prefill_tokens"], done["decode_tokens"], done["failures"]) == (10, 3, 1)
    assert (done["busy_seconds"], done["on_seconds"]) == (9.0, 15.0)


@ENGINES
def test_the_newest_sequence_gives_way_and_reads_its_prompt_and_its_tokens_again(engine) -> None:
    # 1: both read; 4, 7: both decode, 12 tokens; the second one goes; 9, 11, 13: the first one
    # decodes alone; 14: 4 + 3 tokens are read and the fourth token comes; 16, 18
    run = play(PAIR, TIGHT, 1, engine)
    assert list(run.requests["first"]) == [1.0, 1.0]
    assert list(run.requests["finish"]) == [13.0, 18.0]
    done = run.replicas[0]
    assert (done["preemptions"], done["peak_kv_tokens"]) == (1, 12)
    assert (done["prefill_tokens"], done["decode_tokens"]) == (4 + 4 + 7, 9)


@ENGINES
def test_swapping_takes_time_on_the_way_out_and_on_the_way_back(engine) -> None:
    # 7: 4 + 3 - 1 tokens go in 3 s; 12, 14, 16: the first one; 3 s back; 21, 23, 25
    run = play(PAIR, SWAPPING, 1, engine)
    assert list(run.requests["finish"]) == [16.0, 25.0]
    done = run.replicas[0]
    assert (done["preemptions"], done["prefill_tokens"], done["decode_tokens"]) == (1, 8, 10)
    assert (done["busy_seconds"], done["batch_seconds"]) == (25.0, 2 * 7 + 18)


@ENGINES
def test_the_timeline_spreads_swapping_over_the_intervals_it_lasts(engine) -> None:
    bins = play(PAIR, SWAPPING, 1, engine, operation=Operation(bin_seconds=1.0)).timeline.bins[0]
    assert list(bins["prefill_seconds"]) == [1.0] + 24 * [0.0]
    assert list(bins["decode_seconds"]) == [0.0] + 24 * [1.0]
    assert list(bins["batch_seconds"]) == 7 * [2.0] + 18 * [1.0]
    assert list(bins["on_seconds"]) == 25 * [1.0]
    # steps of 3 s that give two tokens, then of 2 s that give one; none while it swaps
    rates = [0] + 6 * [2 / 3] + 3 * [0] + 6 * [1 / 2] + 3 * [0] + 6 * [1 / 2]
    assert bins["decode_tokens"] == pytest.approx(rates)


@ENGINES
def test_the_timeline_holds_what_a_failure_interrupts_and_not_what_it_prevents(engine) -> None:
    # it fails in the second of the 3 s in which it swaps, then in the middle of a step
    run = play(PAIR, SWAPPING, 1, engine,
               operation=Operation(bin_seconds=1.0, failures=failures((8.0, 0, 2.0), (12.5, 0, 0.0))
               ))  # fmt: skip
    bins = run.timeline.bins[0]
    busy = bins["prefill_seconds"] + bins["decode_seconds"]
    assert list(busy[:10]) == 8 * [1.0] + 2 * [0.0]
    assert list(busy[10:-1]) == (len(busy) - 11) * [1.0]
    # 10: one is read again, 4 + 3 tokens; 11: it decodes; 12.5: the step that began at 11 is lost
    assert bins["decode_seconds"][11] == 1.0
    assert busy.sum() == run.replicas["busy_seconds"][0]


@ENGINES
def test_samples_swap_what_is_theirs_and_the_last_one_takes_the_prompt_along(engine) -> None:
    # the prompt of 4 is kept once: 4, 7, 10: both decode, 4 + 3 + 3 tokens; 1.5 s for 3 tokens;
    # 13.5, 15.5: the first one ends, and the prompt goes; 3.5 s for 7 tokens; 21, 23
    trace, chains = samples(Trace([0], [4], [0], [6]), 2)
    trace, chains = with_two_that_need_all(trace, 30.0, 10), alone_behind(chains)
    run = play(trace, SWAPPING._replace(kv_capacity_tokens=10), 1, engine, chains=chains)
    assert list(run.requests["finish"][:2]) == [15.5, 23.0]
    assert run.replicas["prefill_tokens"][0] == 4 + 1 + 9 + 9
    assert list(run.requests["finish"][2:]) == [31.0, 32.0]  # all is free, and no more than all


@ENGINES
def test_samples_read_again_only_what_is_theirs_while_another_holds_the_prompt(engine) -> None:
    # as above, but the second one has to read: the prompt is gone when it comes back at 14
    trace, chains = samples(Trace([0], [4], [0], [6]), 2)
    trace, chains = with_two_that_need_all(trace, 30.0, 10), alone_behind(chains)
    run = play(trace, TIGHT._replace(kv_capacity_tokens=10), 1, engine, chains=chains)
    # 10: the second one goes; 12, 14: the first one; 15: 4 + 4 tokens and the fifth token; 17
    assert list(run.requests["finish"][:2]) == [14.0, 17.0]
    assert run.replicas["prefill_tokens"][0] == 4 + 1 + 8 + 9 + 9
    assert list(run.requests["finish"][2:]) == [31.0, 32.0]


@ENGINES
def test_a_shared_prompt_is_lost_once_with_its_replica(engine) -> None:
    # 2: both are lost with one token; 3: 4 + 1 and 1 + 1 tokens are read; 6, 9, 12, 15
    trace, chains = samples(Trace([0], [4], [0], [6]), 2)
    trace, chains = with_two_that_need_all(trace, 20.0, 16), alone_behind(chains)
    run = play(trace, PLAIN._replace(kv_capacity_tokens=16), 1, engine, chains=chains,
               operation=Operation(failures=failures((2.0, 0, 0.0))))  # fmt: skip
    assert list(run.requests["first"][:2]) == [1.0, 1.0]
    assert list(run.requests["finish"][:2]) == [15.0, 15.0]
    assert run.replicas["prefill_tokens"][0] == 5 + 7 + 15 + 15
    assert list(run.requests["finish"][2:]) == [21.0, 22.0]


@ENGINES
def test_the_lowest_priority_gives_way_although_it_came_first(engine) -> None:
    # 1: the first one; 3: it decodes, the other is read; 6: 6 + 5 tokens; the first one goes;
    # 8, 10, 12, 14: the other one; 15: 4 + 3 tokens; 17, 19
    run = play(Trace([0.0, 0.5], [4, 4], [0, 0], [6, 6]), TIGHT, 1, engine, priority=[1, 0])
    assert list(run.requests["finish"]) == [19.0, 14.0]


@ENGINES
def test_a_low_priority_that_fits_waits_for_a_high_one_that_does_not_and_no_longer(engine) -> None:
    # the first one promises 18 of 20 tokens until 15; then the others are read together
    trace = Trace([0.0, 0.5, 0.75], [10, 10, 1], [0, 0, 0], [8, 1, 1])
    run = play(trace, PLAIN._replace(kv_capacity_tokens=20), 1, engine, priority=[0, 0, 1])
    assert list(run.requests["finish"]) == [15.0, 16.0, 16.0]


@ENGINES
def test_a_transfer_takes_its_latency_and_the_time_of_the_prompt(engine) -> None:
    # 1: read; 0.5 + 4 · 0.25 s; two tokens at 2 s; a single token needs no transfer
    pool = DecodePool(PLAIN, NO_WEIGHTS, 1, transfer_fixed=0.5, transfer_per_token=0.25)
    run = play(Trace([0, 10], [4, 4], [0, 0], [3, 1]), PLAIN, 1, engine,
               operation=Operation(decode_pool=pool))  # fmt: skip
    assert list(run.requests["first"]) == [1.0, 11.0]
    assert list(run.requests["finish"]) == [6.5, 11.0]
    assert list(run.replicas["prefill_tokens"]) == [8, 0]
    assert list(run.replicas["decode_tokens"]) == [0, 2]


@ENGINES
def test_a_request_that_its_decode_replica_loses_is_read_by_the_others_again(engine) -> None:
    # 1: it comes without transfer time and decodes, 3: the second token, 4: it is lost;
    # 5: 4 + 2 tokens are read; it waits for the repair at 10; two tokens at 12 and 14
    pool = DecodePool(PLAIN, NO_WEIGHTS, 1)
    run = play(Trace([0], [4], [0], [5]), PLAIN, 1, engine,
               operation=Operation(decode_pool=pool, failures=failures((4.0, 1, 6.0))))  # fmt: skip
    assert (run.requests["first"][0], run.requests["finish"][0]) == (1.0, 14.0)
    assert list(run.replicas["prefill_tokens"]) == [10, 0]


@ENGINES
def test_a_draining_replica_ends_what_it_has_and_the_least_are_kept(engine) -> None:
    # 2: two outstanding, the second replica starts, 3: is ready; 4: one outstanding, it drains
    trace = Trace([0.0, 0.0, 3.5, 10.0], [4, 4, 4, 4], [0] * 4, [2, 2, 20, 1])
    scaler = Autoscaler(interval=2.0, wanted=1.0, least=1, startup=1.0)
    run = play(trace, PLAIN, 2, engine, operation=Operation(autoscaler=scaler, bin_seconds=1.0))
    assert list(run.requests["replica"]) == [0, 0, 1, 0]
    assert list(run.requests["finish"]) == [4.0, 4.0, 4.5 + 19 * 2, 11.0]
    assert list(run.replicas["on_seconds"]) == [42.5, 40.5]
    paid = run.timeline.bins["on_seconds"][0]
    assert list(paid) == [1.0, 1.0] + 40 * [2.0] + [1.0]


def restarted(patience: int) -> tuple[Trace, Operation]:
    """Return requests 2 and 4 with one block, and a replica that may be off between them."""
    trace = Trace([0.0, 0.0, 3.0, 5.0, 7.0], [1, 1, 8, 1, 8], [0] * 5, [100, 2, 1, 2, 1])
    cache = PrefixCache(np.array([7, 7]), np.array([0, 0, 0, 1, 1, 2]), 4, 10)
    return trace, Operation(prefix_cache=cache, autoscaler=Autoscaler(2.0, 1.0, patience=patience))


@ENGINES
@pytest.mark.parametrize(("patience", "cached"), [(1, 0), (9, 4)])
def test_a_replica_that_was_off_has_an_empty_prefix_cache(engine, patience, cached) -> None:
    # 2: the second replica starts, 3: reads the block; 4: is off if nobody is patient; 6: starts;
    # 7: it is the one that knows the block, or the shorter queue
    trace, operation = restarted(patience)
    run = play(trace, PLAIN, 2, engine, routing="prefix-aware", operation=operation)
    assert list(run.requests["replica"][[2, 4]]) == [1, 1]
    assert list(run.requests["cached_tokens"]) == [0, 0, 0, 0, cached]


@ENGINES
def test_a_late_sample_follows_its_prompt_to_a_replica_that_drains(engine) -> None:
    # 2: three outstanding, two wanted of a replica: the second one starts; 3: the first sample;
    # 6: two outstanding, it drains; 7: the second sample finds its prompt there
    trace = Trace([0, 0, 0, 3, 7], [1, 1, 1, 8, 8], [0] * 5, [100, 2, 2, 20, 5])
    chains = Chains(np.array([-1, -1, -1, 0, 0]), [-1], [0.0], [True])
    run = play(trace, PLAIN, 2, engine, chains=chains,
               operation=Operation(autoscaler=Autoscaler(2.0, 2.0)))  # fmt: skip
    assert list(run.requests["replica"][3:]) == [1, 1]
    assert run.requests["cached_tokens"][4] == 7
    assert run.replicas["peak_kv_tokens"][1] == 8 + 20 + 5


@ENGINES
@pytest.mark.parametrize(("routing", "failed", "read"), [
    ("prefix-aware", (), 2 + 4),
    ("round-robin", (), 2 + 10),
    ("prefix-aware", ((3.0, 0, 1.0),), 2 + 10),
])  # fmt: skip
def test_a_later_turn_finds_its_prefix_where_the_turn_before_ended_only(
    engine, routing, failed, read
) -> None:
    # what the first turn finds cached belongs to all replicas
    trace = Trace([0, 1], [4, 10], [2, 6], [1, 1])
    run = play(trace, PLAIN, 2, engine, routing=routing, chains=sessions([0, 0], [0, 5]),
               operation=Operation(local_prefix=True, failures=failures(*failed)))  # fmt: skip
    assert run.requests["arrival"][1] == 6.0
    assert run.replicas["prefill_tokens"].sum() == read
    assert list(run.requests["cached_tokens"]) == [2, 12 - read]


def test_requests_that_share_a_prompt_have_one_priority() -> None:
    trace, chains = samples(Trace([0], [4], [0], [6]), 2)
    with pytest.raises(SimulationError, match="one priority"):
        play(trace, PLAIN, 1, "numba", chains=chains, priority=[0, 1])


@ENGINES
def test_of_replicas_that_end_together_the_last_one_has_what_a_stage_has_read(engine) -> None:
    # a step of 16 tokens takes 2 s: replica 1 from 0 to 2, replica 0 from 1 to 2; both end the
    # stage, and the one of higher index counts as the later one
    weights = np.append(np.zeros(16), 1.0)
    trace = Trace([0, 0, 1, 2], [1, 16, 1, 10], [0, 0, 0, 9], [1, 1, 1, 1])
    chains = Chains(np.array([-1, 0, 0, 1]), [-1, 0], [0.0, 3.0], [False, False])
    run = simulate_serving(
        trace,
        Replicas(PLAIN, weights, 2),
        "prefix-aware",
        engine,
        chains,
        operation=Operation(local_prefix=True),
    )
    assert list(run.requests["finish"]) == [1.0, 2.0, 2.0, 6.0]
    assert list(run.requests["replica"]) == [0, 1, 0, 1]
    assert run.requests["cached_tokens"][3] == 9


@ENGINES
def test_samples_of_a_failed_replica_go_where_there_is_room(engine) -> None:
    # replica 1 has the sample and fails at 2; replica 0 has promised 17 of 20 tokens until 5; 4:
    # replica 1 is back, and 18 tokens of higher priority go there; 5: the sample goes to replica 0
    trace = Trace([0, 0, 3], [14, 4, 14], [0] * 3, [3, 2, 4])
    chains = Chains(np.array([-1, 0, -1]), [-1], [0.0], [True])
    run = play(trace, PLAIN._replace(kv_capacity_tokens=20), 2, engine, routing="shared-queue",
               chains=chains, priority=[0, 1, 0],
               operation=Operation(failures=failures((2.0, 1, 2.0))))  # fmt: skip
    assert list(run.requests["replica"]) == [0, 0, 1]
    assert list(run.requests["finish"]) == [5.0, 6.0, 11.0]
