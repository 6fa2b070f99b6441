"""Random small pools with everything that a pool may have, for the kernel and its twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from serving_cases import TICK, draw

from computesim.sim.chains import Chains
from computesim.sim.engine import ServingRun, simulate_serving
from computesim.sim.operation import Autoscaler, DecodePool, Operation, PrefixCache
from computesim.sim.records import FAILURE
from computesim.sim.service import PROMISE, RECOMPUTE, SWAP, Service
from computesim.sim.trace import Trace


@dataclass(frozen=True)
class PoolCase:
    trace: Trace
    service: Service
    weight_seconds: Any
    n_replicas: int
    routing: str
    how: dict[str, Any] = field(default_factory=dict)

    def play(self, engine: str, **changes: Any) -> ServingRun:
        how = {**self.how, **changes}
        return simulate_serving(
            self.trace,
            self.service,
            self.weight_seconds,
            self.n_replicas,
            self.routing,
            engine,
            **how,
        )


def pool_cases(tick: bool = True, most: int = 25) -> st.SearchStrategy[PoolCase]:
    """Draw a pool from one seed; with `tick` all its times are multiples of a power of two."""
    return st.builds(
        lambda seed, n: draw_pool(np.random.default_rng(seed), n, tick),
        st.integers(0, 2**32 - 1),
        st.integers(1, most),
    )


def draw_pool(rng: np.random.Generator, n: int, tick: bool) -> PoolCase:
    case = draw(rng, n, tick)
    replicas = case.n_replicas
    chains = draw_chains(rng, n, tick) if rng.random() < 0.6 else None
    shares = chains is not None and bool(chains.shares.any())
    trace = case.trace
    if chains is not None and shares:
        first = np.unique(chains.stage, return_index=True)[1][-chains.after.size :]
        mine = np.flatnonzero((chains.stage >= 0) & np.append(chains.shares, False)[chains.stage])
        prompt = trace.prompt_tokens.copy()
        prompt[mine] = prompt[first][chains.stage[mine]]
        cached = np.minimum(trace.cached_tokens, prompt)
        trace = Trace(trace.arrival, prompt, cached, trace.output_tokens)
    block = int(rng.choice([1, 1, 2, 4, 7]))
    need = int((-(-trace.prompt_tokens // block) - (-trace.output_tokens // block)).max())
    capacity = max(case.service.kv_capacity_tokens // int(rng.integers(1, 5)), need * block)
    service = case.service._replace(
        block_tokens=block,
        kv_capacity_tokens=capacity,
        when_full=int(rng.choice([PROMISE, RECOMPUTE, SWAP])),
        watermark_tokens=int(rng.choice([0, 0, capacity // 8])),
        swap_seconds_per_token=float(rng.integers(0, 3)) * TICK if tick else rng.uniform(0, 2e-3),
    )
    decode_pool = None
    if rng.random() < 0.3 and not shares:
        decode_pool = DecodePool(
            service._replace(per_token=service.per_token / 2),
            case.weight_seconds,
            int(rng.integers(1, 4)),
            float(rng.integers(0, 20)) * TICK if tick else rng.uniform(0, 0.02),
            float(rng.integers(0, 3)) * TICK if tick else rng.uniform(0, 2e-3),
        )
    autoscaler = None
    if rng.random() < 0.3 and decode_pool is None:
        autoscaler = Autoscaler(
            float(rng.integers(8, 200)) * TICK,
            float(rng.integers(1, 6)),
            int(rng.integers(1, replicas + 1)),
            float(rng.integers(0, 300)) * TICK,
            int(rng.integers(1, 4)),
        )
    everything = replicas + (decode_pool.n_replicas if decode_pool else 0)
    operation = Operation(
        slack=int(rng.integers(0, 6)),
        local_prefix=bool(rng.random() < 0.5),
        prefix_cache=draw_prefix(rng, n) if rng.random() < 0.3 else None,
        decode_pool=decode_pool,
        autoscaler=autoscaler,
        failures=draw_breakdowns(rng, everything, tick),
        bin_seconds=float(rng.choice([0.0, 0.0, 96 * TICK])),
        seed=int(rng.integers(0, 100)),
    )
    routings = ["shortest-queue", "round-robin", "two-choices", "prefix-aware", "shared-queue"]
    how = {
        "chains": chains,
        "priority": rng.integers(0, int(rng.integers(1, 4)), n) if rng.random() < 0.5 else None,
        "operation": operation,
        "stop_after": int(rng.integers(1, n + 1)) if rng.random() < 0.2 else None,
    }
    routing = str(rng.choice(routings))
    return PoolCase(trace, service, case.weight_seconds, replicas, routing, how)


def draw_chains(rng: np.random.Generator, n: int, tick: bool) -> Chains:
    """Return stages of some requests each, some of which follow others."""
    stage = np.sort(rng.integers(0, max(n // 2, 1), n))
    stage = np.unique(stage, return_inverse=True)[1].reshape(-1)
    stage[rng.random(n) < 0.2] = -1
    kept = np.unique(stage[stage >= 0])
    stage = np.where(stage >= 0, np.searchsorted(kept, stage), -1)
    after = np.full(kept.size, -1)
    free = list(range(kept.size))
    for s in range(1, kept.size):
        earlier = [x for x in free if x < s]
        if earlier and rng.random() < 0.6:
            after[s] = earlier[int(rng.integers(0, len(earlier)))]
            free.remove(int(after[s]))
    pause = rng.integers(0, 60, kept.size) * TICK if tick else rng.uniform(0, 0.06, kept.size)
    shares = rng.random(kept.size) < float(rng.choice([0.0, 0.7]))
    return Chains(stage, after, pause, shares)


def draw_prefix(rng: np.random.Generator, n: int) -> PrefixCache:
    """Return blocks of a few families of prompts."""
    rows = [int(f) * 50 + np.arange(k) for f, k in rng.integers(0, 8, (n, 2))]
    start = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return PrefixCache(
        np.concatenate(rows), start, int(rng.integers(1, 9)), int(rng.integers(1, 30))
    )


def draw_breakdowns(rng: np.random.Generator, replicas: int, tick: bool) -> Any:
    """Return a few failures, or none."""
    count = int(rng.integers(1, 6)) if rng.random() < 0.4 else 0
    time = rng.integers(0, 600, count) * 4 * TICK if tick else rng.uniform(0, 2.4, count)
    repair = rng.integers(0, 300, count) * TICK if tick else rng.uniform(0, 0.3, count)
    failures = np.zeros(count, FAILURE)
    failures["time"], failures["repair"] = np.sort(time), repair
    failures["replica"] = rng.integers(0, replicas, count)
    return failures
