"""From records to figures: percentiles, means over time, intervals, saturation.

A request that is not served by the end of the observation counts as one that
waits for ever: leaving it out would make an overloaded system look fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import SimulationError
from computesim.quantities import Estimate
from computesim.sim.records import Records
from computesim.sim.runs import ServingRun

GROWTH: Final = 0.05  #: share of the arrivals that may add to a backlog
LEAST_GROWTH: Final = 5.0  #: requests


class Latencies(NamedTuple):
    """What requests experienced, one entry each; infinite where it did not come to an end."""

    ttft: Floats  #: arrival to first token, s
    tpot: Floats  #: mean time of the later tokens, s/token; requests of one token are left out
    e2e: Floats  #: arrival to last token, s


def latencies(
    run: ServingRun, skip: int = 0, until: float = np.inf, end: int | None = None
) -> Latencies:
    """Return the latencies of the requests after a warm-up.

    Parameters
    ----------
    run : ServingRun
        A run.
    skip : int
        Requests of the warm-up, left out; the first ones in order of arrival.
    until : float, s
        End of the observation: later arrivals are left out, what happens later is infinite.
    end : int, optional
        First request that is left out at the end; none by default.
    """
    requests = _by_arrival(run.requests)
    arrived = int(np.searchsorted(requests["arrival"], until, "right"))
    seen = requests[skip : arrived if end is None else min(end, arrived)]
    if seen.size == 0:
        raise SimulationError("no request is left after the warm-up")
    return times_of(seen, until)


def _by_arrival(requests: Records) -> Records:
    """Return requests in order of arrival (the same array if they are), those never sent left out.

    Requests that follow others (`chains`) need not arrive in the order of the trace.
    """
    arrival = requests["arrival"]
    if arrival.size == 0 or (arrival[-1] < np.inf and np.all(arrival[1:] >= arrival[:-1])):
        return requests
    order = np.argsort(arrival, kind="stable")
    return requests[order[: int(np.isfinite(arrival).sum())]]


def times_of(requests: Records, until: float = np.inf) -> Latencies:
    """Return the latencies of requests.

    Parameters
    ----------
    requests : ndarray of records.OUTCOME, shape (n,)
        Requests that were sent.
    until : float, s
        End of the observation: what happens later is infinite.
    """
    first = np.where(requests["first"] <= until, requests["first"], np.inf)
    finish = np.where(requests["finish"] <= until, requests["finish"], np.inf)
    long = requests["output_tokens"] > 1
    began = np.where(np.isinf(finish), 0.0, requests["first"])  # infinity less infinity is nothing
    return Latencies(
        first - requests["arrival"],
        (finish - began)[long] / (requests["output_tokens"][long] - 1),
        finish - requests["arrival"],
    )


def quantile(values: npt.ArrayLike, share: float) -> float:
    """Return the smallest value that is not exceeded by a share of the values.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Values, possibly infinite.
    share : float
        Between 0 and 1.

    Returns
    -------
    float
        One of the values, never a mean of two; nan if there are none.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return float("nan")
    rank = min(max(int(np.ceil(share * array.size - 1e-9)), 1), array.size) - 1
    return float(np.partition(array, rank)[rank])


def warm_up_length(values: npt.ArrayLike, batch: int = 5) -> int:
    """Return how many values at the start of a series to leave out, by the rule MSER.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Observations in order of time.
    batch : int
        Values whose mean is one point.

    Returns
    -------
    int
        At most half of the series.

    Notes
    -----
    The cut d minimises the squared standard error of the mean of what is left,
    ``Σ (y - mean)² / (n - d)²`` over means y of batches.

    Source
    ------
    White, An effective truncation heuristic for bias reduction in simulation output, Simulation
    69 (1997); batches of five after Spratt (1998).
    """
    array = np.asarray(values, dtype=np.float64)
    n = array.size // batch
    if n < 2:
        return 0
    means = array[: n * batch].reshape(n, batch).mean(axis=1)
    left = np.arange(n, 0, -1)
    total = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    error = (squares - total**2 / left) / left**2
    return int(np.argmin(error[: n // 2 + 1])) * batch


def saturated(arrival: Floats, start: Floats, growth: float = GROWTH) -> bool:
    """Tell whether the backlog of requests that wait to be started grows over a run.

    Parameters
    ----------
    arrival : ndarray of float64, shape (n,), s
        Arrivals, not decreasing.
    start : ndarray of float64, shape (n,), s
        When each was started (or got its first token); infinite if never.
    growth : float
        Share of the arrivals that may add to the backlog.

    Notes
    -----
    An overloaded system keeps the share ``1 - 1/ρ`` of its arrivals waiting, a stable one keeps
    none in the long run. The rule compares the mean backlog in the second and in the last
    quarter of the arrivals: the difference, over the arrivals between the middles of the two
    quarters, is the estimated share. The first quarter is warm-up. Differences below five
    requests, or below thrice the square root of the backlog, are noise: a queue is more uneven
    than the Poisson distribution.
    """
    n = arrival.size
    marks = [float(arrival[n * quarter // 4]) for quarter in (1, 2, 3)]
    marks.append(float(arrival[-1]))
    if n < 8 or not marks[0] < marks[1] < marks[2] < marks[3]:
        return False
    before = mean_inside(arrival, start, marks[0], marks[1])
    after = mean_inside(arrival, start, marks[2], marks[3])
    return after - before > max(growth * n / 2, LEAST_GROWTH, 3.0 * math.sqrt(before))


def mean_inside(entered: Floats, left: Floats, start: float, end: float) -> float:
    """Return the mean number between two events over an interval of time.

    Parameters
    ----------
    entered, left : ndarray of float64, shape (n,), s
        The two events of each; infinite for never.
    start, end : float, s
        The interval.

    Returns
    -------
    float
    """
    held = np.clip(left, start, end) - np.clip(entered, start, end)
    return float(held.sum()) / (end - start)


def replications(values: Sequence[float] | Floats, level: float = 0.95) -> Estimate:
    """Return the mean of independent replications with its confidence interval.

    Parameters
    ----------
    values : sequence of float, shape (n,)
        One figure of each replication.
    level : float
        Probability that the interval covers the mean.

    Returns
    -------
    Estimate
        The half-width is infinite for a single replication.
    """
    array = np.asarray(values, dtype=np.float64)
    n = array.size
    if n == 0:
        raise SimulationError("no replications to average")
    if n == 1:
        return Estimate(float(array[0]), float("inf"), 1)
    from scipy.special import stdtrit  # half a second that a run without intervals does not pay

    quantile_t = float(stdtrit(n - 1, 0.5 + level / 2))
    return Estimate(float(array.mean()), quantile_t * float(array.std(ddof=1)) / n**0.5, n)


def batch_means(values: npt.ArrayLike, batches: int = 20, level: float = 0.95) -> Estimate:
    """Return the mean of one long stationary series with a confidence interval.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Observations in order of time, after the warm-up; the last few may be left out.
    batches : int
        Batches whose means are taken to be independent.
    level : float
        Probability that the interval covers the mean.

    Source
    ------
    Schmeiser, Batch size effects in the analysis of simulation output, Operations Research 30
    (1982): 10 to 30 batches.
    """
    array = np.asarray(values, dtype=np.float64)
    size = array.size // batches
    if size == 0:
        raise SimulationError(f"{array.size} values do not fill {batches} batches")
    return replications(array[: size * batches].reshape(batches, size).mean(axis=1), level)
