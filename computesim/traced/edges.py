"""Where numbers enter a tree, get a name, and rest on others: leaves, names, opaque rooms."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from computesim.traced.node import Traced, on, tracing
from computesim.traced.parts import inside, plain, rebuilt

F = TypeVar("F", bound=Callable[..., Any])


def named(label: str | Callable[..., str] = "", unit: str = "") -> Callable[[F], F]:
    """Name what a function returns: a number, or the numbers in it.

    Parameters
    ----------
    label : str or callable, optional
        The name, or what makes it of the function's arguments; by default the function's name.
    unit : str, optional
        Of a law whose coefficients carry no unit (FLOP per parameter and token); the unit of
        anything else follows from its operands.
    """

    def decorate(f: F) -> F:
        words = f.__name__.strip("_").replace("_", " ")

        @wraps(f)
        def answer(*args: Any, **kwargs: Any) -> Any:
            result = f(*args, **kwargs)
            if on():
                text = label(*args, **kwargs) if callable(label) else label or words
                for node in inside(result):
                    if node.operands and not node.name:
                        node.name, node.unit = text, unit
            return result

        return cast("F", answer)

    return decorate


def lifted(x: Any, kind: str, name: str, given: tuple[Traced, ...]) -> Any:
    """Return anything with every float in it as a leaf that rests on what was given."""
    if isinstance(x, float):
        return Traced(float(x), kind, name=name, given=given)
    if isinstance(x, np.ndarray) and x.dtype == np.float64:
        leaves = np.empty(x.shape, dtype=object)
        for place, value in np.ndenumerate(x):
            leaves[place] = Traced(float(value), kind, name=f"{name} {list(place)}", given=given)
        return leaves
    return rebuilt(x, lambda part, label: lifted(part, kind, f"{name}: {label}", given))


def opaque(kind: str, label: str | Callable[..., str] = "") -> Callable[[F], F]:
    """Let a function that measures, searches or solves see plain numbers only.

    Every float of its answer becomes a leaf that rests on the traced numbers of its arguments.

    Parameters
    ----------
    kind : str
        What it does: `simulated`, `linear program`.
    label : str or callable, optional
        Name of the answer, or what makes it of the arguments; by default the function's name.
    """

    def decorate(f: F) -> F:
        @wraps(f)
        def answer(*args: Any, **kwargs: Any) -> Any:
            if not on():
                return f(*args, **kwargs)
            with tracing(False):
                result = f(*plain(args), **plain(kwargs))
            text = label(*args, **kwargs) if callable(label) else label or f.__name__
            return lifted(result, kind, text, conditions((args, kwargs)))

        return cast("F", answer)

    return decorate


def conditions(x: Any) -> tuple[Traced, ...]:
    """Return the traced numbers in anything, each once."""
    return tuple({id(node): node for node in inside(x)}.values())


def leaf(value: float, kind: str, name: str, unit: str, source: str, origin: str, note: str) -> Any:
    """Return a number that a file holds; plain while nobody traces."""
    if not on():
        return value
    return Traced(value, kind, name=name, unit=unit, source=source, origin=origin, note=note)
