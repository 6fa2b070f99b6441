"""Along equal quality: the frontier, what RL and inference exchange for, and what more costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from computesim.workload.balance import Balance, Spending, chain, made, span
from computesim.workload.room import Quality

STEP: Final = 1e-4  #: of a logarithm, for derivatives


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a little more RL does at equal quality and equal samples."""

    tokens: float  #: d ln tokens ÷ d ln RL FLOP
    requests: float  #: d ln spending on requests ÷ d ln RL FLOP
    rate: float  #: saved on all requests ÷ spent on RL; 1 at a balance inside the room
    shadow_price: float  #: d least spending ÷ d accuracy, more RL alone


def reach(quality: Quality, target: float) -> tuple[float, float] | None:
    """Return the ends of an iso-quality curve over all numbers of samples.

    Parameters
    ----------
    quality : Quality
    target : float
        Accuracy.

    Returns
    -------
    tuple of two float, or None
        RL compute with the longest chains and with the shortest, FLOP; None where nothing reaches
        the target.
    """
    ends = [span(quality, needed) for _, needed in _needed(quality, target)]
    if not ends:
        return None
    return math.exp(min(low for low, _ in ends)), math.exp(max(high for _, high in ends))


def frontier(
    quality: Quality, spending: Spending, target: float, rl_flops: Sequence[float]
) -> list[Balance | None]:
    """Return an iso-quality curve: the cheapest chain and samples for each RL compute.

    Parameters
    ----------
    quality : Quality
    spending : Spending
        Its requests choose the samples.
    target : float
        Accuracy.
    rl_flops : sequence of float, FLOP

    Returns
    -------
    list of Balance or None
        None where no chain reaches the target. Samples are those of `Room.rungs`.
    """
    curves = [(k, needed, span(quality, needed)[0]) for k, needed in _needed(quality, target)]
    found: list[Balance | None] = []
    for rl_flop in rl_flops:
        ln_rl = math.log(rl_flop)
        able = [
            made(quality, spending, rl_flop, math.exp(chain(quality, needed, ln_rl)), k)
            for k, needed, start in curves
            if start <= ln_rl + 1e-9
        ]
        found.append(min(able, key=lambda one: one.on_requests, default=None))
    return found


def _needed(quality: Quality, target: float) -> list[tuple[int, float]]:
    """Return the samples that can reach a target, with the accuracy of one that they need."""
    pairs = ((k, quality.needed(target, k)) for k in quality.room.rungs)
    return [(k, needed) for k, needed in pairs if needed is not None]


def exchange(quality: Quality, spending: Spending, at: Balance) -> Exchange:
    """Return what RL and inference exchange for at a point of an iso-quality curve.

    Parameters
    ----------
    quality : Quality
    spending : Spending
        In the unit in which they are exchanged.
    at : Balance
        The point; its samples stay.

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
