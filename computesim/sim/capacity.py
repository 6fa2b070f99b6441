"""The highest rate at which a pool keeps its service level.

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
from computesim.sim.engine import Engine, ServingRun, simulate_serving
from computesim.sim.fluid import fluid_rate, mean_lengths, steady_state
from computesim.sim.output import latencies, quantile, saturated
from computesim.sim.service import Service, check_service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace


class ServiceLevel(NamedTuple):
    """What is promised to a share of the requests."""

    ttft: float  #: time to first token at most, s
    tpot: float  #: time per output token at most, s/token
    share: float = 0.9  #: of the requests, each promise apart


@dataclass(frozen=True, slots=True)
class RateSearch:
    """What `max_rate` and `max_serving_rate` found."""

    rate: float  #: highest rate found to be kept, 1/s; 0 if not even the lowest one is
    n_runs: int  #: rates that were tried
    unbounded: bool  #: no rate failed: the answer may lie above the interval
    run: ServingRun | None = None  #: the run at that rate
    skip: int = 0  #: its requests of the warm-up


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
    plain, table = check_service(service, weight_seconds)
    lengths = mean_lengths(trace)
    guess = n_replicas * fluid_rate(lengths, plain, table, level.tpot)
    if guess == 0.0:  # a single sequence is too slow
        return RateSearch(0.0, 0, False)
    runs: dict[float, tuple[ServingRun, int]] = {}

    def flying(rate: float) -> int:
        state = steady_state(rate / n_replicas, lengths, plain, table)
        return round(state.batch * n_replicas)

    most_tried = 4.0 * guess
    most = flying(most_tried)
    warm = in_flight(trace, most, seed)
    most = len(warm) - len(trace)

    def keeps(rate: float) -> bool:
        skip = min(flying(rate), most)
        run = simulate_serving(
            _without(warm, skip, most, rate / trace.rate), plain, table, n_replicas, engine=engine
        )
        runs[rate] = run, skip
        return meets(run, level, skip, skip + max(1, round(judged * len(trace))))

    high, low = 1.12 * guess, 0.7 * guess  # mostly right, and four halvings wide
    found = max_rate(keeps, low, high, tolerance)
    while found.rate == 0.0 and low > guess / 200:  # the level asks for less than full load
        high, low = low, low / 4
        found = max_rate(keeps, low, high, tolerance)
    while found.unbounded and high < most_tried:  # the fluid limit was too careful
        high = min(2 * high, most_tried)
        found = max_rate(keeps, found.rate, high, tolerance)
    run, skip = runs.get(found.rate, (None, 0))
    return RateSearch(found.rate, len(runs), found.unbounded, run, skip)


def _without(trace: Trace, start: int, end: int, factor: float) -> Trace:
    """Return a trace without some of its requests, at `factor` times the rate."""
    kept = np.r_[:start, end : len(trace)]
    return Trace(
        trace.arrival[kept] / factor,
        trace.prompt_tokens[kept],
        trace.cached_tokens[kept],
        trace.output_tokens[kept],
    )


def meets(run: ServingRun, level: ServiceLevel, skip: int = 0, end: int | None = None) -> bool:
    """Tell whether a run keeps a service level and does not build up a backlog.

    Parameters
    ----------
    run : ServingRun
        A run.
    level : ServiceLevel
        What has to be kept.
    skip : int
        Requests of the warm-up, left out.
    end : int, optional
        First request that is not judged, counted like `skip`; all are by default. The backlog is
        judged over all arrivals.

    Returns
    -------
    bool
    """
    seen = latencies(run, skip, end=end)
    if quantile(seen.ttft, level.share) > level.ttft:
        return False
    if seen.tpot.size and quantile(seen.tpot, level.share) > level.tpot:
        return False
    rest = run.requests[skip:]
    return not saturated(rest["arrival"], rest["first"])


def in_flight(trace: Trace, n: int, seed: int) -> Trace:
    """Return a trace that starts with sequences in the middle of their output.

    Parameters
    ----------
    trace : Trace
        Requests; those in flight are drawn from them.
    n : int
        Sequences in flight at time zero.
    seed : int
        Seed of the stream `in_flight`.

    Returns
    -------
    Trace
        `n` more requests at the front, whose prompt is what was read and written before.

    Notes
    -----
    Whoever looks at a steady state finds a long output more often, in proportion to its length,
    and each at a uniform point of its life (the inspection paradox of renewal theory).
    """
    draw = stream(seed, "in_flight").random((n, 2))  # the first ones are the same for any n
    later = np.cumsum(trace.output_tokens - 1)
    if n == 0 or later[-1] == 0:
        return trace
    chosen = np.searchsorted(later, draw[:, 0] * later[-1], side="right")
    done = 1 + np.floor(draw[:, 1] * (trace.output_tokens[chosen] - 1)).astype(np.int64)
    prompt = trace.prompt_tokens[chosen] + done
    columns = (
        (np.zeros(n), trace.arrival),
        (prompt, trace.prompt_tokens),
        (prompt, trace.cached_tokens),
        (trace.output_tokens[chosen] - done, trace.output_tokens),
    )
    return Trace(*(np.concatenate(column) for column in columns))
