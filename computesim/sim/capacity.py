"""The highest rate at which a pool keeps its service level, and the fewest replicas for a rate.

A fluid estimate (every replica in its steady state, no randomness) tells where
to look, a few runs of the simulation with common random numbers tell the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.engine import Engine, ServingRun
from computesim.sim.fluid import MeanLengths, mean_lengths
from computesim.sim.levels import ServiceLevel, meets, tightest
from computesim.sim.service import Service, check_service
from computesim.sim.trace import Trace
from computesim.sim.trial import Demand, Pool, Trial, in_flight, play

__all__ = [
    "CountSearch",
    "RateSearch",
    "ServiceLevel",
    "fewest",
    "fewest_replicas",
    "highest_rate",
    "in_flight",
    "max_rate",
    "max_serving_rate",
    "meets",
    "step_limit",
]

MOST_TIMES = 64  #: replicas that are tried at most, times those of the fluid limit


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


class CountSearch(NamedTuple):
    """What `fewest_replicas` found."""

    counts: tuple[int, ...]  #: replicas of each kind; empty if not even the most keep the level
    n_runs: int
    trial: Trial | None  #: with these replicas; with the most that were tried if none keep
    beyond: tuple[Trial | None, ...] = ()  #: with one replica of each kind fewer


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

    Returns
    -------
    RateSearch
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


def fewest(keeps: Callable[[int], bool], guess: int, most: int) -> int | None:
    """Return the smallest count with which something holds.

    Parameters
    ----------
    keeps : callable
        Tells whether a count is enough; false below some count and true from there on.
    guess : int
        Where to begin; the search widens by doubling steps.
    most : int
        No more are tried.

    Returns
    -------
    int or None
        None if not even `most` are enough.
    """
    if most < 1:
        raise SimulationError(f"at most {most} replicas; expected at least one")
    guess = min(max(guess, 1), most)
    step, bad, good = max(1, guess // 16), 0, guess
    if keeps(guess):
        while good > 1:
            count = max(good - step, 1)
            if not keeps(count):
                bad = count
                break
            good, step = count, 2 * step
    else:
        good = most + 1  # as far as is known, none is enough
        bad = guess
        while bad < most:
            count = min(bad + step, most)
            if keeps(count):
                good = count
                break
            bad, step = count, 2 * step
    if good > most:
        return None
    while good > bad + 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if keeps(middle) else (good, middle)
    return good


def step_limit(demand: Demand) -> float:
    """Return the mean step time that no pool may exceed and keep the promises of a demand.

    Parameters
    ----------
    demand : Demand
        What is asked.

    Returns
    -------
    float, s/token

    Notes
    -----
    Classes share the steps, so the strictest one counts. A request of the promised quantile of
    the output lengths needs as many steps as it has tokens to be through in `e2e`.
    """
    later = np.maximum(demand.trace.output_tokens - 1.0, 0.0)
    limit = np.inf
    for number, level in enumerate(demand.levels):
        mine = later if len(demand.levels) == 1 else later[demand.trace.kind == number]
        limit = min(limit, level.tpot)
        if mine.size and level.e2e < np.inf:
            limit = min(limit, level.e2e / max(float(np.quantile(mine, level.share)), 1.0))
    return limit


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

    Returns
    -------
    RateSearch
    """
    if demand.clients:
        raise SimulationError("a closed loop has no rate to search")
    trace, lengths = demand.trace, mean_lengths(demand.trace)
    guess = pool.rate(counts, lengths, step_limit(demand))
    if guess == 0.0:  # a single sequence is too slow
        return RateSearch(0.0, 0, False)
    tried: dict[float, Trial] = {}

    def keeps(rate: float) -> bool:
        tried[rate] = play(demand, pool, counts, lengths, rate / trace.rate, engine)
        return tried[rate].kept

    most_tried = 4.0 * guess
    high, low = 1.12 * guess, 0.7 * guess  # mostly right, and four halvings wide
    found = max_rate(keeps, low, high, tolerance)
    while found.rate == 0.0 and low > guess / 200:  # the level asks for less than full load
        high, low = low, low / 4
        found = max_rate(keeps, low, high, tolerance)
    while found.unbounded and high < most_tried:  # the fluid limit was too careful
        high = min(2 * high, most_tried)
        found = max_rate(keeps, found.rate, high, tolerance)
    best = tried.get(found.rate)
    above = [rate for rate in tried if rate > found.rate]
    return RateSearch(
        found.rate,
        len(tried),
        found.unbounded,
        best.run if best else None,
        best.skip if best else 0,
        best,
        tried[min(above)] if above else None,
    )


