"""Laws of lengths fitted to what was observed, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import Any

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.service import Floats, Ints
from computesim.sim.trace.lengths import Mixture, ReasonSplit

_BINS = 500  # of the logarithm; a bin is far narrower than any component
_ROUNDS = 500  # of expectation maximisation at most
_FEW = 50  # observations that do not show two components


def fit_mixture(tokens: npt.ArrayLike) -> Mixture:
    """Return the two-component lognormal mixture that fits token counts best.

    Parameters
    ----------
    tokens : array_like of int, shape (n,), token
        At least one, each 1 or more.

    Returns
    -------
    Mixture
        The component of short lengths first; its ends are the least and the most that was
        observed. One component where there are fewer than 50 counts, or hardly any different.

    Notes
    -----
    Maximises the likelihood of ln(tokens) (scipy, L-BFGS-B) from two starts.
    """
    counts = np.asarray(tokens, dtype=np.int64)
    if counts.size == 0 or counts.min() < 1:
        raise SimulationError("a fit needs lengths of at least 1 token")
    value, weight = binned(np.log(counts))
    middle = float(value @ weight)
    spread = float((value - middle) ** 2 @ weight) ** 0.5
    ends = (float(counts.max()), float(counts.min()))
    if counts.size < _FEW or value.size < 5:
        return Mixture((1.0,), (middle,), (spread,), *ends)

    def loss(p: Floats) -> float:
        return _loss(p, lambda m, s: -0.5 * ((value - m) / np.exp(s)) ** 2 - s, weight)

    starts = [
        [share, middle - 0.5 * spread, middle + up * spread, log(0.8 * spread), log(spread)]
        for share, up in ((0.0, 0.7), (1.5, 1.5))
    ]
    wide = (log(max(1e-2, 0.02 * spread)), log(5 * spread))
    inside = (float(value[0]), float(value[-1]))
    share, *rest = _best(loss, starts, [(-6.0, 6.0), inside, inside, wide, wide])
    first = _share(share)
    return Mixture(*_sorted((first, 1.0 - first), rest[:2], np.exp(rest[2:])), *ends)


def fit_reason(reason_tokens: Ints, output_tokens: Ints) -> ReasonSplit:
    """Return the mixture of two beta laws that fits the share of reasoning best.

    Parameters
    ----------
    reason_tokens, output_tokens : ndarray of int64, shape (n,), token
        Reasoning and whole output of each request.

    Returns
    -------
    ReasonSplit
        The mode that reasons less first; one mode where there are fewer than 50 requests.

    Notes
    -----
    Expectation maximisation whose second step matches the moments of each component, which
    unlike the likelihood of a beta law stands shares near 0 and 1.

    Source
    ------
    Schröder and Rahmann, A hybrid parameter estimation algorithm for beta mixtures (2017).
    """
    share = np.clip(reason_tokens / output_tokens, 0.005, 0.995)
    value, weight = binned(share)
    mean = float(value @ weight)
    spread = float((value - mean) ** 2 @ weight) ** 0.5
    if share.size < _FEW or value.size < 5 or spread < 1e-3:
        return ReasonSplit((1.0,), (mean,), (_certainty(mean, spread**2),))
    nearness = [np.exp(-(((value - m) / spread) ** 2)) for m in (mean - spread, mean + spread)]
    for _ in range(_ROUNDS):
        belongs = np.array(nearness) * weight / np.maximum(sum(nearness), 1e-300)
        size = np.maximum(belongs.sum(axis=1), 1e-9)
        means = (belongs * value).sum(axis=1) / size
        spreads = (belongs * (value - means[:, None]) ** 2).sum(axis=1) / size
        sure = np.array([_certainty(*pair) for pair in zip(means, spreads, strict=True)])
        before, nearness = nearness, _beta_density(value, size, means, sure)
        if np.allclose(before, nearness, rtol=1e-4, atol=1e-9):
            break
    return ReasonSplit(*_sorted((float(size[0]), float(1.0 - size[0])), means, sure))


def _certainty(mean: float, variance: float) -> float:
    """Return a + b of the beta law with a mean and a variance, within reason."""
    return float(np.clip(mean * (1.0 - mean) / max(variance, 1e-9) - 1.0, 0.5, 2000.0))


def _beta_density(value: Floats, size: Floats, mean: Floats, certainty: Floats) -> list[Floats]:
    """Return the densities of beta laws, each times the size of its component."""
    from scipy.special import betaln

    laws = zip(size, mean * certainty, (1.0 - mean) * certainty, strict=True)
    low, high = np.log(value), np.log1p(-value)
    return [n * np.exp((a - 1) * low + (b - 1) * high - betaln(a, b)) for n, a, b in laws]


Pair = tuple[float, ...]


def _sorted(weight: Pair, place: npt.ArrayLike, size: npt.ArrayLike) -> tuple[Pair, Pair, Pair]:
    """Return the components of a mixture of two, the one at the lower place first."""
    places, sizes = np.asarray(place), np.asarray(size)
    one, two = (0, 1) if places[0] <= places[1] else (1, 0)
    return (
        (weight[one], weight[two]),
        (float(places[one]), float(places[two])),
        (float(sizes[one]), float(sizes[two])),
    )


def hill_tail(values: npt.ArrayLike, share: float = 0.02) -> float:
    """Return the Hill estimate of the exponent of the tail.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Positive.
    share : float
        Largest share of the values that counts as the tail.

    Returns
    -------
    float
        P(X > x) falls like x to the minus this; nan where the tail has fewer than 10 values, inf
        where they are equal.

    Notes
    -----
    ``k / sum ln(x_i / x_{k+1})`` over the k largest values.

    Source
    ------
    Hill, A simple general approach to inference about the tail of a distribution (1975).
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    k = int(share * ordered.size)
    if k < 10:
        return np.nan
    excess = float(np.log(ordered[-k:] / ordered[-k - 1]).mean())
    return 1.0 / excess if excess > 0.0 else np.inf


def binned(values: Floats) -> tuple[Floats, Floats]:
    """Return different values with their shares; means of narrow bins where there are many.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)

    Returns
    -------
    tuple of ndarray, shape (m,)
        Values, ascending, and shares that sum to 1.
    """
    value, count = np.unique(values, return_counts=True)
    if value.size > _BINS:
        edges = np.linspace(value[0], value[-1], _BINS + 1)[1:-1]
        place = np.digitize(value, edges)
        total = np.bincount(place, weights=count, minlength=_BINS)
        summed = np.bincount(place, weights=count * value, minlength=_BINS)
        value, count = summed[total > 0] / total[total > 0], total[total > 0]
    return value, count / count.sum()


def _loss(p: Floats, density: Callable[[float, float], Any], weight: Floats) -> float:
    """Return the negative mean log-likelihood of a mixture of two; p is logit, places, sizes."""
    first = density(p[1], p[3]) - np.log1p(np.exp(-p[0]))
    second = density(p[2], p[4]) - np.log1p(np.exp(p[0]))
    return -float(weight @ np.logaddexp(first, second))


def _best(loss: Callable[[Floats], float], starts: list[Any], bounds: list[Any]) -> list[float]:
    """Return the parameters of the best local minimum that the starts lead to."""
    from scipy.optimize import minimize

    low, high = np.array(bounds, dtype=np.float64).T
    found = [
        minimize(loss, np.clip(start, low, high), method="L-BFGS-B", bounds=bounds)
        for start in starts
    ]
    return [float(x) for x in min(found, key=lambda result: result.fun).x]


def _share(logit: float) -> float:
    """Return the share whose ln(p/(1 - p)) is given."""
    return 1.0 / (1.0 + exp(-logit))
