"""Plain data to values: every form of a number, of a word and of a mix, with all that is wrong.

Nothing here raises for what an author wrote: a reading notes its complaints and goes
on, so that one look at the file is enough to mend it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, Literal, cast

from computesim import units
from computesim.errors import UnitError
from computesim.scenario.context import ESTIMATE, Complaint, Context, quoted, remedy
from computesim.scenario.shapes import Constant, Distribution, Path, Range, Shape, span
from computesim.scenario.yaml_loader import Key

PROVENANCE = ("source", "note")
PATH_OPTIONS = ("interpolation", "beyond")
INTERPOLATIONS = ("linear", "geometric", "step")
#: distribution -> the sets of parameters by which it may be given
LAWS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "normal": (("mean", "sd"), ("low", "high")),
    "lognormal": (("median", "sigma"), ("low", "high")),
    "triangular": (("low", "mode", "high"),),
    "uniform": (("low", "high"),),
}
_MAGNITUDES = ("thousand", "million", "billion", "trillion", "quadrillion")


class Reading:
    """The reading of one field: what it may be, and what was wrong with what was found."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.complaints: list[Complaint] = []

    def complain(self, key: Key, found: str, accepted: str, hint: str = "") -> None:
        """Note that something is wrong."""
        self.complaints.append(Complaint(key, found, accepted, hint))

    # -- provenance and paths, the same for numbers, words and mixes

    def provenance(self, raw: Mapping[Any, Any]) -> tuple[str, str]:
        """Return source and note of a mapping, the source checked against the catalog."""
        told = dict.fromkeys(PROVENANCE, "")
        for name in PROVENANCE:
            text = raw.get(name)
            if text is None:
                continue
            if not isinstance(text, str):
                self.complain((name,), quoted(text), "a text")
                continue
            told[name] = text
        key = told["source"] or ESTIMATE
        known = self.context.sources
        if known and key != ESTIMATE and key not in known:
            hint = remedy(key, known)
            accepted = "a key of the sources table (`computesim list sources`) or `estimate`"
            self.complain(("source",), f"unknown source {key!r}", accepted, hint)
        return told["source"], told["note"]

    def options(self, raw: Mapping[Any, Any], key: Key, allowed: Collection[str]) -> None:
        """Note the words of a mapping that are neither years nor allowed."""
        for word in raw:
            if word not in allowed and year(word) is None:
                self.complain(
                    (*key, word),
                    "unknown key",
                    f"one of {', '.join(allowed)}",
                    remedy(str(word), allowed),
                )

    def points(self, raw: Mapping[Any, Any], key: Key) -> dict[float, tuple[Any, Key]]:
        """Return the points of a path by year, in order, each with its own key."""
        source: Any = raw.get("path", raw)
        if "path" in raw:
            key = (*key, "path")
        if not isinstance(source, Mapping) or not source:
            self.complain(key, quoted(source), "years and values, such as {2025: 1, 2030: 4}")
            return {}
        found: dict[float, tuple[Any, Key]] = {}
        for word, value in source.items():
            when = year(word)
            if when is not None:
                found[when] = (value, (*key, word))
            elif source is not raw:
                self.complain((*key, word), quoted(word), "a year between 1900 and 2200")
        return dict(sorted(found.items()))

    def holds(self, raw: Mapping[Any, Any], key: Key) -> bool:
        """Return whether `beyond: hold` is written."""
        beyond = raw.get("beyond")
        if beyond not in (None, "hold"):
            self.complain((*key, "beyond"), quoted(beyond), "hold, or leave it out")
        return beyond == "hold"

    def interpolation(
        self,
        raw: Mapping[Any, Any],
        key: Key,
        default: str,
        allowed: Collection[str] = INTERPOLATIONS,
    ) -> str:
        """Return the rule between the points of a path."""
        found = raw.get("interpolation", default)
        if found in allowed:
            return str(found)
        self.complain(
            (*key, "interpolation"),
            quoted(found),
            f"one of {', '.join(allowed)}",
            remedy(str(found), allowed),
        )
        return default

    def coverage(self, years: tuple[float, ...], key: Key, steps: bool, holds: bool) -> None:
        """Note a path that does not cover the horizon."""
        horizon = self.context.years
        if not horizon or not years or holds:
            return
        if years[0] > horizon[0] or (years[-1] < horizon[-1] and not steps):
            self.complain(
                key,
                f"year gap: covers {span(years)}",
                f"the horizon is {horizon[0]}-{horizon[-1]}",
                "add the missing years or write `beyond: hold`",
            )


