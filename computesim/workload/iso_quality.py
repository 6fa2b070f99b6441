"""Along equal quality: the frontier, what RL and inference exchange for, and what more costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from computesim.workload.balance import Balance, Quality, Spending, chain, made, span

STEP: Final = 1e-4  #: of a logarithm, for derivatives


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a little more RL does at equal quality and equal samples."""

    tokens: float  #: d ln tokens ÷ d ln RL FLOP
    requests: float  #: d ln spending on requests ÷ d ln RL FLOP
    rate: float  #: saved on all requests ÷ spent on RL; 1 at a balance inside the room
    shadow_price: float  #: d least spending ÷ d accuracy, more RL alone


def frontier(quality: Quality, spending: Spending, target: float, points: int) -> list[Balance]:
    """Return an iso-quality curve: the cheapest chain and samples for each RL compute.

    Parameters
    ----------
    quality : Quality
    spending : Spending
        Its requests choose the samples.
    target : float
        Accuracy.
    points : int
        Of the curve, evenly spaced in ln RL FLOP.

    Returns
    -------
    list of Balance
        From the longest chains to the shortest; empty where nothing reaches the target. Samples
        are those of `Room.rungs`.
    """
    curves = {
        k: (needed, span(quality, needed))
        for k in quality.room.rungs
        if (needed := quality.needed(target, k)) is not None
    }
    if not curves:
        return []
    low = min(ends[0] for _, ends in curves.values())
    high = max(ends[1] for _, ends in curves.values())
    found = []
    for n in range(points):
        ln_rl = low + (high - low) * n / max(points - 1, 1)
        able = [
            made(quality, spending, math.exp(ln_rl), math.exp(chain(quality, p, ln_rl)), k)
            for k, (p, ends) in curves.items()
            if ends[0] <= ln_rl
        ]
        found.append(min(able, key=lambda one: one.on_requests))
    return found


def exchange(quality: Quality, spending: Spending, at: Balance) -> Exchange:
    """Return what RL and inference exchange for at a point of an iso-quality curve.

    Parameters
    ----------
    quality : Quality
    spending : Spending
        In the unit in which they are exchanged.
    at : Balance
        The point; its samples stay.

    Returns
    -------
    Exchange

    Notes
    -----
    With elasticities ``e_C`` and ``e_T`` of the accuracy of one response, ``d ln T / d ln C`` is
    ``- e_C / e_T``. At the least spending inside the room the last unit spent on RL saves one
    unit on requests, so that spending is shared as ``e_C : e_T / η`` with η the elasticity of a
    request's spending in its tokens.
    """
    ln_rl, ln_tokens = math.log(at.rl_flop), math.log(at.tokens)
    by_rl = _slope(quality.single, ln_rl, ln_tokens, STEP, 0.0)
    by_tokens = _slope(quality.single, ln_rl, ln_tokens, 0.0, STEP)
    spent = [spending.request(at.tokens * math.exp(s), at.samples) for s in (STEP, -STEP)]
    dearer = math.log(spent[0] / spent[1]) / (2.0 * STEP)
    tokens = -by_rl / by_tokens
    on_rl, on_requests = (
        spending.rl * at.rl_flop,
        spending.requests * spending.request(at.tokens, at.samples),
    )
    ends = [quality.of(at.rl_flop * math.exp(s), at.tokens, at.samples) for s in (STEP, -STEP)]
    gain = (ends[0] - ends[1]) / (2.0 * STEP)
    return Exchange(
        tokens=tokens,
        requests=tokens * dearer,
        rate=-tokens * dearer * on_requests / on_rl,
        shadow_price=on_rl / gain if gain > 0.0 else math.inf,
    )


def _slope(
    function: Callable[[float, float], float], x: float, y: float, dx: float, dy: float
) -> float:
    """Return a central difference per unit of the step's logarithm."""
    ends = function(x + dx, y + dy) - function(x - dx, y - dy)
    return float(ends / (2.0 * (dx + dy)))
