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

from computesim.errors import SimulationError
from computesim.sim.service import Floats
from computesim.sim.streams import stream
from computesim.sim.trace.arrivals import Gaps, arrivals_between, positive
from computesim.sim.trace.lengths import LengthLaw, Mixture, Reasoning
from computesim.sim.trace.requests import OPTIONAL, Trace
from computesim.sim.trace.sessions import Columns, Sessions, turns_of


class Window(NamedTuple):
    """What a client does in a span of time."""

    start: float  #: s
    end: float  #: s
    rate: float  #: requests (or new sessions) per second
    prompt: LengthLaw
    output: LengthLaw
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
    parts = list(_parts(clients, seed, replication, positive(factor)))
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


class Population(NamedTuple):
    """Clients of many sizes, each present for a while and then away."""

    clients: int  #: how many there are, present or not
    rate: float  #: requests per second of all of them, mean over time
    prompt: LengthLaw
    output: Mixture
    rate_spread: float = 1.5  #: sd of ln(rate) from client to client: a few are large
    output_spread: float = 0.5  #: sd of ln(mean output) from client to client
    present: float = 4 * 3600.0  #: mean length of a presence, s
    away: float = 8 * 3600.0  #: mean length of an absence, s; 0 for nobody ever leaves
    variation: float = 1.0  #: coefficient of variation of the gaps of a client
    gaps: Gaps = "gamma"
    reasoning: Reasoning | None = None
    sessions: Sessions | None = None


def clients_of(
    population: Population, duration: float, seed: int, replication: int = 0
) -> list[Client]:
    """Return clients that come and go, drawn from a population.

    Parameters
    ----------
    population : Population
        Whom to draw.
    duration : float, s
        How long they are looked at; presences and absences are in their steady state.
    seed : int
        The seed of the scenario.
    replication : int
        Number of the replication.

    Returns
    -------
    list of Client

    Notes
    -----
    Rates sum to the population's, and a client that is present sends at its rate divided by the
    share of time that it is present, so that the mean over time is the asked one. The multipliers
    of the output have a mean of 1 over requests for the rates drawn. Presences and absences are
    exponential. With sessions, the rate is that of their starts.
    """
    if population.clients < 1 or population.present <= 0.0 or population.away < 0.0:
        raise SimulationError(f"expected clients that are present for a while: {population}")
    draw = stream(seed, "clients", replication)
    weight = np.exp(population.rate_spread * draw.standard_normal(population.clients))
    weight /= weight.sum()
    factor = np.exp(population.output_spread * draw.standard_normal(population.clients))
    factor /= float(weight @ factor)
    presence = population.present / (population.present + population.away)
    found = []
    for number in range(population.clients):
        windows = []
        rate = positive(population.rate) * weight[number] / presence
        shift = float(np.log(factor[number]))
        output = population.output._replace(
            middle=tuple(m + shift for m in population.output.middle)
        )
        life = stream(seed, f"client {number}/presence", replication)
        for start, end in _presences(population, duration, life):
            windows.append(
                Window(start, end, rate, population.prompt, output, population.variation,
                       population.gaps, population.reasoning, population.sessions)
            )  # fmt: skip
        found.append(Client(tuple(windows)))
    return found


def _presences(
    population: Population, duration: float, life: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Yield the spans in which a client is present; at time 0 it may be in the middle of one."""
    if not population.away:
        yield 0.0, duration
        return
    here = life.random() < population.present / (population.present + population.away)
    now = 0.0  # an exponential presence has no memory: what is left of one is a whole one
    while now < duration:
        lasts = life.exponential(population.present if here else population.away)
        if here and lasts > 0.0:
            yield now, min(now + lasts, duration)
        here, now = not here, now + lasts


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

    Returns
    -------
    Client
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
