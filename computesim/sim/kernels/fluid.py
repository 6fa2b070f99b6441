"""The fluid limit of one replica: called a thousand times where replicas are chosen."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from computesim.sim.kernels.pool import Floats

# named tuples that this room must not know: `fluid.MeanLengths` and `service.Service`
MeanLengths = Any
Service = Any


@njit(cache=True, nogil=True, _nrt=False)
def steady(
    rate: float, lengths: MeanLengths, service: Service, weights: Floats, promised: bool
) -> tuple[float, float, bool, float]:
    """Return the fields of `fluid.SteadyState` at a rate; see `fluid.steady_state`."""
    # where nothing is promised, a sequence holds what it has written so far
    held = lengths.need if promised else lengths.context
    free = max(service.kv_capacity_tokens - rate * lengths.kept, 0.0)
    most = min(float(service.max_batch), free / (held - lengths.shared))
    n, context = service.groups * service.stages, lengths.context
    seconds, plain, wanted, batch, full = 0.0, 0.0, 0.0, 0.0, False
    for _ in range(200):
        wanted = rate * lengths.later * seconds
        batch = min(wanted, most)
        before, plain = seconds, step_seconds(batch, 0.0, 0.0, 0.0, context, service, weights)
        beside = batch if service.mixes else 0.0  # sequences that decode while prompts are read
        seconds, room = plain, service.token_budget // n - fullest(beside, n)
        if room <= 0.0 and lengths.fresh > 0.0:  # no token is left for prompts
            full = True
        elif lengths.fresh > 0.0:  # otherwise somebody else has read the prompts
            # several prompts share a step when they come faster than one a step
            together = lengths.fresh * max(1.0, rate * before * (1 + service.prompt_gap))
            piece = lengths.fresh
            if piece > room:  # chunks of a prompt follow one another through the stages
                piece = max(room, piece / service.stages)
            pace = max(together / n, piece)
            chunk = together if pace <= room else room * (together / pace)
            chunk = max(chunk, min(rate * lengths.fresh * before, room * n))
            share = rate * lengths.fresh * before / chunk
            pairs, longest = lengths.pairs * chunk / lengths.fresh, min(pace, room)
            added = step_seconds(beside, chunk, pairs, longest, context, service, weights)
            seconds += min(share, 1.0) * (added - plain * service.mixes)
            full = chunk >= room * n and share >= 1.0
        if seconds - before <= 1e-3 * seconds or full or wanted >= most:
            break
    reading = 1.0 - plain / seconds if seconds > 0.0 else 0.0
    return seconds, batch, wanted >= most or full, reading


@njit(cache=True, nogil=True, _nrt=False)
def highest(
    lengths: MeanLengths, service: Service, weights: Floats, tpot: float, promised: bool
) -> float:
    """Return the rate at which the batch, or a step time, is reached; see `fluid.fluid_rate`."""
    alone = step_seconds(1.0, 0.0, 0.0, 0.0, lengths.context, service, weights)
    if alone > tpot:
        return 0.0
    # no step is shorter than the one of a single sequence, none finishes more than its budget
    high = service.token_budget / alone / max(lengths.later, 1.0)
    low = high * 1e-6
    while high > 1.05 * low:
        middle = math.sqrt(low * high)
        seconds, _, bounded, _ = steady(middle, lengths, service, weights, promised)
        if not bounded and seconds <= tpot:
            low = middle
        else:
            high = middle
    return float(low)


@njit(cache=True, nogil=True, _nrt=False)
def fullest(batch: float, microbatches: int) -> float:
    """Return the expected decodes of the fullest microbatch, the batch being a mean over time."""
    return min(batch, max(1.0, batch / microbatches + 0.5 * (1.0 - 1.0 / microbatches)))


@njit(cache=True, nogil=True, _nrt=False)
def step_seconds(
    batch: float,
    chunk: float,
    pairs: float,
    longest: float,
    context: float,
    service: Service,
    weights: Floats,
) -> float:
    """Return the seconds of a step with a batch of decodes and some prompts.

    Of the prompts: tokens, pairs of token and context token, most tokens of one of them in one
    microbatch.
    """
    n = service.groups * service.stages
    decoding = fullest(batch, n)
    pace = max(chunk / n, longest)
    tokens, resident = decoding + pace, decoding * context
    shared = batch / n + max(pace, chunk / service.stages) / service.groups
    if chunk > 0.0:
        pairs *= pace / chunk
    compute = service.compute_offset + service.per_token * tokens
    compute += service.per_shared_token * shared
    compute += service.per_pair * (pairs + resident)
    reading = service.per_kv_token * resident + service.per_sequence * decoding
    index = min(max(round(tokens), 1), weights.shape[1] - 1)
    memory = weights[0, index]
    if service.groups > 1:
        below = min(int(shared), weights.shape[1] - 2)
        before, after = weights[1, below], weights[1, below + 1]
        memory += before + (shared - below) * (after - before) - weights[1, index]
        memory = max(memory, weights[2, index])
    return float(service.fixed + service.wire * tokens + max(compute, memory + reading))
