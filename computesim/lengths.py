"""Laws of token counts: lognormals and their mixtures, cut at a shortest and a longest length.

Chains of thought within a benchmark follow one lognormal (sd of ln 0.6 to 0.75), those of
production two. Plans take means and moments of a law, simulations draw from the same one: it stands
on the ground floor, because simulations know nothing of models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LengthLaw:
    """A mixture of lognormals of token counts, cut off at both ends."""

    weights: tuple[float, ...]  #: shares of the components, in sum 1
    log_means: tuple[float, ...]  #: means of ln tokens
    log_sds: tuple[float, ...]  #: standard deviations of ln tokens
    cap: float = math.inf  #: longest; longer ones stop there, token
    least: float = 0.0  #: shortest; shorter ones are as long, token

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.log_means) == len(self.log_sds):
            raise ValueError("a length law needs one weight, mean and deviation per component")
        if abs(sum(self.weights) - 1) > 1e-6 or min(self.weights) < 0:
            raise ValueError(f"weights {self.weights} of a length law do not sum to 1")
        if min(self.log_sds) < 0 or self.cap <= 0:
            raise ValueError("deviations of a length law are not negative, its cap is positive")

    @property
    def mean(self) -> float:
        """Mean length between the ends, in closed form, token."""
        return self._moment(1)

    @property
    def mean_square(self) -> float:
        """Mean of the squared length between the ends, in closed form, token²."""
        return self._moment(2)

    @property
    def capped_share(self) -> float:
        """Share of the lengths that reach the cap."""
        return 1.0 - self.cdf(self.cap) if math.isfinite(self.cap) else 0.0

    def cdf(self, tokens: float) -> float:
        """Return the share that would be no longer than `tokens` without the ends."""
        return sum(
            w * _below(tokens, m, s)
            for w, m, s in zip(self.weights, self.log_means, self.log_sds, strict=True)
        )

    def token_mean(self, before: float = 0.0) -> float:
        """Return the length of the sequence in which the average token stands.

        Parameters
        ----------
        before : float, token
            Of every sequence before what follows the law, such as its prompt.

        Returns
        -------
        float, token

        Notes
        -----
        ``E[T²] / E[T]`` of ``T = before + length``: attention over a batch of packed sequences
        costs what it costs in sequences of this length, not of the mean.
        """
        mean = self.mean
        return (before**2 + 2.0 * before * mean + self.mean_square) / (before + mean)

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts, rounded and at least 1.

        Parameters
        ----------
        n : int
        generator : numpy.random.Generator
            Of a mixture it gives n uniform draws first, then n normal ones.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        which = chosen(self.weights, n, generator) if len(self.weights) > 1 else np.zeros(n, int)
        log_sd, log_mean = np.asarray(self.log_sds)[which], np.asarray(self.log_means)[which]
        tokens = np.exp(log_mean + log_sd * generator.standard_normal(n))
        return np.asarray(np.clip(np.rint(tokens), max(self.least, 1.0), self.cap), np.int64)

    def _moment(self, order: int) -> float:
        """Return the mean of a power of the length between the ends."""
        return sum(
            w * self._part(m, s, order)
            for w, m, s in zip(self.weights, self.log_means, self.log_sds, strict=True)
        )

    def _part(self, log_mean: float, log_sd: float, order: int) -> float:
        """Return the moment of a component: that between the ends, and the masses at both."""
        whole = math.exp(order * log_mean + (order * log_sd) ** 2 / 2)
        moved = log_mean + order * log_sd**2
        between = _below(self.cap, moved, log_sd) - _below(self.least, moved, log_sd)
        part = whole * between + self.least**order * _below(self.least, log_mean, log_sd)
        if math.isinf(self.cap):
            return part
        return part + self.cap**order * (1.0 - _below(self.cap, log_mean, log_sd))


def normal_cdf(z: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def chosen(probability: npt.ArrayLike, n: int, generator: np.random.Generator) -> Ints:
    """Return n places in a table of probabilities, drawn by its cumulative sum.

    Parameters
    ----------
    probability : array_like of float, shape (m,)
    n : int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    share = np.cumsum(np.asarray(probability, dtype=np.float64))
    place = np.searchsorted(share / share[-1], generator.random(n), side="right")
    return np.asarray(np.minimum(place, share.size - 1), dtype=np.int64)


