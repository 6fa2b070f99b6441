"""How long prompts and outputs are, and how much of an output is reasoning."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.lengths import chosen


class TokenLaw(Protocol):
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


class Empirical(NamedTuple):
    """Token counts with their probabilities, as published histograms give them."""

    tokens: Ints  #: shape (m,), ascending
    probability: Floats  #: shape (m,), sums to 1

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts; see `TokenLaw`."""
        return self.tokens[chosen(self.probability, n, generator)]


class Even(NamedTuple):
    """Token counts that are all alike between two ends."""

    least: float  #: token
    most: float  #: token

    def draw(self, n: int, generator: np.random.Generator) -> Ints:
        """Return n token counts, at least 1; see `TokenLaw`."""
        tokens = self.least + (self.most - self.least) * generator.random(n)
        return np.asarray(np.rint(tokens).clip(min=1.0), dtype=np.int64)


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
        """Return the reasoning tokens of outputs; see `ReasonSplit.draw`."""
        share = self.share[chosen(self.probability, output_tokens.size, generator)]
        return np.asarray(np.rint(share * output_tokens), dtype=np.int64)


class SplitByLength(NamedTuple):
    """Share of an output that is reasoning, where long outputs reason more than short ones."""

    edges: tuple[float, ...]  #: output tokens at which the next part begins, ascending
    parts: tuple[ReasonSplit, ...]  #: one more than edges

    def draw(self, output_tokens: Ints, generator: np.random.Generator) -> Ints:
        """Return the reasoning tokens of outputs; see `ReasonSplit.draw`."""
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
    return chosen(weight, n, generator)
