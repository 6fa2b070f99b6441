"""Where numbers enter a tree, get a name, and rest on others: leaves, names, opaque rooms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from computesim.records import units
from computesim.traced.node import Cited, Traced, on, reading, steering
from computesim.traced.parts import inside, parts, plain, rebuilt

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def named(label: str | Callable[..., str] = "", unit: str = "") -> Callable[[F], F]:
    """Name what a function returns: a number, or the numbers in it by their fields.

    Parameters
    ----------
    label : str or callable, optional
        The name, or what makes it of the function's arguments; by default the function's name
        and that of its first argument.
    unit : str, optional
        Of a law whose coefficients carry no unit (FLOP per parameter and token); the unit of
        anything else follows from its operands.
    """

    def decorate(f: F) -> F:
        words = f.__name__.strip("_").replace("_", " ")

        def text(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
            if callable(label):
                return label(*args, **kwargs)
            whose = "" if not args or isinstance(args[0], Traced) else getattr(args[0], "name", "")
            return label or (f"{words} of {whose}" if isinstance(whose, str) and whose else words)

        @wraps(f)
        def answer(*args: Any, **kwargs: Any) -> Any:
            result = f(*args, **kwargs)
            if on():
                _name(result, text(args, kwargs), unit)
            return result

        return cast("F", answer)

    return decorate


def _name(x: Any, text: str, unit: str) -> None:
    """Name the numbers in anything that have no name."""
    if isinstance(x, Traced):
        if x.operands and not x.name:
            x.name, x.unit = text, unit
    elif isinstance(x, np.ndarray):
        for node in inside(x):
            _name(node, text, unit)
    elif not isinstance(x, (str, int, float)):
        for label, part in parts(x):
            words = str(label + 1 if isinstance(label, int) else label).replace("_", " ")
            _name(part, f"{text}: {words}", unit)


def name_all(x: Any, text: str) -> None:
    """Name the numbers of an array that have no name by their place."""
    if on():
        for place, node in enumerate(x, 1):
            _name(node, f"{text} {place}", "")


def resting(x: T, *on_what: Any) -> T:
    """Return anything whose numbers rest on others besides their operands."""
    given = conditions(on_what)
    for node in inside(x) if given else ():
        if node.operands:
            node.given = (*node.given, *given)
    return x


def portion(part: float, whole: float) -> float:
    """Return a measured part of a whole as a share of it times the whole, whose unit it has."""
    if not isinstance(part, Traced) or not part.value or not isinstance(whole, Traced):
        return part
    share = part.replaced(part.value / whole.value)
    share.unit = "1"
    return cast("float", Traced(part.value, "product", (share, whole)))


def decided(answer: float, *grounds: Any) -> float:
    """Return yes or no as 1 or 0, or an amount, resting on the numbers that decided it."""
    if not on():
        return float(answer)
    if isinstance(answer, Traced) and answer.operands:
        return cast("float", resting(answer, grounds))
    return cast(
        "float", Traced(float(plain(answer)), "decision", unit="1", given=conditions(grounds))
    )


def steered(f: F) -> F:
    """Let what a function returns rest on the counts that said how often it did something."""

    @wraps(f)
    def answer(*args: Any, **kwargs: Any) -> Any:
        if not on():
            return f(*args, **kwargs)
        with steering() as counts:
            result = f(*args, **kwargs)
        return resting(result, counts)

    return cast("F", answer)


def lifted(x: Any, leaf: Callable[[float, str, str], Traced], name: str, unit: str = "") -> Any:
    """Return anything with every float in it as a leaf.

    Parameters
    ----------
    x : float, array, dataclass, sequence or mapping
    leaf : callable
        Makes a leaf of a value, a name and a unit.
    name, unit : str
        Of the whole; fields of a record bring their own units.
    """
    if isinstance(x, float) or (isinstance(x, int) and unit and not isinstance(x, bool)):
        return leaf(float(x) if isinstance(x, float) else x, name, unit)
    if isinstance(x, np.ndarray) and x.dtype == np.float64:
        leaves = np.empty(x.shape, dtype=object)
        for place, value in np.ndenumerate(x):
            index = ", ".join(map(str, place))
            leaves[place] = leaf(float(value), f"{name} [{index}]", unit)
        return leaves
    known = units(x) if is_dataclass(x) else {}

    def part(value: Any, label: Any) -> Any:
        words = str(label).replace("_", " ")
        return lifted(value, leaf, f"{name}: {words}", known.get(label, unit))

    return rebuilt(x, part)


class Measured(NamedTuple):
    """How leaves that are measured or solved are told apart."""

    kind: str  #: what was done: `simulated`, `linear program`
    name: str
    unit: str = ""  #: of numbers that are no fields of a record with units


def measured(what: Measured, act: Callable[..., T], *args: Any) -> T:
    """Return what a function of plain numbers answers, every float in it as a leaf.

    Parameters
    ----------
    what : Measured
    act : callable
    *args
        Traced numbers in them, and those that are read meanwhile, are what the leaves rest on.
    """
    with reading() as read:
        result = act(*plain(args))
    given = (*conditions(args), *read.values())
    cited = Cited(origin=f"{act.__module__.replace('.', '/')}.py")

    def leaf(value: float, label: str, unit: str) -> Traced:
        return Traced(value, what.kind, name=label, unit=unit, cited=cited, given=given)

    return cast("T", lifted(result, leaf, what.name, what.unit))


def opaque(kind: str, label: str | Callable[..., str] = "", unit: str = "") -> Callable[[F], F]:
    """Let a function that measures, searches or solves see plain numbers only.

    Every float of its answer becomes a leaf that rests on the traced numbers of its arguments
    and on what it reads of files.

    Parameters
    ----------
    kind : str
        What it does: `simulated`, `linear program`.
    label : str or callable, optional
        Name of the answer, or what makes it of the arguments; by default the function's name.
    unit : str, optional
        Of numbers that are no fields of a record with units.
    """

    def decorate(f: F) -> F:
        words = f.__name__.strip("_").replace("_", " ")

        @wraps(f)
        def answer(*args: Any) -> Any:
            if not on():
                return f(*args)
            text = label(*args) if callable(label) else label or words
            return measured(Measured(kind, text, unit), f, *args)

        return cast("F", answer)

    return decorate


def conditions(x: Any) -> tuple[Traced, ...]:
    """Return the traced numbers and words in anything, each once."""
    return tuple({id(node): node for node in inside(x)}.values())
