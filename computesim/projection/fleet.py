"""The fleet: how many accelerators of each kind a demand needs, bought year by year.

Accelerators are indexed by their order of release and workloads by their order
in the demand. The goodput table says how much of a workload one accelerator
gets done; a zero means that it cannot do that workload at its service level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


Floats = NDArray[np.float64]
_DONE = 1e-9  # share of a demand that may be left over by rounding


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which accelerators do what."""

    units: Floats  #: shape (accelerators, workloads), accelerators at work
    unmet: Floats  #: shape (workloads,), demand that is left, in its own unit


@dataclass(frozen=True, slots=True)
class FleetYear:
    """The fleet at the end of one year; arrays have shape (accelerators,)."""

    year: int
    shipped: Floats  #: bought during the year
    retired: Floats  #: taken out during the year
    installed: Floats  #: sold and not retired at the end of the year
    allocation: Allocation


def allocate(units: Floats, goodput: Floats, demand: Floats) -> Allocation:
    """Share accelerators out over workloads, the scarce ones first, then all in proportion.

    Parameters
    ----------
    units : ndarray of float64, shape (accelerators,)
        Accelerators there are, in order of release.
    goodput : ndarray of float64, shape (accelerators, workloads)
        Demand that one accelerator satisfies; 0 where it cannot.
    demand : ndarray of float64, shape (workloads,)
        What is asked, in the unit of the goodput.

    Returns
    -------
    Allocation

    Notes
    -----
    Work that only some of the accelerators can do goes first, to those that can, the scarcest
    work before the rest. Then an accelerator covers the same share of every remaining demand, so
    that the order does not matter. No accelerator is matched to the workload that it is relatively
    best at: schedulers of real fleets do some of that, so the count is slightly high where
    generations differ much.
    """
    left = demand.astype(np.float64)
    free = units.astype(np.float64)
    work = np.zeros_like(goodput)
    able = (goodput > 0) & (units > 0)[:, None]
    reach = units @ able  # accelerators that can do each workload
    for column in np.argsort(reach, kind="stable"):
        if 0 < reach[column] < units.sum() and left[column] > 0:
            capacity = np.where(able[:, column], free * goodput[:, column], 0.0)
            share = min(1.0, left[column] / capacity.sum()) if capacity.any() else 0.0
            taken = np.where(able[:, column], share * free, 0.0)
            work[:, column] += taken
            free = free - taken
            left[column] = max(left[column] - share * capacity.sum(), 0.0)
    for index, count in enumerate(free):
        need = np.divide(left, goodput[index], out=np.zeros_like(left), where=able[index])
        wanted = need.sum()
        if wanted > 0:
            done = need * min(1.0, count / wanted)
            work[index] += done
            left = np.maximum(left - done * goodput[index], 0.0)
    return Allocation(work, np.where(left > _DONE * demand, left, 0.0))


def purchase(stock: Floats, mix: Floats, goodput: Floats, demand: Floats) -> float:
    """Return how many accelerators of a mix must join a stock so that a demand is met.

    Parameters
    ----------
    stock : ndarray of float64, shape (accelerators,)
        Accelerators that are there already.
    mix : ndarray of float64, shape (accelerators,)
        Shares of the accelerators that are bought.
    goodput : ndarray of float64, shape (accelerators, workloads)
    demand : ndarray of float64, shape (workloads,)

    Returns
    -------
    float
        Accelerators to buy; 0 if the stock is enough.

    Notes
    -----
    What nothing in the mix can do is left to the stock; buying more would not help.
    """
    able = (mix[:, None] * goodput).sum(axis=0) > 0
    left = np.where(able, allocate(stock, goodput, demand).unmet, 0.0)
    if not left.any():
        return 0.0

    def unmet(count: float) -> float:
        rest = allocate(stock + count * mix, goodput, demand).unmet
        share = np.divide(rest, demand, out=np.zeros_like(rest), where=demand > 0)
        return float(np.max(share[able]))

    high = 1.0 + max(
        float(left[w] / (mix * goodput[:, w]).sum()) for w in np.flatnonzero(left)
    ) * len(demand)
    while unmet(high) > 0:
        high *= 2
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if unmet(middle) > 0 else (low, middle)
        if high - low <= 1e-7 * high:
            break
    return high


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A limit on the fleet, for instance on its power."""

    limit: Floats  #: shape (years,)
    weight: Floats  #: of one accelerator, shape (years, accelerators)


def build(
    years: Sequence[int],
    mixes: Floats,
    goodput: Sequence[Floats],
    demand: Sequence[Floats],
    lifetime: float,
    available: Floats | None = None,
    ceiling: Ceiling | None = None,
) -> list[FleetYear]:
    """Buy accelerators year by year so that every year's demand is met.

    Parameters
    ----------
    years : sequence of int
    mixes : ndarray of float64, shape (years, accelerators)
        Shares of what is sold in each year.
    goodput : sequence of ndarray of float64, one of shape (accelerators, workloads) a year
    demand : sequence of ndarray of float64, one of shape (workloads,) a year
        At the end of each year.
    lifetime : float, years
        Age at which a cohort is retired; a fraction of a year retires that share early.
    available : ndarray of float64, shape (years,), optional
        Share of the fleet that does this work; the rest does what is not in the demand.
    ceiling : Ceiling, optional
        Nothing is bought beyond it; demand beyond stays unmet.

    Returns
    -------
    list of FleetYear

    Notes
    -----
    The stock before the first year is taken to be empty: the published series of accelerator
    sales begin there too.
    """
    fleet: list[FleetYear] = []
    cohorts: list[Floats] = []
    for t, year in enumerate(years):
        share = 1.0 if available is None else float(available[t])
        mix = mixes[t]
        before = _alive(cohorts, t, lifetime, len(mix))
        retired = _alive(cohorts, t - 1, lifetime, len(mix)) - before
        count = purchase(share * before, share * mix, goodput[t], demand[t])
        if ceiling is not None:
            room = float(ceiling.limit[t] - before @ ceiling.weight[t])
            count = min(count, max(0.0, room / float(mix @ ceiling.weight[t])))
        cohorts.append(count * mix)
        installed = before + cohorts[-1]
        allocation = allocate(share * installed, goodput[t], demand[t])
        fleet.append(FleetYear(year, cohorts[-1], retired, installed, allocation))
    return fleet


def at_delivery(demand: Sequence[float], lag: float) -> Floats:
    """Return the demand that what is sold by the end of each year will have to meet.

    Parameters
    ----------
    demand : sequence of float
        At the end of each year.
    lag : float, years
        From sale to service.

    Returns
    -------
    ndarray of float64, shape (years,)
        The demand `lag` after the end of each year, on the growth path between year ends; the
        last year continues the growth of the one before.
    """
    now = np.asarray(demand, dtype=np.float64)
    if len(now) == 1:
        return now.copy()
    both = (now[:-1] > 0) & (now[1:] > 0)
    ratio = np.divide(now[1:], now[:-1], out=np.ones(len(now) - 1), where=both)
    grown = now[:-1] * ratio**lag
    between = np.where(both, grown, now[:-1] + lag * (now[1:] - now[:-1]))
    return np.append(between, now[-1] * ratio[-1] ** lag)


def _alive(cohorts: Sequence[Floats], now: int, lifetime: float, n: int) -> Floats:
    """Return what is left of the cohorts of years 0, 1, … at the end of year `now`, shape (n,)."""
    left = np.zeros(n)
    for born, cohort in enumerate(cohorts):
        left += min(1.0, max(0.0, lifetime - (now - born))) * cohort
    return left
