"""The reference page of the scenario format, written from the schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import cleandoc
from typing import Any, get_args, get_origin

from computesim.quantities import ENGINES
from computesim.scenario.fields import EngineName, Name, Quantity, Shares, Word
from computesim.scenario.merge import is_branch, parts_of, without_none
from computesim.scenario.part import Part
from computesim.scenario.schema import Tree

_HEAD = """\
# Scenario files

<!-- Written by tools.pages from the schema; a test keeps it current. -->

A scenario is a YAML file. It says who asks for AI, who trains it, and what answers; computesim
works out accelerators, networks, megawatts and dollars. A short file is enough, because a scenario
may extend another and say only what differs:

```yaml
extends: baseline
name: long-thoughts
products:
  chat:
    reasoning_share: {path: {2022: 0, 2025: 0.1, 2030: 0.9}, source: estimate}
```

`computesim init my-scenario` writes a commented start, `computesim validate FILE` lists everything
that is wrong with a file at once, `computesim show FILE` prints every value with its source and the
line that it comes from, and `computesim schema` prints the JSON Schema for your editor.

## How to write a value

Every number below may be written in any of these forms.

{forms}

- A path must cover the horizon, unless it says `beyond: hold`. A `step` path needs no last year.
  A fractional year works: `2026.37` lies between the points 2026 and 2027.
- Distributions: `normal` (`mean`, `sd`), `lognormal` (`median`, `sigma`: the standard deviation of
  the logarithm), `triangular` (`low`, `mode`, `high`), `uniform` (`low`, `high`). `normal` and
  `lognormal` may also be given by `low` and `high`, their 5 % and 95 % quantiles.
- Words (a model, a number format, a topology) may change from a year on:
  `model: {2022: gpt-3-175b, 2025: deepseek-v3}`.
- A mix gives shares that sum to 1, by year: `{2025: {h100-sxm: 0.6, b200-sxm: 0.4}}`. It holds
  until the next year, or is mixed over the years with `interpolation: linear`.
- `source` is a key of the sources table (`computesim list sources`), of your own tables, or
  `estimate`. A value without one counts as an estimate.
- YAML 1.2 is read: `1e15` is a number, `on` and `no` are words, a date is a text, and a key that
  stands twice in one mapping is a fault.

## How files go together

- `extends` names one file (from the folder of this one) or a shipped scenario; chains are allowed.
  Mappings are merged key by key; a value, whatever its form, replaces the other one as a whole;
  `null` takes an entry away (`products: {search: null}`). `name`, `title` and `question` are never
  inherited; the name is that of the file when left out.
- `catalog` names a folder with your own accelerators, models, fabrics, sites or sources, in the
  format of the shipped tables.
- `--set products.chat.users=2e9` overrides one entry from the command line; the value is YAML, so
  `--set 'limits.facility_power={2022: 1 GW, 2030: 100 GW}'` works as well.
