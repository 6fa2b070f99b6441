"""Traces: which request comes when, and how long it is.

Arrivals and lengths are drawn before a simulation, from streams with a name
(`streams.stream`), so that two scenarios with one seed see the same requests.
A process is drawn at unit rate and stretched: traces at different rates differ
in nothing but the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.service import Floats, Ints
from computesim.sim.streams import stream

DAY = 86400.0  #: s


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in order of arrival; the arrays have one entry for each of them."""

    arrival: Floats  #: s, not decreasing
    prompt_tokens: Ints  #: at least 1
    cached_tokens: Ints  #: prompt tokens that are in a prefix cache, at most the prompt
    output_tokens: Ints  #: at least 1

    def __post_init__(self) -> None:
        """Bring the arrays to one form and refuse impossible ones."""
        put = object.__setattr__  # the frozen way to finish construction
        put(self, "arrival", np.ascontiguousarray(self.arrival, dtype=np.float64))
        for name in ("prompt_tokens", "cached_tokens", "output_tokens"):
            put(self, name, np.ascontiguousarray(getattr(self, name), dtype=np.int64))
            if getattr(self, name).shape != self.arrival.shape:
                raise SimulationError(f"{name} has another length than arrival")
        if self.arrival.ndim != 1 or self.arrival.size == 0:
            raise SimulationError("a trace needs at least one request")
        if not (self.arrival[0] >= 0.0 and self.arrival[-1] < np.inf) or np.any(
            ~(self.arrival[1:] >= self.arrival[:-1])
        ):
            raise SimulationError("arrivals must be finite, not negative, and must not decrease")
        if self.prompt_tokens.min() < 1 or self.output_tokens.min() < 1:
            raise SimulationError("every request needs a prompt and an output of at least 1 token")
        if self.cached_tokens.min() < 0 or np.any(self.cached_tokens > self.prompt_tokens):
            raise SimulationError("cached tokens must lie between 0 and the prompt's tokens")

    def __len__(self) -> int:
        return self.arrival.size

    @property
    def computed_from(self) -> Ints:
        """Prompt tokens that need no prefill; the last token of a prompt is always processed."""
        return np.minimum(self.cached_tokens, self.prompt_tokens - 1)

    @property
    def rate(self) -> float:
        """Mean arrivals per second up to the last one."""
        return self.arrival.size / float(self.arrival[-1]) if self.arrival[-1] > 0 else np.inf


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
    return np.asarray(np.cumsum(generator.standard_exponential(n)) / _positive(rate))


def bursty_arrivals(
    rate: float, variation: float, n: int, generator: np.random.Generator
) -> Floats:
    """Return the first n arrivals of a renewal process with gamma-distributed gaps.

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

    Returns
    -------
    ndarray of float64, shape (n,), s
    """
    if variation == 1.0:
        return poisson_arrivals(rate, n, generator)
    if not 0.0 <= variation < np.inf:
        raise SimulationError(f"coefficient of variation {variation}; expected 0 or more")
    shape = 1.0 / variation**2 if variation else np.inf
    gaps = np.ones(n) if variation == 0.0 else generator.standard_gamma(shape, n) / shape
    return np.asarray(np.cumsum(gaps) / _positive(rate))


def profile_arrivals(
    rate: float,
    profile: npt.ArrayLike,
    n: int,
    generator: np.random.Generator,
    variation: float = 1.0,
    period: float = DAY,
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
    count = bursty_arrivals(1.0, variation, n, generator) / (_positive(rate) * period)  # in periods
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


def generate(
    seed: int,
    n: int,
    rate: float,
    prompt: Lengths,
    output: Lengths,
    cached_share: float = 0.0,
    variation: float = 1.0,
    replication: int = 0,
) -> Trace:
    """Return a trace of independent requests with lognormal lengths.

    Parameters
    ----------
    seed : int
        The seed of the scenario.
    n : int
        Requests.
    rate : float, 1/s
        Mean arrivals per second.
    prompt, output : Lengths
        Laws of the prompt's and of the output's tokens.
    cached_share : float
        Share of each prompt that is in a prefix cache, 0 to 1.
    variation : float
        Coefficient of variation of the gaps between arrivals.
    replication : int
        Number of the replication.

    Returns
    -------
    Trace

    Notes
    -----
    Draws come from the streams `arrivals`, `prompt_tokens` and `output_tokens`.
    """
    if not 0.0 <= cached_share <= 1.0:
        raise SimulationError(f"cached share {cached_share}; expected 0 to 1")
    prompts = prompt.draw(n, stream(seed, "prompt_tokens", replication))
    return Trace(
        bursty_arrivals(rate, variation, n, stream(seed, "arrivals", replication)),
        prompts,
        np.floor(prompts * cached_share).astype(np.int64),
        output.draw(n, stream(seed, "output_tokens", replication)),
    )


def replay(
    arrival: npt.ArrayLike,
    prompt_tokens: npt.ArrayLike,
    output_tokens: npt.ArrayLike,
    cached_tokens: npt.ArrayLike | None = None,
) -> Trace:
    """Return a trace of recorded requests, ordered by arrival and counted from the first one.

    Parameters
    ----------
    arrival : array_like of float, shape (n,), s
        Clock times in any order.
    prompt_tokens, output_tokens : array_like of int, shape (n,), token
        Lengths, at least 1.
    cached_tokens : array_like of int, shape (n,), token, optional
        Prompt tokens in a prefix cache; none by default.

    Returns
    -------
    Trace
    """
    times = np.asarray(arrival, dtype=np.float64)
    prompt, output = (np.asarray(c, dtype=np.int64) for c in (prompt_tokens, output_tokens))
    cached = np.zeros_like(prompt) if cached_tokens is None else np.asarray(cached_tokens, np.int64)
    if not times.shape == prompt.shape == cached.shape == output.shape:
        raise SimulationError("the columns of a trace have different lengths")
    order = np.argsort(times, kind="stable")
    start = times.min(initial=np.inf)
    return Trace(times[order] - start, prompt[order], cached[order], output[order])


def scaled(trace: Trace, factor: float) -> Trace:
    """Return the same requests at `factor` times the rate.

    Parameters
    ----------
    trace : Trace
        The requests.
    factor : float
        How many times faster they come.

    Returns
    -------
    Trace
    """
    arrival = trace.arrival / _positive(factor)
    return Trace(arrival, trace.prompt_tokens, trace.cached_tokens, trace.output_tokens)


def _positive(rate: float) -> float:
    """Return the rate, or refuse one that no process has."""
    if not 0.0 < rate < np.inf:
        raise SimulationError(f"rate {rate}; expected a positive number")
    return rate
