"""Who does what: a linear program over accelerators and tasks, and what must join a stock for it.

Accelerators are indexed by their order of release and tasks by their order in the
demand. The goodput table says how much of a task one accelerator gets done; a
zero means that it cannot do that task at its service level. Every accelerator goes
where it saves most of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from computesim.arrays import Floats
from computesim.cells.memo import Memo
from computesim.errors import SimulationError
from computesim.traced import Measured, name_all, portion

LEAST = Measured("linear program", "purchase")
_TIDY = 1e-6  # weight of accelerators at work beside accelerators bought: idle ones stay idle

_ROUNDED = 1e-6  #: what is just enough for one program must be enough for the next one
HOPELESS = 1e-4  #: of the best goodput: who gets less done is left idle, and numbers stay solvable


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which accelerators do what."""

    units: Floats  #: shape (accelerators, tasks), accelerators at work
    unmet: Floats  #: shape (tasks,), demand that is left, in its own unit


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase as plain lists, as a memo keeps it."""

    count: float = field(metadata={"unit": "accelerator"})  #: units of the mix
    units: list[list[float]] = field(
        metadata={"unit": "accelerator"}
    )  #: accelerators at work, by accelerator and task
    unmet: list[float]  #: by task, in the unit of its demand


def known_purchase(
    memo: Memo, stock: Floats, mix: Floats, goodput: Floats, demand: Floats, most: float = np.inf
) -> tuple[float, Allocation]:
    """Return what `purchase` does, from the memo where it has been solved before."""
    name_all(stock, "in stock, kind")
    name_all(mix, "bought with one unit, kind")
    name_all(demand, "demand of task")
    inputs = (stock.tolist(), mix.tolist(), goodput.tolist(), demand.tolist(), most)
    solved = memo.get(Purchase, inputs, _solved, *inputs, what=LEAST)
    left = [portion(*pair) for pair in zip(solved.unmet, demand.tolist(), strict=True)]
    return solved.count, Allocation(np.array(solved.units), np.array(left))


def _solved(
    stock: list[float],
    mix: list[float],
    goodput: list[list[float]],
    demand: list[float],
    most: float,
) -> Purchase:
    """Solve for a purchase that is not known."""
    arrays = (np.array(stock), np.array(mix), np.array(goodput), np.array(demand))
    count, who = purchase(*arrays, most)
    return Purchase(count, who.units.tolist(), who.unmet.tolist())


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
    Where `most` is too little, all tasks are cut by the same share; so are, by one of their own,
    tasks that only the stock can do where it is too small. A task that neither stock nor mix can
    do stays undone, and none does what another one does ten thousand times as fast (a job
    on so many accelerators that failures leave nothing of it). Real schedulers do worse than the
    optimum.
    """
    there = (stock > 0) | ((mix > 0) & (most > 0))
    able = (goodput > 0) & there[:, None] & (demand > 0)
    able &= goodput >= HOPELESS * np.where(able, goodput, 0.0).max(axis=0)
    doable: NDArray[np.bool_] = np.asarray(able.any(axis=0))
    rows, columns = np.nonzero(able)
    if not len(rows):  # nothing is asked, or nothing can be done
        return 0.0, Allocation(np.zeros_like(goodput), demand * (demand > 0))
    asked = _Asked(stock, mix, rows, columns, demand[columns] / goodput[rows, columns], doable)
    left = _left_to_stock(asked)
    asked = asked._replace(need=asked.need * left[columns])
    count, share, shares = _program(asked, None)
    if count > most:
        count, share, shares = _program(asked, most)
    units = np.zeros_like(goodput)
    units[rows, columns] = shares * asked.need
    unmet = np.where(doable, (1.0 - share * left) * demand, demand)
    return count, Allocation(units, np.where(unmet > 1e-7 * demand, unmet, 0.0))


class _Asked(NamedTuple):
    """What a program knows of accelerators and tasks; a pair is one that can do the other."""

    stock: Floats
    mix: Floats
    rows: NDArray[np.intp]  #: accelerator of each pair
    columns: NDArray[np.intp]  #: task of each pair
    need: Floats  #: of each pair, accelerators that do the whole task
    doable: NDArray[np.bool_]  #: tasks that are in a pair

    def of(self, tasks: NDArray[np.bool_]) -> _Asked:
        """Return what is asked of some of the tasks that can be done."""
        pairs = tasks[self.columns]
        some = (self.rows[pairs], self.columns[pairs], self.need[pairs])
        return _Asked(self.stock, self.mix, *some, tasks)


def _left_to_stock(asked: _Asked) -> Floats:
    """Return the share of each task that can be done: 1, but where nothing on sale can do it."""
    on_sale = np.zeros(len(asked.doable), bool)
    on_sale[asked.columns[asked.mix[asked.rows] > 0]] = True
    of_stock, left = asked.doable & ~on_sale, np.ones(len(on_sale))
    if of_stock.any():
        _, share, _ = _program(asked.of(of_stock), 0.0)
        if share < 1.0 - _ROUNDED:
            left[of_stock] = share * (1.0 - _ROUNDED)
    return left


def _program(asked: _Asked, bought: float | None) -> tuple[float, float, Floats]:
    """Solve for the least purchase, or for the largest common share when it is given.

    The variables are the shares y of the possible pairs, then the purchase (as a multiple of a
    typical one, to keep the numbers near 1) or the common share.
    """
    from scipy.optimize import linprog  # a quarter of a second that a known fleet does not pay

    stock, mix, rows, columns, need, doable = asked
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
