"""What is promised to requests, and what a run makes of the promises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.sim.output import quantile, times_of
from computesim.sim.records import Records

METRICS: Final = ("ttft", "tpot", "e2e")
MOST_EXCESS: Final = 3.0  #: beyond twenty times a promise, nothing depends on how far it is


class ServiceLevel(NamedTuple):
    """What is promised to a share of the requests."""

    ttft: float = np.inf  #: time to first token at most, s
    tpot: float = np.inf  #: time per output token at most, s/token
    share: float = 0.9  #: of the requests, each promise apart
    e2e: float = np.inf  #: arrival to last token at most, s


class Outcome(NamedTuple):
    """One percentile of one class beside what was promised."""

    kind: int  #: class
    metric: str  #: one of `METRICS`
    value: float  #: at the share of the level, s or s/token; nan if no request has it
    limit: float  #: infinite where nothing is promised

    @property
    def kept(self) -> bool:
        """Whether the promise is kept; a class without such requests breaks none."""
        return not self.value > self.limit

    @property
    def excess(self) -> float:
        """Logarithm of the value over its limit, positive if it is broken, within `MOST_EXCESS`."""
        if not self.value > 0.0 or self.limit == np.inf:
            return -MOST_EXCESS
        if self.limit <= 0.0 or self.value == np.inf:
            return MOST_EXCESS
        return min(max(math.log(self.value / self.limit), -MOST_EXCESS), MOST_EXCESS)


def tightest(levels: Sequence[ServiceLevel]) -> ServiceLevel:
    """Return the level that keeps all of several levels.

    Parameters
    ----------
    levels : sequence of ServiceLevel
        At least one.
    """
    least = {name: min(getattr(level, name) for level in levels) for name in METRICS}
    return ServiceLevel(**least, share=max(level.share for level in levels))


def outcomes(
    requests: Records, levels: Sequence[ServiceLevel], kind: Ints | None = None
) -> list[Outcome]:
    """Return the percentiles of every class beside its promises.

    Parameters
    ----------
    requests : ndarray of records.OUTCOME, shape (m,)
        Those that are judged.
    levels : sequence of ServiceLevel
        One for each class; a single one holds for all requests.
    kind : ndarray of int, shape (m,), optional
        Class of each request; needed for several levels.

    Returns
    -------
    list of Outcome
        Three for each class.
    """
    found = []
    for number, level in enumerate(levels):
        mine = requests if len(levels) == 1 or kind is None else requests[kind == number]
        seen = times_of(mine)._asdict()
        found += [
            Outcome(number, name, quantile(seen[name], level.share), getattr(level, name))
            for name in METRICS
        ]
    return found


def broken(values: Sequence[Outcome]) -> list[Outcome]:
    """Return the promises that are broken, the worst one first.

    Parameters
    ----------
    values : sequence of Outcome
        Of a run.
    """
    missed = [one for one in values if not one.kept]
    return sorted(missed, key=lambda one: -one.value / one.limit)


def window_mean(times: Floats, until: Floats, weight: npt.ArrayLike, span: float) -> float:
    """Return the mean over a span of time of what is held from some times until others.

    Parameters
    ----------
    times, until : ndarray of float64, shape (n,), s
        When each begins and ends to be held; clipped to the span, infinite for never.
    weight : array_like of float, shape (n,)
        What is held.
    span : float, s
        The mean is taken over 0 to this time.

    Returns
    -------
    float
    """
    if not span > 0.0:
        return 0.0
    held = np.clip(until, 0.0, span) - np.clip(times, 0.0, span)
    return float((held * np.asarray(weight, dtype=np.float64)).sum()) / span
