"""How long prompts and outputs are, and how much of an output is reasoning."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError


class LengthLaw(Protocol):
    """A law of token counts."""

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts.

        Parameters
        ----------
        n : int
            How many.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """


class Lengths(NamedTuple):
    """A lognormal law of token counts, cut off at both ends."""

    mean: float  #: mean before the cut, token
    spread: float = 0.0  #: standard deviation of the natural logarithm
    cap: float = np.inf  #: most tokens
    least: float = 1.0  #: fewest tokens

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts, rounded.

        Parameters
        ----------
        n : int
            How many.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        middle = np.log(self.mean) - self.spread**2 / 2  # of ln, so that the mean is the mean
        drawn = np.exp(middle + self.spread * generator.standard_normal(n))
        return np.asarray(np.clip(np.rint(drawn), self.least, self.cap), dtype=np.int64)


class Mixture(NamedTuple):
    """A mixture of lognormal laws of token counts, cut off at both ends."""

    weight: tuple[float, ...]  #: of each component; they sum to 1
    middle: tuple[float, ...]  #: mean of the natural logarithm
    spread: tuple[float, ...]  #: standard deviation of the natural logarithm
    cap: float = np.inf  #: most tokens
    least: float = 1.0  #: fewest tokens

    @property
    def mean(self) -> float:
        """Mean before the cut, token: the sum of w·exp(m + s²/2)."""
        w, m, s = (np.asarray(part) for part in self[:3])
        return float(w @ np.exp(m + s**2 / 2))

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts, rounded.

        Parameters
        ----------
        n : int
            How many.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        which = _component(self.weight, n, generator)
        spread, middle = np.asarray(self.spread)[which], np.asarray(self.middle)[which]
        drawn = np.exp(middle + spread * generator.standard_normal(n))
        return np.asarray(np.clip(np.rint(drawn), self.least, self.cap), dtype=np.int64)


class Empirical(NamedTuple):
    """Token counts with their probabilities, as published histograms give them."""

    tokens: Ints  #: shape (m,), ascending
    probability: Floats  #: shape (m,), sums to 1

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts.

        Parameters
        ----------
        n : int
            How many.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        return self.tokens[_chosen(self.probability, n, generator)]


class ReasonSplit(NamedTuple):
    """Share of an output that is reasoning: a mixture of beta laws.

    Production traffic has two modes: requests that mostly answer and requests that mostly
    reason.
    """

    weight: tuple[float, ...] = (1.0,)  #: of each mode; they sum to 1
    mean: tuple[float, ...] = (0.5,)  #: mean share of each mode, between 0 and 1
    certainty: tuple[float, ...] = (10.0,)  #: a + b of each beta law; large is narrow

    def draw(self, output_tokens: Ints, generator: np.random.Generator) -> Ints:
        """Return the reasoning tokens of outputs.

        Parameters
        ----------
        output_tokens : ndarray of int64, shape (n,), token
            Whole outputs.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        which = _component(self.weight, output_tokens.size, generator)
        mean, certainty = np.asarray(self.mean)[which], np.asarray(self.certainty)[which]
        share = generator.beta(mean * certainty, (1.0 - mean) * certainty)
        return np.asarray(np.rint(share * output_tokens), dtype=np.int64)


class EmpiricalSplit(NamedTuple):
    """Share of an output that is reasoning, as published histograms give it."""

    share: Floats  #: shape (m,), 0 to 1
    probability: Floats  #: shape (m,), sums to 1

    def draw(self, output_tokens: Ints, generator: np.random.Generator) -> Ints:
        """Return the reasoning tokens of outputs.

        Parameters
        ----------
        output_tokens : ndarray of int64, shape (n,), token
            Whole outputs.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        share = self.share[_chosen(self.probability, output_tokens.size, generator)]
        return np.asarray(np.rint(share * output_tokens), dtype=np.int64)


class SplitByLength(NamedTuple):
    """Share of an output that is reasoning, where long outputs reason more than short ones."""

    edges: tuple[float, ...]  #: output tokens at which the next part begins, ascending
    parts: tuple[ReasonSplit, ...]  #: one more than edges

    def draw(self, output_tokens: Ints, generator: np.random.Generator) -> Ints:
        """Return the reasoning tokens of outputs.

        Parameters
        ----------
        output_tokens : ndarray of int64, shape (n,), token
            Whole outputs.
        generator : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        ndarray of int64, shape (n,), token
        """
        which = np.digitize(output_tokens, self.edges)
        found = np.zeros_like(output_tokens)
        for number, part in enumerate(self.parts):
            here = which == number
            found[here] = part.draw(output_tokens[here], generator)
        return found


Reasoning = ReasonSplit | EmpiricalSplit | SplitByLength


def _component(weight: tuple[float, ...], n: int, generator: np.random.Generator) -> Ints:
    """Return which component of a mixture each of n draws belongs to."""
    if min(weight) < 0.0 or abs(sum(weight) - 1.0) > 1e-6:
        raise SimulationError(f"the weights of a mixture must sum to 1, not {weight}")
    return _chosen(weight, n, generator)


def _chosen(probability: npt.ArrayLike, n: int, generator: np.random.Generator) -> Ints:
    """Return n places in a table of probabilities, drawn by its cumulative sum."""
    share = np.cumsum(np.asarray(probability, dtype=np.float64))
    found = np.searchsorted(share / share[-1], generator.random(n), side="right")
    return np.asarray(np.minimum(found, share.size - 1), dtype=np.int64)
