"""An expression tree as a person reads it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from computesim.report.scales import rounded, scaled
from computesim.report.text.tables import columns
from computesim.study.explain.dimension import Units
from computesim.units import number_text

if TYPE_CHECKING:
    from computesim.study.explain import Explanation
    from computesim.study.explain.formula import Formula
    from computesim.traced import Traced

WIDTH = 100
MOST_TERMS = 8  #: of a sum: the largest ones
MOST_GIVEN = 10
LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: units in which a person reads those of the model, and the factor to them
_READ = {"USD/J": (3.6e6, "USD/kWh"), "gCO2/J": (3.6e6, "gCO2/kWh"), "g/J": (3.6e6, "g/kWh")}
_RATES = ("FLOP/s", "B/s")
_SCALED = ("accelerator", "H100e", "transceiver", "switch", "W", "Wh/year", "USD/year",
           "token/day", "FLOP/year")  # fmt: skip


def _quantity(value: float, unit: str) -> str:
    """Return a number of a base unit, or of the table, in the unit in which a person reads it."""
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


def _tree_text(root: Traced, depth: int, notes: bool = False) -> str:
    """Return a tree: a line for each node, its formula, and the operands of it by letters."""
    writer = _Tree(Units(), notes, set())
    return "\n".join(writer.lines(root, "", "", depth))


@dataclass(frozen=True)
class _Tree:
    """What the lines of a tree have in common."""

    units: Units
    notes: bool
    seen: set[int]  #: nodes that have been expanded

    def lines(self, node: Traced, first: str, rest: str, depth: int) -> Iterator[str]:
        """Yield the lines of a node and of what is below it; `first` and `rest` lead them."""
        from computesim.study.explain.formula import formula

        below = bool(node.operands or node.given)
        again = id(node) in self.seen and below
        cut = below and depth <= 0 and not again
        yield from self._head(node, first, rest, " (above)" if again else " …" if cut else "")
        if self.notes and node.note and not node.operands:
            yield from (f"{rest}    {line}" for line in _wrapped(node.note, WIDTH - len(rest) - 4))
        if again or cut:
            return
        self.seen.add(id(node))
        each = formula(node)
        below_it, left = self._shown(each)
        if node.operation != "mean of a path" and each.written() not in ("", "a"):
            yield _cut(f"{rest}= {each.written()}")
        for place, (child, label) in enumerate(below_it):
            last = place == len(below_it) - 1 and not left
            mark, lead = ("└─ ", "   ") if last else ("├─ ", "│  ")
            yield from self.lines(child, f"{rest}{mark}{label}", rest + lead, depth - 1)
        if left:
            yield f"{rest}└─ {left}"

    def _shown(self, each: Formula) -> tuple[list[tuple[Traced, str]], str]:
        """Return the nodes to print below one, each with a label, and what is left out as text."""
        node = each.node
        labelled = [(n, f"{name}: ") for n, name in zip(each.operands, LETTERS, strict=False)]
        rests = [(child, "~ ") for child in each.given[:MOST_GIVEN]]
        if node.operation == "mean of a path":
            (first, _), *between, (last, _) = labelled or [(node, "")]
            return [(first, "from "), (last, "to "), *rests], f"… {len(between)} points between"
        if node.operation == "sum" and len(each.operands) > MOST_TERMS:
            ordered = sorted(labelled, key=lambda one: -abs(one[0].value))
            rest = [n.value for n, _ in ordered[MOST_TERMS - 1 :]]
            more = len(each.operands) - MOST_TERMS + 1
            return [*ordered[: MOST_TERMS - 1], *rests], f"… {more} smaller terms" if rest else ""
        more = len(each.given) - MOST_GIVEN
        return [*labelled, *rests], f"~ … {more} more" if more > 0 else ""

    def _head(self, node: Traced, first: str, rest: str, end: str) -> Iterator[str]:
        """Yield a node as a line, or as two where one is too long."""
        unit = self.units.of(node)
        said = node.value if isinstance(node.value, str) else _quantity(node.value, unit)
        left, tag = f"{first}{node.name} = {said}", _tag(node, WIDTH)
        if len(left) + len(tag) + len(end) + 2 <= WIDTH:
            yield f"{left}  {tag}".rstrip() + end
            return
        name = node.name
        if len(left) > WIDTH:
            room = max(WIDTH - len(first) - len(said) - 4, 12)
            name = f"{name[: room - 1]}…"
        yield _cut(f"{first}{name} = {said}{'' if tag else end}")
        if tag:
            yield _cut(f"{rest}    {_tag(node, WIDTH - len(rest) - len(end) - 4)}{end}")


def _tag(node: Traced, width: int) -> str:
    """Return kind, source and origin of a leaf; of an origin that is too long the end is kept."""
    told = [part for part in (node.operation, node.source, node.origin) if part]
    text = "" if node.operands else f"({', '.join(told)})"
    spare = len(text) - width
    if node.origin and 0 < spare < len(node.origin) - 8:
        told[-1] = f"…{node.origin[spare + 1 :]}"
        text = f"({', '.join(told)})"
    return text


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 24))


def explanation_text(found: Explanation, depth: int, notes: bool = False) -> str:
    """Return a figure with its tree, its bibliography and its estimates.

    Parameters
    ----------
    found : Explanation
    depth : int
    notes : bool
    """
    tree = _tree_text(found.root, depth, notes)
    parts = [tree, *_legend(tree)]
    if not found.agrees:
        stored = _quantity(found.value, found.unit)
        parts.append(f"Warning: the results say {stored}.")
    if found.sources:
        rows = [(f"{n:,}".rjust(5), s.key, s.date, s.title) for s, n in found.sources]
        table = columns([("Cited", "source", "date", "title"), *rows])
        parts.append("\n".join(_cut(line) for line in table.split("\n")))
    parts.append(
        f"Rests on {found.leaves:,} inputs and catalog figures, "
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
    return line if len(line) <= WIDTH else line[: WIDTH - 1].rstrip() + "…"
