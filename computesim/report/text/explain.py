"""An expression tree as a person reads it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from computesim.report.scales import rounded, scaled
from computesim.report.text.tables import columns
from computesim.units import number_text

if TYPE_CHECKING:
    from computesim.study.explain import Explanation, Node

WIDTH = 100
MOST_TERMS = 8  #: of a sum: the largest ones
MOST_GIVEN = 10
#: units in which a person reads those of the model, and the factor to them
_READ = {"USD/J": (3.6e6, "USD/kWh"), "gCO2/J": (3.6e6, "gCO2/kWh"), "g/J": (3.6e6, "g/kWh")}
_RATES = ("FLOP/s", "B/s")
_SCALED = ("accelerator", "H100e", "transceiver", "switch", "W", "Wh/year", "USD/year",
           "token/day", "FLOP/year")  # fmt: skip


def quantity(value: float, unit: str) -> str:
    """Return a number in the unit in which a person reads it.

    Parameters
    ----------
    value : float
    unit : str
        The base unit, or that of the results table.
    """
    from computesim import units

    if unit in _SCALED and value:
        factor, name = scaled(unit, abs(value))
        times = "× " if name.startswith("10") else ""
        return f"{rounded(value / factor)} {times}{name}"
    if unit in _READ:
        factor, unit = _READ[unit]
        return f"{value * factor:.3g} {unit}"
    if unit in ("s", "B", "FLOP", "W", "J"):
        return number_text(value, unit)
    if unit in _RATES and abs(value) < 1e27:
        return units.show(value, unit)
    if abs(value) >= 1e15:
        return f"{value:.3g} {unit}"
    return f"{number_text(value, '1')} {'' if unit == '1' else unit}".strip()


def tree_text(root: Node, depth: int, notes: bool = False) -> str:
    """Return a tree with a line for each node, none wider than 100 columns.

    Parameters
    ----------
    root : Node
    depth : int
        Levels below the root.
    notes : bool
        Print the notes of leaves as well.
    """
    return "\n".join(_lines(root, "", "", depth, notes, set()))


def _lines(
    node: Node, first: str, rest: str, depth: int, notes: bool, seen: set[int]
) -> Iterator[str]:
    """Yield the lines of a node and of what is below it; `first` and `rest` lead them."""
    below = [*node.children, *node.given]
    again = id(node) in seen and bool(below)
    cut = bool(below) and depth <= 0 and not again
    yield from _head(node, first, rest, " (above)" if again else " …" if cut else "")
    if notes and node.note and not node.children:
        yield from (f"{rest}    {line}" for line in _wrapped(node.note, WIDTH - len(rest) - 4))
    if again or cut:
        return
    seen.add(id(node))
    shown, left = _shown(node)
    for place, (child, label) in enumerate(shown):
        last = place == len(shown) - 1 and not left
        mark, lead = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _lines(child, f"{rest}{mark}{label}", rest + lead, depth - 1, notes, seen)
    if left:
        yield f"{rest}└─ {left}"


def _shown(node: Node) -> tuple[list[tuple[Node, str]], str]:
    """Return the nodes to print below one, each with a label, and what is left out as text."""
    if node.operation == "sum" and len(node.children) > MOST_TERMS:
        ordered = sorted(node.children, key=lambda n: -abs(n.number()))
        rest = ordered[MOST_TERMS - 1 :]
        size = quantity(sum(n.number() for n in rest), node.unit)
        kept = [(child, "") for child in ordered[: MOST_TERMS - 1]]
        return kept, f"… {len(rest)} smaller terms, together {size}"
    if node.operation == "mean of a path":
        first, *between, last = node.children
        given = [(child, "~ ") for child in node.given]
        ends = [(first, "from "), (last, "to "), *given]
        return ends, f"… {len(between)} points between"
    found = [(child, "") for child in node.children]
    found += [(child, "~ ") for child in node.given[:MOST_GIVEN]]
    more = len(node.given) - MOST_GIVEN
    return found, f"~ … {more} more" if more > 0 else ""


def _head(node: Node, first: str, rest: str, end: str) -> Iterator[str]:
    """Yield a node as a line, or as two where one is too long."""
    said = node.text if node.value is None else quantity(node.value, node.unit)
    left = f"{first}{node.name} = {said}"
    tag = _tag(node, WIDTH)
    if len(left) + len(tag) + len(end) + 2 <= WIDTH:
        yield f"{left}  {tag}{end}"
        return
    name = node.name
    if len(left) > WIDTH:
        room = max(WIDTH - len(first) - len(said) - 4, 12)
        name = f"{name[: room - 1]}…"
    yield _cut(f"{first}{name} = {said}")
    yield _cut(f"{rest}    {_tag(node, WIDTH - len(rest) - len(end) - 4)}{end}")


def _tag(node: Node, width: int) -> str:
    """Return operation, source and origin; of an origin that is too long the end is kept."""
    told = [part for part in (node.operation, node.source, node.origin) if part]
    text = f"({', '.join(told)})"
    spare = len(text) - width
    if node.origin and 0 < spare < len(node.origin) - 8:
        told[-1] = f"…{node.origin[spare + 1 :]}"
        text = f"({', '.join(told)})"
    return text


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines."""
    return textwrap.wrap(text, max(width, 24))


def explanation_text(found: Explanation, depth: int, notes: bool = False) -> str:
    """Return a figure with its tree, its bibliography and its estimates.

    Parameters
    ----------
    found : Explanation
    depth : int
    notes : bool
    """
    tree = tree_text(found.root, depth, notes)
    parts = [tree, *_legend(tree)]
    if not found.agrees:
        stored = quantity(found.value, found.unit)
        parts.append(f"Warning: the results say {stored}; the tree does not know all of the model.")
    if found.sources:
        rows = [(f"{n:,}".rjust(5), s.key, s.date, s.title) for s, n in found.sources]
        table = columns([("Cited", "source", "date", "title"), *rows])
        parts.append("\n".join(_cut(line) for line in table.split("\n")))
    parts.append(
        f"Rests on {found.leaves:,} inputs, catalog figures and coefficients, "
        f"{found.estimates:,} of them estimates, from {len(found.sources)} "
        f"source{'s' if len(found.sources) != 1 else ''}."
    )
    return "\n\n".join(parts)


def _legend(text: str) -> list[str]:
    """Return what the marks of a tree mean, where it has any."""
    marks = [
        ("~ ", "~ what a simulated, allocated or chosen figure rests on"),
        (" …", "… more below (--depth, or all of it with --csv)"),
        ("(above)", "(above) expanded before"),
    ]
    told = [meaning for mark, meaning in marks if mark in text]
    return ["\n".join(told)] if told else []


def _cut(line: str) -> str:
    """Return a line that fits."""
    return line if len(line) <= WIDTH else line[: WIDTH - 1].rstrip() + "…"