def year(word: Any) -> float | None:
    """Return a key as a year, or None when it is none."""
    if isinstance(word, str):
        try:
            word = float(word)
        except ValueError:
            return None
    if isinstance(word, (int, float)) and not isinstance(word, bool) and 1900 <= word <= 2200:
        return float(word)
    return None


class NumberReading(Reading):
    """The reading of a number in a unit, within bounds."""

    def __init__(self, context: Context, unit: str, minimum: float, maximum: float) -> None:
        super().__init__(context)
        self.unit = unit
        self.minimum, self.maximum = minimum, maximum  # base units

    def shape(self, raw: Any) -> Shape | None:
        """Return any form of a number, or None when it is faulty."""
        if not isinstance(raw, Mapping):
            return self._constant(raw, ())
        if "distribution" in raw:
            return self._distribution(raw)
        if any(name in raw for name in ("low", "central", "high")):
            return self._range(raw)
        if "value" in raw:
            self.options(raw, (), ("value", *PROVENANCE))
            return self._member(raw["value"], ("value",))
        return self._path(raw, (), PROVENANCE)

    def number(self, raw: Any, key: Key, bounded: bool = True) -> float | None:
        """Return a number or a quantity string in base units, or None when it is faulty."""
        try:
            number = units.parse(self._with_unit(raw), self.unit)
        except UnitError as error:
            self._not_a_quantity(raw, key, str(error))
            return None
        except (TypeError, OverflowError):
            self._not_a_quantity(raw, key, "")
            return None
        if bounded and not self.minimum <= number <= self.maximum:
            self.complain(key, quoted(raw), self._bounds())
            return None
        return number

    def _with_unit(self, raw: Any) -> Any:
        """Return `900 million` as `900 million user` where users are counted."""
        if isinstance(raw, str) and raw.split()[-1:] and raw.split()[-1] in _MAGNITUDES:
            return raw if self.unit == "1" else f"{raw} {self.unit}"
        return raw

    def _not_a_quantity(self, raw: Any, key: Key, why: str) -> None:
        """Note something that is not a number in the unit of the field."""
        accepted = "a number" if self.unit == "1" else f"a number, or a quantity in {self.unit}"
        if isinstance(raw, Mapping):
            self.complain(key, "a mapping", f"{accepted}; a range stands outside a path")
        elif "is in " in why:
            self.complain(key, f"wrong unit: {quoted(raw)}", accepted)
        elif "unknown unit" in why:
            hint = why[why.index("did you mean") :] if "did you mean" in why else ""
            self.complain(key, f"unknown unit: {quoted(raw)}", accepted, hint)
        elif "finite" in why:
            self.complain(key, quoted(raw), "a finite number")
        else:
            self.complain(key, f"{quoted(raw)} is not a number", accepted)

    def _bounds(self) -> str:
        """Say what the field accepts."""
        scale = units.scale(self.unit)
        unit = "" if self.unit == "1" else f" {self.unit}"
        low, high = self.minimum / scale, self.maximum / scale
        if math.isinf(high):
            return f"at least {low:g}{unit}"
        return f"between {low:g} and {high:g}{unit}"

    def _constant(self, raw: Any, key: Key, bounded: bool = True) -> Constant | None:
        number = self.number(raw, key, bounded)
        return None if number is None else Constant(number)

    def _member(self, raw: Any, key: Key, bounded: bool = True) -> Constant | Path | None:
        """Return a number or a path, the members of ranges and distributions."""
        if isinstance(raw, Mapping):
            return self._path(raw, key, (), bounded)
        return self._constant(raw, key, bounded)

    def _path(
        self, raw: Mapping[Any, Any], key: Key, also: tuple[str, ...], bounded: bool = True
    ) -> Path | None:
        start = len(self.complaints)
        self.options(raw, key, ("path", *PATH_OPTIONS, *also))
        points = self.points(raw, key)
        rule = self.interpolation(raw, key, "linear")
        holds = self.holds(raw, key)
        numbers = {y: self.number(value, own, bounded) for y, (value, own) in points.items()}
        known = {y: n for y, n in numbers.items() if n is not None}
        if rule == "geometric" and any(n <= 0 for n in known.values()):
            first = next(y for y, n in known.items() if n <= 0)
            self.complain(
                points[first][1],
                f"{known[first]:g} in a geometric path",
                "numbers above 0, or another interpolation",
            )
        self.coverage(tuple(points), key, rule == "step", holds)
        if len(self.complaints) > start or not known:
            return None
        return Path(
            tuple(known),
            tuple(known.values()),
            cast("Literal['linear', 'geometric', 'step']", rule),
            holds,
        )

    def _range(self, raw: Mapping[Any, Any]) -> Range | None:
        self.options(raw, (), ("low", "central", "high", *PROVENANCE))
        members = self._members(raw, ("low", "central", "high"))
        if members is None:
            return None
        made = Range(members["low"], members["central"], members["high"])
        self._in_order(members, ("low", "central", "high"))
        return made

    def _distribution(self, raw: Mapping[Any, Any]) -> Distribution | None:
        kind = raw["distribution"]
        if kind not in LAWS:
            self.complain(
                ("distribution",),
                quoted(kind),
                f"one of {', '.join(LAWS)}",
                remedy(str(kind), LAWS),
            )
            return None
        names = max(LAWS[kind], key=lambda names: sum(name in raw for name in names))
        self.options(raw, (), ("distribution", *names, *PROVENANCE))
        members = self._members(raw, names)
        if members is None:
            return None
        ordered = tuple(name for name in ("low", "mode", "high") if name in names)
        self._in_order(members, ordered)
        self._law_is_possible(kind, members)
        return Distribution(kind, members)

    def _members(
        self,
        raw: Mapping[Any, Any],
        names: tuple[str, ...],
    ) -> dict[str, Constant | Path] | None:
        """Return the named members, or None when one is missing or faulty."""
        members: dict[str, Constant | Path] = {}
        for name in names:
            if name not in raw:
                self.complain((), f"`{name}` is missing", f"all of {', '.join(names)}")
                continue
            reading = NumberReading(self.context, "1", 0.0, math.inf) if name == "sigma" else self
            spread = name in ("sd", "sigma")  # a spread need not lie within the bounds of the field
            member = reading._member(raw[name], (name,), bounded=not spread)
            if reading is not self:
                self.complaints += reading.complaints
            if member is not None:
                members[name] = member
        return members if len(members) == len(names) else None

    def _in_order(self, members: Mapping[str, Constant | Path], names: tuple[str, ...]) -> None:
        """Note members that are out of order, once, with the first year in which they are."""
        scale = units.scale(self.unit)
        for when in self.context.years or (None,):
            found = {name: _at(members[name], when) for name in names}
            numbers = [number for number in found.values() if number is not None]
            if any(first > second for first, second in pairwise(numbers)):
                told = ", ".join(f"{n} {v / scale:g}" for n, v in found.items() if v is not None)
                varies = any(isinstance(members[name], Path) for name in names)
                self.complain((), told + (f" in {when}" if varies else ""), " <= ".join(names))
                return

    def _law_is_possible(self, kind: str, members: Mapping[str, Constant | Path]) -> None:
        """Note spreads below zero and logarithms of nothing."""
        for name, member in members.items():
            numbers = member.numbers if isinstance(member, Path) else (member.number,)
            if name in ("sd", "sigma") and min(numbers) < 0:
                self.complain((name,), f"{min(numbers):g}", "at least 0")
            elif kind == "lognormal" and name != "sigma" and min(numbers) <= 0:
                self.complain((name,), f"{min(numbers):g}", "above 0 in a lognormal distribution")


def _at(member: Constant | Path, when: float | None) -> float | None:
    """Return a member at a year, or None outside its years (a fault of its own)."""
    if isinstance(member, Constant):
        return member.number
    try:
        return None if when is None else member.at(when)
    except ValueError:
        return None
