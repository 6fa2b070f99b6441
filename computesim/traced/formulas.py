"""What formulas use in the place of `float`, `min`, `math` and numpy.

With plain numbers each does what the function does that it stands for. To the type checker a
traced number is a float.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from computesim.calendar import Constant
from computesim.traced.node import ACTIONS, Traced, as_node, on, steer, value_of
from computesim.traced.parts import plain

Floats = NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])
N = TypeVar("N", bound=float)
Binary = Callable[[Any, Any], Floats]


def number(x: Any) -> float:
    """Return a number as a float, a traced one as it is."""
    if isinstance(x, Constant) and on():
        x = as_node(x)
    if x.__class__ is not Traced:
        return float(x)
    if isinstance(x.value, int):
        x = x.replaced(float(x.value))
    return cast("float", x)


def count(x: int) -> int:
    """Return a whole number that says how often a formula is applied, see `steered`."""
    return steer(x) if isinstance(x, Traced) else x


def zeros(shape: int | tuple[int, ...]) -> Floats:
    """Return an array of zeros that can hold what is computed now."""
    return np.full(shape, 0.0, dtype=object if on() else np.float64)


def function(name: str) -> Callable[[F], F]:
    """Make a function of numbers one operation of a tree."""

    def decorate(act: F) -> F:
        ACTIONS[name] = act

        @wraps(act)
        def answer(*x: Any) -> Any:
            if Traced not in map(type, x):
                return act(*x)
            return Traced(act(*map(value_of, x)), name, tuple(map(as_node, x)))

        return cast("F", answer)

    return decorate


exp, log = function("exp")(math.exp), function("log")(math.log)
expm1, log1p = function("expm1")(math.expm1), function("log1p")(math.log1p)
sqrt, tanh = function("sqrt")(math.sqrt), function("tanh")(math.tanh)


@function("minimum")
def least(*x: N) -> N:
    """Return the smallest of some numbers."""
    return min(x)


@function("maximum")
def most(*x: N) -> N:
    """Return the largest of some numbers."""
    return max(x)


def _elementwise(scalar: Callable[..., Any], array: Callable[..., Any]) -> Binary:
    """Return a function of arrays, element by element where they hold traced numbers."""
    each = np.frompyfunc(scalar, 2, 1)

    def answer(a: Any, b: Any) -> Any:
        return each(a, b) if _holds_nodes(a) or _holds_nodes(b) else array(a, b)

    return answer


def to_power(a: Floats, b: float) -> Floats:
    """Return the power of an array, as numpy computes it."""
    values: Floats = plain(a) ** plain(b)
    if not _holds_nodes(a) and not _holds_nodes(b):
        return values
    nodes = np.asarray(a**b, dtype=object)
    for node, value in zip(nodes, values, strict=True):
        if isinstance(node, Traced) and node.operation == "power":
            node.value = float(value)
    return nodes


def _holds_nodes(x: Any) -> bool:
    return isinstance(x, Traced) or (isinstance(x, np.ndarray) and x.dtype == object)


minimum = _elementwise(least, np.minimum)
maximum = _elementwise(most, np.maximum)


def _sum(terms: Sequence[Any], value: float) -> Any:
    """Return a sum that was computed, with its terms."""
    nodes = [t for t in terms if value_of(t) != 0]
    if not nodes:
        return next((t for t in terms if isinstance(t, Traced)), value)
    if not any(isinstance(t, Traced) for t in nodes):
        return value
    return nodes[0] if len(nodes) == 1 else Traced(value, "sum", tuple(map(as_node, nodes)))


def summed(x: Floats) -> float:
    """Return the sum of all of an array, added up as numpy does."""
    value = float(plain(x).sum())
    return _sum(x.ravel().tolist(), value) if _holds_nodes(x) else value


def summed_along(x: Floats, axis: int) -> Floats:
    """Return the sums of an array of two dimensions along one of them."""
    values: Floats = plain(x).sum(axis=axis)
    if not _holds_nodes(x):
        return values
    return _array(map(_sum, np.moveaxis(x, axis, -1).tolist(), values.tolist()))


def dot(a: Floats, b: Any) -> float:
    """Return the sum of products of two vectors, shape (n,)."""
    b = b if isinstance(b, np.ndarray) else np.array(b)
    value = float(_floats(a) @ _floats(b))
    return _sum((a * b).tolist(), value) if _holds_nodes(a) or _holds_nodes(b) else value


def dots(a: Floats, b: Floats) -> Floats:
    """Return the dot products of a vector, shape (n,), with the columns of a matrix, (n, m)."""
    values: Floats = _floats(a) @ plain(b)
    if not _holds_nodes(a) and not _holds_nodes(b):
        return values
    return _array(map(_sum, ((a * column).tolist() for column in b.T), values.tolist()))


def _array(numbers: Iterable[Any]) -> Floats:
    """Return some numbers, traced or not, as an array."""
    listed = list(numbers)
    array: Any = np.empty(len(listed), dtype=object)
    array[:] = listed
    return cast("Floats", array)


def _floats(x: Any) -> Any:
    """Return an array with every number plain, laid out as before: BLAS adds by the strides."""
    if x.dtype != object or x.ndim != 1 or x.strides[0] == 0:
        return plain(x)
    step = x.strides[0] // x.itemsize
    spread = np.empty(max(x.size - 1, 0) * abs(step) + 1)[::step][: x.size]
    spread[:] = plain(x)
    return spread


def average(x: Sequence[float], weights: Floats) -> float:
    """Return the weighted mean of some numbers, as `numpy.average` does."""
    if not on():
        return float(np.average(x, weights=weights))
    value = float(np.average(plain(np.array(x)), weights=plain(weights)))
    mean: Any = dot(np.array(x), weights) / summed(weights)
    if isinstance(mean, Traced) and not mean.name and mean.operation == "quotient":
        mean.value = value
    return cast("float", mean)


def interp(x: float, xs: Sequence[float], ys: Sequence[float] | Floats) -> float:
    """Return what `numpy.interp` does: between two points a mean of both, else one of them."""
    value = float(np.interp(x, xs, plain(np.asarray(ys))))
    if not any(isinstance(y, Traced) for y in ys):
        return value
    right = min(int(np.searchsorted(xs, x)), len(xs) - 1)
    if right == 0 or xs[right] <= x:
        return ys[right]
    after = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    mixed: Any = ys[right - 1] * (1.0 - after) + ys[right] * after
    if not isinstance(mixed, Traced):
        return value
    return cast("float", Traced(value, mixed.operation, mixed.operands))
