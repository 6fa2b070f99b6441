"""The fewest replicas that keep the promises of a demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from computesim.errors import SimulationError
from computesim.sim.demand import Demand, step_limit
from computesim.sim.engine import Engine
from computesim.sim.fluid import MeanLengths
from computesim.sim.levels import tightest
from computesim.sim.pool import Pool
from computesim.sim.trial import Trial, play

_PLENTY = 10**9  #: replicas of the other kind, so that they are no bottleneck
_REMEMBERED = 4  #: trials, whose requests may take 50 MB each
MOST_TIMES = 64  #: replicas that are tried at most, times those of the fluid limit


class CountSearch(NamedTuple):
    """What `fewest_replicas` found."""

    counts: tuple[int, ...]  #: replicas of each kind; empty if not even the most keep the level
    n_runs: int
    trial: Trial | None  #: with these replicas; with the most that were tried if none keep
    beyond: tuple[Trial | None, ...] = ()  #: with one replica of each kind fewer


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

    Notes
    -----
    Replicas that read and replicas that decode are looked for in turn, with plenty of the other
    kind: the first token depends on the ones, the time per token on the others. All runs see the
    same requests, so that more replicas never lose by chance alone.
    """
    lengths = demand.lengths
    need = fluid_need(demand, pool, lengths)
    if not need:
        return CountSearch((), 0, None)
    guess = [max(1, int(np.ceil(n))) for n in need]
    trials = _Trials(demand, pool, lengths, engine)
    counts = [most or 2 * count + 1 for count in guess]  # plenty
    for place in reversed(range(len(guess))):  # decoders first: they are the most
        ceiling = most or MOST_TIMES * max(guess[place], 4)
        found = fewest(trials.along(counts, place), guess[place], ceiling)
        if found is None and place > 0:
            found = guess[place]  # the readers may be what is missing
        counts[place] = found or ceiling
    best = tuple(counts)
    trial = trials.at(best)
    if not trial.kept:
        return CountSearch((), len(trials.kept), trial)
    fewer = [(*best[:k], best[k] - 1, *best[k + 1 :]) for k in range(len(best))]
    beyond = tuple(trials.at(few) if min(few) > 0 else None for few in fewer)
    return CountSearch(best, len(trials.kept), trial, beyond)


@dataclass(slots=True)
class _Trials:
    """Trials of one demand on one pool; the last few are kept, and what became of all."""

    demand: Demand
    pool: Pool
    lengths: MeanLengths
    engine: Engine
    kept: dict[tuple[int, ...], bool] = field(default_factory=dict)
    last: dict[tuple[int, ...], Trial] = field(default_factory=dict)

    def at(self, counts: tuple[int, ...]) -> Trial:
        """Return the trial of so many replicas of each kind."""
        if counts not in self.last:
            if len(self.last) == _REMEMBERED:
                del self.last[next(iter(self.last))]
            trial = play(self.demand, self.pool, counts, self.lengths, engine=self.engine)
            self.last[counts], self.kept[counts] = trial, trial.kept
        return self.last[counts]

    def along(self, counts: list[int], place: int) -> Callable[[int], bool]:
        """Return what tells whether a number of one kind is enough, the others as they are."""
        before, after = counts[:place], counts[place + 1 :]

        def enough(count: int) -> bool:
            every = (*before, count, *after)
            return self.kept[every] if every in self.kept else self.at(every).kept

        return enough


def fluid_need(demand: Demand, pool: Pool, lengths: MeanLengths) -> tuple[float, ...]:
    """Return how many replicas of each kind the fluid limit asks for, before rounding up.

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
    tuple of float
        Empty if a single sequence is too slow. In a closed loop: those that hold all requests
        without a queue.
    """
    limit = step_limit(demand)
    kinds = len(pool.kinds)
    one = (1,) * kinds
    rate = pool.rate(one, lengths, limit)
    if rate == 0.0:
        return ()
    if not demand.clients:
        singles = [
            tuple(1 if k == place else _PLENTY for k in range(kinds)) for place in range(kinds)
        ]
        return tuple(demand.trace.rate / pool.rate(counts, lengths, limit) for counts in singles)
    # a replica at its fluid limit has a batch, and clients that think, for its rate
    flying = max(pool.flying(rate, one, lengths), 1)
    level = tightest(demand.levels)
    away = demand.think_seconds + (level.ttft if level.ttft < np.inf else 0.0)
    return (demand.clients / (flying + rate * away),) * kinds
