"""What a pool is asked and what it promises, and what is in flight when a trace begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from computesim.arrays import Ints
from computesim.errors import SimulationError
from computesim.sim.chains import Chains
from computesim.sim.fluid import MeanLengths, mean_lengths
from computesim.sim.levels import ServiceLevel
from computesim.sim.streams import stream
from computesim.sim.trace import Trace, merged

RESIDENCES = 2.5  #: arrivals last this many times as long as a request stays
MOST_REQUESTS = 150_000  #: of one run
JUDGED = 0.6  #: share of the arrivals that are judged; the rest keeps the pool full meanwhile
#: share of the time in which all clients of a closed loop are there, after which no more is judged
JUDGED_OF_CLIENTS = 0.7
#: requests of each client in a closed loop at least
ROUNDS_AT_WORK = 20


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pool is asked, and what it promises."""

    trace: Trace  #: of a closed loop, `clients` after the others, only the lengths matter
    levels: tuple[ServiceLevel, ...]  #: one for each class `Trace.kind`, or one for all
    priority: tuple[int, ...] = ()  #: of each class; 0 goes first; all the same where empty
    clients: int = 0  #: requests outstanding in a closed loop; 0: requests come by themselves
    think_seconds: float = 0.0  #: of a client, from an answer to its next request, s
    warm: bool = True  #: the pool is found at work; otherwise it is empty at first, all is judged
    judged: float = 1.0
    """share of the arrivals that are judged, the first ones: those at the end decode while nobody
    joins any more; of a closed loop, share of the time until the first client is done"""
    seed: int = 1  #: of the sequences that are in flight at the start
    chains: Chains | None = None  #: samples that share a prompt; none of them follows another

    def __post_init__(self) -> None:
        kinds = len(self.levels)
        if not kinds or (self.priority and len(self.priority) != kinds):
            raise SimulationError("a demand needs a level, and a priority, for each class")
        if kinds > 1 and (self.trace.kind is None or int(self.trace.kind.max()) >= kinds):
            raise SimulationError(f"{kinds} levels, and requests that are not of these classes")
        if self.chains is not None and (self.clients or self.chains.follows.any()):
            raise SimulationError("requests of a demand share prompts, none follows another")

    @property
    def sharers(self) -> Ints | None:
        """Sequences that keep one copy of the prompt of each together, shape (n,)."""
        if self.chains is None:
            return None
        stage = self.chains.stage
        together = np.bincount(stage[stage >= 0], minlength=self.chains.after.size)
        shares = (stage >= 0) & np.append(self.chains.shares, False)[stage]
        return np.where(shares, np.append(together, 1)[stage], 1)

    @property
    def lengths(self) -> MeanLengths:
        """What the fluid limit knows of its requests."""
        return mean_lengths(self.trace, self.sharers)

    def first(self, n: int) -> Demand:
        """Return what the first n requests ask.

        Parameters
        ----------
        n : int
            Of an open loop.
        """
        if n >= len(self.trace):
            return self
        chains = self.chains and self.chains.first(n)
        return replace(self, trace=self.trace.pick(np.arange(n)), chains=chains)


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


def in_flight(trace: Trace, n: int, seed: int, sharers: Ints | None = None) -> Trace:
    """Return a trace that starts with sequences in the middle of their output.

    Parameters
    ----------
    trace : Trace
        Requests; those in flight are drawn from them, with their optional columns.
    n : int
        Sequences in flight at time zero.
    seed : int
        Seed of the stream `in_flight`.
    sharers : ndarray of int64, shape (n,), optional
        Sequences that keep a prompt together: each of those in flight brings its part of it.

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
    found = replace(trace, arrival=np.zeros(len(trace))).pick(chosen)
    prompt = found.prompt_tokens + done
    if sharers is not None:
        prompt = np.maximum(found.prompt_tokens // sharers[chosen], 1) + done
    reason = found.reason_tokens
    front = replace(
        found,
        prompt_tokens=prompt,
        cached_tokens=prompt,
        output_tokens=found.output_tokens - done,
        reason_tokens=None if reason is None else np.maximum(reason - done, 0),
    )
    return merged([front, trace])
