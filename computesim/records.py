"""Records that know their units: what is asked and what is answered, as frozen dataclasses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def quantity(unit: str, default: Any = MISSING, *, optional: bool = False) -> Any:
    """Return a field of a record that is a number in a unit.

    Parameters
    ----------
    unit : str
        In which the number is, `FLOP/s`; `1` for a share or a count.
    default : optional
        As of `dataclasses.field`.
    optional : bool
        Left out of JSON where it is None.
    """
    return field(default=default, metadata={"unit": unit, "optional": optional})


def optional() -> Any:
    """Return a field of a record that is left out of JSON where it is None, as it is at first."""
    return field(default=None, metadata={"optional": True})


def parameter(text: str, default: Any = MISSING, **about: Any) -> Any:
    """Return a field of a question: the command line makes an option of it.

    Parameters
    ----------
    text : str
        What it is, for the help.
    default : optional
        As of `dataclasses.field`; needed where there is none.
    **about
        `unit`, `least` and `most` (in the unit) of a number, also of one that is given as text;
        `words` that are accepted; `names`: the table of the catalog that holds it; `option`: its
        name where that is not the one of the field; `metavar`; `argument`: the metavar of what is
        given without a name; `group`: a heading of the help.
    """
    return field(default=default, metadata={"help": text, **about})


def derived(unit: str) -> Callable[[T], T]:
    """Return a mark for a property that belongs to the answer: it stands behind the fields.

    Parameters
    ----------
    unit : str

    Examples
    --------
    Below `property`::

        @property
        @derived("FLOP/s")
        def rate(self) -> float: ...
    """

    def mark(function: T) -> T:
        function.unit = unit  # type: ignore[attr-defined]
        return function

    return mark


def _derived(cls: type) -> dict[str, str]:
    """Return the unit of each derived property of a class, by name."""
    getters = {name: getattr(what, "fget", None) for name, what in vars(cls).items()}
    marks = {name: getattr(getter, "unit", None) for name, getter in getters.items()}
    return {name: unit for name, unit in marks.items() if unit is not None}


def entries(record: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of everything that a record holds: its fields, then what is derived.

    Parameters
    ----------
    record : dataclass
        Fields that are `optional` are left out where they are None; metadata `name` stands for a
        name that Python keeps for itself. A class with a `SHOWN` holds what this names instead: a
        tuple of attributes, or a mapping of names to paths of attributes such as `site.name`.
    """
    if shown := getattr(record, "SHOWN", None):
        paths = shown if isinstance(shown, Mapping) else dict(zip(shown, shown, strict=True))
        yield from ((name, attrgetter(path)(record)) for name, path in paths.items())
        return
    for one in fields(record):
        value = getattr(record, one.name)
        if value is not None or not one.metadata.get("optional"):
            yield one.metadata.get("name", one.name), value
    yield from ((name, getattr(record, name)) for name in _derived(type(record)))


def units(record: Any) -> dict[str, str]:
    """Return the unit of each number of a record, or of its type, by name.

    Parameters
    ----------
    record : dataclass
    """
    cls = record if isinstance(record, type) else type(record)
    of_fields = {one.name: one.metadata["unit"] for one in fields(cls) if "unit" in one.metadata}
    return of_fields | _derived(cls)


def as_data(value: object) -> Any:
    """Return an answer as JSON can hold it.

    Records become mappings, keys text, infinities and not-a-numbers None, unknown things text.

    Parameters
    ----------
    value : object
        A record, a mapping, a sequence, an array, a number or a text, one within another.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {name: as_data(part) for name, part in entries(value)}
    if isinstance(value, Mapping):
        return {str(key): as_data(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_data(part) for part in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if getattr(value, "shape", ()):
        return [as_data(part) for part in value]  # type: ignore[attr-defined]
    item = getattr(value, "item", None)  # a numpy scalar
    number = item() if callable(item) else value
    if isinstance(number, float):
        return number if math.isfinite(number) else None
    return number if isinstance(number, (bool, int)) else str(value)
