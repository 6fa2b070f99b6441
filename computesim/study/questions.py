"""What is wrong with a question: a record of `computesim.records.parameter`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

from computesim.errors import CatalogError, Fault, UnitError, near_miss

if TYPE_CHECKING:
    from computesim.catalog import Catalog


def option(question: Any, name: str) -> str:
    """Return how a person gives a field of a question: `--seq-len`, or `MODEL`.

    Parameters
    ----------
    question : dataclass
    name : str
    """
    return next(_option(one) for one in fields(question) if one.name == name)


def _option(one: Field[Any]) -> str:
    about = one.metadata
    return str(about.get("argument") or about.get("option") or f"--{one.name.replace('_', '-')}")


def word_faults(question: Any) -> Iterator[Fault]:
    """Yield the words that are not accepted.

    Parameters
    ----------
    question : dataclass
        Its fields with `words`.
    """
    for one in fields(question):
        words, word = one.metadata.get("words"), getattr(question, one.name)
        if words and word not in words:
            accepted = f"one of {', '.join(words)}"
            yield Fault(_option(one), repr(word), accepted, hint=near_miss(word, words))


def name_faults(question: Any, catalog: Catalog) -> Iterator[Fault]:
    """Yield the names that the catalog does not hold.

    Parameters
    ----------
    question : dataclass
        Its fields with `names`, a text or a list of texts; empty ones are not looked up.
    catalog : Catalog
    """
    find: dict[str, Callable[[str], object]] = {
        "models": catalog.model, "accelerators": catalog.accelerator, "sites": catalog.site,
    }  # fmt: skip
    for one in fields(question):
        look = find.get(one.metadata.get("names", ""))
        value = getattr(question, one.name)
        if look is not None:
            for name in filter(None, [value] if isinstance(value, str) else value):
                yield from lookup_faults(_option(one), name, look)


def lookup_faults(key: str, name: str, find: Callable[[str], object]) -> list[Fault]:
    """Return what is wrong with a name, under the key of the question.

    Parameters
    ----------
    key : str
    name : str
    find : callable
        Raises `CatalogError` for a name that it does not know.
    """
    try:
        find(name)
    except CatalogError as error:
        return [Fault(key, fault.found, fault.accepted, hint=fault.hint) for fault in error.faults]
    return []


def numbers_of(question: Any) -> tuple[dict[str, float], list[Fault]]:
    """Return the numbers that a question gives as texts with units, and what is wrong with them.

    Parameters
    ----------
    question : dataclass
        Its fields with a `unit` that hold texts; empty ones are left out.

    Returns
    -------
    dict of str to float, list of Fault
        Base units, by name of the field.
    """
    numbers, faults = {}, []
    for one in fields(question):
        text = getattr(question, one.name)
        if "unit" not in one.metadata or not isinstance(text, str) or not text:
            continue
        number = number_of(text, _option(one), one.metadata)
        if isinstance(number, Fault):
            faults.append(number)
        else:
            numbers[one.name] = number
    return numbers, faults


def number_of(text: str, key: str, about: Any) -> float | Fault:
    """Return a text as a number in base units, or what is wrong with it.

    Parameters
    ----------
    text : str
    key : str
        For the fault.
    about : mapping
        `unit`, and `least` and `most` in it.
    """
    from computesim.units import parse, scale

    unit, least, most = about["unit"], about.get("least", 0.0), about.get("most", math.inf)
    noun = f"a number in {unit}" if unit != "1" else "a number"
    accepted = f"{noun} from {least:g} to {most:g}" if most < 1e18 else f"{noun}, {least:g} or more"
    try:
        number = parse(text, unit)
    except UnitError as error:
        return Fault(key, str(error), accepted)
    if not least <= number / scale(unit) <= most or math.isinf(number):
        return Fault(key, repr(text), accepted)
    return number