def max_serving_rate(
    trace: Trace,
    service: Service,
    weight_seconds: npt.ArrayLike,
    n_replicas: int,
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
    service : Service
        Step time and limits of one replica.
    weight_seconds : array_like of float, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.
    n_replicas : int
        Replicas.
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

    Returns
    -------
    RateSearch

    Notes
    -----
    Every run starts with the sequences in flight that the fluid limit expects (`in_flight`), so
    that a short trace of long outputs does not measure an empty pool filling up. They are the
    warm-up. A run fails if the level is missed or if the backlog grows (`output.saturated`).
    """
    pool = Pool(*check_service(service, weight_seconds))
    demand = Demand(trace, (level,), judged=judged, seed=seed)
    return highest_rate(demand, pool, (n_replicas,), tolerance, engine)


def fewest_replicas(
    demand: Demand, pool: Pool, most: int = 0, engine: Engine = "numba"
) -> CountSearch:
    """Return the fewest replicas that keep the promises of a demand.

    Parameters
    ----------
    demand : Demand
        Requests at their rate, or a closed loop.
    pool : Pool
        Its services are checked.
    most : int
        Replicas of a kind at most; 0: 64 times those that the fluid limit asks for.
    engine : {"numba", "simpy"}
        The compiled kernel or its twin.

    Returns
    -------
    CountSearch

    Notes
    -----
    Replicas that read and replicas that decode are looked for in turn, with plenty of the other
    kind: the first token depends on the ones, the time per token on the others. All runs see the
    same requests, so that more replicas never lose by chance alone.
    """
    lengths = mean_lengths(demand.trace)
    guess = guessed_counts(demand, pool, lengths)
    if not guess:
        return CountSearch((), 0, None)
    tried: dict[tuple[int, ...], Trial] = {}

    def trial(counts: tuple[int, ...]) -> Trial:
        if counts not in tried:
            tried[counts] = play(demand, pool, counts, lengths, engine=engine)
        return tried[counts]

    plenty = [most or 2 * count + 1 for count in guess]
    counts = list(plenty)
    for place in range(len(guess) - 1, -1, -1):  # decoders first: they are the most

        def keeps(count: int, place: int = place) -> bool:
            counts[place] = count
            return trial(tuple(counts)).kept

        ceiling = most or MOST_TIMES * max(guess[place], 4)
        found = fewest(keeps, guess[place], ceiling)
        if found is None and place == len(guess) - 1 and len(guess) > 1:
            found = guess[place]  # the readers may be what is missing
        counts[place] = found or ceiling
        if found is None:
            return CountSearch((), len(tried), tried.get(tuple(counts)))
    best = tuple(counts)
    if not trial(best).kept:
        return CountSearch((), len(tried), trial(best))
    fewer = [(*best[:place], best[place] - 1, *best[place + 1 :]) for place in range(len(best))]
    beyond = tuple(trial(counts) if min(counts) > 0 else None for counts in fewer)
    return CountSearch(best, len(tried), trial(best), beyond)


def guessed_counts(demand: Demand, pool: Pool, lengths: MeanLengths) -> tuple[int, ...]:
    """Return how many replicas of each kind the fluid limit asks for.

    Parameters
    ----------
    demand : Demand
        What is asked.
    pool : Pool
        Of one kind of replicas or of two.
    lengths : MeanLengths
        Of the demand's requests.

    Returns
    -------
    tuple of int
        Empty if a single sequence is too slow.
    """
    limit = step_limit(demand)
    one = (1,) * len(pool.kinds)
    if pool.rate(one, lengths, limit) == 0.0:
        return ()
    if demand.clients:
        return _for_clients(demand, pool, lengths, limit)
    plenty = 10**9
    singles = [
        pool.rate(tuple(1 if k == place else plenty for k in range(len(one))), lengths, limit)
        for place in range(len(one))
    ]
    return tuple(max(1, int(np.ceil(demand.trace.rate / rate))) for rate in singles)


def _for_clients(demand: Demand, pool: Pool, lengths: MeanLengths, limit: float) -> tuple[int, ...]:
    """Return how many replicas hold the requests of a closed loop without a queue.

    A replica at its fluid limit has a batch, and clients that think, per unit of its rate.
    """
    one = (1,) * len(pool.kinds)
    rate = pool.rate(one, lengths, limit)
    flying = max(pool.flying(rate, one, lengths), 1)
    level = tightest(demand.levels)
    away = demand.think_seconds + (level.ttft if level.ttft < np.inf else 0.0)
    count = max(1, int(np.ceil(demand.clients / (flying + rate * away))))
    return (count,) * len(one)
