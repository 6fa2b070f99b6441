"""The annotations of the schema: what a field holds, and how pydantic reads and documents it.

`users: Annotated[Value, Quantity("user", minimum=0)]` is a number of users,
`model: Annotated[Choice, Name("models")]` a name of the catalog's models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from computesim import units
from computesim.errors import near_miss
from computesim.quantities import ENGINES, serving_engine
from computesim.scenario.context import Context, quoted, rejected, remedy
from computesim.scenario.reading import PATH_OPTIONS, PROVENANCE, NumberReading, Reading, year
from computesim.scenario.values import Choice, Mix, Value
from computesim.scenario.yaml_loader import Key

MARK = "computesim"  #: the key under which a field tells its form to the schema export


class _Field:
    """An annotation that reads raw data with the context of the validation."""

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(raw: Any, info: ValidationInfo) -> Any:
            if raw is None:
                return None  # an optional field that was left out
            context = info.context if isinstance(info.context, Context) else Context()
            value, reading = self.read(raw, context)
            if reading.complaints:
                raise rejected(reading.complaints)
            return value

        return core_schema.with_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {MARK: self}

    def read(self, raw: Any, context: Context) -> tuple[Any, Reading]:
        """Return the value and the reading with its complaints."""
        raise NotImplementedError


@dataclass(frozen=True)
class Quantity(_Field):
    """A number in a unit."""

    unit: str = "1"  #: a bare number counts in it; its dimension is required
    minimum: float = -math.inf  #: in `unit`
    maximum: float = math.inf  #: in `unit`
    base: str = ""  #: the base unit where `unit` is none (`USD/J` of `USD/kWh`)

    def read(self, raw: Any, context: Context) -> tuple[Value | None, Reading]:
        """Return the value of any form of a number."""
        scale = units.scale(self.unit)
        low, high = self.minimum * scale, self.maximum * scale
        reading = NumberReading(context, self.unit, low, high)
        told = reading.provenance(raw) if isinstance(raw, Mapping) else ("", "")
        shape = reading.shape(raw)
        if shape is None or reading.complaints:
            return None, reading
        return Value(shape, self.unit, self.base, low, high, *told), reading


class _Word(_Field):
    """A word, possibly stepped over years."""

    def check(self, word: Any, key: Key, reading: Reading) -> None:
        """Complain about a word that is not accepted."""
        raise NotImplementedError

    def read(self, raw: Any, context: Context) -> tuple[Choice, Reading]:
        """Return the choice of any form of a word."""
        reading = Reading(context)
        if not isinstance(raw, Mapping):
            self.check(raw, (), reading)
            return Choice((str(raw),)), reading
        told = reading.provenance(raw)
        if "value" in raw:
            reading.options(raw, (), ("value", *PROVENANCE))
            self.check(raw["value"], ("value",), reading)
            return Choice((str(raw["value"]),), (), False, *told), reading
        reading.options(raw, (), ("path", *PATH_OPTIONS, *PROVENANCE))
        reading.interpolation(raw, (), "step", ("step",))
        points = reading.points(raw, ())
        holds = reading.holds(raw, ())
        for word, key in points.values():
            self.check(word, key, reading)
        reading.coverage(tuple(points), (), True, holds)
        words = tuple(str(word) for word, _ in points.values())
        return Choice(words, tuple(points), holds, *told), reading


@dataclass(frozen=True)
class Name(_Word):
    """A name of a table of the catalog, or of a tier."""

    table: str
    none: bool = False  #: whether `none` is accepted too

    def check(self, word: Any, key: Key, reading: Reading) -> None:
        """Complain about a name that the table does not hold."""
        if self.none and word == "none":
            return
        if not isinstance(word, str):
            reading.complain(key, quoted(word), f"a name from `computesim list {self.table}`")
        elif fault := reading.context.name_fault(self.table, word):
            reading.complain(key, f"unknown name {word!r}", *fault)


@dataclass(frozen=True, init=False)
class Word(_Word):
    """One of a few words."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)

    def check(self, word: Any, key: Key, reading: Reading) -> None:
        """Complain about a word that is none of them."""
        if word not in self.words:
            hint = remedy(word, self.words) if isinstance(word, str) else ""
            hint = hint if hint.startswith("did") else ""
            reading.complain(key, quoted(word), f"one of {', '.join(self.words)}", hint)


