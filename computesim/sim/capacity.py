"""The highest rate at which a pool keeps its service level.

A fluid estimate (every replica in its steady state, no randomness) tells where
to look, a few runs of the simulation with common random numbers tell the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    keeps: Callable[[float], bool], low: float, high: float, tolerance: float = 0.03
) -> RateSearch:
    """Return the highest rate at which something holds, by bisection.

    Parameters
    ----------
    keeps : callable
        Tells whether a rate is kept; true below some rate and false above it.
    low, high : float, 1/s
        Where to look. The ends are tried only if the search runs into them.
    tolerance : float
        Relative width at which the search ends.
    """
    if not 0.0 < low < high < np.inf or tolerance <= 0.0:
        raise SimulationError(f"cannot search between {low} and {high} within {tolerance}")
    good, bad, n_runs = low, high, 0
    while bad > good * (1.0 + tolerance):
        middle = (good * bad) ** 0.5
        n_runs += 1
        if keeps(middle):
            good = middle
        else:
            bad = middle
    if good == low:
        n_runs += 1
        return RateSearch(low if keeps(low) else 0.0, n_runs, False)
    return RateSearch(good, n_runs, bad == high)


def highest_rate(
    demand: Demand,
    pool: Pool,
    counts: tuple[int, ...],
    tolerance: float = 0.03,
    engine: Engine = "numba",
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
    """
    if demand.clients:
        raise SimulationError("a closed loop has no rate to search")
    trace, lengths = demand.trace, demand.lengths
    guess = pool.rate(counts, lengths, step_limit(demand))
    if guess == 0.0:  # a single sequence is too slow
        return RateSearch(0.0, 0, False)
    verdicts: dict[float, bool] = {}
    best: tuple[float, Trial | None] = (0.0, None)  # only what is handed back is remembered
    failed: tuple[float, Trial | None] = (np.inf, None)

    def keeps(rate: float) -> bool:
        nonlocal best, failed
        if rate not in verdicts:
            trial = play(demand, pool, counts, lengths, rate / trace.rate, engine)
            verdicts[rate] = trial.kept
            if trial.kept:
                best = max(best, (rate, trial), key=lambda pair: pair[0])
            else:
                failed = min(failed, (rate, trial), key=lambda pair: pair[0])
        return verdicts[rate]

    most_tried = 4.0 * guess
    high, low = 1.12 * guess, 0.7 * guess  # mostly right, and four halvings wide
    while not keeps(low) and low > guess / 200:  # the level asks for less than full load
        high, low = low, low / 4
    found = RateSearch(0.0, 0, False)
    if keeps(low):
        found = max_rate(keeps, low, high, tolerance)
    while found.unbounded and high < most_tried:  # the fluid limit was too careful
        high = min(2 * high, most_tried)
        found = max_rate(keeps, found.rate, high, tolerance)
    kept = best[1] if found.rate else None
    return RateSearch(
        found.rate,
        len(verdicts),
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
