"""A replica in its steady state, without randomness.

Where a search of the simulation starts, and how many sequences it finds in flight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.sim.records import PROMISE
from computesim.sim.service import Service
from computesim.sim.trace import Trace


class MeanLengths(NamedTuple):
    """What the fluid limit knows of the requests of a trace."""

    fresh: float  #: prompt tokens to read
    pairs: float  #: of reading them, (token, context token) pairs
    later: float  #: output tokens after the first
    context: float  #: of a sequence that is found decoding, tokens
    need: float  #: KV cache that is promised to it, tokens
    shared: float = 0.0  #: of its prompt, what other samples of the request hold for it, tokens
    kept: float = 0.0  #: prompt that stays in the cache afterwards × the time it stays, token·s


class SteadyState(NamedTuple):
    """A replica in the fluid limit."""

    step_seconds: float  #: mean over steps, s
    batch: float  #: decoding sequences
    bounded: bool  #: the batch is at its limit, so that the rate cannot be kept
    reading: float = 0.0  #: share of the step time that reading prompts adds


def mean_lengths(trace: Trace, sharers: Ints | None = None) -> MeanLengths:
    """Return what the fluid limit knows of the requests of a trace.

    Parameters
    ----------
    trace : Trace
        Requests.
    sharers : ndarray of int64, shape (n,), optional
        Sequences that keep one copy of the prompt of each together; 1 by default.
    """
    prompt, known = trace.prompt_tokens.astype(np.float64), trace.computed_from
    later = trace.output_tokens - 1.0
    # a sequence is found decoding in proportion to its output, half of which is written
    share = later / later.sum() if later.any() else np.full(later.size, 1.0 / later.size)
    return MeanLengths(
        float((prompt - known).mean()),
        float((prompt**2 - known**2.0).mean()) / 2,
        float(later.mean()),
        float((share * (prompt + later / 2)).sum()),
        float((share * (prompt + later)).sum()) + 1.0,
        0.0 if sharers is None else float((share * prompt * (1.0 - 1.0 / sharers)).sum()),
    )


def steady_state(
    rate: float, lengths: MeanLengths, service: Service, weight_seconds: Floats
) -> SteadyState:
    """Return the step time and the batch of one replica in the fluid limit.

    Parameters
    ----------
    rate : float, 1/s
        Requests per second and replica.
    lengths : MeanLengths
        Of the requests.
    service : Service
        Step time and limits of one replica.
    weight_seconds : ndarray of float64, shape (3, rows), s
        As `check_service` returns it.

    Notes
    -----
    Little's law closes the circle: the batch is ``rate·later·s`` for steps of s seconds on
    average; a share ``rate·fresh·s / chunk`` of the steps reads a chunk of prompt besides, or all
    of them read several prompts. The least fixed point is found by iteration from below.
    Sequences come to microbatches in any number, so that the fullest one has half a sequence more
    than the mean; prompts come to different ones, until all of them read some.
    """
    # where nothing is promised, a sequence holds what it has written so far
    held = lengths.need if service.when_full == PROMISE else lengths.context
    free = max(service.kv_capacity_tokens - rate * lengths.kept, 0.0)
    most = min(float(service.max_batch), free / (held - lengths.shared))
    n, seconds, plain, wanted, full = service.microbatches, 0.0, 0.0, 0.0, False
    for _ in range(200):
        wanted = rate * lengths.later * seconds
        batch = min(wanted, most)
        idle = _Prompts(0.0, 0.0, 0.0)
        before, plain = seconds, _step(batch, idle, lengths.context, service, weight_seconds)
        beside = batch if service.mixes else 0.0  # sequences that decode while prompts are read
        seconds, room = plain, service.token_budget // n - _fullest(beside, n)
        if room <= 0.0 < lengths.fresh:  # no token is left for prompts
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
            pairs = lengths.pairs * chunk / lengths.fresh
            prompts = _Prompts(chunk, pairs, min(pace, room))
            added = _step(beside, prompts, lengths.context, service, weight_seconds)
            seconds += min(share, 1.0) * (added - plain * service.mixes)
            full = chunk >= room * n and share >= 1.0
        if seconds - before <= 1e-3 * seconds or full or wanted >= most:
            break
    reading = 1.0 - plain / seconds if seconds > 0 else 0.0
    return SteadyState(seconds, batch, wanted >= most or full, reading)


class _Prompts(NamedTuple):
    """What a step reads of prompts."""

    tokens: float
    pairs: float  #: (token, context token)
    longest: float  #: most tokens of one prompt in one microbatch


def _fullest(batch: float, microbatches: int) -> float:
    """Return the expected decodes of the fullest microbatch, the batch being a mean over time."""
    return min(batch, max(1.0, batch / microbatches + 0.5 * (1.0 - 1.0 / microbatches)))


def _step(
    batch: float, prompts: _Prompts, context: float, service: Service, weights: Floats
) -> float:
    """Return the seconds of a step with a batch of decodes and some prompts."""
    n, chunk = service.microbatches, prompts.tokens
    decoding = _fullest(batch, n)
    pace = max(chunk / n, prompts.longest)
    tokens, resident = decoding + pace, decoding * context
    shared = batch / n + max(pace, chunk / service.stages) / service.groups
    pairs = prompts.pairs * (pace / chunk) if chunk > 0.0 else 0.0
    compute = service.compute_offset + service.per_token * tokens
    compute += service.per_shared_token * shared
    compute += service.per_pair * (pairs + resident)
    reading = service.per_kv_token * resident + service.per_sequence * decoding
    index = min(max(round(tokens), 1), weights.shape[1] - 1)
    memory = float(weights[0, index])
    if service.groups > 1:
        below = min(int(shared), weights.shape[1] - 2)
        before, after = float(weights[1, below]), float(weights[1, below + 1])
        memory += before + (shared - below) * (after - before) - float(weights[1, index])
        memory = max(memory, float(weights[2, index]))
    return service.fixed + service.wire * tokens + max(compute, memory + reading)


def fluid_rate(
    lengths: MeanLengths, service: Service, weight_seconds: Floats, tpot: float
) -> float:
    """Return the rate per replica at which the fluid limit reaches its batch or a step time.

    Parameters
    ----------
    lengths : MeanLengths
        Of the requests.
    service : Service
        Step time and limits of one replica.
    weight_seconds : ndarray of float64, shape (3, rows), s
        As `check_service` returns it.
    tpot : float, s/token
        Mean step time at most.

    Returns
    -------
    float, 1/s
        Within 5 %; 0 if a single sequence is slower already.
    """

    def keeps(rate: float) -> bool:
        state = steady_state(rate, lengths, service, weight_seconds)
        return not state.bounded and state.step_seconds <= tpot

    alone = _step(1.0, _Prompts(0.0, 0.0, 0.0), lengths.context, service, weight_seconds)
    if alone > tpot:
        return 0.0
    # no step is shorter than the one of a single sequence, none finishes more than its budget
    high = service.token_budget / alone / max(lengths.later, 1.0)
    low = high * 1e-6
    while high > 1.05 * low:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low