def lognormal_counts(mean: Floats, spread: Floats | float, normal: Floats) -> Ints:
    """Return token counts of lognormal laws without ends, one for each of given normal draws.

    Parameters
    ----------
    mean : ndarray of float64, shape (n,), token
        Of the law that each count follows; 0 gives 0.
    spread : ndarray of float64, shape (n,), or float
        Standard deviation of ln tokens.
    normal : ndarray of float64, shape (n,)
        Standard normal draws.

    Returns
    -------
    ndarray of int64, shape (n,), token
    """
    counts: Ints = np.rint(mean * np.exp(spread * normal - spread**2 / 2)).astype(np.int64)
    return counts


def _below(tokens: float, log_mean: float, log_sd: float) -> float:
    """Return the lognormal distribution function."""
    if tokens <= 0:
        return 0.0
    if log_sd == 0:
        return 1.0 if math.log(tokens) >= log_mean else 0.0
    return normal_cdf((math.log(tokens) - log_mean) / log_sd)


def lognormal(
    mean: float, spread: float = 0.0, cap: float = math.inf, least: float = 1.0
) -> LengthLaw:
    """Return the one-component law whose mean would be `mean` without its ends.

    Parameters
    ----------
    mean : float, token
    spread : float
        Standard deviation of ln tokens.
    cap, least : float, token
        Longest and shortest length.
    """
    return LengthLaw((1.0,), (math.log(mean) - spread**2 / 2,), (spread,), cap, least)


@lru_cache(maxsize=256)
def lognormal_length(mean: float, spread: float, cap: float = math.inf) -> LengthLaw:
    """Return the one-component law whose mean, cap included, is `mean`.

    Parameters
    ----------
    mean : float, token
        Mean length of what is generated.
    spread : float
        Standard deviation of ln tokens.
    cap : float, token
        Longest output; must exceed the mean.
    """
    if mean <= 0:
        raise ValueError(f"a mean length of {mean:g} tokens is not positive")
    law = lognormal(mean, spread, cap, least=0.0)
    return law if math.isinf(cap) else with_mean(law, mean)


def scaled(law: LengthLaw, factor: float) -> LengthLaw:
    """Return the law of outputs `factor` times as long before the cap, which stays.

    Parameters
    ----------
    law : LengthLaw
    factor : float
        Effort, or growth over years: ``growth_per_year ** years``.
    """
    shift = math.log(factor)
    return replace(law, log_means=tuple(m + shift for m in law.log_means))


def with_mean(law: LengthLaw, mean: float) -> LengthLaw:
    """Return the law scaled so that its mean, cap included, is `mean`.

    Parameters
    ----------
    law : LengthLaw
    mean : float, token

    Raises
    ------
    ValueError
        If the cap does not let outputs be so long.
    """
    if not 0 < mean < law.cap:
        raise ValueError(f"a mean of {mean:g} tokens does not fit under a cap of {law.cap:g}")
    low, high = -60.0, 60.0  # ln of the factor; the capped mean rises with it
    for _ in range(100):
        middle = (low + high) / 2
        if scaled(law, math.exp(middle)).mean < mean:
            low = middle
        else:
            high = middle
    return scaled(law, math.exp(high))


def representative_lengths(law: LengthLaw, n: int = 16) -> tuple[float, ...]:
    """Return n equally likely lengths that have the mean and the mean square of the law.

    Parameters
    ----------
    law : LengthLaw
    n : int
        At least 2 for the mean square.

    Returns
    -------
    tuple of float, token
        Rising.

    Notes
    -----
    Quantiles at the middle of each n-th, raised to the power that restores the mean square (which
    attention grows with, and which the cut tail would take away) and scaled to the mean. Tight
    caps are met within a few per cent.
    """
    points = [quantile(law, (i + 0.5) / n) for i in range(n)]
    wanted = law.mean_square / law.mean**2
    low, high = 0.0, 8.0  # of the power; the spread rises with it
    for _ in range(60):
        power = (low + high) / 2
        tried = [(point / points[-1]) ** power for point in points]
        spread = n * sum(x * x for x in tried) / sum(tried) ** 2
        low, high = (power, high) if spread < wanted else (low, power)
    factor = law.mean * n / sum(tried)
    return tuple(x * factor for x in tried)


def quantile(law: LengthLaw, share: float) -> float:
    """Return the length that a share of the outputs does not exceed.

    Parameters
    ----------
    law : LengthLaw
    share : float
        Between 0 and 1, both excluded.

    Returns
    -------
    float, token
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share:g} has no quantile")
    reach = 40.0 * max(max(law.log_sds), 1e-9) + 1e-9
    low, high = min(law.log_means) - reach, max(law.log_means) + reach
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if law.cdf(math.exp(middle)) < share else (low, middle)
    return min(math.exp(high), law.cap)