"""

_FORMS = (
    ("form", "example", "meaning"),
    ("---", "---", "---"),
    ("number", "`1e9`, `2_000_000`", "counts in the unit of the key"),
    (
        "quantity",
        "`30 ms`, `90 day`, `0.08 USD/kWh`, `40 %`, `900 million`",
        "converted; a wrong unit is a fault",
    ),
    ("path over years", "`{2025: 1e9, 2030: 2.5e9}`", "a straight line between the years"),
    (
        "path with options",
        "`{path: {2025: 1e9, 2030: 2.5e9}, interpolation: geometric, beyond: hold}`",
        "`interpolation` is `linear`, `geometric` (constant growth) or `step` (holds until "
        "the next year); `beyond: hold` lets the ends stand for all years beyond them",
    ),
    (
        "range",
        "`{low: 2, central: 3.7, high: 6}`",
        "5 % quantile, median, 95 % quantile; each may be a path",
    ),
    (
        "distribution",
        "`{distribution: lognormal, median: 2000, sigma: 0.9}`",
        "the central value is the median",
    ),
    (
        "with a source",
        "`{value: 3.7, source: estimate, note: as of May}`",
        "`source` and `note` go with every form that has braces",
    ),
)


def format_page() -> str:
    """Return `docs/scenario-format.md`."""
    _, *parts = parts_of(Tree)
    sections = "\n".join(
        f"### `{title}`\n\n{cleandoc(kind.__doc__ or '')}\n\n"
        + "\n".join(rows(kind, _value))
        + "\n"
        for title, kind in parts
    )
    forms = "\n".join(f"| {' | '.join(row)} |" for row in _FORMS)
    head = _HEAD.replace("{forms}", forms)
    return f"{head}\n## All keys\n\n{_top()}\n{sections}"


def _top() -> str:
    """Return the table of the top level, with the two keys about files."""
    files = [
        "| `extends` | file or name | - | The scenario that this one changes. |",
        "| `catalog` | folder | - | Your own catalog tables. |",
    ]
    top = rows(Tree, _value)
    return "\n".join([*HEADER, *files, *top[len(HEADER) :]]) + "\n"


_COUNTED = ("user", "token", "accelerator")
HEADER = ("| key | value | default | meaning |", "|---|---|---|---|")


def rows(kind: type[Part], value: Callable[[str, Any], str]) -> list[str]:
    """Return the table of the keys of a part, with its head.

    Parameters
    ----------
    kind : type of Part
    value : callable
        Gets the name of a field and the field; returns what it may be, in words.
    """
    lines = list(HEADER)
    for name, field in kind.model_fields.items():
        default = "**required**" if field.is_required() else _default(field.default)
        text = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {value(name, field)} | {default} | {text} |")
    return lines


def _default(default: Any) -> str:
    """Return a default as an author would write it."""
    if default in (None, "", {}):
        return "-"
    if isinstance(default, dict):
        shown = {k: v for k, v in default.items() if k not in ("source", "note")}
        if list(shown) == ["value"]:
            return f"`{shown['value']}`"
        return "`{" + ", ".join(f"{k}: {v}" for k, v in shown.items()) + "}`"
    return f"`{json.dumps(default) if isinstance(default, bool) else default}`"


def _value(_: str, field: Any) -> str:
    for form in (*field.metadata, *_inner_metadata(field.annotation)):
        if isinstance(form, Quantity):
            return quantity_text(form, get_origin(field.annotation) is dict)
        if isinstance(form, Word):
            return ", ".join(f"`{word}`" for word in form.words)
        if isinstance(form, EngineName):
            return ", ".join(f"`{name}`" for name in ENGINES)
        if isinstance(form, Shares):
            return f"mix of {form.table}"
        if isinstance(form, Name):
            return f"name of {form.table}" + (", or `none`" if form.none else "")
    if is_branch(without_none(field.annotation)):
        return "keys"
    if words := get_args(without_none(field.annotation)):
        return ", ".join(f"`{word}`" for word in words)
    names = {str: "text", int: "whole number", bool: "`true`, `false`"}
    return names.get(field.annotation, "text")


def _inner_metadata(annotation: Any) -> tuple[Any, ...]:
    """Return the annotations of the entries of a mapping of values."""
    if get_origin(annotation) is not dict:
        return ()
    return tuple(getattr(get_args(annotation)[1], "__metadata__", ()))


def quantity_text(form: Any, by_name: bool = False) -> str:
    """Return what a number may be: its unit and its bounds.

    Parameters
    ----------
    form : Quantity, or a form with its unit, minimum and maximum
    by_name : bool
        Several of them, each with a name.
    """
    named = {"1": "number", "AD": "calendar year"}
    unit = {**named, **{n: f"number of {n}s" for n in _COUNTED}}.get(
        form.unit, f"quantity in `{form.unit}`"
    )
    low, high = form.minimum, form.maximum
    bounds = ""
    if high != float("inf"):
        bounds = f", {low:g} to {high:g}"
    elif low > 0:
        bounds = f", at least {low:g}"
    return f"name: {unit}{bounds}" if by_name else f"{unit}{bounds}"
