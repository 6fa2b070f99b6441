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
    from computesim.sim.kernels import steady  # numba takes 0.4 s to import

    promised = service.when_full == PROMISE
    return SteadyState(*steady(rate, lengths, service, weight_seconds, promised))


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
    from computesim.sim.kernels import highest  # numba takes 0.4 s to import

    promised = service.when_full == PROMISE
    return float(highest(lengths, service, weight_seconds, tpot, promised))
