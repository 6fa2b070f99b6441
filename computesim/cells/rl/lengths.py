"""Lengths of rollouts: lognormal, cut at the cap, with the mean that the run published."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.sim.streams import stream

#: standard deviation of ln(length) of chains of thought on one benchmark: 0.70 to 0.79 for five
#: reasoning models on GPQA (ML.ENERGY leaderboard v3, 2,772 to 34,848 answers each)
SPREAD: Final = 0.75
#: a mean this near the cap needs an ever larger uncut mean; the rest are rollouts at the cap
NEAREST: Final = 0.97


def uncut_location(mean: float, spread: float, cap: float) -> float:
    """Return the location of the lognormal law whose draws, cut at the cap, have a given mean.

    Parameters
    ----------
    mean : float, token
        Of the cut lengths, below the cap.
    spread : float
        Standard deviation of the logarithm before the cap.
    cap : float, token

    Returns
    -------
    float
        Mean of the logarithm before the cap.

    Notes
    -----
    ``E[min(X, c)] = exp(mu + s²/2) Φ((ln c − mu − s²)/s) + c Φ((mu − ln c)/s)``, solved for mu by
    bisection; it grows with mu from 0 to c.
    """
    target = min(mean, NEAREST * cap)
    low, high = math.log(target) - spread**2, math.log(cap) + 8.0 * spread
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _cut_moment(middle, spread, cap, 1) < target:
            low = middle
        else:
            high = middle
    return high


def long_share_tokens(before: float, mean: float, spread: float, cap: float) -> float:
    """Return the length of the sequence in which the average token stands.

    Parameters
    ----------
    before : float, token
        Of every sequence before the output: prompt and what tools wrote.
    mean, spread, cap : float
        Of the outputs, as in `rollout_lengths`.

    Returns
    -------
    float, token

    Notes
    -----
    ``E[T²] / E[T]`` of ``T = before + output``: attention over a batch of packed sequences costs
    what it costs in sequences of this length, not of the mean.
    """
    own = spread or SPREAD
    location = uncut_location(mean, own, cap)
    first, second = (_cut_moment(location, own, cap, k) for k in (1, 2))
    return (before**2 + 2.0 * before * first + second) / (before + first)


def rollout_lengths(
    size: int, mean: float, spread: float, cap: float, seed: int, replication: int = 0
) -> Ints:
    """Return lengths of rollouts, drawn independently.

    Parameters
    ----------
    size : int
    mean : float, token
        Of the cut lengths.
    spread : float
        Of the logarithm before the cap; 0 takes `SPREAD`.
    cap : float, token
    seed, replication : int
        Of the stream ``rollout_tokens``.

    Returns
    -------
    ndarray of int64, shape (size,), token
        At least 1.
    """
    own = spread or SPREAD
    normal: Floats = stream(seed, "rollout_tokens", replication).standard_normal(size)
    tokens = np.minimum(np.exp(uncut_location(mean, own, cap) + own * normal), cap)
    lengths: Ints = np.rint(tokens).astype(np.int64).clip(min=1)
    return lengths


def _cut_moment(location: float, spread: float, cap: float, power: int) -> float:
    """Return the mean of a power of a lognormal law cut at the cap."""
    distance = (math.log(cap) - location) / spread
    whole = math.exp(power * location + (power * spread) ** 2 / 2.0)
    return whole * _normal(distance - power * spread) + cap**power * _normal(-distance)


def _normal(x: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
