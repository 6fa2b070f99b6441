"""What pydantic found, in plain words and with a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from computesim.errors import Fault, near_miss
from computesim.scenario.context import quoted
from computesim.scenario.merge import child_kind
from computesim.scenario.part import Part
from computesim.scenario.schema import Tree
from computesim.scenario.yaml_loader import Key, Place, dotted

#: kind of pydantic error -> what is accepted; braces are filled from its context
_ACCEPTED: Mapping[str, str] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "literal_error": "one of {expected}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
}


def place_of(places: Mapping[Key, Place], key: Key) -> Place | None:
    """Return the place of a key, or of the nearest thing around it that stands in a file."""
    for n in range(len(key), 0, -1):
        if key[:n] in places:
            return places[key[:n]]
    return None


def plain_faults(
    error: ValidationError,
    places: Mapping[Key, Place],
    file: str,
    is_complete: bool,
    tree: type[Part] = Tree,
) -> list[Fault]:
    """Return the faults of a validation.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    places : mapping
        Where everything stands.
    file : str
        The file that is blamed for what stands nowhere.
    is_complete : bool
        False when a file of the chain is missing: then nobody is blamed for missing keys.
    tree : type of Part
        What the data did not become.
    """
    faults: list[Fault] = []
    for item in error.errors(include_url=False):
        key: Key = item["loc"]
        kind, context = item["type"], item.get("ctx", {})
        if kind == "rejected":
            for complaint in context["all"]:
                own = (*key, *complaint.key)
                is_unknown = complaint.found == "unknown key"
                faults.append(_fault(own, complaint[1:], places, file, of_key=is_unknown))
        elif kind == "missing":
            if is_complete:
                accepted = f"it is required: {_description(key, tree)}"
                faults.append(_fault(key, ("missing", accepted, ""), places, file, of_key=True))
        elif kind == "extra_forbidden":
            part, word = _kind(key[:-1], tree), str(key[-1])
            known = list(part.model_fields)
            hint = part.RENAMED.get(word) or near_miss(word, known)
            told = ("unknown key", f"one of {', '.join(known)}", hint)
            faults.append(_fault(key, told, places, file, of_key=True))
        elif key[-1:] == ("[key]",):
            told = (quoted(key[-2]), "a name that is a text", "put it in quotes")
            faults.append(_fault(key[:-1], told, places, file, of_key=True))
        else:
            accepted = _ACCEPTED.get(kind, item["msg"]).format(**context).replace("'", "")
            faults.append(_fault(key, (quoted(item["input"]), accepted, ""), places, file))
    return faults


def _fault(
    key: Key,
    told: tuple[str, str, str],
    places: Mapping[Key, Place],
    file: str,
    of_key: bool = False,
) -> Fault:
    """Return a fault with the line of the key or of its value."""
    place = place_of(places, key) or Place(file, 0, 0)
    line = place.line if of_key else place.value_line
    return Fault(dotted(key), told[0], told[1], place.file, line, told[2])


def _kind(key: Key, tree: type[Part]) -> Any:
    kind: Any = tree
    for name in key:
        kind = child_kind(kind, name)
    return kind


def _description(key: Key, tree: type[Part]) -> str:
    """Return the first sentence of what a field is for."""
    kind = _kind(key[:-1], tree)
    if not (isinstance(kind, type) and issubclass(kind, Part)):
        return "an entry"
    text = kind.model_fields[str(key[-1])].description or ""
    return (text[:1].lower() + text[1:]).split(". ")[0].rstrip(".")
