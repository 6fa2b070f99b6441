"""The balance: least spending for a quality, or best quality for a budget.

What a model costs over its life is ``price C + requests · request(T, k)``: RL compute C once, and a
chain of T tokens, k samples of it, with every request. Accuracy rises with C and T through the
accuracy of one response, so that the unknowns ln C, ln T, k reduce to one:

    target ─▶ p needed of one response, for each k      (root in ln C along the longest chain)
    p, C   ─▶ T(C), the iso-quality curve               (root in ln T)
    C      ─▶ least spending along it                   (scan, then Brent's bounded search)

Nothing here knows what is spent: FLOP, dollars and joules are balanced alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from computesim.errors import UnreachableError
from computesim.workload.room import TIGHT, Quality, zero_of

POINTS: Final = 24  #: of a scan, before the best of it are refined


@dataclass(frozen=True)
class Spending:
    """What is spent on a model over its life, in the unit of an objective."""

    rl: float  #: on one FLOP of RL
    request: Callable[[float, float], float]  #: on a request, of tokens of a response and samples
    requests: float  #: over the life of the model

    def total(self, rl_flop: float, tokens: float, samples: float) -> float:
        """Return all that is spent."""
        return self.rl * rl_flop + self.requests * self.request(tokens, samples)


@dataclass(frozen=True)
class Balance:
    """What is spent on RL and on every request, and what it gives."""

    rl_flop: float  #: FLOP
    tokens: float  #: of a response
    samples: int
    accuracy: float
    on_rl: float  #: in the unit of the objective
    on_requests: float  #: likewise, all requests

    @property
    def total(self) -> float:
        """Spending, RL and requests."""
        return self.on_rl + self.on_requests

    @property
    def rl_share(self) -> float:
        """Share of the spending that RL takes."""
        return self.on_rl / self.total


def least(quality: Quality, spending: Spending, target: float) -> Balance:
    """Return the least spending that reaches a quality.

    Parameters
    ----------
    quality : Quality
    spending : Spending
    target : float
        Accuracy, above 0 and below 1.

    Raises
    ------
    UnreachableError
        If nothing in the room reaches it, with the highest accuracy that is reached.
    """
    found = _over_samples(quality, partial(_cheapest, quality, spending, target), rising=False)
    if found is None:
        raise UnreachableError("quality", target, quality.highest())
    return found


def best(quality: Quality, spending: Spending, budget: float) -> Balance:
    """Return the highest quality that a budget buys.

    Parameters
    ----------
    quality : Quality
    spending : Spending
    budget : float
        In the unit of the spending.

    Raises
    ------
    UnreachableError
        If it does not pay for the least RL and the shortest chains.
    """
    found = _over_samples(quality, partial(_finest, quality, spending, budget), rising=True)
    if found is None:
        room = quality.room
        floor = spending.total(room.rl_flop[0], room.tokens[0], 1)
        raise UnreachableError("budget", budget, floor)
    return found


def made(
    quality: Quality, spending: Spending, rl_flop: float, tokens: float, samples: int
) -> Balance:
    """Return what a choice of RL, chain length and samples spends and gives.

    Parameters
    ----------
    quality : Quality
    spending : Spending
    rl_flop : float, FLOP
    tokens : float, token
        Of a response.
    samples : int
    """
    return Balance(
        rl_flop,
        tokens,
        samples,
        quality.of(rl_flop, tokens, samples),
        spending.rl * rl_flop,
        spending.requests * spending.request(tokens, samples),
    )


def chain(quality: Quality, needed: float, ln_rl: float) -> float:
    """Return ln of the tokens with which one response has an accuracy, within the room.

    Parameters
    ----------
    quality : Quality
    needed : float
        Accuracy of one response.
    ln_rl : float
        ln of the RL FLOP, enough to reach it with the longest chain.

    Returns
    -------
    float
    """
    low, high = map(math.log, quality.room.tokens)
    if quality.single(ln_rl, low) >= needed:
        return low
    if quality.single(ln_rl, high) <= needed:  # by rounding
        return high
    return zero_of(lambda ln: quality.single(ln_rl, ln) - needed, low, high)


def span(quality: Quality, needed: float) -> tuple[float, float]:
    """Return the ends of an iso-quality curve in ln RL FLOP.

    Parameters
    ----------
    quality : Quality
    needed : float
        Accuracy of one response, reached in the room.

    Returns
    -------
    tuple of two float
        Where the longest chain reaches it, and where the shortest does or the room ends.
    """
    low, high = map(math.log, quality.room.rl_flop)
    short, long = map(math.log, quality.room.tokens)

    def crossing(ln_tokens: float) -> float:
        if quality.single(low, ln_tokens) >= needed:
            return low
        if quality.single(high, ln_tokens) <= needed:
            return high
        return zero_of(lambda ln: quality.single(ln, ln_tokens) - needed, low, high)

    return crossing(long), crossing(short)


def _over_samples(
    quality: Quality, solve: Callable[[int], Balance | None], rising: bool
) -> Balance | None:
    """Return the best balance over whole numbers of samples: rungs first, then between them."""

    def merit(one: Balance) -> tuple[float, float]:
        return (one.accuracy, -one.total) if rising else (-one.total, one.accuracy)

    known = {k: solve(k) for k in quality.room.rungs}
    while True:
        able = {k: one for k, one in known.items() if one is not None}
        if not able:
            return None
        top = max(able, key=lambda k: merit(able[k]))
        tried = sorted(known)
        place = tried.index(top)
        near = tried[max(place - 1, 0) : place + 2]
        new = {(a + b) // 2 for a, b in pairwise(near) if b - a > 1}
        if not new:
            return able[top]
        known |= {k: solve(k) for k in new}


def _cheapest(quality: Quality, spending: Spending, target: float, samples: int) -> Balance | None:
    """Return the least spending along the iso-quality curve of so many samples."""
    needed = quality.needed(target, samples)
    if needed is None:
        return None

    def cost(ln_rl: float) -> float:
        tokens = math.exp(chain(quality, needed, ln_rl))
        return spending.total(math.exp(ln_rl), tokens, samples)

    ln_rl = _minimum(cost, *span(quality, needed))
    tokens = math.exp(chain(quality, needed, ln_rl))
    return made(quality, spending, math.exp(ln_rl), tokens, samples)


def _finest(quality: Quality, spending: Spending, budget: float, samples: int) -> Balance | None:
    """Return the highest accuracy of so many samples along the line of a budget."""
    short, long = map(math.log, quality.room.tokens)
    low, high = map(math.log, quality.room.rl_flop)

    def left(ln_rl: float, ln_tokens: float) -> float:
        return budget - spending.total(math.exp(ln_rl), math.exp(ln_tokens), samples)

    if left(low, short) < 0.0:
        return None
    if left(high, short) < 0.0:
        high = zero_of(lambda ln: left(ln, short), low, high)

    def affordable(ln_rl: float) -> float:
        if left(ln_rl, long) >= 0.0:
            return long
        if left(ln_rl, short) <= 0.0:  # by rounding
            return short
        return zero_of(lambda ln: left(ln_rl, ln), short, long)

    ln_rl = _minimum(lambda ln: -quality.single(ln, affordable(ln)), low, high)
    return made(quality, spending, math.exp(ln_rl), math.exp(affordable(ln_rl)), samples)


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function is least: a scan, then a bounded search around its dips."""
    from scipy.optimize import minimize_scalar

    if high - low <= TIGHT:
        return low
    x = [low + (high - low) * n / POINTS for n in range(POINTS + 1)]
    y = [function(one) for one in x]
    found = [(y[n], x[n]) for n in (0, POINTS)]
    for a, b in _dips(y):
        result = minimize_scalar(
            function, bounds=(x[a], x[b]), method="bounded", options={"xatol": TIGHT * 1e3}
        )
        found.append((float(result.fun), float(result.x)))
    return min(found)[1]


def _dips(y: list[float]) -> Iterator[tuple[int, int]]:
    """Yield the neighbours of the points of a scan that none of theirs undercuts."""
    last = len(y) - 1
    for n, value in enumerate(y):
        a, b = max(n - 1, 0), min(n + 1, last)
        if value <= y[a] and value <= y[b]:
            yield a, b
