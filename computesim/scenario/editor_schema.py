"""The JSON Schema of scenario files, for editors: every short form that the loader accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from computesim.quantities import ENGINES
from computesim.scenario.fields import MARK, EngineName, Quantity, Shares, Word
from computesim.scenario.reading import INTERPOLATIONS, LAWS
from computesim.scenario.schema import Tree

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "https://computesim.org/schema/scenario.json"

_YEAR = r"^(19|20|21)\d\d(\.\d+)?$"
_TOLD: Mapping[str, Any] = {
    "source": {"type": "string", "description": "A key of the sources table, or `estimate`."},
    "note": {"type": "string", "description": "What a reader must know about the figure."},
}
_TEXT = {"type": "string", "pattern": r"^\s*[-+]?[0-9.]", "description": "A quantity string."}
_ANY_POINT: Mapping[str, Any] = {"type": ["number", "string"]}
_RANGE = ("low", "central", "high")
_BEYOND = {"const": "hold", "description": "The ends stand for all years beyond them."}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file.

    No key is required in it: a file that extends another says only what differs. What is
    missing after merging is said by `computesim validate`.
    """
    schema = Tree.model_json_schema()
    definitions: dict[str, Any] = {}
    made: dict[str, Any] = without_required(_with_forms(schema, definitions))
    made["$defs"] |= definitions
    made["properties"] = {
        "extends": {
            "type": "string",
            "description": "The scenario that this one changes: a file, or a shipped name.",
        },
        "catalog": {
            "type": "string",
            "description": "Folder of your own catalog tables, beside this file.",
        },
        **made["properties"],
    }
    head = {"$schema": DIALECT, "$id": ID, "title": "computesim scenario"}
    return {**head, **{k: v for k, v in made.items() if k != "title"}}


def _with_forms(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema in which every marked field refers to the definition of its form."""
    if isinstance(schema, list):
        return [_with_forms(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if MARK not in schema:
        return {name: _with_forms(value, definitions) for name, value in schema.items()}
    field = schema[MARK]
    name = _definition_name(field)
    if name not in definitions:
        definitions |= _forms(field, name)
    rest = {k: v for k, v in schema.items() if k not in (MARK, "title") and v is not None}
    return {**rest, **_ref(name)}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def without_required(schema: Any) -> Any:
    """Return a schema without required keys, in which an entry may be taken away by `null`."""
    if isinstance(schema, list):
        return [without_required(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        k: without_required(v)
        for k, v in schema.items()
        if not (k == "required" and "properties" in schema)
    }
    if isinstance(entries := made.get("additionalProperties"), dict) and "$ref" in entries:
        made["additionalProperties"] = {"anyOf": [entries, {"type": "null"}]}
    for name, entry in made.get("properties", {}).items():
        if isinstance(entry, dict) and "$ref" in entry:
            told = {k: v for k, v in entry.items() if k != "$ref"}
            either = [{"$ref": entry["$ref"]}, {"type": "null"}]
            made["properties"][name] = {**told, "anyOf": either}
    return made


def _definition_name(field: Any) -> str:
    if isinstance(field, Quantity):
        unit = field.unit.replace("/", "_per_").replace("1", "number")
        ends = [f"{e:g}" for e in (field.minimum, field.maximum) if math.isfinite(e)]
        return "_".join(["quantity", unit, *ends])
    if isinstance(field, EngineName):
        return "engine"
    if isinstance(field, Word):
        return "word_" + "_".join(field.words)
    return f"{type(field).__name__.lower()}_{field.table}"


def _forms(field: Any, name: str) -> dict[str, Any]:
    """Return the definitions of everything that a field may be, the whole under `name`."""
    if isinstance(field, Quantity):
        return _quantity(field, name)
    return {name: _mix(field) if isinstance(field, Shares) else _word(field)}


def _object(properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    """Return the schema of a mapping with these keys, source and note."""
    return {
        "type": "object",
        "properties": {**properties, **_TOLD},
        "required": required,
        "additionalProperties": False,
        **more,
    }


def _points(point: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "patternProperties": {_YEAR: point},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _path(point: Mapping[str, Any], rules: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the two ways to write a path: with `path:`, or years beside the options."""
    options = {"interpolation": {"enum": list(rules)}, "beyond": _BEYOND}
    beside = {**_object(options, []), "patternProperties": {_YEAR: point}}
    return [_object({"path": _points(point), **options}, ["path"]), beside]


def _quantity(field: Quantity, name: str) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "number"}
    if math.isfinite(field.minimum):
        number["minimum"] = field.minimum
    if math.isfinite(field.maximum):
        number["maximum"] = field.maximum
    point, member = _ref(f"{name}_point"), _ref(f"{name}_member")
    range_ = _object(dict.fromkeys(_RANGE, member), list(_RANGE))
    unit = "a plain number" if field.unit == "1" else f"a number in {field.unit}, or a quantity"
    return {
        name: {
            "description": f"{unit}; or a path over years, a range, a distribution",
            "anyOf": [member, _object({"value": member}, ["value"]), range_, _ref("distribution")],
        },
        f"{name}_member": {"anyOf": [point, *_path(point, INTERPOLATIONS)]},
        f"{name}_point": {"anyOf": [number, _TEXT]},
        "parameter": {"anyOf": [_ANY_POINT, *_path(_ANY_POINT, INTERPOLATIONS)]},
        "distribution": {"anyOf": _laws()},
    }


def _laws() -> list[dict[str, Any]]:
    return [
        _object(
            {"distribution": {"const": kind}, **dict.fromkeys(names, _ref("parameter"))},
            ["distribution", *names],
        )
        for kind, sets in LAWS.items()
        for names in sets
    ]


def _word(field: Any) -> dict[str, Any]:
    word = {"enum": list(field.words)} if isinstance(field, Word) else {"type": "string"}
    if isinstance(field, Word):
        what = f"one of {', '.join(field.words)}"
    elif isinstance(field, EngineName):
        what = f"one of {', '.join(ENGINES)}; a version may follow"
    else:
        what = f"a name of {field.table}" + (", or none" if field.none else "")
    return {
        "description": f"{what}; it may change over the years",
        "anyOf": [word, _object({"value": word}, ["value"]), *_path(word, ("step",))],
    }


def _mix(field: Shares) -> dict[str, Any]:
    share = {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string"},
            {"type": "object"},
        ]
    }
    mix = {
        "type": "object",
        "additionalProperties": share,
        "minProperties": 1,
        "propertyNames": {"not": {"pattern": _YEAR}},
    }
    return {
        "description": f"shares of {field.table}, which sum to 1, by year or for all years",
        "anyOf": [*_path(mix, ("step", "linear")), _object({"mix": mix}, ["mix"]), mix],
    }
