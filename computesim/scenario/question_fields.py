"""The annotations of question files: plain numbers and words, which do not change over years."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, ValidationInfo, field_validator
from pydantic_core import CoreSchema

from computesim import units
from computesim.errors import CatalogError
from computesim.quantities import DTYPE_BYTES
from computesim.scenario import fields
from computesim.scenario.context import Context, quoted
from computesim.scenario.reading import NumberReading, Reading

checks = field_validator  #: marks the check of a key that depends on keys before it
Info = ValidationInfo  #: what it gets to know of them, and of the catalog


class Form(fields._Field):
    """An annotation that knows its own JSON Schema, and what an option says that it takes."""

    takes = "TEXT"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the field."""
        return {"type": "string"}

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True)
class Number(Form):
    """A number in a unit."""

    unit: str = "1"  #: a bare number counts in it; its dimension is required
    minimum: float = -math.inf  #: in `unit`
    maximum: float = math.inf  #: in `unit`
    positive: bool = False
    whole: bool = False

    @property
    def takes(self) -> str:  # type: ignore[override]
        """What an option takes."""
        return "N" if self.whole else "TIME" if self.unit == "s" else "NUMBER"

    def read(self, raw: Any, context: Context) -> tuple[float | int | None, Reading]:
        """Return a number or a quantity string in base units."""
        scale = units.scale(self.unit)
        reading = NumberReading(context, self.unit, self.minimum * scale, self.maximum * scale)
        if isinstance(raw, Mapping):
            accepted = "a number" if self.unit == "1" else f"a number, or a quantity in {self.unit}"
            reading.complain((), quoted(raw), accepted)
        number = None if reading.complaints else reading.number(raw, ())
        if number is None:
            return None, reading
        if self.positive and not number > 0:
            reading.complain((), quoted(raw), f"above 0 {self.unit}".removesuffix(" 1"))
        elif self.whole and number % 1:
            reading.complain((), quoted(raw), "a whole number")
        return int(number) if self.whole else number, reading

    def schema(self) -> dict[str, Any]:
        """Return a number within bounds, or a quantity."""
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        number: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        number |= {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
        number |= {"exclusiveMinimum": 0} if self.positive else {}
        return {"anyOf": [number, {"type": "string", "pattern": r"^\s*[-+]?[0-9.]"}]}


@dataclass(frozen=True)
class Name(Form):
    """A name of a table of the catalog."""

    table: str
    takes = "NAME"

    def read(self, raw: Any, context: Context) -> tuple[str, Reading]:
        """Return the name."""
        reading = Reading(context)
        self.check(raw, reading)
        return str(raw), reading

    def check(self, raw: Any, reading: Reading) -> None:
        """Complain about a name that the table does not hold, aliases included."""
        if not isinstance(raw, str) or reading.context.catalog is None:
            fields.Name(self.table).check(raw, (), reading)
            return
        try:
            reading.context.catalog.resolve(self.table, raw)
        except CatalogError as error:
            for fault in error.faults:
                accepted = f"a name from `computesim list {self.table}`"
                reading.complain((), fault.found, accepted, fault.hint)


@dataclass(frozen=True)
class Names(Name):
    """One or several names of a table of the catalog."""

    def read(self, raw: Any, context: Context) -> tuple[tuple[str, ...], Reading]:  # type: ignore[override]
        """Return the names."""
        reading, names = Reading(context), raw if isinstance(raw, list) else [raw]
        for name in names:
            self.check(name, reading)
        if not names:
            reading.complain((), "an empty list", f"names from `computesim list {self.table}`")
        return tuple(map(str, names)), reading

    def schema(self) -> dict[str, Any]:
        """Return a name, or a list of names."""
        name = super().schema()
        return {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]}


@dataclass(frozen=True, init=False)
class Word(Form):
    """One of a few words."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)

    @property
    def takes(self) -> str:  # type: ignore[override]
        """What an option takes."""
        return "|".join(self.words) if len(self.words) < 4 else "WORD"

    def read(self, raw: Any, context: Context) -> tuple[str, Reading]:
        """Return the word."""
        reading = Reading(context)
        fields.Word(*self.words).check(raw, (), reading)
        return str(raw), reading

    def schema(self) -> dict[str, Any]:
        """Return the words."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class EngineName(Form):
    """A program that serves, with or without a version."""

    takes = "NAME"

    def read(self, raw: Any, context: Context) -> tuple[str, Reading]:
        """Return the name."""
        reading = Reading(context)
        fields.EngineName().check(raw, (), reading)
        return str(raw), reading


@dataclass(frozen=True)
class ByClass(Form):
    """A number of each class of requests, by name."""

    number: Number
    alone: bool = False  #: whether one number may stand for all requests; its name is empty
    takes = "CLASS=VALUE,..."

    def read(self, raw: Any, context: Context) -> tuple[dict[str, float], Reading]:
        """Return the numbers by class."""
        reading = Reading(context)
        if not isinstance(raw, Mapping) and not self.alone:
            reading.complain((), quoted(raw), "classes and numbers: {chat: 0, batch: 1}")
            return {}, reading
        numbers = {}
        for name, value in raw.items() if isinstance(raw, Mapping) else [("", raw)]:
            number, inner = self.number.read(value, context)
            key = (name,) if name else ()
            reading.complaints += [one._replace(key=(*key, *one.key)) for one in inner.complaints]
            if number is not None:
                numbers[str(name)] = number
        return numbers, reading

    def schema(self) -> dict[str, Any]:
        """Return a mapping of numbers, or a number."""
        number = self.number.schema()
        by_name = {"type": "object", "additionalProperties": number}
        return {"anyOf": [number, by_name]} if self.alone else by_name


Seconds = Annotated[float | None, Number("s", positive=True)]
Moment = Annotated[float | None, Number("s")]
Count = Annotated[int, Number(minimum=1, whole=True)]
SomeCount = Annotated[int | None, Number(minimum=1, whole=True)]
Spread = Annotated[float, Number(minimum=0, maximum=4)]
Share = Annotated[float, Number(minimum=0, maximum=1)]
Tokens = Annotated[float, Number("token", minimum=1, maximum=1e7)]
Dtype = Annotated[str, Word(*DTYPE_BYTES)]
OptionalDtype = Annotated[str | None, Word(*DTYPE_BYTES)]
