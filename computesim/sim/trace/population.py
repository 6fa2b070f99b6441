"""Clients drawn from a population: a few are large, and they come and go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from computesim.errors import SimulationError
from computesim.lengths import LengthLaw, scaled
from computesim.sim.streams import stream
from computesim.sim.trace.arrivals import Gaps, positive
from computesim.sim.trace.clients import Client, Window
from computesim.sim.trace.lengths import Reasoning, TokenLaw
from computesim.sim.trace.sessions import Sessions


class Population(NamedTuple):
    """Clients of many sizes, each present for a while and then away."""

    clients: int  #: how many there are, present or not
    rate: float  #: requests per second of all of them, mean over time
    prompt: TokenLaw
    output: LengthLaw
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
        output = scaled(population.output, float(factor[number]))
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
