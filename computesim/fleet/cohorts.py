"""The fleet: how many accelerators of each kind a demand needs, bought year by year.

Who does what is the linear program of `purchase`; what may be bought is a matter of `limits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from computesim.arrays import Floats
from computesim.cells.memo import Memo
from computesim.fleet.limits import Limit, Maker, Standing, largest, purchased, same
from computesim.fleet.purchase import Allocation, known_purchase
from computesim.traced import dot, least, most, number, summed, to_power, zeros

_BEYOND = 1.0 + 1e-6  # a maker is exhausted where a little more than it can ship is asked of it


@dataclass(frozen=True, slots=True)
class FleetYear:
    """The fleet at the end of one year; arrays have shape (accelerators,)."""

    year: int
    shipped: Floats  #: bought during the year
    retired: Floats  #: taken out during the year
    installed: Floats  #: sold and not retired at the end of the year
    allocation: Allocation
    standings: tuple[Standing, ...] = ()  #: of every limit that was set


def build(
    years: Sequence[int],
    mixes: Floats,
    goodput: Sequence[Floats],
    demand: Sequence[Floats],
    lifetime: float,
    available: Floats | None = None,
    limits: Sequence[Limit | Maker] = (),
    memo: Memo | None = None,
) -> list[FleetYear]:
    """Buy accelerators year by year so that every year's demand is met, as far as limits allow.

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
    limits : sequence of Limit or Maker
        Nothing is bought beyond a limit; demand beyond stays unmet. What a maker can ship: the
        rest of the mix grows where it can do the work. No two may have an accelerator in common.
    memo : Memo, optional
        Purchases that are known already.

    Notes
    -----
    The stock before the first year is taken to be empty: the published series of accelerator
    sales begin there too.
    """
    fleet: list[FleetYear] = []
    cohorts: list[Floats] = []
    bounds = [limit for limit in limits if isinstance(limit, Limit)]
    makers = [limit for limit in limits if isinstance(limit, Maker)]
    built = [0.0] * len(bounds)
    memo = memo or Memo(None)
    for t, year in enumerate(years):
        share = 1.0 if available is None else number(available[t])
        before = _alive(cohorts, t, lifetime, mixes.shape[1])
        retired = (fleet[-1].installed if fleet else 0.0) - before
        asked = Asked(t, mixes[t], before, share, goodput[t], demand[t], memo)
        bought, allocation, standings = _buy(asked, bounds, makers, built)
        cohorts.append(bought)
        fleet.append(FleetYear(year, bought, retired, before + bought, allocation, standings))
        for place, limit in enumerate(bounds):
            if limit.plate is not None:
                plates = dot(fleet[-1].installed, limit.plate[t])
                built[place] = most(built[place], plates)
    return fleet


@dataclass(frozen=True, slots=True)
class Asked:
    """What one year asks of the stock before it and of a mix; arrays as in `purchase`."""

    t: int  #: place of the year
    mix: Floats
    before: Floats
    share: float  #: of the fleet that does this work
    goodput: Floats
    demand: Floats
    memo: Memo  #: purchases that are known

    def least(self, makers: Sequence[Maker]) -> tuple[float, Allocation | None]:
        """Return the count of the mix that meets the demand, and who does what then.

        Makers that are exhausted drop out of the mix one after the other; what they ship stays.
        Where the rest cannot do the work, the count is that at which the last maker is exhausted.
        """
        held, rest, open_ = np.zeros_like(self.mix), self.mix.copy(), list(makers)
        undone = self.demand  # that no purchase of the whole mix would do
        while True:
            stock = self.share * (self.before + held)
            count, allocation = self._purchase(stock, self.share * rest)
            if len(open_) == len(makers):
                undone = allocation.unmet
            elif np.any(allocation.unmet > undone + 1e-5 * self.demand):
                exhausted = (m for m in makers if m not in open_)
                ends = [m.limit[self.t] / summed(self.mix[m.member]) for m in exhausted]
                return _BEYOND * most(*ends), None
            full = [m for m in open_ if count * summed(rest[m.member]) > m.limit[self.t]]
            if not full:
                return count, allocation if len(open_) == len(makers) else None
            for maker in full:
                own = rest[maker.member]
                held[maker.member] = own * maker.limit[self.t] / summed(own)
                rest[maker.member] = 0.0
                open_.remove(maker)

    def allocation(self, bought: Floats) -> Allocation:
        """Return who does what after a purchase, all tasks cut alike where it is too little."""
        stock = self.share * (self.before + bought)
        return self._purchase(stock, self.share * self.mix, 0.0)[1]

    def _purchase(
        self, stock: Floats, mix: Floats, at_most: float = np.inf
    ) -> tuple[float, Allocation]:
        """Return the least purchase of a mix, and who does what then."""
        return known_purchase(self.memo, stock, mix, self.goodput, self.demand, at_most)


def _buy(
    asked: Asked, limits: Sequence[Limit], makers: Sequence[Maker], built: Sequence[float]
) -> tuple[Floats, Allocation, tuple[Standing, ...]]:
    """Return what is bought in a year, who does what then, and how the limits stand."""
    t, mix = asked.t, asked.mix
    need, allocation = asked.least(makers)
    allowed = {
        limit.name: largest(t, mix, asked.before, power, limit, makers)
        for limit, power in zip(limits, built, strict=True)
    }
    count = least(need, *allowed.values()) if allowed else need
    bought = purchased(t, mix, count, makers)
    standings = []
    for limit, power in zip(limits, built, strict=True):
        binding = allowed[limit.name] < need and same(allowed[limit.name], count)
        others = {name: at for name, at in allowed.items() if name != limit.name} | {"": need}
        then = min(others, key=lambda name: others[name])
        more = purchased(t, mix, others[then], makers) - bought if binding else 0.0 * mix
        used = limit.used(t, asked.before, power, bought)
        standings.append(Standing(limit.name, number(limit.limit[t]), used, binding, more, then))
    standings += [_of_maker(asked, m, count, bought, limits, makers, built) for m in makers]
    if allocation is None or count < need:
        allocation = asked.allocation(bought)
    return bought, allocation, tuple(standings)


def _of_maker(
    asked: Asked,
    maker: Maker,
    count: float,
    bought: Floats,
    limits: Sequence[Limit],
    makers: Sequence[Maker],
    built: Sequence[float],
) -> Standing:
    """Return how the limit of a maker stands: without it the year is solved again."""
    t, limit, used = asked.t, number(maker.limit[asked.t]), summed(bought[maker.member])
    binding = count * summed(asked.mix[maker.member]) > limit * (1 + 1e-9)
    more, then = np.zeros_like(bought), ""
    if binding:
        left = [m for m in makers if m is not maker]
        allowed = {"": asked.least(left)[0]} | {
            other.name: largest(t, asked.mix, asked.before, power, other, left)
            for other, power in zip(limits, built, strict=True)
        }
        then = min(allowed, key=lambda name: allowed[name])
        more = purchased(t, asked.mix, allowed[then], left) - bought
    return Standing(maker.name, limit, used, binding, more, then)


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
    now = np.asarray(demand)
    if len(now) == 1:
        return now.copy()
    both = (now[:-1] > 0) & (now[1:] > 0)
    ratio = np.divide(now[1:], now[:-1], out=np.ones_like(now[1:]), where=both)
    grown = now[:-1] * to_power(ratio, lag)
    between = np.where(both, grown, now[:-1] + lag * (now[1:] - now[:-1]))
    return np.append(between, now[-1] * ratio[-1] ** lag)


def _alive(cohorts: Sequence[Floats], now: int, lifetime: float, n: int) -> Floats:
    """Return what is left of the cohorts of years 0, 1, … at the end of year `now`, shape (n,)."""
    left = zeros(n)
    for born, cohort in enumerate(cohorts):
        left += least(1.0, most(0.0, lifetime - (now - born))) * cohort
    return left
