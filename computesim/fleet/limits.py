"""What the supply allows to be bought in a year: limits on a mix of accelerators.

A purchase is a mix times a count. A maker's limit holds back its own part of the mix and
lets the rest grow; all other limits hold back the count. Everything here is pure arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computesim.arrays import Floats
from computesim.traced import dot, most, number, summed

_EVEN = 1e-9  #: two counts closer than this are the same
_FAR = 1e18  #: no fleet is larger


@dataclass(frozen=True, slots=True)
class Limit:
    """What is used up by accelerators, and how much of it there is.

    Notes
    -----
    Used are ``bought · weight`` (of what is in service instead, with `stock`) and, where
    `plate` is given, ``rate · max(0, in service · plate - the most there has been)``: what
    must be built anew, such as facilities.
    """

    name: str
    limit: Floats  #: shape (years,)
    weight: Floats  #: of one accelerator, shape (years, accelerators)
    stock: bool = False  #: the weight counts all in service, not what is bought in the year
    plate: Floats | None = None  #: watts of one accelerator, shape (years, accelerators)
    rate: Floats | None = None  #: used per watt that is built anew, shape (years,)

    def used(self, t: int, before: Floats, built: float, bought: Floats) -> float:
        """Return what a purchase uses in year `t`.

        Parameters
        ----------
        t : int
        before : ndarray of float64, shape (accelerators,)
            In service without the purchase.
        built : float, W
            The most plate watts that there have been.
        bought : ndarray of float64, shape (accelerators,)
        """
        found = dot(before + bought if self.stock else bought, self.weight[t])
        if self.plate is not None and self.rate is not None:
            found += self.rate[t] * most(0.0, dot(before + bought, self.plate[t]) - built)
        return found


@dataclass(frozen=True, slots=True)
class Maker:
    """What one maker can ship of its accelerators, in proportion to their shares of the mix."""

    name: str
    limit: Floats  #: accelerators of each year, shape (years,)
    member: NDArray[np.bool_]  #: which accelerators are its own, shape (accelerators,)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit stands in a year, after the purchase."""

    name: str
    limit: float
    used: float
    binding: bool
    relief: Floats  #: what would be bought more in this year without it, shape (accelerators,)
    then: str  #: which limit would bind then; empty where all that is asked would be met


def purchased(t: int, mix: Floats, count: float, makers: Sequence[Maker]) -> Floats:
    """Return what `count` units of a mix bring when no maker ships more than it can.

    Parameters
    ----------
    t : int
        Place of the year.
    mix : ndarray of float64, shape (accelerators,)
    count : float
    makers : sequence of Maker
        Without an accelerator in common.

    Returns
    -------
    ndarray of float64, shape (accelerators,)
        ``min(count, limit / share) · mix`` for the accelerators of a maker.
    """
    found = count * mix
    for maker in makers:
        own = summed(found[maker.member])
        if own > maker.limit[t]:
            found[maker.member] *= maker.limit[t] / own
    return found


def largest(
    t: int,
    mix: Floats,
    before: Floats,
    built: float,
    limit: Limit,
    makers: Sequence[Maker],
) -> float:
    """Return the largest count of a mix that a limit allows, infinite where it never binds.

    Parameters
    ----------
    t : int
        Place of the year.
    mix, before : ndarray of float64, shape (accelerators,)
        What is bought, and what is in service without it.
    built : float, W
        The most plate watts that there have been, in the plates of this limit.
    limit : Limit
    makers : sequence of Maker

    Returns
    -------
    float
        What is used grows piecewise linearly with the count: on every piece it is solved for.
    """

    def used(count: float) -> float:
        return limit.used(t, before, built, purchased(t, mix, count, makers))

    if used(0.0) >= limit.limit[t]:
        return 0.0
    knots = [0.0, *sorted(_knots(t, mix, before, built, limit, makers))]
    for low, high in zip(knots, [*knots[1:], 2 * knots[-1] + 1.0], strict=True):
        start, end = used(low), used(high)
        last = low == knots[-1]
        if end >= limit.limit[t] or (last and end > start):
            return number(low + (limit.limit[t] - start) * (high - low) / (end - start))
    return np.inf


def _knots(
    t: int, mix: Floats, before: Floats, built: float, limit: Limit, makers: Sequence[Maker]
) -> list[float]:
    """Return the counts at which a maker is exhausted or something must be built anew."""
    found = []
    for maker in makers:
        share = summed(mix[maker.member])
        if share > 0 and maker.limit[t] < _FAR * share:
            found.append(number(maker.limit[t]) / share)
    if limit.plate is None:
        return found
    plate = limit.plate[t]
    room = built - dot(before, plate)
    for low, high in zip([0.0, *sorted(found)], [*sorted(found), _FAR], strict=True):
        start, end = (dot(purchased(t, mix, c, makers), plate) for c in (low, high))
        if start < room < end:
            found.append(low + (room - start) * (high - low) / (end - start))
    return found


def same(first: float, second: float) -> bool:
    """Tell whether two counts are equal but for rounding."""
    return abs(first - second) <= _EVEN * max(abs(first), abs(second), 1e-300)
