"""How a balance moves: with served volume, target, price and hardware; and its iso-quality curves.

Rows are in base units, as the command prints and the report draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from computesim.errors import CapacityError, UnreachableError
from computesim.study.balance.answers import Answer, Question, solve
from computesim.study.balance.range import beyond
from computesim.study.balance.rows import Balanced, ByBudget, ByTarget, OnCurve, Unable
from computesim.workload.balance import Balance, best, least
from computesim.workload.iso_quality import exchange, frontier, reach

VOLUMES: Final = tuple(10.0 ** (n / 2) for n in range(-6, 7))  #: times the volume asked for
PRICES: Final = tuple(2.0**n for n in range(-5, 6))  #: of RL time, times that asked for
BUDGETS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)  #: times that asked for
POINTS: Final = 61  #: of an iso-quality curve
BELOW: Final = 25  #: points of accuracy below a target from which its price is told
NEIGHBOURS: Final = (-0.1, -0.05, 0.0, 0.05, 0.1)  #: targets whose curves are drawn, beside it


def _row(answer: Answer, question: Question, price_ratio: float | None = None) -> Balanced:
    """Return an answer as a row of a table; the ratio is that of RL time to serving, if varied."""
    bill, at = answer.bill, answer.bill.balance
    return Balanced(
        price_ratio=price_ratio,
        accelerator=question.served_on.accelerator.name,
        rl_accelerator=question.rl_on.accelerator.name,
        requests=question.requests,
        **_choice(question, at),
        accuracy_low=answer.assessed.low,
        accuracy_high=answer.assessed.high,
        total=at.total,
        rl_share=at.rl_share,
        rl_flop_total=bill.rl_flop,
        request_flop_total=bill.request_flop,
        rl_accelerator_seconds=bill.rl_seconds,
        request_accelerator_seconds=bill.request_seconds,
        rl_accelerators=bill.accelerators[0],
        request_accelerators=bill.accelerators[1],
        rl_usd=bill.usd[0],
        request_usd=bill.usd[1],
        rl_joules=bill.joules[0],
        request_joules=bill.joules[1],
        rl_watts=bill.watts[0],
        request_watts=bill.watts[1],
        tokens_elasticity=answer.flop_exchange.tokens,
        flop_elasticity=answer.flop_exchange.requests,
        flop_per_flop=answer.flop_exchange.rate,
        saved_per_spent=answer.own_exchange.rate,
        shadow_price=answer.own_exchange.shadow_price,
        next_point=answer.next_point,
    )


def _choice(question: Question, at: Balance) -> dict[str, Any]:
    """Return the choice itself, and on which axes it lies outside of the data."""
    return {
        "rl_flop": at.rl_flop,
        "tokens": at.tokens,
        "samples": at.samples,
        "tokens_of_request": at.tokens * at.samples,
        "accuracy": at.accuracy,
        "extrapolated": beyond(question.known, at),
    }


def by_requests(
    question: Question, target: float, factors: Sequence[float] = VOLUMES
) -> list[Balanced]:
    """Return the balance for other served volumes.

    Parameters
    ----------
    question : Question
    target : float
    factors : sequence of float
        Of the requests.
    """
    varied = (question.changed(requests=f * question.requests) for f in factors)
    return [_row(solve(one, target), one) for one in varied]


def by_price(
    question: Question, target: float, factors: Sequence[float] = PRICES
) -> list[Balanced]:
    """Return the balance for other prices of RL time, those of serving unchanged.

    Parameters
    ----------
    question : Question
        Its objective is `cost`; both prices together change nothing but the total.
    target : float
    factors : sequence of float
    """
    rows = []
    for factor in factors:
        on = replace(question.rl_on, price=factor * question.rl_on.price)
        one = question.changed(rl_on=on)
        ratio = on.price / question.served_on.price
        rows.append(_row(solve(one, target), one, ratio))
    return rows


def by_target(question: Question, target: float) -> list[ByTarget]:
    """Return the least spending around a target, and what the next point costs.

    Parameters
    ----------
    question : Question
    target : float

    Returns
    -------
    list of ByTarget
        Targets in points, from 25 below to the highest that is reached; what the point after
        the last one costs is None.
    """
    quality, spending = question.quality, question.outlay.spending(question.objective)
    floor, top = quality.lowest(), quality.highest()
    first = max(round(100 * target) - BELOW, 1)
    goals = [n / 100.0 for n in range(first, 100) if floor < n / 100.0 < top]
    balances = [least(quality, spending, goal) for goal in goals]
    after = [one.total for one in balances[1:]]
    return [
        ByTarget(
            target=goal, **_choice(question, at), on_rl=at.on_rl, on_requests=at.on_requests,
            total=at.total, next_point=None if more is None else more - at.total,
        )
        for goal, at, more in zip(goals, balances, [*after, None], strict=True)
    ]  # fmt: skip


def by_budget(
    question: Question, budget: float, factors: Sequence[float] = BUDGETS
) -> list[ByBudget]:
    """Return the best quality for several budgets.

    Parameters
    ----------
    question : Question
    budget : float
        In the unit of the objective.
    factors : sequence of float
        Of the budget; those that do not suffice are left out.
    """
    spending = question.outlay.spending(question.objective)
    rows = []
    for factor in factors:
        try:
            at = best(question.quality, spending, factor * budget)
        except CapacityError:
            continue
        rows.append(ByBudget(budget=factor * budget, **_choice(question, at), rl_share=at.rl_share))
    return rows


def by_hardware(
    questions: Sequence[Question], target: float | None, budget: float = 0.0
) -> list[Balanced | Unable]:
    """Return the balance on other machines.

    Parameters
    ----------
    questions : sequence of Question
    target : float or None
        Accuracy; None for the best of the budget.
    budget : float
        In the unit of the objective.

    Raises
    ------
    UnreachableError
        If the target is out of reach, which no machine changes. Where a budget does not suffice is
        a matter of the machine, and a reason.
    """
    return [_tried(one, target, budget) for one in questions]


def _tried(question: Question, target: float | None, budget: float) -> Balanced | Unable:
    """Return the row of a machine, or why there is none."""
    try:
        return _row(solve(question, target, budget), question)
    except CapacityError as error:
        if isinstance(error, UnreachableError) and error.what == "quality":
            raise
        served, trained = question.served_on.accelerator, question.rl_on.accelerator
        return Unable(served.name, trained.name, str(error))


def curves(question: Question, target: float, between: tuple[float, float]) -> list[OnCurve]:
    """Return the iso-quality curves of a target and of those beside it.

    Parameters
    ----------
    question : Question
    target : float
    between : tuple of two float, FLOP
        RL compute at which the curves begin and end; beyond, nothing is exchanged any more.

    Returns
    -------
    list of OnCurve
        One for each target and RL compute, with what is exchanged there; curves share their RL
        computes.
    """
    quality = question.quality
    targets = [target + step for step in NEIGHBOURS]
    ends = {t: reach(quality, t) for t in targets if quality.lowest() < t < 1.0}
    known = {t: span for t, span in ends.items() if span is not None}
    if not known:
        return []
    spending, flop = question.outlay.spending(question.objective), question.outlay.spending("flop")
    low = max(min(a for a, _ in known.values()), between[0])
    high = max(min(max(b for _, b in known.values()), between[1]), 2.0 * low)
    grid = np.geomspace(low, high, POINTS).tolist()
    rows = []
    for goal in known:
        for at in frontier(quality, spending, goal, grid):
            if at is not None:
                traded = exchange(quality, flop, at)
                request = flop.request(at.tokens, at.samples)
                rows.append(
                    OnCurve(
                        target=goal, **_choice(question, at), request_flop=request,
                        request_flop_total=flop.requests * request,
                        flop_elasticity=traded.requests, flop_per_flop=traded.rate,
                    )
                )  # fmt: skip
    return rows
