"""Traffic of several clients that come, change and go.

A few clients make most of the traffic. When one of them arrives, leaves or asks
for something else, the demand of an hour moves far more than independent draws
from one law could move it. So traffic is drawn client by client, each from
streams of its own: one more client leaves the requests of the others alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from computesim.arrays import Floats
from computesim.errors import SimulationError
from computesim.sim.streams import stream
from computesim.sim.trace.arrivals import Gaps, arrivals_between, positive
from computesim.sim.trace.lengths import Reasoning, TokenLaw
from computesim.sim.trace.requests import OPTIONAL, Trace
from computesim.sim.trace.sessions import Columns, Sessions, turns_of


class Window(NamedTuple):
    """What a client does in a span of time."""

    start: float  #: s
    end: float  #: s
    rate: float  #: requests (or new sessions) per second
    prompt: TokenLaw
    output: TokenLaw
    variation: float = 1.0  #: coefficient of variation of the gaps
    gaps: Gaps = "gamma"
    reasoning: Reasoning | None = None
    sessions: Sessions | None = None  #: how each arrival goes on; it is alone where None
    cached_share: float = 0.0  #: of the prompt of a request that is alone


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who asks, in windows of time that follow one another."""

    windows: tuple[Window, ...]
    kind: int = 0  #: class of the requests


MOST_REQUESTS = 50_000_000  #: that are drawn at once


def expected_requests(clients: Sequence[Client]) -> float:
    """Return the requests that clients send on average.

    Parameters
    ----------
    clients : sequence of Client
    """
    return sum(
        window.rate
        * (window.end - window.start)
        * (window.sessions.turns if window.sessions else 1)
        for client in clients
        for window in client.windows
    )


def client_trace(
    clients: Sequence[Client], seed: int, replication: int = 0, factor: float = 1.0
) -> Trace:
    """Return the requests of all clients in order of arrival.

    Parameters
    ----------
    clients : sequence of Client
        At least one whose windows bring a request. Some may split the output into reasoning and
        answer: for the others all of it is the answer.
    seed : int
        The seed of the scenario.
    replication : int
        Number of the replication.
    factor : float
        By which all rates are multiplied.

    Returns
    -------
    Trace
        `kind` and `client` are always there; `session`, `think_seconds` and `reason_tokens` where
        a window has them.

    Notes
    -----
    Draws come from the streams `client <number>/<window>/<what>`.
    """
    expected = expected_requests(clients) * positive(factor)
    if expected > MOST_REQUESTS:
        raise SimulationError(
            f"the clients would send {expected:,.0f} requests; expected at most {MOST_REQUESTS:,}: "
            f"a shorter span of time or a lower rate"
        )
    parts = list(_parts(clients, seed, replication, factor))
    if not parts:
        raise SimulationError("the clients send no request")
    first = 0
    for part in parts:
        if "session" in part:
            part["session"] = part["session"] + first
            first = int(part["session"].max()) + 1
    names = {name for part in parts for name in part}
    if "session" in names:
        first = _alone(parts, first)
    columns: Columns
    columns = {name: np.concatenate([_column(part, name) for part in parts]) for name in names}
    order = np.argsort(columns["arrival"], kind="stable")
    return Trace(**{name: column[order] for name, column in columns.items()})


def _alone(parts: list[Columns], first: int) -> int:
    """Number the requests that belong to no session as sessions of one turn."""
    for part in parts:
        if "session" not in part:
            part["session"] = first + np.arange(part["arrival"].size)
            first += part["arrival"].size
    return first


def _column(part: Columns, name: str) -> Any:
    """Return a column of a part; zeros where the part does not have it."""
    zeros = np.zeros(part["arrival"].size, OPTIONAL.get(name, np.int64))
    return part.get(name, zeros)


def _parts(
    clients: Sequence[Client], seed: int, replication: int, factor: float
) -> Iterator[Columns]:
    """Yield the columns of each window of each client that brings requests."""
    for number, client in enumerate(clients):
        for place, window in enumerate(client.windows):
            name = f"client {number}/{place}"
            columns = _requests(window, name, seed, replication, factor)
            if columns:
                size = columns["arrival"].size
                columns["client"] = np.full(size, number)
                columns["kind"] = np.full(size, client.kind)
                yield columns


def _requests(window: Window, name: str, seed: int, replication: int, factor: float) -> Columns:
    """Return the requests of one window, nothing where there are none."""

    def streams(what: str) -> np.random.Generator:
        return stream(seed, f"{name}/{what}", replication)

    if not 0.0 <= window.start < window.end < np.inf:
        raise SimulationError(f"a window lasts from {window.start} s to {window.end} s")
    if window.rate == 0.0:
        return {}
    rate = positive(window.rate * factor)
    starts = arrivals_between(window.start, window.end, rate, window.variation,
                              streams("arrivals"), window.gaps)  # fmt: skip
    if not starts.size:
        return {}
    if window.sessions is not None:
        return turns_of(starts, window.sessions, window.prompt, window.output, window.reasoning,
                        streams)  # fmt: skip
    return _single(window, starts, streams)


def _single(window: Window, starts: Floats, streams: Any) -> Columns:
    """Return requests that are alone."""
    if not 0.0 <= window.cached_share <= 1.0:
        raise SimulationError(f"cached share {window.cached_share}; expected 0 to 1")
    prompt = window.prompt.draw(starts.size, streams("prompt_tokens"))
    output = window.output.draw(starts.size, streams("output_tokens"))
    columns = {
        "arrival": starts,
        "prompt_tokens": prompt,
        "cached_tokens": np.floor(prompt * window.cached_share).astype(np.int64),
        "output_tokens": output,
    }
    if window.reasoning is not None:
        columns["reason_tokens"] = window.reasoning.draw(output, streams("reason_tokens"))
    return columns


def follow_day(client: Client, profile: Sequence[float], period: float = 86400.0) -> Client:
    """Return a client whose windows follow a repeating profile of the rate.

    Parameters
    ----------
    client : Client
        What it does at its mean rate.
    profile : sequence of float
        Relative rate in each of equal parts of the period; scaled to a mean of 1.
    period : float, s
        Length of the profile.
    """
    weight = np.asarray(profile, dtype=np.float64)
    if weight.ndim != 1 or weight.size == 0 or weight.min() < 0 or not 0 < weight.sum() < np.inf:
        raise SimulationError("a profile needs rates that are not negative and not all zero")
    weight = weight / weight.mean()
    part = period / weight.size
    windows = []
    for window in client.windows:
        number = int(window.start // part)
        while number * part < window.end:
            rate = window.rate * float(weight[number % weight.size])
            start, end = max(window.start, number * part), min(window.end, (number + 1) * part)
            if end > start:
                windows.append(window._replace(start=start, end=end, rate=rate))
            number += 1
    return replace(client, windows=tuple(windows))


def clipped(clients: Sequence[Client], start: float, end: float) -> list[Client]:
    """Return clients that send nothing before and after a span of time.

    Parameters
    ----------
    clients : sequence of Client
    start, end : float, s
        The span; the clock stays as it is.

    Returns
    -------
    list of Client
        With as many windows as before, so that each keeps its streams.
    """

    def cut(window: Window) -> Window:
        first, last = max(window.start, start), min(window.end, end)
        return window._replace(start=first, end=last) if last > first else window._replace(rate=0.0)

    return [replace(c, windows=tuple(cut(window) for window in c.windows)) for c in clients]
