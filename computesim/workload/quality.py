"""What compute buys: accuracy against samples, against RL compute and against chain length.

Samples: problems differ in the chance p that one response is right, drawn from a
Beta law. Coverage, voting and choice by a verifier all follow from that one
latent. RL compute and chain length: a sigmoid in the logarithm.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from computesim.lengths import normal_cdf
from computesim.workload.beta import (
    BetaLaw,
    beta_nodes,
    coverage,
    solve_rising,
)

_Array = NDArray[np.float64]
_EXACT_VOTE = 512  # samples up to which votes are counted exactly


def consensus(law: BetaLaw, k: int, rivalry: float) -> float:
    """Return the share of problems whose most frequent answer among k is right.

    Parameters
    ----------
    law : BetaLaw
    k : int, samples
    rivalry : float
        Share of the wrong responses that agree on one rival answer, 0 to 1. The others are all
        different. With 1 a vote is right where p exceeds one half, with 0 where two responses
        are right.

    Returns
    -------
    float
        Of answers with equally many votes each is as likely to be taken.

    Notes
    -----
    For many samples it tends to the share of problems with ``p > rivalry / (1 + rivalry)``:
    voting has a limit below coverage, as observed. Votes are counted exactly up to 512 samples
    and by the normal law of their difference beyond.
    """
    if k < 1 or not 0 <= rivalry <= 1:
        raise ValueError("consensus needs at least one sample, and rivalry between 0 and 1")
    nodes, weights = beta_nodes(law.alpha, law.beta)
    return float(weights @ vote_chance(nodes, (1.0 - nodes) * rivalry, k))


def vote_chance(right: _Array, rival: _Array, k: int) -> _Array:
    """Return the chance that a vote of k responses is right, for each problem.

    Parameters
    ----------
    right, rival : array of float64, shape (n,)
        Chances that one response is right, or the rival answer.
    k : int, samples

    Returns
    -------
    array of float64, shape (n,)
        Exact up to 512 samples, nearly normal beyond.
    """
    vote = _vote_exactly if k <= _EXACT_VOTE else _vote_normally
    return vote(right, rival, k)


def _vote_exactly(right: _Array, rival: _Array, k: int) -> _Array:
    """Return P(X > Y) + P(X = Y) / 2 of right votes X and rival votes Y, single votes put right.

    The difference after k trinomial votes is the k-fold convolution of (rival, rest, right),
    found for all problems at once on the unit circle.
    """
    turn = np.exp(-2j * np.pi * np.arange(2 * k + 1) / (2 * k + 1))
    rest = np.maximum(1.0 - right - rival, 0.0)
    spectrum = (rival[:, None] / turn + rest[:, None] + right[:, None] * turn) ** k
    chance = np.fft.ifft(spectrum, axis=1).real
    wins = chance[:, 1 : k + 1].sum(axis=1)  # differences 1 … k; the negative ones follow
    result: _Array = wins + 0.5 * chance[:, 0] - _scattered(right, rival, rest, k)
    return result


def _scattered(right: _Array, rival: _Array, rest: _Array, k: int) -> _Array:
    """Return by how much the difference alone overrates votes of which no answer has two.

    Then one of k answers is taken: a right one with chance 1 / k if there is one, not 1 or 1/2.
    """
    none = 0.5 * rest**k
    only = k * right * rest ** (k - 1) * (1.0 - 1.0 / k)
    both = k * (k - 1) * right * rival * rest ** max(k - 2, 0) * (0.5 - 1.0 / k)
    total: _Array = none + only + both
    return total


def _vote_normally(right: _Array, rival: _Array, k: int) -> _Array:
    """Return P(X > Y) for many votes, whose difference is nearly normal where there are some."""
    gap = right - rival
    sd = np.sqrt(np.maximum((right + rival - gap**2) / k, 1e-300))
    more = np.array([normal_cdf(z) for z in gap / sd])
    rest = np.maximum(1.0 - right - rival, 0.0)
    some: _Array = 1.0 - rest**k - k * right * rest ** (k - 1)  # else no answer has two votes
    return more * some


def best_of(law: BetaLaw, k: int, verifier: float) -> float:
    """Return the share of problems for which a verifier picks a right one of k responses.

    Parameters
    ----------
    law : BetaLaw
    k : int, samples
    verifier : float
        Odds with which it ranks a right response above a wrong one: 1 guesses, infinity never
        errs. Its AUC is ``verifier / (1 + verifier)``.

    Returns
    -------
    float

    Notes
    -----
    Scores follow Lehmann alternatives, ``F_right = F_wrong ** verifier``, so that of R right and
    W wrong responses a right one has the top score with ``v R / (v R + W)``. For many samples
    the result tends to ``E[v p / (v p + 1 - p)]``: a plateau below coverage.
    """
    if k < 1 or verifier < 0:
        raise ValueError("best-of needs at least one sample, and odds that are not negative")
    if math.isinf(verifier):
        return coverage(law, k)
    nodes, weights = beta_nodes(law.alpha, law.beta)
    right = np.arange(k + 1.0)
    top = verifier * right / np.maximum(verifier * right + k - right, 1e-300)
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1.0, k + 1.0)))))
    choose = logs[-1] - logs - logs[::-1]
    picked = [
        w * float(np.exp(choose + right * math.log(p) + (k - right) * math.log1p(-p)) @ top)
        for p, w in zip(nodes.tolist(), weights.tolist(), strict=True)
    ]
    return math.fsum(picked)


def fit_rivalry(law: BetaLaw, k: int, accuracy: float) -> float:
    """Return the rivalry with which consensus@k has a given accuracy.

    Parameters
    ----------
    law : BetaLaw
    k : int, samples
    accuracy : float
        Must lie between the values of `consensus` at rivalry 1 and 0.

    Returns
    -------
    float
    """
    least, most = consensus(law, k, 1.0), consensus(law, k, 0.0)
    if not least <= accuracy <= most:
        raise ValueError(f"consensus@{k} of this law is between {least:.3g} and {most:.3g}")
    return -solve_rising(lambda x: consensus(law, k, -x), accuracy, -1.0, 0.0)


def fit_verifier(law: BetaLaw, k: int, accuracy: float) -> float:
    """Return the odds of the verifier with which best-of-k has a given accuracy.

    Parameters
    ----------
    law : BetaLaw
    k : int, samples
    accuracy : float
        Must be below coverage.

    Returns
    -------
    float
    """
    if not law.mean <= accuracy < coverage(law, k):
        raise ValueError(f"best-of-{k} is between {law.mean:.3g} and {coverage(law, k):.3g}")
    return math.exp(solve_rising(lambda ln: best_of(law, k, math.exp(ln)), accuracy, 0.0, 40.0))


def sigmoid_in_log(
    x: float, ceiling: float, midpoint: float, slope: float, floor: float = 0.0
) -> float:
    """Return a sigmoid in ln x, the form of ScaleRL.

    Parameters
    ----------
    x : float
        Compute, or tokens; in the unit of `midpoint`.
    ceiling : float
        Value at infinite x.
    midpoint : float
        Where half of the way from floor to ceiling is done.
    slope : float
        Steepness; the slope at the midpoint is ``(ceiling - floor) slope / 4`` per unit of ln x.
    floor : float
        Value at x = 0.

    Returns
    -------
    float
        ``floor + (ceiling - floor) / (1 + (midpoint / x)^slope)``.
    """
    if x <= 0:
        return floor
    return float(floor + (ceiling - floor) / (1.0 + (midpoint / x) ** slope))
