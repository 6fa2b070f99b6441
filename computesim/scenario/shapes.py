"""The forms that a number of a scenario can take, as pure mathematics.

A shape gives a number for a year, for a case (low, central, high) and for a
probability. It knows neither unit nor source: those are `values.Value`'s.
Every number here is in base units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Case = Literal["low", "central", "high"]

LOW, HIGH = 0.05, 0.95  #: the probabilities that the ends of a range stand for
_CASES: Mapping[str, float] = {"low": LOW, "central": 0.5, "high": HIGH}


class Shape(Protocol):
    """What every form can answer."""

    def at(self, year: float, case: Case = "central") -> float:
        """Return the number of a year in a case."""
        ...

    def quantile(self, p: float, year: float) -> float:
        """Return the number that is not exceeded with probability `p`."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same number in every year."""

    number: float

    def at(self, year: float, case: Case = "central") -> float:
        """Return the number."""
        return self.number

    def quantile(self, p: float, year: float) -> float:
        """Return the number: there is no doubt about it."""
        return self.number


@dataclass(frozen=True, slots=True)
class Path:
    """Numbers at years and a rule between them.

    Notes
    -----
    `linear` joins two points by a line, `geometric` by constant growth, `step` holds a
    number until the next year. The last year of a path lasts until its end, so a path
    to 2032 answers for 2032.9; with `holds` the ends stand for all years beyond them.
    """

    years: tuple[float, ...]  #: increasing
    numbers: tuple[float, ...]
    interpolation: Literal["linear", "geometric", "step"] = "linear"
    holds: bool = False  #: `beyond: hold`

    def at(self, year: float, case: Case = "central") -> float:
        """Return the number of a year, whole or fractional."""
        place = position(self.years, year, self.holds or self.interpolation == "step", self.holds)
        index = int(place)
        if place == index or self.interpolation == "step":
            return self.numbers[index]
        before, after, part = self.numbers[index], self.numbers[index + 1], place - index
        if self.interpolation == "geometric":
            return float(before * (after / before) ** part)
        return before + (after - before) * part

    def quantile(self, p: float, year: float) -> float:
        """Return the number of the year: there is no doubt about it."""
        return self.at(year)


def position(years: tuple[float, ...], year: float, after: bool, before: bool) -> float:
    """Return where a year lies among others: 1.5 is half-way from the second to the third.

    Parameters
    ----------
    years : tuple of float
        Increasing.
    year : float
        Whole or fractional.
    after, before : bool
        Whether the last and the first year stand for all later and earlier ones.

    Raises
    ------
    ValueError
        If the year lies outside and the ends do not hold.
    """
    last = len(years) - 1
    if (year < years[0] and not before) or (year >= years[last] + 1 and not after):
        raise ValueError(f"{year:g} lies outside {span(years)}; write `beyond: hold`")
    if year <= years[0]:
        return 0.0
    if year >= years[last]:
        return float(last)
    index = max(i for i, known in enumerate(years) if known <= year)
    return index + (year - years[index]) / (years[index + 1] - years[index])


def span(years: tuple[float, ...]) -> str:
    """Return the first and the last year as text: `2025-2030`."""
    return f"{years[0]:g}-{years[-1]:g}" if len(years) > 1 else f"{years[0]:g}"


@dataclass(frozen=True, slots=True)
class Range:
    """A central number between a low and a high one.

    Notes
    -----
    The ends are the 5 % and the 95 % quantile and the centre is the median of a two-piece
    normal law, in logarithms where the low end is positive. Each member may be a path.
    """

    low: Constant | Path
    central: Constant | Path
    high: Constant | Path

    def at(self, year: float, case: Case = "central") -> float:
        """Return the member of the case."""
        member = {"low": self.low, "central": self.central, "high": self.high}[case]
        return member.at(year)

    def quantile(self, p: float, year: float) -> float:
        """Return the quantile of the two-piece law through low, central and high."""
        centre = self.central.at(year)
        end = (self.low if p < 0.5 else self.high).at(year)
        distance = abs(_z(p) / _z(HIGH))
        if self.low.at(year) > 0:
            return float(centre * (end / centre) ** distance)
        return centre + (end - centre) * distance


@dataclass(frozen=True, slots=True)
class Distribution:
    """A named law; each of its parameters may be a path over years.

    Notes
    -----
    normal (mean, sd), lognormal (median, sigma: sd of the logarithm), both also by (low, high),
    their 5 % and 95 % quantiles; triangular (low, mode, high) and uniform (low, high), both
    by their ends. The central case is the median; low and high are the 5 % and 95 % quantiles.
    """

    kind: Literal["normal", "lognormal", "triangular", "uniform"]
    members: Mapping[str, Constant | Path]

    def at(self, year: float, case: Case = "central") -> float:
        """Return the quantile that stands for the case."""
        return self.quantile(_CASES[case], year)

    def quantile(self, p: float, year: float) -> float:
        """Return the number that is not exceeded with probability `p`."""
        members = {name: member.at(year) for name, member in self.members.items()}
        if self.kind == "uniform":
            return members["low"] + p * (members["high"] - members["low"])
        if self.kind == "triangular":
            return _triangular_quantile(p, members["low"], members["mode"], members["high"])
        if self.kind == "lognormal":
            return math.exp(_normal_quantile(p, _logarithms(members)))
        return _normal_quantile(p, members)


def _triangular_quantile(p: float, low: float, mode: float, high: float) -> float:
    """Return `low + sqrt(p (high - low)(mode - low))` left of the mode, or its mirror image."""
    if high == low:
        return low
    if p * (high - low) <= mode - low:
        return low + math.sqrt(p * (high - low) * (mode - low))
    return high - math.sqrt((1 - p) * (high - low) * (high - mode))


def _logarithms(members: Mapping[str, float]) -> dict[str, float]:
    """Return the parameters of the normal law of the logarithm."""
    if "median" in members:
        return {"mean": math.log(members["median"]), "sd": members["sigma"]}
    return {name: math.log(number) for name, number in members.items()}


def _normal_quantile(p: float, members: Mapping[str, float]) -> float:
    """Return the quantile of a normal law, given by mean and sd or by two of its quantiles."""
    if "mean" in members:
        return members["mean"] + _z(p) * members["sd"]
    centre = (members["low"] + members["high"]) / 2
    return centre + (members["high"] - members["low"]) / 2 * _z(p) / _z(HIGH)


def _z(p: float) -> float:
    from statistics import NormalDist  # 5 ms, and only ranges need it

    if not 0 < p < 1:
        raise ValueError(f"a probability lies between 0 and 1, not {p:g}")
    return NormalDist().inv_cdf(p) if p != 0.5 else 0.0
