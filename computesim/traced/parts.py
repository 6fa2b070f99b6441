"""Anything that holds traced numbers, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import numpy as np

from computesim.traced.node import Traced, Word, records, value_of

T = TypeVar("T")


def plain(x: T) -> T:
    """Return anything with every traced number in it as its value."""
    if isinstance(x, Traced):
        return cast("T", x.value)
    if isinstance(x, Word):
        return cast("T", str(x))
    if isinstance(x, np.ndarray):
        if x.dtype != object:
            return x
        values = [value_of(v) for v in x.ravel().tolist()]
        floats = np.empty_like(x, dtype=np.float64)
        floats[...] = np.array(values, dtype=np.float64).reshape(x.shape)
        return cast("T", floats)
    if x is None or isinstance(x, (str, int, float)):
        return x
    if is_dataclass(x):
        return cast("T", _record(x)[1])
    return cast("T", rebuilt(x, lambda part, _: plain(part)))


def inside(x: Any) -> Iterator[Traced]:
    """Yield the traced numbers in anything."""
    if isinstance(x, Traced):
        yield x
    elif isinstance(x, Word):
        yield x.node
    elif isinstance(x, np.ndarray):
        if x.dtype == object:
            yield from (v for v in x.ravel().tolist() if isinstance(v, Traced))
    elif isinstance(x, (str, int, float)):
        return
    elif is_dataclass(x):
        yield from _record(x)[2]
    else:
        for _, part in parts(x):
            yield from inside(part)


def _record(x: Any) -> tuple[Any, Any, tuple[Traced, ...]]:
    """Return a dataclass, the same with plain numbers, and the traced numbers in it."""
    known = records()
    if known is not None and id(x) in known:
        return known[id(x)]
    traced = tuple({id(n): n for _, part in parts(x) for n in inside(part)}.values())
    made = (x, rebuilt(x, lambda part, _: plain(part)) if traced else x, traced)
    if known is not None:
        known[id(x)] = made
    return made


def parts(x: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the parts of a dataclass, sequence or mapping with their names."""
    if is_dataclass(x) and not isinstance(x, type):
        yield from ((f.name, getattr(x, f.name)) for f in fields(x))
    elif isinstance(x, tuple) and hasattr(x, "_fields"):
        yield from zip(x._fields, x, strict=True)
    elif isinstance(x, (tuple, list)):
        yield from enumerate(x)
    elif isinstance(x, Mapping):
        yield from x.items()


def rebuilt(x: Any, act: Callable[[Any, Any], Any]) -> Any:
    """Return a dataclass, sequence or mapping with its parts changed; itself if none is."""
    before = dict(parts(x))
    after = {label: act(part, label) for label, part in before.items()}
    if all(after[label] is before[label] for label in before):
        return x
    if isinstance(x, Mapping):
        return type(x)(after)  # type: ignore[call-arg]
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(**after)
    if isinstance(x, (tuple, list)):
        return type(x)(after.values())
    new = object.__new__(type(x))
    for label, part in after.items():
        object.__setattr__(new, label, part)
    return new
