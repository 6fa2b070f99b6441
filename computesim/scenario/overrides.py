"""Overrides: single entries of a scenario, set from outside its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_origin

from computesim.errors import Fault, near_miss
from computesim.scenario.merge import child_kind, is_branch, keys_of, merge
from computesim.scenario.part import Part
from computesim.scenario.schema import Tree
from computesim.scenario.yaml_loader import Document, Key, Place, dotted, read_value, split

OVERRIDE = "--set"  #: the file of what an override says


def overridden(
    document: Document, overrides: Iterable[str] | Mapping[str, Any], tree: type[Part] = Tree
) -> Document:
    """Return a document with overrides applied, in order.

    Parameters
    ----------
    document : Document
        What they change.
    overrides : iterable of str, or mapping
        `products.chat.users=2e9`, or the dotted key with the value as data.
    tree : type of Part
        What the document is to become.
    """
    if isinstance(overrides, str):
        overrides = [overrides]
    pairs: Iterable[Any] = overrides.items() if isinstance(overrides, Mapping) else overrides
    for pair in pairs:
        key, value, fault = _pair(pair) if isinstance(pair, str) else (*pair, "")
        parts: Key = split(key.strip())
        if fault or not parts:
            accepted = "key=value, such as products.chat.users=2e9"
            document.faults.append(Fault(key, fault or "no key", accepted, OVERRIDE))
        elif problem := _unreachable(document.data, parts, tree):
            document.faults.append(Fault(key, *problem[:2], OVERRIDE, 0, problem[2]))
        else:
            document = merge(document, nested(parts, value), tree)
    return document


def _pair(text: str) -> tuple[str, Any, str]:
    key, equals, value = text.partition("=")
    if not equals:
        return key, None, "no `=`"
    try:
        return key, read_value(value), ""
    except ValueError as error:
        return key, None, f"{value!r}: {error}"


def _unreachable(data: Any, key: Key, tree: Any) -> tuple[str, str, str] | None:
    """Return why an override cannot be applied: found, accepted, hint."""
    kind: Any = tree
    for depth, name in enumerate(key):
        if not is_branch(kind):
            return "a key inside a value", f"{dotted(key[:depth])} is set as a whole", ""
        inner = child_kind(kind, name)
        known = kind.model_fields if get_origin(kind) is not dict else data
        known = known if isinstance(known, Mapping) else {}
        is_new = get_origin(kind) is dict and name not in known and is_branch(inner)
        if inner is None or (is_new and depth < len(key) - 1):
            where = f" in {dotted(key[:depth])}" if depth else ""
            return (
                f"unknown key {name!r}{where}",
                f"one of {', '.join(map(str, known))}",
                (near_miss(str(name), map(str, known))),
            )
        kind, data = inner, data.get(name, {}) if isinstance(data, Mapping) else {}
    return None


def nested(key: Key, value: Any, origin: str = OVERRIDE) -> Document:
    """Return the document that says one value, all of it placed at the command line.

    Parameters
    ----------
    key : Key
    value : Any
        Plain data.
    origin : str
        The option that says so.
    """
    data = value
    for name in reversed(key):
        data = {name: data}
    place = Place(origin, 0, 0)
    places = dict.fromkeys((key[:n] for n in range(1, len(key))), place)
    places |= dict.fromkeys(keys_of(value, key), place)
    return Document(data, places)
