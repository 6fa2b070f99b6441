"""A number that remembers what it was made of."""

from __future__ import annotations

import gc
import math
import operator
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from computesim.calendar import Constant

T = TypeVar("T")

#: what the operations do
ACTIONS: dict[str, Callable[..., Any]] = {}
CONSTANT = "constant"  #: the operation of a number that stands in the code


@dataclass(slots=True)
class Trace:
    """What is being traced: the leaves so far, and those read by a room on plain numbers."""

    leaves: dict[object, Traced] = field(default_factory=dict)
    read: dict[int, Traced] | None = None  #: by identity; None where numbers are traced
    steering: list[Traced] = field(default_factory=list)  #: what said how often, see `steer`
    records: dict[int, tuple[Any, Any, tuple[Traced, ...]]] = field(default_factory=dict)
    """Records by identity, plain, and the traced numbers in them: they are used many times."""


_TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)


def records() -> dict[int, tuple[Any, Any, tuple[Traced, ...]]] | None:
    """Return the records that were taken apart, None while nobody traces."""
    trace = _TRACE.get()
    return trace.records if trace else None


def on() -> bool:
    """Tell whether numbers are traced."""
    trace = _TRACE.get()
    return trace is not None and trace.read is None


@contextmanager
def tracing() -> Iterator[None]:
    """Trace all that is computed inside.

    Trees have no circles: what is no longer referred to goes without the search for circles,
    which would walk over all of them again and again.
    """
    token, collects = _TRACE.set(Trace()), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _TRACE.reset(token)
        if collects:
            gc.enable()


@contextmanager
def reading() -> Iterator[dict[int, Traced]]:
    """Compute on plain numbers inside; give the leaves that are read there."""
    trace = _TRACE.get() or Trace()
    read: dict[int, Traced] = {}
    token = _TRACE.set(Trace(trace.leaves, read, records=trace.records))
    try:
        yield read
    finally:
        _TRACE.reset(token)


def leaf(value: T, make: Callable[[], Traced]) -> T:
    """Return a number that a file holds: plain while nobody traces, else the one leaf of it.

    Parameters
    ----------
    value : float
    make : callable
        Returns the leaf.
    """
    trace = _TRACE.get()
    if trace is None:
        return value
    made = make()
    node = trace.leaves.setdefault(
        (made.operation, made.name, made.origin, made.value, made.given), made
    )
    if trace.read is None:
        return cast("T", Word(value, node) if isinstance(value, str) else node)
    trace.read[id(node)] = node
    return value


class Cited(NamedTuple):
    """Where a leaf comes from."""

    source: str = ""  #: key of the source
    origin: str = ""  #: file and line
    note: str = ""


UNCITED = Cited()


class Traced:
    """A number with the operation and the operands that gave it.

    It compares, hashes and formats as its value does. It has neither ``__float__`` nor
    ``__index__``: a formula that would forget where its number came from raises a `TypeError`.

    Parameters
    ----------
    value : float, int or str
    operation : str
        `sum`, `product`, `exp`, …; of a leaf its kind: `input`, `catalog figure`, `constant`, or
        how it was measured or solved.
    operands : tuple of Traced
    name, unit : str
        Empty for a step of a formula.
    cited : Cited
        Of a leaf.
    given : tuple of Traced
        What a leaf that was measured or solved rests on.
    """

    __slots__ = ("final", "given", "name", "note", "operands", "operation", "origin", "source",
                 "unit", "value")  # fmt: skip

    def __init__(
        self,
        value: Any,
        operation: str,
        operands: tuple[Traced, ...] = (),
        *,
        name: str = "",
        unit: str = "",
        cited: Cited = UNCITED,
        given: tuple[Traced, ...] = (),
    ) -> None:
        self.value, self.operation, self.operands = value, operation, operands
        self.name, self.unit, self.given = name, unit, given
        self.source, self.origin, self.note = cited
        self.final = False  #: whether it is a figure of the results

    def replaced(self, value: float) -> Traced:
        """Return the same node with another value, which differs by its rounding or type."""
        node = object.__new__(Traced)
        for name in Traced.__slots__:
            setattr(node, name, getattr(self, name))
        node.value = value
        return node

    def __repr__(self) -> str:
        return f"{self.name or self.operation} = {self.value} {self.unit}".strip()

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def __round__(self, digits: int | None = None) -> Traced:
        places = () if digits is None else (as_node(digits),)
        return Traced(round(self.value, digits), "rounded", (self, *places))

    def __ceil__(self) -> Traced:
        return Traced(math.ceil(self.value), "rounded up", (self,))

    def __floor__(self) -> Traced:
        return Traced(math.floor(self.value), "rounded down", (self,))

    def __neg__(self) -> Traced:
        return Traced(-self.value, "negative", (self,))

    def __abs__(self) -> Traced:
        return Traced(abs(self.value), "absolute", (self,))


def steer(node: Traced) -> int:
    """Return the value of a node that says how often something is done, and remember it."""
    if trace := _TRACE.get():
        trace.steering.append(node)
    return cast("int", node.value)


