"""Prefix-aware routing against the simplest one: never much slower, and faster where it matters."""

from __future__ import annotations

import numpy as np
import pytest

from computesim.sim.chains import sessions
from computesim.sim.engine import simulate_serving
from computesim.sim.operation import Operation, PrefixCache
from computesim.sim.service import Replicas, Service
from computesim.sim.streams import stream
from computesim.sim.trace import BLOCK, Sessions, Trace, lognormal, replay, turns_of

#: about a 70B model on two accelerators: 25 µs a prompt token, 10 ms a step, 0.1 ms a sequence
SERVICE = Service(0.01, 0, 0, 25e-6, 0, 1e-9, 1e-4, 10**6, 256, 8192)
WEIGHTS = np.zeros(8193)


def grouped(
    seed: int, rate: float, groups: int, shared: int, own: int
) -> tuple[Trace, PrefixCache]:
    """Return requests that begin with the blocks of their group, some groups larger than others."""
    rng = np.random.default_rng(seed)
    n = 600
    group = rng.zipf(1.5, n) % groups
    ids = np.empty((n, shared + own), np.int64)
    ids[:, :shared] = group[:, None] * shared + np.arange(shared)
    ids[:, shared:] = groups * shared + np.arange(n * own).reshape(n, own)
    output = np.maximum(rng.lognormal(np.log(150), 0.6, n), 1).astype(np.int64)
    arrival = np.cumsum(rng.exponential(1 / rate, n))
    trace = Trace(arrival, np.full(n, (shared + own) * BLOCK), np.zeros(n), output)
    starts = np.arange(n + 1) * (shared + own)
    return trace, PrefixCache(ids.ravel(), starts, BLOCK, 400)


def mean_ttft(trace: Trace, cache: PrefixCache, routing: str, n: int = 4) -> float:
    run = simulate_serving(trace, Replicas(SERVICE, WEIGHTS, n), routing,
                           operation=Operation(prefix_cache=cache))  # fmt: skip
    return float(run.ttft.mean())


@pytest.mark.parametrize("rate", [4.0, 10.0, 16.0])
@pytest.mark.parametrize(("groups", "shared", "own"), [(1, 4, 15), (4, 16, 2), (40, 16, 4)])
def test_the_routing_that_knows_prefixes_is_no_slower_than_taking_turns(
    rate: float, groups: int, shared: int, own: int
) -> None:
    # one group: all replicas know the same, only load is left to choose by
    for seed in range(3):
        trace, cache = grouped(seed, rate, groups, shared, own)
        aware = mean_ttft(trace, cache, "prefix-aware")
        assert aware <= 1.02 * mean_ttft(trace, cache, "round-robin")
        assert aware <= 1.02 * mean_ttft(trace, cache, "shortest-queue")


def test_many_prefixes_that_do_not_fit_everywhere_are_kept_apart() -> None:
    trace, cache = grouped(1, 8.0, 60, 16, 2)
    aware, turns = (mean_ttft(trace, cache, rule) for rule in ("prefix-aware", "round-robin"))
    assert aware < 0.8 * turns


def test_turns_of_a_session_stay_where_their_context_is() -> None:
    law = Sessions(turns=6, think_seconds=5.0, most_context=100_000.0)
    starts = np.cumsum(np.random.default_rng(4).exponential(0.5, 200))
    columns = turns_of(starts, law, lognormal(1500, 0), lognormal(150, 0.5), None,
                       lambda name: stream(4, name))  # fmt: skip
    names = ("arrival", "prompt_tokens", "output_tokens", "cached_tokens")
    others = {name: column for name, column in columns.items() if name not in names}
    trace = replay(*(columns[name] for name in names), **others)
    assert trace.session is not None
    assert trace.think_seconds is not None
    seen = {}
    for rule in ("prefix-aware", "round-robin"):
        run = simulate_serving(trace, Replicas(SERVICE, WEIGHTS, 4), rule,
                               chains=sessions(trace.session, trace.think_seconds),
                               operation=Operation(local_prefix=True))  # fmt: skip
        seen[rule] = run.requests["cached_tokens"].sum() / run.requests["prompt_tokens"].sum()
    assert seen["prefix-aware"] > 2 * seen["round-robin"]
