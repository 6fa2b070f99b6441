"""What choosing one of k responses makes of a benchmark, fast enough for an optimiser.

A problem of which one response is right with chance p is answered by the vote, the
verifier or any of k with chance f(p). The mean over a Beta law is a sum by parts,
``E[f(p)] = sum of (steps of f) * P(p beyond the step)``: the steps do not depend on the
law and are kept, so that a new law costs one pass of the incomplete beta function.
Steps are positive, so the mean rises strictly with pass@1 whatever the rounding.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from computesim.workload.beta import BetaLaw
from computesim.workload.quality import vote_chance

_Array = NDArray[np.float64]
_EDGES = np.linspace(-45.0, 25.0, 1401)  # of the logit of p: f moves within ln k of -20 and 20
_MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2.0
_MOST = 2**20  # samples


def _knots(single: int, step: int, per_doubling: int) -> tuple[int, ...]:
    """Return numbers of samples: every `step`-th up to `single`, then evenly in the logarithm."""
    few = list(range(1, single + 1, step))
    n = math.ceil(math.log2(_MOST / single) * per_doubling)
    many = (single * 2.0 ** (i / per_doubling) for i in range(1, n + 1))
    return tuple(few + [step * round((k - 1) / step) + 1 for k in many])


# An even vote is no better than the odd one below it; a mean of 2 samples is half 1, half 3.
_VOTES = _knots(33, 2, 6)
_PICKS = _knots(8, 1, 6)


def mean_consensus(law: BetaLaw, k: float, rivalry: float) -> float:
    """Return `quality.consensus` for a mean number of votes that need not be whole.

    Parameters
    ----------
    law : BetaLaw
    k : float, samples
        1 to 2^20; between odd numbers a mixture of them, smooth in ln k.
    rivalry : float
        As in `quality.consensus`.

    Returns
    -------
    float
    """
    return _between(law, k, _VOTES, "vote", rivalry)


def mean_best_of(law: BetaLaw, k: float, verifier: float) -> float:
    """Return `quality.best_of` for a number of samples that need not be whole.

    Parameters
    ----------
    law : BetaLaw
    k : float, samples
        1 to 2^20.
    verifier : float
        As in `quality.best_of`, finite and positive.

    Returns
    -------
    float
    """
    return _between(law, k, _PICKS, "pick", verifier)


def _between(law: BetaLaw, k: float, knots: tuple[int, ...], way: str, coefficient: float) -> float:
    """Return the value at k, by a monotone cubic in ln k through the knots around it."""
    if not 1.0 <= k <= _MOST:
        raise ValueError(f"{k:g} samples are not between 1 and {_MOST:,}")
    at = min(bisect_right(knots, k), len(knots) - 1)
    near = range(max(at - 2, 0), min(at + 2, len(knots)))
    beyond = _survival(law)
    y = [float(_steps(way, knots[i], coefficient) @ beyond) for i in near]
    x = [math.log(knots[i]) for i in near]
    return _monotone_cubic(x, y, at - 1 - near[0], math.log(k))


def _survival(law: BetaLaw) -> _Array:
    """Return P(p beyond the middle of each step), shape (1400,)."""
    from scipy.special import betainc  # a run that asks for no accuracy does not pay for it

    below: _Array = betainc(law.beta, law.alpha, 1.0 / (1.0 + np.exp(_MIDDLES)))
    return below


@lru_cache(maxsize=512)
def _steps(way: str, k: int, coefficient: float) -> _Array:
    """Return the steps of f(p) over the cells of the logit of p, shape (1400,)."""
    right = 1.0 / (1.0 + np.exp(-_EDGES))
    wrong = 1.0 / (1.0 + np.exp(_EDGES))
    if way == "vote":
        chance = right.copy()  # where a vote decides nothing: one right response in 1e6 k, or more
        decided = (right > 1e-6 / k) & (wrong > 1e-6)
        chance[decided] = vote_chance(right[decided], wrong[decided] * coefficient, k)
    else:
        chance = pick_chance(right, wrong, k, coefficient)
    chance[0], chance[-1] = 0.0, 1.0
    return np.maximum(np.diff(chance), 0.0)


def pick_chance(right: _Array, wrong: _Array, k: float, verifier: float) -> _Array:
    """Return the chance that a verifier picks a right one of k responses.

    Parameters
    ----------
    right, wrong : array of float64, shape (n,)
        Chances of one response, in sum 1.
    k : float, samples
        At least 1; need not be whole.
    verifier : float
        Odds of ranking right above wrong.

    Returns
    -------
    array of float64, shape (n,)
        ``integral of k v p e^(-vx) (p e^(-vx) + q e^(-x))^(k-1) dx`` over positive x: the chance
        that the top score, which a wrong response reaches with ``1 - e^(-x)`` below it, is of
        a right one. For whole k it is the mean of ``v R / (v R + W)`` of `quality.best_of`.
    """
    low = -math.log(max(verifier, 1.0) * k) - 30.0
    high = math.log(60.0 / min(verifier, 1.0))
    ln_x = np.linspace(low, high, math.ceil((high - low) / 0.15))
    x = np.exp(ln_x)
    total = np.zeros_like(right)
    for each, width in zip(x.tolist(), (x * (ln_x[1] - ln_x[0])).tolist(), strict=True):
        of_right = right * math.exp(-verifier * each)
        total += width * k * verifier * of_right * (of_right + wrong * math.exp(-each)) ** (k - 1)
    return np.minimum(total, 1.0)


def _monotone_cubic(x: list[float], y: list[float], at: int, where: float) -> float:
    """Return the Fritsch-Carlson cubic (as scipy's PCHIP) in the interval that starts at `at`."""
    width = x[at + 1] - x[at]
    t = (where - x[at]) / width
    left, right = (_slope(x, y, i) * width for i in (at, at + 1))
    rise = y[at + 1] - y[at]
    return y[at] + t * (left + t * (3 * rise - 2 * left - right + t * (left + right - 2 * rise)))


def _slope(x: list[float], y: list[float], i: int) -> float:
    """Return the slope at a knot: a weighted harmonic mean of its secants, one secant at an end."""
    secants = [(y[j + 1] - y[j]) / (x[j + 1] - x[j]) for j in (i - 1, i) if 0 <= j < len(x) - 1]
    if len(secants) == 1:
        return secants[0]
    if secants[0] * secants[1] <= 0:
        return 0.0
    before, after = x[i] - x[i - 1], x[i + 1] - x[i]
    first, second = 2 * after + before, after + 2 * before
    return (first + second) / (first / secants[0] + second / secants[1])