@contextmanager
def steering() -> Iterator[list[Traced]]:
    """Collect what steers the formulas inside."""
    trace = _TRACE.get() or Trace()
    outer, trace.steering = trace.steering, []
    try:
        yield trace.steering
    finally:
        trace.steering = outer


class Word(str):
    """A word of a scenario that remembers where it stands."""

    __slots__ = ("node",)
    node: Traced

    def __new__(cls, text: str, node: Traced) -> Word:
        """Return a word with its leaf."""
        word = super().__new__(cls, text)
        word.node = node
        return word


def value_of(x: Any) -> Any:
    """Return the value of a number, traced or not."""
    return x.value if x.__class__ is Traced else x


def as_node(x: Any) -> Traced:
    """Return a number as a node."""
    if x.__class__ is Traced:
        node: Traced = x
        return node
    if isinstance(x, Constant):
        return Traced(float(x), CONSTANT, name=x.name, unit=x.unit)
    return Traced(x.item() if isinstance(x, np.generic) else x, CONSTANT)


def _divided(a: float, b: float) -> float:
    """Return a quotient as numpy does: infinite or undefined where the divisor is zero."""
    return a / b if b else math.copysign(math.inf, b) * a


_NUMBERS = (int, float)


def _with_nothing(a: Any, b: Any, value: float) -> Any:
    """Return a sum of which a term is zero: the other term, of two zeros the traced one."""
    term = a if value_of(a) != 0 or (value_of(b) == 0 and isinstance(a, Traced)) else b
    return term if isinstance(term, Traced) else float(value)


def _nothing(a: Any, b: Any, value: float) -> Any:
    """Return a product that is zero and rests on a factor that is; undefined with infinity."""
    if value != 0:
        return Traced(float(value), "product", (as_node(a), as_node(b)))
    zero = a if value_of(a) == 0 else b
    if not isinstance(zero, Traced):
        return float(value)
    again = zero.operation == "product" and not zero.name
    return zero if again else Traced(float(value), "product", (zero,))


def _operator(name: str, label: str, act: Callable[[Any, Any], Any]) -> None:
    """Give the class an operator and its mirror."""
    extends = label in ("sum", "product")
    ACTIONS[label] = act

    def combined(a: Any, b: Any) -> Any:
        x = a.value if a.__class__ is Traced else a
        y = b.value if b.__class__ is Traced else b
        if not isinstance(x, _NUMBERS) or not isinstance(y, _NUMBERS):
            return NotImplemented
        value = act(x, y)
        if extends:
            if x == 0 or y == 0:
                return (_with_nothing if label == "sum" else _nothing)(a, b, value)
            if label == "product" and ((x is a and x == 1) or (y is b and y == 1)):
                return b if x is a else a
        if value.__class__ is np.float64:
            value = float(value)
        left, right = as_node(a), as_node(b)
        if extends and left.operation == label and not left.name:
            return Traced(value, label, (*left.operands, right))
        return Traced(value, label, (left, right))

    setattr(Traced, f"__{name}__", combined)
    setattr(Traced, f"__r{name}__", lambda self, other: combined(other, self))


def _comparison(name: str) -> None:
    """Give the class a comparison of values."""
    compare = getattr(operator, name)
    setattr(Traced, f"__{name}__", lambda self, other: compare(self.value, value_of(other)))


_operator("add", "sum", operator.add)
_operator("mul", "product", operator.mul)
_operator("sub", "difference", operator.sub)
_operator("pow", "power", operator.pow)
_operator("truediv", "quotient", _divided)
_operator("floordiv", "whole quotient", operator.floordiv)
_operator("mod", "remainder", operator.mod)
ACTIONS |= {
    **{"negative": operator.neg, "absolute": abs, "rounded": round},
    **{"rounded up": math.ceil, "rounded down": math.floor},
    "mean": lambda *x: math.fsum(x) / len(x),
}
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    _comparison(_name)


def ordered(
    roots: Iterable[Traced], given: bool = True, seen: Container[int] = ()
) -> Iterator[Traced]:
    """Yield every node below some roots once, operands before what is made of them.

    Parameters
    ----------
    roots : iterable of Traced
    given : bool
        Follow what leaves rest on as well, not only operands.
    seen : container of int
        Identities of nodes that are left out, with what stands below them only.
    """
    met: set[int] = set()
    waiting = [(root, False) for root in roots]
    while waiting:
        node, done = waiting.pop()
        if done:
            yield node
        elif id(node) not in met and id(node) not in seen:
            met.add(id(node))
            waiting.append((node, True))
            below = (*node.operands, *node.given) if given else node.operands
            waiting += [(n, False) for n in below if id(n) not in met]


def recomputed(node: Traced) -> float:
    """Return what the operation of a node gives for the values of its operands."""
    values = [n.value for n in node.operands]
    if node.operation in ("sum", "product") and len(values) != 2:
        return cast("float", reduce(ACTIONS[node.operation], values))
    return cast("float", ACTIONS[node.operation](*values))


def walk(root: Traced, given: bool = True) -> Iterator[Traced]:
    """Yield every node below a root once, the root first.

    Parameters
    ----------
    root : Traced
    given : bool
        Follow what leaves rest on as well, not only operands.
    """
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += (*node.operands, *node.given) if given else node.operands
