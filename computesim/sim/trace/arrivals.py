"""When requests come: renewal processes, and rates that follow the day.

A process is drawn at unit rate and stretched: traces at different rates differ
in nothing but the clock.
"""

from __future__ import annotations

from math import gamma, lgamma, log1p
from typing import Literal

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.calendar import DAY
from computesim.errors import SimulationError

Gaps = Literal["gamma", "weibull"]
_METRONOME = 1e-6  # variation that nobody tells from none


def poisson_arrivals(rate: float, n: int, generator: np.random.Generator) -> Floats:
    """Return the first n arrivals of a Poisson process.

    Parameters
    ----------
    rate : float, 1/s
        Mean arrivals per second.
    n : int
        How many.
    generator : numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    ndarray of float64, shape (n,), s
    """
    return np.asarray(np.cumsum(generator.standard_exponential(n)) / positive(rate))


def bursty_arrivals(
    rate: float, variation: float, n: int, generator: np.random.Generator, gaps: Gaps = "gamma"
) -> Floats:
    """Return the first n arrivals of a renewal process whose gaps have a given variation.

    Parameters
    ----------
    rate : float, 1/s
        Mean arrivals per second.
    variation : float
        Coefficient of variation of the gaps: 1 is a Poisson process, 0 a metronome.
    n : int
        How many.
    generator : numpy.random.Generator
        Where the draws come from.
    gaps : {"gamma", "weibull"}
        Law of the gaps.

    Returns
    -------
    ndarray of float64, shape (n,), s
    """
    return np.asarray(np.cumsum(_unit_gaps(variation, n, generator, gaps)) / positive(rate))


def _unit_gaps(variation: float, n: int, generator: np.random.Generator, gaps: Gaps) -> Floats:
    """Return n gaps of mean 1."""
    if not 0.0 <= variation < np.inf:
        raise SimulationError(f"coefficient of variation {variation}; expected 0 or more")
    if variation == 1.0:
        return generator.standard_exponential(n)
    if variation < _METRONOME:
        return np.ones(n)
    if gaps == "weibull":
        shape = weibull_shape(variation)
        return np.asarray(generator.weibull(shape, n) / gamma(1.0 + 1.0 / shape))
    shape = 1.0 / variation**2
    return np.asarray(generator.standard_gamma(shape, n) / shape)


def weibull_shape(variation: float) -> float:
    """Return the shape of the Weibull law with a given coefficient of variation.

    Parameters
    ----------
    variation : float
        From 0.02 to 30.

    Returns
    -------
    float

    Notes
    -----
    Solves ``variation² = Γ(1 + 2/k)/Γ(1 + 1/k)² - 1``.
    """
    from scipy.optimize import brentq

    def excess(k: float) -> float:
        return lgamma(1 + 2 / k) - 2 * lgamma(1 + 1 / k) - log1p(variation**2)

    if not 0.02 <= variation <= 30.0:
        raise SimulationError(f"coefficient of variation {variation}; a Weibull law has 0.02 to 30")
    return float(brentq(excess, 0.1, 100.0))


_WARM_UP = 50  # gaps before a span, so that it begins anywhere in a gap and not with a whole one


def arrivals_between(
    start: float,
    end: float,
    rate: float,
    variation: float,
    generator: np.random.Generator,
    gaps: Gaps = "gamma",
) -> Floats:
    """Return the arrivals of a steady renewal process in a span of time.

    Parameters
    ----------
    start, end : float, s
        The span.
    rate : float, 1/s
        Mean arrivals per second.
    variation : float
        Coefficient of variation of the gaps.
    generator : numpy.random.Generator
        Where the draws come from.
    gaps : {"gamma", "weibull"}
        Law of the gaps.

    Returns
    -------
    ndarray of float64, shape (n,), s

    Notes
    -----
    The process starts well before the span, at a moment that is uniform in one mean gap: a
    process that starts with it would send (variation² - 1)/2 requests too many.
    """
    length = (end - start) * positive(rate)  # in mean gaps
    now = -_WARM_UP * max(1.0, variation**2) - generator.random()
    parts = []
    while now < length:
        n = int((length - now) * 1.05) + 32
        part = now + np.cumsum(_unit_gaps(variation, n, generator, gaps))
        parts.append(part)
        now = float(part[-1])
    every = np.concatenate(parts) if parts else np.empty(0)
    found = start + every[(every >= 0.0) & (every < length)] / rate
    return np.minimum(found, end)  # where rounding went beyond


def profile_arrivals(
    rate: float,
    profile: npt.ArrayLike,
    n: int,
    generator: np.random.Generator,
    variation: float = 1.0,
    period: float = DAY,
    gaps: Gaps = "gamma",
) -> Floats:
    """Return the first n arrivals of a process whose rate follows a repeating profile.

    Parameters
    ----------
    rate : float, 1/s
        Arrivals per second, mean over a period.
    profile : array_like of float, shape (m,)
        Relative rate in each of m equal parts of the period, for instance 24 hours.
    n : int
        How many.
    generator : numpy.random.Generator
        Where the draws come from.
    variation : float
        Coefficient of variation of the gaps of the process before its clock is bent.
    period : float, s
        Length of the profile.
    gaps : {"gamma", "weibull"}
        Law of the gaps.

    Returns
    -------
    ndarray of float64, shape (n,), s

    Notes
    -----
    Arrivals of a unit-rate process pass through the inverse of the cumulative rate. With
    `variation` 1 this is exactly the inhomogeneous Poisson process.

    Source
    ------
    Çinlar, Introduction to Stochastic Processes (1975), chapter 4: time change by the mean
    measure.
    """
    weight = np.asarray(profile, dtype=np.float64)
    if weight.ndim != 1 or weight.size == 0 or weight.min() < 0 or not 0 < weight.sum() < np.inf:
        raise SimulationError("a profile needs rates that are not negative and not all zero")
    share = np.concatenate(([0.0], np.cumsum(weight) / weight.sum()))
    share[-1] = 1.0
    clock = np.linspace(0.0, period, weight.size + 1)
    count = bursty_arrivals(1.0, variation, n, generator, gaps) / (positive(rate) * period)
    whole = np.floor(count)
    return np.asarray(whole * period + np.interp(count - whole, share, clock))


def sinusoidal_profile(peak_to_mean: float, parts: int = 24) -> Floats:
    """Return a daily profile that swings around its mean of 1, lowest at the start.

    Parameters
    ----------
    peak_to_mean : float
        Highest over mean rate, from 1 (flat) to 2 (falls to zero).
    parts : int
        Parts of the day.

    Returns
    -------
    ndarray of float64, shape (parts,)
    """
    if not 1.0 <= peak_to_mean <= 2.0:
        raise SimulationError(f"a sine has a peak of 1 to 2 times its mean, not {peak_to_mean}")
    middle = (np.arange(parts) + 0.5) / parts
    return np.asarray(1.0 - (peak_to_mean - 1.0) * np.cos(2 * np.pi * middle))


def positive(rate: float) -> float:
    """Return the rate, or refuse one that no process has."""
    if not 0.0 < rate < np.inf:
        raise SimulationError(f"rate {rate}; expected a positive number")
    return rate
