"""A benchmark as a Beta law: the chance that one response is right, over its problems."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]
_NODES = 160  # of the quadrature over p: exact for polynomials of degree 319


@dataclass(frozen=True, slots=True)
class BetaLaw:
    """The law of a problem's single-sample success over the problems of a benchmark."""

    alpha: float  #: small values leave a heavy tail of problems that are almost never solved
    beta: float

    def __post_init__(self) -> None:
        if self.alpha <= 0 or self.beta <= 0:
            raise ValueError(f"Beta({self.alpha:g}, {self.beta:g}) needs positive parameters")

    @property
    def mean(self) -> float:
        """Mean single-sample accuracy, pass@1."""
        return self.alpha / (self.alpha + self.beta)


def beta_law(pass_at_1: float, concentration: float) -> BetaLaw:
    """Return the Beta law of a given mean and concentration.

    Parameters
    ----------
    pass_at_1 : float
        Mean single-sample accuracy, in (0, 1).
    concentration : float
        ``alpha + beta``; small where problems are either easy or hopeless.
    """
    return BetaLaw(pass_at_1 * concentration, (1.0 - pass_at_1) * concentration)


def fit_beta_law(pass_at_1: float, coverage_at_k: float, k: float) -> BetaLaw:
    """Return the Beta law that has a given pass@1 and pass@k.

    Parameters
    ----------
    pass_at_1, coverage_at_k : float
        Shares of problems; coverage must be the larger.
    k : float, samples

    Raises
    ------
    ValueError
        If no Beta law has both.
    """
    most = 1.0 - (1.0 - pass_at_1) ** k  # every problem equally hard
    if not pass_at_1 < coverage_at_k < most:
        raise ValueError(f"pass@{k:g} must be between {pass_at_1:g} and {most:g}")
    concentration = solve_rising(
        lambda ln: coverage(beta_law(pass_at_1, math.exp(ln)), k), coverage_at_k, -20.0, 20.0
    )
    return beta_law(pass_at_1, math.exp(concentration))


def solve_rising(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Return where a rising function meets a target, by bisection.

    Parameters
    ----------
    rising : callable
    target : float
    low, high : float
        Interval that holds the answer.

    Returns
    -------
    float
    """
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def coverage(law: BetaLaw, k: float) -> float:
    """Return the share of problems that at least one of k responses solves (pass@k).

    Parameters
    ----------
    law : BetaLaw
    k : float, samples
        Need not be whole.

    Returns
    -------
    float
        ``1 - B(alpha, beta + k) / B(alpha, beta)``; the failures fall as ``k^-alpha``.
    """
    both = law.alpha + law.beta
    log_failed = math.lgamma(law.beta + k) - math.lgamma(law.beta)
    log_failed += math.lgamma(both) - math.lgamma(both + k)
    return -math.expm1(log_failed)


@lru_cache(maxsize=64)
def beta_nodes(alpha: float, beta: float) -> tuple[_Array, _Array]:
    """Return nodes and weights for means over a Beta law: Gauss-Jacobi, by Golub and Welsch.

    Parameters
    ----------
    alpha, beta : float
        Of the law.

    Returns
    -------
    tuple of two arrays of float64, shape (160,)
        Nodes in (0, 1), and weights in sum 1. Do not write to them: they are kept.
    """
    a, b = beta - 1.0, alpha - 1.0  # Jacobi weight (1-x)^a (1+x)^b on (-1, 1)
    n = np.arange(1.0, _NODES)
    both = 2.0 * n + a + b
    diagonal = np.empty(_NODES)
    diagonal[0] = (b - a) / (a + b + 2.0)
    diagonal[1:] = (b * b - a * a) / (both * (both + 2.0))
    square = 4.0 * n * (n + a) * (n + b) * (n + a + b)
    first = 4.0 * (1.0 + a) * (1.0 + b) / ((2.0 + a + b) ** 2 * (3.0 + a + b))
    with np.errstate(divide="ignore", invalid="ignore"):  # n = 1 is 0/0 where a + b = -1
        square = square / (both**2 * (both + 1.0) * (both - 1.0))
    square[0] = first
    off = np.sqrt(square)
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
    tiny = 1e-300
    return np.clip((values + 1.0) / 2.0, tiny, 1.0 - 1e-16), vectors[0] ** 2
