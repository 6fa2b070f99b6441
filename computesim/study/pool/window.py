"""The window over which rates, watts and energy are taken, and whether it is long enough."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from computesim.arrays import Ints
from computesim.sim.runs import ServingRun

#: stays that a window holds at least where the pool is empty at first: until one has passed it only
#: fills up, and with short outputs first; estimate
STAYS: Final = 3.0
AT_WORK: Final = 1.0  #: where it is found at work
ENOUGH: Final = 30  #: requests that end in a window at least; rule of thumb of a sample mean


class Window(NamedTuple):
    """A span of a run in which it is in its steady state, if it is long enough."""

    start: float  #: s
    end: float  #: s
    ended: float  #: requests that ended in it, each sequence of one a part of it
    stay: float  #: time that a request met in the pool spends there on average, s; nan if none ends
    needed: float  #: s, at least
    is_whole: bool = (
        False  #: the whole run, its beginning and end included, since less is too little
    )

    @property
    def span(self) -> float:
        """How long it is, s."""
        return self.end - self.start

    @property
    def is_short(self) -> bool:
        """Whether its rates tell of the beginning of the run rather than of the pool."""
        return self.is_whole or self.span < self.needed

    @property
    def text(self) -> str:
        """What a reader must know of a window that is too short."""
        whole = "the whole run of " if self.is_whole else ""
        words = f"rates are over {whole}{self.span:,.3g} s, in which {self.ended:,.4g} requests end"
        if math.isfinite(self.stay):
            words += f"; one that is met in the pool stays {self.stay:,.3g} s"
        words += ": too short for a steady state"
        words += ", beginning and end count" if self.is_whole else ""
        if math.isfinite(self.needed):
            words += f"; a window of {self.needed:,.3g} s would do"
        return words


def window_of(
    run: ServingRun, request: Ints, start: float, last: float, skip: int, saturated: bool
) -> Window:
    """Return the window of a run.

    Parameters
    ----------
    run : ServingRun
    request : ndarray of int64, shape (n,)
        The request of each sequence, from 0.
    start : float, s
        End of the warm-up.
    last : float, s
        When the pool begins to empty. Where a pool that is empty at first has not even one stay
        by then, the whole run is the window.
    skip : int
        Sequences in flight at the start.
    saturated : bool
        Requests wait longer and longer: then only the time from the first token counts as stay.

    Returns
    -------
    Window
    """
    seen = run.requests
    size = seen.size / (int(request.max()) + 1)
    stay = stay_of(run, request, skip, "first" if saturated else "arrival")
    is_whole = not last > start or (not skip and last - start < stay)
    if is_whole:
        start, last = 0.0, run.makespan
    ended = float(((seen["finish"] > start) & (seen["finish"] <= last)).sum()) / size
    for_count = (last - start) * ENOUGH / ended if 0 < ended < ENOUGH else 0.0
    needed = math.inf if math.isnan(stay) else max((AT_WORK if skip else STAYS) * stay, for_count)
    return Window(start, last, ended, stay, needed, is_whole)


def stay_of(run: ServingRun, request: Ints, skip: int, since: str = "arrival") -> float:
    """Return how long a request stays on average that is met in the pool.

    Parameters
    ----------
    run : ServingRun
    request : ndarray of int64, shape (n,)
        The request of each sequence, from 0.
    skip : int
        Sequences in flight at the start, left out.
    since : str
        arrival, or first: from the first token.

    Returns
    -------
    float, s
        nan if none ends.

    Notes
    -----
    Whoever looks into a pool meets long stays more often: the mean is ``Σ stay² / Σ stay``.
    """
    seen, n = run.requests, int(request.max()) + 1
    begin, end = np.full(n, np.inf), np.zeros(n)
    own = np.arange(seen.size) >= skip
    np.minimum.at(begin, request[own], seen[since][own])
    np.maximum.at(end, request[own], seen["finish"][own])
    over = (end > 0.0) & np.isfinite(end)
    stays = (end - begin)[over]
    return float(np.dot(stays, stays) / stays.sum()) if stays.sum() > 0 else math.nan
