"""Random small pools with everything that a pool may have, for the kernel and its twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from serving_cases import TICK, draw

from computesim.sim.chains import Chains, beam_search, closed_loop, samples, sessions
from computesim.sim.engine import simulate_serving
from computesim.sim.operation import ROUTINGS, Autoscaler, DecodePool, Operation, PrefixCache
from computesim.sim.records import FAILURE, PROMISE, RECOMPUTE, SWAP
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas, Service
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
            Replicas(self.service, self.weight_seconds, self.n_replicas),
            self.routing,
            engine,
            **how,
        )


def pool_cases(tick: bool = True, most: int = 25) -> st.SearchStrategy[PoolCase]:
    """Draw a pool from one seed; with `tick` all its times are multiples of a power of two."""
    return st.builds(
        lambda seed, n: draw_pool(np.random.default_rng(seed), n, tick),
        st.integers(0, 2**32 - 1),
        st.integers(1, most) | st.integers(1, 4 * most),
    )


def draw_pool(rng: np.random.Generator, n: int, tick: bool) -> PoolCase:
    case = draw(rng, n, tick)
    replicas = case.n_replicas if rng.random() < 0.9 else int(rng.integers(6, 20))
    trace, chains = follow(rng, at_an_edge(rng, case.trace), tick)
    n = len(trace)
    mine = sharing(chains, n)
    shares = bool(mine.any())
    block = int(rng.choice([1, 1, 2, 4, 7]))
    need = int((-(-trace.prompt_tokens // block) - (-trace.output_tokens // block)).max())
    parts, groups = case.service.microbatches, case.service.groups
    capacity = max(
        case.service.kv_capacity_tokens // int(rng.integers(1, 5)), need * block * groups
    )
    tight = bool(rng.random() < 0.1)  # one token a step
    service = case.service._replace(
        token_budget=parts if tight else case.service.token_budget,
        max_batch=1 if tight else case.service.max_batch,
        block_tokens=block,
        kv_capacity_tokens=capacity,
        when_full=int(rng.choice([PROMISE, RECOMPUTE, SWAP])),
        watermark_tokens=int(rng.choice([0, 0, capacity // 8])),
        swap_seconds_per_token=float(rng.integers(0, 3)) * TICK if tick else rng.uniform(0, 2e-3),
        mixes=int(rng.random() < 0.6),
        request_seconds=float(rng.choice([0.0, 7.0])) * TICK,
        held_steps=float(rng.choice([0.0, 0.0, 1.5])),
    )
    decode_pool = None
    if rng.random() < 0.3 and not shares:
        decode_pool = DecodePool(
            service._replace(per_token=service.per_token / 2),
            case.weight_seconds[:, : service.token_budget // parts + 1],
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
    priority = rng.integers(0, int(rng.integers(1, 4)), n) if rng.random() < 0.5 else None
    if priority is not None and chains is not None:  # what shares a prompt has one priority
        of_stage = rng.integers(0, int(priority.max()) + 1, chains.after.size)
        priority[mine] = of_stage[chains.stage[mine]]
    how = {
        "chains": chains,
        "priority": priority,
        "operation": operation,
        "stop_after": int(rng.integers(1, n + 1)) if rng.random() < 0.2 else None,
    }
    weights = case.weight_seconds[:, : service.token_budget // parts + 1]
    return PoolCase(trace, service, weights, replicas, str(rng.choice(list(ROUTINGS))), how)


def at_an_edge(rng: np.random.Generator, trace: Trace) -> Trace:
    """Return a trace some of whose lengths are as small as can be, or wholly cached."""
    n = len(trace)
    prompt = np.where(rng.random(n) < rng.choice([0.0, 0.3]), 1, trace.prompt_tokens)
    output = np.where(rng.random(n) < rng.choice([0.0, 0.3]), 1, trace.output_tokens)
    cached = np.where(rng.random(n) < rng.choice([0.0, 0.3]), prompt, trace.cached_tokens)
    return Trace(trace.arrival, prompt, np.minimum(cached, prompt), output)


def follow(rng: np.random.Generator, trace: Trace, tick: bool) -> tuple[Trace, Chains | None]:
    """Return requests with what follows what, by one of the ways there are to say so."""
    n = len(trace)
    pauses = rng.integers(0, 60, n) * TICK if tick else rng.uniform(0, 0.06, n)
    way = rng.choice(["alone", "any", "sessions", "closed loop", "samples", "beams"],
                     p=[0.3, 0.35, 0.1, 0.1, 0.1, 0.05])  # fmt: skip
    if way == "any":
        return of_one_prompt(trace, draw_chains(rng, n, tick))
    if way == "sessions":
        return trace, sessions(rng.integers(-1, max(n // 3, 1), n), pauses)
    if way == "closed loop":
        return trace, closed_loop(n, int(rng.integers(1, n + 1)), float(pauses[0]))
    few = trace.pick(np.arange(min(n, 8)))
    if way == "samples":
        return samples(few, int(rng.integers(1, 6)))
    if way == "beams":
        depth, width, branching = (int(x) for x in rng.integers(1, 4, 3))
        return beam_search(few, depth, width, branching, float(pauses[0]))
    return trace, None


def sharing(chains: Chains | None, n: int) -> Any:
    """Return which requests share a prompt."""
    if chains is None:
        return np.zeros(n, bool)
    return (chains.stage >= 0) & np.append(chains.shares, False)[chains.stage]


def of_one_prompt(trace: Trace, chains: Chains) -> tuple[Trace, Chains]:
    """Return a trace whose stages that share a prompt have prompts of one length."""
    mine = np.flatnonzero(sharing(chains, len(trace)))
    first = np.array([np.flatnonzero(chains.stage == s)[0] for s in range(chains.after.size)], int)
    prompt = trace.prompt_tokens.copy()
    prompt[mine] = prompt[first[chains.stage[mine]]]
    cached = np.minimum(trace.cached_tokens, prompt)
    return Trace(trace.arrival, prompt, cached, trace.output_tokens), chains


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
