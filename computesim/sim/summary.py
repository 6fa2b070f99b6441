"""What a serving run comes to: figures by name, by class of request, by task, by promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.quantities import Estimate
from computesim.sim.output import (
    Latencies,
    batch_means,
    quantile,
    saturated,
    times_of,
    warm_up_length,
)
from computesim.sim.records import Records
from computesim.sim.runs import ServingRun

PERCENTS = (50, 90, 99)
BATCHES = 20
Figures = dict[str, float | bool]


class Tasks(NamedTuple):
    """Requests that belong together, such as the samples of an answer or the turns of a session."""

    begin: Floats  #: first arrival, s
    end: Floats  #: last token of the last request, s; infinite if one is not finished
    output_tokens: Ints


def judged(run: ServingRun, skip: int = 0, start: float = 0.0, until: float = np.inf) -> Ints:
    """Return which requests are judged, in order of arrival.

    Parameters
    ----------
    run : ServingRun
    skip : int
        First requests of the trace that are left out: those in flight at the start.
    start : float, s
        Earlier arrivals are left out as well.
    until : float, s
        Later arrivals are left out.

    Returns
    -------
    ndarray of int64, shape (m,)
        Requests that follow others (`chains`) need not arrive in the order of the trace, and are
        not there if they were never sent.
    """
    arrival = run.requests["arrival"][skip:]
    order = np.argsort(arrival, kind="stable")
    order = order[np.isfinite(arrival[order])]
    first = np.searchsorted(arrival[order], start)
    last = np.searchsorted(arrival[order], until, "right")
    return np.asarray(order[first:last] + skip, dtype=np.int64)


def warm_up_seconds(requests: Records) -> float:
    """Return when a pool that started empty is in its steady state.

    Parameters
    ----------
    requests : ndarray of records.OUTCOME, shape (n,)
        In order of arrival, those after which the pool only empties left out.

    Returns
    -------
    float, s
        Arrival of the first request that counts, at most the middle one.

    Notes
    -----
    The later of two cuts: the rule MSER on the times from arrival to last token, and the first
    arrival that meets as many requests as those of the second half do on average. A pool fills
    up for as long as its longest outputs take, which latencies hardly show.

    Source
    ------
    White, Simulation 69 (1997); Fishman, Concepts and Methods in Discrete Event Digital
    Simulation (1973): crossings of the mean.
    """
    done = requests[np.isfinite(requests["finish"])]
    if done.size < 2:
        return 0.0
    arrival, half = requests["arrival"], requests.size // 2
    slow = warm_up_length(done["finish"] - done["arrival"])
    met = np.arange(arrival.size) - np.searchsorted(np.sort(done["finish"]), arrival, "right")
    filled = min(int(np.argmax(met >= met[half:].mean())), half)
    return max(float(done["arrival"][slow]) if slow else 0.0, float(arrival[filled]))


def summarise(
    run: ServingRun,
    skip: int = 0,
    until: float = np.inf,
    start: float = 0.0,
    last: float = np.inf,
) -> dict[str, float | bool]:
    """Return the figures of a serving run by name, in base units.

    Parameters
    ----------
    run : ServingRun
        A run.
    skip : int
        Requests in flight at the start, left out of latencies and of the judgement of saturation.
    until : float, s
        End of the observation for the latencies.
    start : float, s
        End of the warm-up for them.
    last : float, s
        Requests that arrive later are not judged, those before are until they finish.

    Returns
    -------
    dict
        Throughputs are over the makespan; the percentiles are called `ttft_p50` and so on, means
        `ttft_mean` with the half-width of their 95 % interval `ttft_half_width`.
    """
    requests, replicas, span = run.requests, run.replicas, run.makespan
    seen = requests[judged(run, skip, start, min(until, last))]
    if seen.size == 0:
        raise SimulationError("no request is left after the warm-up")
    figures: Figures = {
        "requests": float(requests.size),
        "judged": float(seen.size),
        "finished": float(np.isfinite(requests["finish"]).sum()),
        "warm_up": start,
        "makespan": span,
        "requests_per_second": requests.size / span,
        "prompt_tokens_per_second": float(requests["prompt_tokens"].sum(dtype=np.int64)) / span,
        "output_tokens_per_second": float(requests["output_tokens"].sum(dtype=np.int64)) / span,
        "utilisation": run.utilisation,
        "on_seconds": float(replicas["on_seconds"].sum()),
        "mean_batch": run.mean_batch,
        "peak_kv_tokens": float(replicas["peak_kv_tokens"].max()),
        "cached_share": cached_share(seen),
        "preemptions": run.preemptions,
        "failures": int(replicas["failures"].sum()),
        "saturated": saturated(seen["arrival"], seen["first"]),
    }
    found = times_of(seen, until)
    return figures | percentiles(found) | means(found)


def cached_share(requests: Records) -> float:
    """Return the share of the prompt tokens of requests that was found in a cache."""
    prompts = float(requests["prompt_tokens"].sum(dtype=np.int64))
    return float(requests["cached_tokens"].sum(dtype=np.int64)) / prompts


def percentiles(seen: Latencies) -> Figures:
    """Return `ttft_p50` to `e2e_p99`; infinite where too many requests are not finished."""
    return {
        f"{name}_p{percent}": quantile(values, percent / 100)
        for name, values in seen._asdict().items()
        for percent in PERCENTS
    }


def means(seen: Latencies) -> Figures:
    """Return the mean of each latency with its half-width, from batch means.

    Infinite where a request is not finished; the half-width also below one request a batch.
    """
    figures: Figures = {}
    for name, values in seen._asdict().items():
        found = _mean(values)
        figures[f"{name}_mean"], figures[f"{name}_half_width"] = found.mean, found.half_width
    return figures


def _mean(values: Floats) -> Estimate:
    """Return the mean of a series in order of time."""
    if values.size == 0:
        return Estimate(float("nan"), float("inf"), 0)
    if not np.isfinite(values).all():
        return Estimate(float("inf"), float("inf"), values.size)
    width = batch_means(values, BATCHES).half_width if values.size >= BATCHES else float("inf")
    return Estimate(float(values.mean()), width, values.size)


def throughput(run: ServingRun, start: float, end: float, skip: int = 0) -> Figures:
    """Return sequences and tokens per second of an interval, all by what is done in it.

    Parameters
    ----------
    run : ServingRun
    start, end : float, s
        The interval; for instance from the end of the warm-up to the last arrival, after which
        the pool only empties.
    skip : int
        First sequences, found in the middle of their output: their prompts were read before, and
        half of each is left on average.

    Returns
    -------
    dict
        `requests_per_second`, `prompt_tokens_per_second` (of prompts completed),
        `output_tokens_per_second`; nothing where no time lies between.

    Notes
    -----
    A sequence counts with the share of its output that is written in the interval, and its tokens
    are written evenly from the first to the last: requests and tokens of a short interval fit
    together, where those that happen to end in it would not.
    """
    if not end > start:
        return {}
    seen = run.requests
    own = np.arange(seen.size) >= skip
    read = own & (seen["first"] > start) & (seen["first"] <= end)
    tokens = _written(seen, end) - _written(seen, start)
    parts = tokens / seen["output_tokens"] * np.where(own, 1.0, 0.5)
    prompts = seen["prompt_tokens"][read].sum(dtype=np.int64)
    return {
        "requests_per_second": float(parts.sum()) / (end - start),
        "prompt_tokens_per_second": float(prompts) / (end - start),
        "output_tokens_per_second": float(tokens.sum()) / (end - start),
    }


def _written(requests: Records, time: float) -> Floats:
    """Return the output tokens of each request that are written by a time."""
    began = requests["first"] <= time
    first = np.where(began, requests["first"], 0.0)
    last = np.where(began, np.maximum(requests["finish"], first), np.inf)
    share = np.where(time < last, (time - first) / np.maximum(last - first, 1e-12), 1.0)
    return np.asarray(np.where(began, 1.0 + share * (requests["output_tokens"] - 1.0), 0.0))


def within(requests: Records, ttft: npt.ArrayLike, tpot: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell which requests met their service level: both promises, and finished.

    Parameters
    ----------
    requests : ndarray of records.OUTCOME, shape (n,)
    ttft : array_like of float, shape (n,) or (), s
        Infinite where nothing is promised.
    tpot : array_like of float, shape (n,) or (), s/token

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    done = np.isfinite(requests["finish"])
    first = np.where(done, requests["first"], 0.0)
    decoding = np.where(done, requests["finish"], 0.0) - first
    later = np.maximum(requests["output_tokens"] - 1, 1)
    soon = first - np.where(done, requests["arrival"], 0.0) <= np.asarray(ttft)
    return np.asarray(done & soon & (decoding / later <= np.asarray(tpot)))


def by_class(requests: Records, kind: Ints, names: Sequence[str]) -> dict[str, Figures]:
    """Return percentiles and the share that was cached, of each class that has requests.

    Parameters
    ----------
    requests : ndarray of records.OUTCOME, shape (n,)
    kind : ndarray of int64, shape (n,)
        Class of each.
    names : sequence of str
        Of the classes.

    Returns
    -------
    dict of dict
    """
    found = {}
    for k in np.unique(kind):
        mine = requests[kind == k]
        counted: Figures = {"requests": mine.size, "cached_share": cached_share(mine)}
        found[names[k]] = counted | percentiles(times_of(mine))
    return found


def tasks(requests: Records, task: npt.ArrayLike) -> Tasks:
    """Return when tasks of several requests begin and end.

    Parameters
    ----------
    requests : ndarray of records.OUTCOME, shape (n,)
    task : array_like of int, shape (n,)
        Task of each request, from 0; none may be missing.

    Returns
    -------
    Tasks
        Consensus over k samples ends with its last sample, a session with its last answer.
    """
    of = np.asarray(task, dtype=np.int64)
    n = int(of.max()) + 1
    begin, end, tokens = np.full(n, np.inf), np.zeros(n), np.zeros(n, np.int64)
    np.minimum.at(begin, of, requests["arrival"])
    np.maximum.at(end, of, requests["finish"])
    np.add.at(tokens, of, requests["output_tokens"])
    return Tasks(begin, end, tokens)
