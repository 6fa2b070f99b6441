"""Laws of lengths fitted to what was observed.

Mixtures are fitted by expectation maximisation: for two components it needs no
optimiser, whose threads would wait for those of other processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.lengths import LengthLaw
from computesim.sim.trace.lengths import ReasonSplit

_BINS = 500  # of the logarithm; a bin is far narrower than any component
_FEW = 50  # observations that do not show two components
_ROUNDS = 2000  # at most
_STILL = 1e-6  # change of mean and size in a round that ends them

Density = Callable[[Floats, Floats, Floats], Floats]


class _Pair(NamedTuple):
    """Two components; each array has shape (2,)."""

    size: Floats
    mean: Floats
    variance: Floats


def fit_mixture(tokens: npt.ArrayLike) -> LengthLaw:
    """Return the two-component lognormal mixture that fits token counts best.

    Parameters
    ----------
    tokens : array_like of int, shape (n,), token
        At least one, each 1 or more.

    Returns
    -------
    LengthLaw
        The component of short lengths first; its ends are the least and the most that was
        observed. One component where there are fewer than 50 counts, or hardly any different.

    Notes
    -----
    Maximum likelihood of ln(tokens), the best of two starts. It takes some thousand rounds: the
    likelihood of overlapping components is flat.
    """
    counts = np.asarray(tokens, dtype=np.int64)
    if counts.size == 0 or counts.min() < 1:
        raise SimulationError("a fit needs lengths of at least 1 token")
    value, weight = binned(np.log(counts))
    middle, variance = _moments(value, weight)
    ends = (float(counts.max()), float(counts.min()))
    if counts.size < _FEW or value.size < 5:
        return LengthLaw((1.0,), (middle,), (variance**0.5,), *ends)
    spread, found = variance**0.5, []
    for size, down, up in ((0.5, 0.5, 0.7), (0.8, 0.5, 1.5)):
        start = _Pair(
            np.array([size, 1.0 - size]),
            np.array([middle - down * spread, middle + up * spread]),
            np.array([0.64 * variance, variance]),
        )
        found.append(_maximised(value, weight, _normal, start, 4e-4 * variance))
    pair = max(found, key=lambda f: _likelihood(value, weight, _normal, f))
    return LengthLaw(*_sorted(pair.size, pair.mean, np.sqrt(pair.variance)), *ends)


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
    The second step of a round matches the moments of each component, which unlike the
    likelihood of a beta law stands shares near 0 and 1.

    Source
    ------
    Schröder and Rahmann, A hybrid parameter estimation algorithm for beta mixtures (2017).
    """
    share = np.clip(reason_tokens / output_tokens, 0.005, 0.995)
    value, weight = binned(share)
    mean, variance = _moments(value, weight)
    if share.size < _FEW or value.size < 5 or variance < 1e-6:
        return ReasonSplit((1.0,), (mean,), (float(_certainty(mean, variance)),))
    spread = variance**0.5
    edges = np.clip([mean - spread, mean + spread], 0.02, 0.98)
    start = _Pair(np.array([0.5, 0.5]), edges, np.full(2, variance / 2))
    pair = _maximised(value, weight, _beta, start, 1e-5)
    return ReasonSplit(*_sorted(pair.size, pair.mean, _certainty(pair.mean, pair.variance)))


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


def _moments(value: Floats, weight: Floats) -> tuple[float, float]:
    """Return mean and variance."""
    mean = float((value * weight).sum())
    return mean, float(((value - mean) ** 2 * weight).sum())


def _maximised(value: Floats, weight: Floats, density: Density, pair: _Pair, least: float) -> _Pair:
    """Return the pair that expectation maximisation leads to; no variance falls below `least`."""
    for _ in range(_ROUNDS):
        each = pair.size[:, None] * density(value, pair.mean, pair.variance)
        belongs = each / np.maximum(each.sum(axis=0), 1e-300) * weight
        size = np.maximum(belongs.sum(axis=1), 1e-9)
        mean = (belongs * value).sum(axis=1) / size
        variance = (belongs * (value - mean[:, None]) ** 2).sum(axis=1) / size
        before, pair = pair, _Pair(size, mean, np.maximum(variance, least))
        if max(abs(pair.mean - before.mean).max(), abs(size - before.size).max()) < _STILL:
            break
    return pair


def _likelihood(value: Floats, weight: Floats, density: Density, pair: _Pair) -> float:
    """Return the mean log-likelihood of a mixture."""
    each = pair.size[:, None] * density(value, pair.mean, pair.variance)
    return float((np.log(np.maximum(each.sum(axis=0), 1e-300)) * weight).sum())


def _normal(value: Floats, mean: Floats, variance: Floats) -> Floats:
    """Return the densities of two normal laws, shape (2, values), but for a constant factor."""
    scale = variance[:, None]
    return np.asarray(np.exp(-0.5 * (value - mean[:, None]) ** 2 / scale) / np.sqrt(scale))


def _beta(value: Floats, mean: Floats, variance: Floats) -> Floats:
    """Return the densities of two beta laws, shape (2, values)."""
    from scipy.special import betaln

    certainty = _certainty(mean, variance)
    a, b = (mean * certainty)[:, None], ((1.0 - mean) * certainty)[:, None]
    logs = (a - 1.0) * np.log(value) + (b - 1.0) * np.log1p(-value)
    return np.asarray(np.exp(logs - betaln(a, b)))


def _certainty(mean: float | Floats, variance: float | Floats) -> Floats:
    """Return a + b of the beta law with a mean and a variance, within reason."""
    return np.clip(mean * (1.0 - mean) / np.maximum(variance, 1e-9) - 1.0, 0.5, 2000.0)


Ends = tuple[float, ...]


def _sorted(size: Floats, place: Floats, width: Floats) -> tuple[Ends, Ends, Ends]:
    """Return the components of a mixture, the one at the lowest place first; sizes sum to 1."""
    order = np.argsort(place)
    share = size / size.sum()
    return (
        tuple(share[order].tolist()),
        tuple(place[order].tolist()),
        tuple(width[order].tolist()),
    )
