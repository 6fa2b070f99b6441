"""One scenario over another, and where every value came from.

Mappings of the tree are merged key by key; a value (a number, a path, a range, a mix)
replaces its forerunner as a whole; `null` takes an entry away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from computesim.scenario.part import Part
from computesim.scenario.schema import Tree
from computesim.scenario.yaml_loader import Document, Key, Place


def child_kind(kind: Any, name: Any) -> Any:
    """Return the annotation of an entry of a part or of a mapping of parts; None when unknown."""
    if isinstance(kind, type) and issubclass(kind, Part):
        field = kind.model_fields.get(name)
        return without_none(field.annotation) if field else None
    return get_args(kind)[1] if get_origin(kind) is dict else None


def without_none(kind: Any) -> Any:
    """Return the annotation of an entry that may be left out, as if it could not."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    told = [part for part in get_args(kind) if part is not NoneType]
    return told[0] if len(told) == 1 else kind


def is_branch(kind: Any) -> bool:
    """Tell whether an annotation is merged key by key."""
    return get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, Part))


def merge(base: Document, over: Document, tree: type[Part] = Tree) -> Document:
    """Return one document over another of the same tree; faults are those of both."""
    made = Document({}, dict(base.places), [*base.faults, *over.faults])
    made.data = _merged(base.data, over.data, tree, (), made.places, over.places)
    return made


def _merged(
    base: Mapping[Any, Any],
    over: Mapping[Any, Any],
    kind: Any,
    key: Key,
    places: dict[Key, Place],
    own: Mapping[Key, Place],
) -> dict[Any, Any]:
    """Return the merged data of one branch, and bring its places up to date."""
    data = dict(base)
    for name, value in over.items():
        below, inner = (*key, name), child_kind(kind, name)
        before = data.get(name)
        if is_branch(inner) and isinstance(value, Mapping):
            if not isinstance(before, Mapping):
                before = {}
                places.pop(below, None)
            if below in own:
                places.setdefault(below, own[below])
            data[name] = _merged(before, value, inner, below, places, own)
            continue
        for old in keys_of(before, below):
            places.pop(old, None)
        data.pop(name, None)
        if value is not None:
            data[name] = value
            places.update({new: own[new] for new in keys_of(value, below) if new in own})
    return data


def keys_of(data: Any, key: Key) -> Iterator[Key]:
    """Yield a key and all keys below it."""
    yield key
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from keys_of(value, (*key, name))
