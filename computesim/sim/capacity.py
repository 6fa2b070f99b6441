"""The highest rate at which a pool keeps its service level.

A fluid estimate (every replica in its steady state, no randomness) tells where
to look, a few runs of the simulation with common random numbers tell the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.errors import SimulationError
from computesim.sim.demand import Demand, step_limit
from computesim.sim.engine import Engine
from computesim.sim.levels import ServiceLevel
from computesim.sim.pool import Pool
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas, check_service
from computesim.sim.trace import Trace
from computesim.sim.trial import Trial, play

#: rates that are tried, over the one at which the fluid limit has no room left
LEAST: Final = 1 / 200
LIKELY: Final = 0.9
MOST: Final = 4.0
STRIDE: Final = 1.25  #: to the second rate
LONGEST_STRIDE: Final = math.log(4.0)


@dataclass(frozen=True, slots=True)
class RateSearch:
    """What `max_rate`, `highest_rate` and `max_serving_rate` found."""

    rate: float  #: highest rate found to be kept, 1/s; 0 if not even the lowest one is
    n_runs: int  #: rates that were tried
    unbounded: bool  #: no rate failed: the answer may lie above the interval
    run: ServingRun | None = None  #: the run at that rate
    skip: int = 0  #: its requests of the warm-up
    trial: Trial | None = None  #: the same with what it says of the promises
    beyond: Trial | None = None  #: at the lowest rate that failed


def max_rate(
    excess: Callable[[float], float], start: float, stride: float, least: float, most: float,
    tolerance: float = 0.03,
) -> RateSearch:  # fmt: skip
    """Return the highest rate at which something does not exceed its limit.

    Parameters
    ----------
    excess : callable
        By how much a rate exceeds it, at most 0 where it is kept; not decreasing, but for noise.
    start : float, 1/s
        Where to look first.
    stride : float
        Factor to the next rate, squared with every further one, until one is kept and one is not.
    least, most : float, 1/s
        No rates are tried beyond them.
    tolerance : float
        Relative width at which the search ends.

    Notes
    -----
    Between the two, Brent's method looks for the zero of the excess over the logarithm of the rate.
    Where the excess jumps, it halves the interval.
    """
    if not 0.0 < least <= start <= most < np.inf or tolerance <= 0.0 or stride <= 1.0:
        raise SimulationError(f"cannot search between {least} and {most} within {tolerance}")
    seen: dict[float, float] = {}

    def at(log_rate: float) -> float:
        if log_rate not in seen:
            found = float(excess(math.exp(log_rate)))
            seen[log_rate] = min(found, -1e-9) if found <= 0.0 else found  # 0 would end the search
        return seen[log_rate]

    ends = math.log(least), math.log(most)
    here, step = math.log(start), math.log(stride)
    down = at(here) > 0.0
    edge, before = ends[0] if down else ends[1], here
    while (at(here) > 0.0) == down and here != edge:
        here, before = (max(here - step, edge) if down else min(here + step, edge)), here
        step = min(2.0 * step, LONGEST_STRIDE)
    if (at(here) > 0.0) == down:
        return RateSearch(0.0 if down else most, len(seen), not down)
    if abs(here - before) > math.log1p(tolerance):
        from scipy.optimize import brentq  # not imported before a rate is searched

        brentq(at, here, before, xtol=math.log1p(tolerance), rtol=1e-15)
    kept = max(rate for rate, value in seen.items() if value <= 0.0)
    return RateSearch(math.exp(kept), len(seen), False)


def highest_rate(
    demand: Demand,
    pool: Pool,
    counts: tuple[int, ...],
    tolerance: float = 0.03,
    engine: Engine = "numba",
    near: float = 0.0,
    enough: Callable[[float], int] | None = None,
) -> RateSearch:
    """Return the highest arrival rate at which some replicas keep the promises.

    Parameters
    ----------
    demand : Demand
        Only the order, lengths and relative gaps of its requests matter; no closed loop.
    pool : Pool
        Its services are checked.
    counts : tuple of int
        Replicas; with a decoder, those that read and those that decode.
    tolerance : float
        Relative width at which the search ends.
    engine : {"numba", "simpy"}
        The compiled kernel or its twin.
    near : float, 1/s
        A rate near to the answer, if one is known; otherwise the fluid limit tells where to look.
    enough : callable, optional
        How many requests, the first ones, are enough at a rate; by default all are played.
    """
    if demand.clients:
        raise SimulationError("a closed loop has no rate to search")
    lengths = demand.lengths
    guess = pool.rate(counts, lengths, step_limit(demand))
    if guess == 0.0:  # a single sequence is too slow
        return RateSearch(0.0, 0, False)
    best: tuple[float, Trial | None] = (0.0, None)  # only what is handed back is remembered
    failed: tuple[float, Trial | None] = (np.inf, None)

    def excess(rate: float) -> float:
        nonlocal best, failed
        asked = demand if enough is None else demand.first(enough(rate))
        trial = play(asked, pool, counts, lengths, rate / asked.trace.rate, engine)
        if trial.kept:
            best = max(best, (rate, trial), key=lambda pair: pair[0])
        else:
            failed = min(failed, (rate, trial), key=lambda pair: pair[0])
        return trial.excess

    least, most = LEAST * guess, MOST * guess
    start = min(max(near or LIKELY * guess, least), most)
    found = max_rate(excess, start, STRIDE, least, most, tolerance)
    kept = best[1] if found.rate else None
    return RateSearch(
        found.rate,
        found.n_runs,
        found.unbounded,
        kept.run if kept else None,
        kept.skip if kept else 0,
        kept,
        failed[1],
    )


def max_serving_rate(
    trace: Trace,
    replicas: Replicas,
    level: ServiceLevel,
    tolerance: float = 0.03,
    seed: int = 1,
    engine: Engine = "numba",
    judged: float = 1.0,
) -> RateSearch:
    """Return the highest arrival rate at which a pool keeps a service level.

    Parameters
    ----------
    trace : Trace
        Requests; only their order, lengths and relative gaps matter, the rate is searched.
    replicas : Replicas
        Of one kind.
    level : ServiceLevel
        What has to be kept.
    tolerance : float
        Relative width at which the search ends.
    seed : int
        Seed of the sequences that are in flight at the start.
    engine : {"numba", "simpy"}
        The compiled kernel or its twin.
    judged : float
        Share of the arrivals that are judged, the first ones: those at the end of a trace decode
        while nobody joins any more, faster than in the steady state.

    Notes
    -----
    Every run starts with the sequences in flight that the fluid limit expects (`in_flight`), so
    that a short trace of long outputs does not measure an empty pool filling up. They are the
    warm-up. A run fails if the level is missed or if the backlog grows (`output.saturated`).
    """
    pool = Pool(*check_service(replicas.service, replicas.weight_seconds))
    demand = Demand(trace, (level,), judged=judged, seed=seed)
    return highest_rate(demand, pool, (replicas.n,), tolerance, engine)
