"""The values of a scenario: numbers, words and mixes over years, with unit, source and note."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from computesim import units
from computesim.scenario.shapes import (
    Case,
    Constant,
    Distribution,
    Path,
    Range,
    Shape,
    position,
)
from computesim.traced import Cited, Traced, conditions, leaf, plain

INPUT = "input"  #: the operation of what is read of a scenario

__all__ = ["Case", "Choice", "Mix", "Value"]


class Address(NamedTuple):
    """Where a value stands: its dotted key, and the file and line that say it."""

    key: str = ""
    origin: str = ""


NOWHERE = Address()


def _leaf(value: Value | Choice, reading: float | str, unit: str, year: float) -> Traced:
    """Return what was read of a value as the leaf of a tree."""
    return Traced(
        reading,
        INPUT,
        name=value.place.key,
        unit=unit,
        cited=Cited(value.source or "estimate", value.place.origin, value.note),
        given=conditions(year),
    )


@dataclass(frozen=True, slots=True)
class Value:
    """A number of a scenario.

    >>> Value(Constant(7776000.0), "s").at(2026)
    7776000.0
    """

    shape: Shape
    unit: str = "1"  #: the unit in which a bare number counts; `at` answers in base units
    base: str = ""  #: the unit of `at` where it is not `unit`
    minimum: float = -math.inf  #: base units
    maximum: float = math.inf  #: base units
    source: str = ""  #: a key of the sources table, `estimate`, or nothing
    note: str = ""
    place: Address = field(default=NOWHERE, compare=False, repr=False)

    def at(self, year: float, case: Case = "central") -> float:
        """Return the number of a year.

        Parameters
        ----------
        year : float
            Whole or fractional: 2026.37 lies between the points 2026 and 2027 of a path.
        case : {"central", "low", "high"}
            Which end of a range; the same number where there is no range.

        Returns
        -------
        float
            In base units (s, B, FLOP, W, J, token, USD).
        """
        number = self._bound(self.shape.at(plain(year), case))
        return leaf(number, lambda: _leaf(self, number, self.base or self.unit, year))

    def quantile(self, p: float, year: float) -> float:
        """Return the number, in base units, not exceeded with probability `p` (0 < p < 1)."""
        return self._bound(self.shape.quantile(p, year))

    @property
    def is_uncertain(self) -> bool:
        """Whether a range or a distribution is declared."""
        return isinstance(self.shape, (Range, Distribution))

    @property
    def varies(self) -> bool:
        """Whether the number depends on the year."""
        return any(isinstance(part, Path) for part in parts(self.shape))

    def pinned(self, p: float) -> Value:
        """Return the same value with its quantile `p` in the place of its range, in all years."""
        return replace(self, shape=_Pinned(self.shape, p)) if self.is_uncertain else self

    def plain(self) -> Any:
        """Return the value as plain data in base units, which reads back as the same value."""
        data = _plain_shape(self.shape, self._spell)
        return with_provenance(data, self.source, self.note)

    def shown(self, number: float) -> float:
        """Return a base number in the unit of the field."""
        return number / units.scale(self.unit)

    def _spell(self, number: float) -> float | str:
        """Return a base number so that it reads back exactly."""
        return f"{number!r} {self.base}" if self.base else number

    def _bound(self, number: float) -> float:
        return min(max(number, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True)
class _Pinned:
    """A shape of which one quantile has been drawn."""

    shape: Shape
    p: float

    def at(self, year: float, case: Case = "central") -> float:
        return self.shape.quantile(self.p, year)

    def quantile(self, p: float, year: float) -> float:
        return self.shape.quantile(self.p, year)


def parts(shape: Shape) -> Iterator[Shape]:
    """Yield the constants and paths of a shape."""
    if isinstance(shape, Range):
        yield from (shape.low, shape.central, shape.high)
    elif isinstance(shape, Distribution):
        yield from shape.members.values()
    elif isinstance(shape, _Pinned):
        yield from parts(shape.shape)
    else:
        yield shape


def _plain_shape(shape: Shape, spell: Any) -> Any:
    """Return a shape as the plain data that a scenario file holds."""
    if isinstance(shape, Constant):
        return spell(shape.number)
    if isinstance(shape, Path):
        points = {_year(y): spell(n) for y, n in zip(shape.years, shape.numbers, strict=True)}
        return path_data(points, shape.interpolation, "linear", shape.holds)
    if isinstance(shape, Range):
        members = {"low": shape.low, "central": shape.central, "high": shape.high}
        return {name: _plain_shape(member, spell) for name, member in members.items()}
    if isinstance(shape, Distribution):
        plain = {
            n: _plain_shape(m, float if n == "sigma" else spell) for n, m in shape.members.items()
        }
        return {"distribution": shape.kind, **plain}
    raise ValueError("a pinned value is a draw and has no text")


def path_data(
    points: dict[Any, Any], interpolation: str, usual: str, holds: bool
) -> dict[str, Any]:
    """Return a path as plain data, with only the options that are not the usual ones."""
    data: dict[str, Any] = {"path": points}
    if interpolation != usual:
        data["interpolation"] = interpolation
    if holds:
        data["beyond"] = "hold"
    return data


def with_provenance(data: Any, source: str, note: str) -> Any:
    """Return plain data together with its source and note, where it has any."""
    told = {k: v for k, v in (("source", source), ("note", note)) if v}
    if not told:
        return data
    return {**data, **told} if isinstance(data, dict) else {"value": data, **told}


def _year(year: float) -> int | float:
    return int(year) if year == int(year) else year


@dataclass(frozen=True, slots=True)
class Choice:
    """A word, which may change from one year on: a model, a dtype, a topology."""

    words: tuple[str, ...]
    years: tuple[float, ...] = ()  #: empty for one word for all years
    holds: bool = False
    source: str = ""
    note: str = ""
    place: Address = field(default=NOWHERE, compare=False, repr=False)

    def at(self, year: float, case: Case = "central") -> str:
        """Return the word of a year."""
        index = int(position(self.years, year, True, self.holds)) if self.years else 0
        word = self.words[index]
        return leaf(word, lambda: _leaf(self, word, "", year))

    def plain(self) -> Any:
        """Return the choice as plain data that reads back as the same choice."""
        if not self.years:
            return with_provenance(self.words[0], self.source, self.note)
        points = dict(zip(map(_year, self.years), self.words, strict=True))
        data = path_data(points, "step", "step", self.holds)
        return with_provenance(data, self.source, self.note)


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of several named things, which may change over the years."""

    parts: tuple[Mapping[str, Value], ...]
    years: tuple[float, ...] = ()  #: empty for one mix for all years
    interpolation: Literal["linear", "step"] = "step"
    holds: bool = False
    source: str = ""
    note: str = ""

    def at(self, year: float, case: Case = "central") -> dict[str, float]:
        """Return the shares of a year by name; they sum to one."""
        place = position(self.years, year, True, self.holds) if self.years else 0.0
        index = int(place)
        part = place - index if self.interpolation == "linear" else 0.0
        shares = self._shares(index, year, case)
        if part:
            after = self._shares(index + 1, year, case)
            names = [*shares, *(name for name in after if name not in shares)]
            shares = {n: shares.get(n, 0.0) * (1 - part) + after.get(n, 0.0) * part for n in names}
        return shares

    def placed(self, key: str, origin: str) -> Mix:
        """Return the same mix with every share knowing where it stands."""
        parts = tuple(
            {
                name: replace(
                    share,
                    source=share.source or self.source,
                    note=share.note or self.note,
                    place=Address(f"{key}.{name}", origin),
                )
                for name, share in part.items()
            }
            for part in self.parts
        )
        return replace(self, parts=parts)

    @property
    def names(self) -> tuple[str, ...]:
        """All names of all years, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part))

    def plain(self) -> Any:
        """Return the mix as plain data that reads back as the same mix."""
        parts = [{name: value.plain() for name, value in part.items()} for part in self.parts]
        if not self.years:
            points: dict[Any, Any] = {"mix": parts[0]} if self.source or self.note else parts[0]
            return with_provenance(points, self.source, self.note)
        points = dict(zip(map(_year, self.years), parts, strict=True))
        data = path_data(points, self.interpolation, "step", self.holds)
        return with_provenance(data, self.source, self.note)

    def _shares(self, index: int, year: float, case: Case) -> dict[str, float]:
        shares = {name: value.at(year, case) for name, value in self.parts[index].items()}
        total = sum(shares.values())
        return {name: share / total for name, share in shares.items()}
