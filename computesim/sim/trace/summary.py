"""What a trace is like, in figures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.calendar import HOUR
from computesim.errors import SimulationError
from computesim.sim.trace.laws import fit_mixture, fit_reason, hill_tail
from computesim.sim.trace.requests import BLOCK, Blocks, Trace

ENOUGH = 30  #: requests of a window that tell its variation or its mean lengths


def summarise_trace(trace: Trace) -> dict[str, Any]:
    """Return the statistics of a trace, in base units.

    Parameters
    ----------
    trace : Trace

    Returns
    -------
    dict
        `requests`, `seconds`, `rate` (1/s); `gap_variation` (coefficient of variation of all gaps,
        which a rate that moves raises) and `window_variation` (within windows of 10 minutes);
        `dispersion` (variance over mean of the requests in a second); `prompt_tokens` and
        `output_tokens` (mean, percentiles, fitted mixture, Hill exponent of the top 2 %);
        `cached_share`; `peak_to_mean` of requests and output tokens by window; `reasoning`,
        `clients`, `sessions`, `kinds`, `prefix_share` where the trace has what they need. A share
        of tokens is that of all tokens, not a mean over requests.
    """
    gaps = np.diff(trace.arrival)
    prompt, output = trace.prompt_tokens, trace.output_tokens
    found: dict[str, Any] = {
        "requests": len(trace),
        "seconds": float(trace.arrival[-1]),
        "rate": trace.rate,
        "gap_variation": variation(gaps),
        "window_variation": window_variation(trace.arrival, 600.0),
        "dispersion": dispersion(trace.arrival),
        "prompt_tokens": _lengths(prompt),
        "output_tokens": _lengths(output),
        "cached_share": float(trace.cached_tokens.sum() / prompt.sum()),
        "peak_to_mean": {
            name: {
                "requests": peak_to_mean(trace.arrival, window),
                "output_tokens": peak_to_mean(trace.arrival, window, output),
            }
            for name, window in (("10 min", 600.0), ("1 h", HOUR), ("1 d", 24 * HOUR))
        },
    }
    return found | dict(_optional(trace))


def _optional(trace: Trace) -> Iterator[tuple[str, Any]]:
    """Yield what can be told of the columns that a trace may have."""
    if trace.reason_tokens is not None and trace.reason_tokens.any():
        yield "reasoning", _reasoning(trace.reason_tokens, trace.output_tokens)
    if trace.client is not None:
        share = np.sort(np.unique(trace.client, return_counts=True)[1])[::-1] / len(trace)
        yield "clients", {"number": share.size, "share_of_top_5": float(share[:5].sum())}
    if trace.session is not None:
        turns = np.unique(trace.session, return_counts=True)[1]
        yield "sessions", {"number": turns.size, "mean_turns": float(turns.mean()),
                           "most_turns": int(turns.max())}  # fmt: skip
    if trace.kind is not None and (trace.kind_names or trace.kind.any()):
        count = np.bincount(trace.kind)
        names = trace.kind_names or tuple(map(str, range(count.size)))
        yield "kinds", {names[k]: int(n) for k, n in enumerate(count) if n}
    if trace.blocks is not None:
        yield "prefix_share", prefix_share(trace)


def _lengths(tokens: Ints) -> dict[str, Any]:
    """Return the statistics of lengths."""
    p50, p90, p99 = np.percentile(tokens, (50, 90, 99))
    law = fit_mixture(tokens)
    logs = np.log(tokens)
    return {
        "mean": float(tokens.mean()),
        "p50": float(p50),
        "p90": float(p90),
        "p99": float(p99),
        "most": int(tokens.max()),
        "ln_mean": float(logs.mean()),
        "ln_sd": float(logs.std()),
        "mixture": {"weight": law.weights, "middle": law.log_means, "spread": law.log_sds},
        "tail_exponent": hill_tail(tokens),
    }


def _reasoning(reason: Ints, output: Ints) -> dict[str, Any]:
    """Return how much of outputs is reasoning."""
    share = reason / output
    split = fit_reason(reason, output)
    return {
        "share_of_tokens": float(reason.sum() / output.sum()),
        "mean_share": float(share.mean()),
        "requests_30_to_40_percent": float(((share >= 0.3) & (share < 0.4)).mean()),
        "requests_80_percent_or_more": float((share >= 0.8).mean()),
        "modes": {"weight": split.weight, "mean": split.mean, "certainty": split.certainty},
    }


def variation(gaps: Floats) -> float:
    """Return the coefficient of variation; nan where there is no gap.

    Parameters
    ----------
    gaps : ndarray of float64, shape (n,), s
    """
    mean = float(gaps.mean()) if gaps.size else 0.0
    return float(gaps.std()) / mean if mean > 0.0 else np.nan


def window_variation(arrival: Floats, window: float) -> float:
    """Return the coefficient of variation of the gaps within windows of time.

    Parameters
    ----------
    arrival : ndarray of float64, shape (n,), s
        In order.
    window : float, s
        Length of a window; the rate is taken to be steady within one.

    Returns
    -------
    float
        Root of the mean squared variation over windows with at least 30 requests, weighted by
        their requests; nan where there is none.
    """
    edges = np.arange(0.0, arrival[-1] + window, window) if arrival.size else np.empty(0)
    places = np.searchsorted(arrival, edges)
    squares, counts = [], []
    for first, last in pairwise(places):
        if last - first >= ENOUGH:
            squares.append(variation(np.diff(arrival[first:last])) ** 2)
            counts.append(last - first)
    kept = np.isfinite(squares)
    if not np.any(kept):
        return np.nan
    return float(np.sqrt(np.average(np.array(squares)[kept], weights=np.array(counts)[kept])))


def dispersion(arrival: Floats, window: float = 1.0) -> float:
    """Return variance over mean of the requests in windows of time; 1 for a Poisson process.

    Parameters
    ----------
    arrival : ndarray of float64, shape (n,), s
        In order.
    window : float, s
        Length of a window.

    Returns
    -------
    float
        nan where the trace is shorter than ten windows or longer than 100 million.
    """
    full = int(arrival[-1] / window)
    if not 10 <= full <= 10**8:
        return np.nan
    count = np.bincount((arrival / window).astype(np.int64), minlength=full)[:full]
    return float(count.var() / count.mean())


def peak_to_mean(arrival: Floats, window: float, weight: npt.ArrayLike | None = None) -> float:
    """Return the highest over the mean demand by window of time.

    Parameters
    ----------
    arrival : ndarray of float64, shape (n,), s
        In order.
    window : float, s
        Length of a window; one that the trace ends in counts where 99 % of it is there.
    weight : array_like of float, shape (n,), optional
        What each request demands; 1 by default.

    Returns
    -------
    float
        nan where there are fewer than two windows.
    """
    full = int(arrival[-1] / window + 0.01)
    if full < 2:
        return np.nan
    inside = arrival < full * window
    place = (arrival[inside] / window).astype(np.int64)
    each = None if weight is None else np.asarray(weight)[inside]
    demand = np.bincount(place, each, minlength=full)
    return float(demand.max() / demand.mean())


def prefix_share(trace: Trace) -> float:
    """Return the share of prompt tokens whose blocks an endless prefix cache has seen before.

    Parameters
    ----------
    trace : Trace
        With blocks: the hash of a block stands for all that comes before it, too.

    Returns
    -------
    float
    """
    blocks: Blocks | None = trace.blocks
    if blocks is None:
        raise SimulationError("the trace has no prefix blocks")
    owner = np.repeat(np.arange(len(trace)), np.diff(blocks.offsets))
    _, first, which = np.unique(blocks.ids, return_index=True, return_inverse=True)
    seen = np.bincount(owner[owner[first][which] < owner], minlength=len(trace))
    return float(np.minimum(seen * BLOCK, trace.prompt_tokens).sum() / trace.prompt_tokens.sum())
