"""Clients whose traffic is like a trace."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.calendar import HOUR
from computesim.sim.trace.clients import Client, Window
from computesim.sim.trace.laws import binned, fit_reason
from computesim.sim.trace.lengths import Empirical, Reasoning, SplitByLength
from computesim.sim.trace.requests import Trace
from computesim.sim.trace.summary import ENOUGH, variation, window_variation

_SPLIT = 500  # requests of a client that show how reasoning goes with the length


def clients_like(trace: Trace, window: float = 600.0, most: int = 200) -> list[Client]:
    """Return clients whose traffic has the statistics of a trace.

    Parameters
    ----------
    trace : Trace
        At least one request. Without clients all of it is one.
    window : float, s
        Rate and variation of the gaps move from window to window.
    most : int
        Clients that are told apart, largest first; the others are one.

    Notes
    -----
    Lengths are drawn from the histograms of each hour of a client that has at least 30 requests,
    and else from that of all its requests; the share of reasoning from one law by length for each
    client. Classes, sessions and prefix blocks are not kept, the share of cached tokens is;
    prompt and output of a request are independent.
    """
    end = float(trace.arrival[-1])
    if trace.client is None:
        return [_client(trace, window, end)]
    names, place, count = np.unique(trace.client, return_inverse=True, return_counts=True)
    rank = np.empty(names.size, np.int64)
    rank[np.argsort(-count, kind="stable")] = np.arange(names.size)
    group = np.minimum(rank, most - 1)[place]
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [_client(trace.pick(part), window, end) for part in parts]


class _Always(NamedTuple):
    """What a client does at any time."""

    variation: float
    reasoning: Reasoning | None
    cached_share: float


def _client(trace: Trace, window: float, end: float) -> Client:
    """Return a client like the one whose requests these are."""
    spread = next((v for v in (window_variation(trace.arrival, w) for w in (window, HOUR))
                   if np.isfinite(v)), 1.0)  # fmt: skip
    cached = float(trace.cached_tokens.sum() / trace.prompt_tokens.sum())
    always = _Always(spread, _reasoning(trace), cached)
    laws = [_hourly(trace.arrival, t) for t in (trace.prompt_tokens, trace.output_tokens)]
    number = (trace.arrival // window).astype(np.int64)
    windows = []
    for part in np.split(np.arange(len(trace)), np.flatnonzero(np.diff(number)) + 1):
        start = float(number[part[0]]) * window
        hour = int(start // HOUR)
        prompt, output = (law.get(hour, law[-1]) for law in laws)
        length = min(window, max(end - start, 1e-3 * window))  # the trace ends with a request
        windows.append(_window(trace.arrival[part], start, length, prompt, output, always))
    return Client(tuple(windows))


def _window(
    arrival: Floats,
    start: float,
    length: float,
    prompt: Empirical,
    output: Empirical,
    always: _Always,
) -> Window:
    """Return a window like the one with these arrivals."""
    own = variation(np.diff(arrival)) if arrival.size >= ENOUGH else np.nan
    spread = own if np.isfinite(own) else always.variation
    return Window(start, start + length, arrival.size / length, prompt, output, spread,
                  reasoning=always.reasoning, cached_share=always.cached_share)  # fmt: skip


def _hourly(arrival: Floats, tokens: Ints) -> dict[int, Empirical]:
    """Return the law of each hour with enough requests, and at -1 that of all."""
    hour = (arrival // HOUR).astype(np.int64)
    found = {-1: _law(tokens)}
    for part in np.split(np.arange(hour.size), np.flatnonzero(np.diff(hour)) + 1):
        if part.size >= ENOUGH:
            found[int(hour[part[0]])] = _law(tokens[part])
    return found


def _law(tokens: Ints) -> Empirical:
    """Return the histogram of token counts, their logarithms in bins where there are many."""
    value, weight = binned(np.log(tokens))
    return Empirical(np.rint(np.exp(value)).astype(np.int64), weight)


def _reasoning(trace: Trace) -> Reasoning | None:
    """Return how much of an output is reasoning, for short, middle and long ones."""
    reason, output = trace.reason_tokens, trace.output_tokens
    if reason is None or not reason.any():
        return None
    edges: npt.NDArray[Any] = np.unique(np.percentile(output, (50, 90)))
    if len(trace) < _SPLIT or edges.size < 2 or edges[0] <= output.min():
        return fit_reason(reason, output)
    which = np.digitize(output, edges)
    parts = [fit_reason(reason[which == n], output[which == n]) for n in range(3)]
    return SplitByLength(tuple(map(float, edges)), tuple(parts))