@dataclass(frozen=True)
class EngineName(_Word):
    """A program that serves, with or without a version."""

    def check(self, word: Any, key: Key, reading: Reading) -> None:
        """Complain about a name that no engine has."""
        try:
            serving_engine(word if isinstance(word, str) else repr(word))
        except ValueError:
            accepted = f"one of {', '.join(ENGINES)}; a version may follow"
            hint = near_miss(word.lower(), ENGINES) if isinstance(word, str) else ""
            reading.complain(key, quoted(word), accepted, hint)


@dataclass(frozen=True)
class Shares(_Field):
    """A mix of named things of a table, possibly by year."""

    table: str

    def read(self, raw: Any, context: Context) -> tuple[Mix | None, Reading]:
        """Return the mix of any form."""
        reading = Reading(context)
        if not isinstance(raw, Mapping) or not raw:
            accepted = "names and shares, by year: {2025: {h100-sxm: 0.6, b200-sxm: 0.4}}"
            reading.complain((), quoted(raw), accepted)
            return None, reading
        own = raw if "path" in raw or "mix" in raw else {k: raw[k] for k in raw if k in PROVENANCE}
        told = reading.provenance(own)
        first = next(iter(raw))
        if "mix" in raw or ("path" not in raw and year(first) is None):
            reading.options(own, (), ("mix", *PROVENANCE))
            inner = raw.get("mix", {k: v for k, v in raw.items() if k not in PROVENANCE})
            key: Key = ("mix",) if "mix" in raw else ()
            mix = self._shares(inner, key, reading)
            return Mix((mix,), (), "step", False, *told), reading
        reading.options(raw, (), ("path", *PATH_OPTIONS, *PROVENANCE))
        rule = reading.interpolation(raw, (), "step", ("step", "linear"))
        points = reading.points(raw, ())
        holds = reading.holds(raw, ())
        parts = tuple(self._shares(part, key, reading) for part, key in points.values())
        reading.coverage(tuple(points), (), rule == "step", holds)
        kind = cast('Literal["linear", "step"]', rule)
        return Mix(parts, tuple(points), kind, holds, *told), reading

    def _shares(self, raw: Any, key: Key, reading: Reading) -> dict[str, Value]:
        if not isinstance(raw, Mapping) or not raw:
            reading.complain(key, quoted(raw), "names and shares: {h100-sxm: 0.6, b200-sxm: 0.4}")
            return {}
        shares: dict[str, Value] = {}
        for name, share in raw.items():
            if fault := reading.context.name_fault(self.table, str(name)):
                reading.complain((*key, name), f"unknown name {str(name)!r}", *fault)
            value, inner = Quantity("1", 0, 1).read(share, reading.context)
            reading.complaints += [c._replace(key=(*key, name, *c.key)) for c in inner.complaints]
            if value is not None:
                shares[str(name)] = value
        years = reading.context.years or (2025,)
        total = sum(value.at(years[0]) for value in shares.values())
        if len(shares) == len(raw) and abs(total - 1) > 0.01:
            reading.complain(key, f"shares that sum to {total:.4g}", "shares that sum to 1")
        return shares


Count = Annotated[Value, Quantity("1", minimum=0)]
Share = Annotated[Value, Quantity("1", minimum=0, maximum=1)]
AtLeastOne = Annotated[Value, Quantity("1", minimum=1)]
Seconds = Annotated[Value, Quantity("s", minimum=0)]
Tokens = Annotated[Value, Quantity("token", minimum=0)]
Accelerators = Annotated[Value, Quantity("accelerator", minimum=1)]
CalendarYear = Annotated[Value, Quantity("AD", minimum=1950, maximum=2100)]
Model = Annotated[Choice, Name("models")]
Dtype = Annotated[Choice, Word("fp32", "bf16", "fp16", "fp8", "int8", "fp4", "int4")]
