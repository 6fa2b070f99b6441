"""The fleet: how many accelerators of each kind a demand needs, bought year by year.

Accelerators are indexed by their order of release and tasks by their order in the
demand. The goodput table says how much of a task one accelerator gets done; a
zero means that it cannot do that task at its service level. Who does what is a
linear program: every accelerator goes where it saves most of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from computesim.errors import SimulationError

Floats = NDArray[np.float64]
_TIDY = 1e-6  # weight of accelerators at work beside accelerators bought: idle ones stay idle


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which accelerators do what."""

    units: Floats  #: shape (accelerators, tasks), accelerators at work
    unmet: Floats  #: shape (tasks,), demand that is left, in its own unit


@dataclass(frozen=True, slots=True)
class FleetYear:
    """The fleet at the end of one year; arrays have shape (accelerators,)."""

    year: int
    shipped: Floats  #: bought during the year
    retired: Floats  #: taken out during the year
    installed: Floats  #: sold and not retired at the end of the year
    allocation: Allocation


def purchase(
    stock: Floats, mix: Floats, goodput: Floats, demand: Floats, most: float = np.inf
) -> tuple[float, Allocation]:
    """Return how many accelerators of a mix must join a stock, and who does what then.

    Parameters
    ----------
    stock : ndarray of float64, shape (accelerators,)
        Accelerators that are there already.
    mix : ndarray of float64, shape (accelerators,)
        What comes with one unit of the purchase.
    goodput : ndarray of float64, shape (accelerators, tasks)
        Demand that one accelerator satisfies; 0 where it cannot.
    demand : ndarray of float64, shape (tasks,)
        What is asked, in the unit of the goodput.
    most : float
        Units that can be bought at most.

    Returns
    -------
    tuple of float and Allocation
        Units bought, 0 if the stock is enough.

    Notes
    -----
    Least A such that shares y of the demands can be spread over accelerators:
    ``Σ_g y[g, w] = 1`` for every task and ``Σ_w y[g, w] · D[w] / G[g, w] ≤ stock[g] + A · mix[g]``.
    Where `most` is too little, all tasks are cut by the same share. A task that neither stock nor
    mix can do stays undone. Real schedulers do worse than the optimum.
    """
    there = (stock > 0) | ((mix > 0) & (most > 0))
    able = (goodput > 0) & there[:, None] & (demand > 0)
    doable: NDArray[np.bool_] = np.asarray(able.any(axis=0))
    rows, columns = np.nonzero(able)
    if not len(rows):  # nothing is asked, or nothing can be done
        return 0.0, Allocation(np.zeros_like(goodput), demand * (demand > 0))
    need = demand[columns] / goodput[rows, columns]  # accelerators that do a whole task
    count, share, shares = _program(stock, mix, rows, columns, need, doable, None)
    if count > most:
        count, share, shares = _program(stock, mix, rows, columns, need, doable, most)
    units = np.zeros_like(goodput)
    units[rows, columns] = shares * need
    unmet = np.where(doable, (1.0 - share) * demand, demand)
    return count, Allocation(units, np.where(unmet > 1e-7 * demand, unmet, 0.0))


def _program(
    stock: Floats,
    mix: Floats,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    need: Floats,
    doable: NDArray[np.bool_],
    bought: float | None,
) -> tuple[float, float, Floats]:
    """Solve for the least purchase, or for the largest common share when it is given.

    The variables are the shares y of the possible pairs, then the purchase (as a multiple of a
    typical one, to keep the numbers near 1) or the common share.
    """
    from scipy.optimize import linprog  # a quarter of a second that a known fleet does not pay

    typical = float(sum(need[columns == w].min() for w in np.flatnonzero(doable)))
    pairs = np.arange(len(rows))
    capacity = np.zeros((len(stock), len(rows) + 1))
    capacity[rows, pairs] = need / typical
    served = np.zeros((len(doable), len(rows) + 1))
    served[columns, pairs] = 1.0
    if bought is None:
        capacity[:, -1] = -mix
        limit, right, last = stock / typical, np.ones(int(doable.sum())), 1.0
    else:
        served[doable, -1] = -1.0
        limit = (stock + bought * mix) / typical
        right, last = np.zeros(int(doable.sum())), -1.0
    found: Any = linprog(
        np.append(_TIDY * need / typical, last),
        A_ub=capacity,
        b_ub=limit,
        A_eq=served[doable],
        b_eq=right,
        bounds=[(0.0, None)] * len(rows) + [(0.0, None if bought is None else 1.0)],
        method="highs",
    )
    if not found.success:
        raise SimulationError(f"no allocation of the fleet was found: {found.message}")
    end = float(found.x[-1])
    return (end * typical, 1.0, found.x[:-1]) if bought is None else (bought, end, found.x[:-1])


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
    goodput : sequence of ndarray of float64, one of shape (accelerators, tasks) a year
    demand : sequence of ndarray of float64, one of shape (tasks,) a year
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
        most = np.inf
        if ceiling is not None:
            room = float(ceiling.limit[t] - before @ ceiling.weight[t])
            most = max(0.0, room / float(mix @ ceiling.weight[t]))
        count, allocation = purchase(share * before, share * mix, goodput[t], demand[t], most)
        cohorts.append(count * mix)
        fleet.append(FleetYear(year, cohorts[-1], retired, before + cohorts[-1], allocation))
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
