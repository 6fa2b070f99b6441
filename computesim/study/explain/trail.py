"""Trees as data: rows of a table in which every expression names its operands, and JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from computesim.results import Results, written_whole
from computesim.results.variables import VariableError
from computesim.study.explain.figure import agree, tree
from computesim.study.explain.node import (
    CONSTANT,
    FIGURE,
    INPUT,
    WORD,
    Node,
    walk,
)
from computesim.study.explain.operations import MEANINGS
from computesim.study.explain.registry import ExplainError
from computesim.study.explain.world import World

COLUMNS = (
    *("id", "kind", "name", "value", "unit", "operation", "expression", "rests_on"),
    *("source", "origin", "note"),
)
_SIGNS = {"sum": " + ", "product": " * ", "quotient": " / ", "difference": " - ", "power": " ^ "}
_KINDS = {INPUT: "input", WORD: "input", FIGURE: "input", CONSTANT: "constant"}


def rows(roots: Sequence[Node], given: bool = True) -> Iterator[tuple[object, ...]]:
    """Yield one row for each node below some roots, shared nodes once.

    Parameters
    ----------
    roots : sequence of Node
        Figures of the results.
    given : bool
        Follow what leaves rest on as well, not only operands.

    Yields
    ------
    tuple
        In the order of `COLUMNS`. `kind` is final, derived, input, constant, or that of the leaf
        (simulated, training or step model, linear program); `#7` stands for the node of that id.
    """
    nodes = _ordered(roots, given)
    ids = {id(node): number for number, node in enumerate(nodes, 1)}
    ends = {id(root) for root in roots}
    for node in nodes:
        rests = [f"#{ids[id(n)]}" for n in node.given if id(n) in ids]
        yield (
            ids[id(node)],
            _kind(node, id(node) in ends),
            node.name,
            node.text if node.value is None else node.value,
            node.unit,
            node.operation,
            expression(node.operation, [f"#{ids[id(child)]}" for child in node.children]),
            " ".join(rests),
            node.source,
            node.origin,
            node.note,
        )


def audit(
    world: World, results: Results, variables: Sequence[str], year: int
) -> list[tuple[object, ...]]:
    """Return the audit trail of some figures as a table with a heading, operands only.

    Parameters
    ----------
    world : World
        The first replication; where its figure is not that of the results (several replications,
        or a part of the model that no explainer knows), the note gives theirs.
    results : Results
    variables : sequence of str
        Names and groups; those that the results lack, or that nothing explains, are left out.
    year : int

    Returns
    -------
    list of tuple
        `COLUMNS`, then a row for each node.
    """
    roots = []
    for variable in variables:
        with suppress(VariableError, ExplainError):
            value, _, root = tree([world], results, variable, year)
            told = "" if agree(root, value) else f"{value!r} in the results"
            roots.append(replace(root, note=told))
    return [COLUMNS, *rows(roots, given=False)]


def write_table(path: Path, table: Iterable[Sequence[object]]) -> Path:
    """Write rows as a CSV file, whole or not at all."""
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    return path


def _ordered(roots: Sequence[Node], given: bool) -> list[Node]:
    """Return all nodes below some roots once."""
    found: dict[int, Node] = {}
    for root in roots:
        if id(root) not in found:
            found |= {id(node): node for node in walk(root, given)}
    return list(found.values())


def _kind(node: Node, final: bool) -> str:
    """Return what a node is in an audit trail."""
    if final:
        return "final"
    return "derived" if node.children else _KINDS.get(node.operation, node.operation)


def expression(operation: str, operands: Sequence[str]) -> str:
    """Return an operation with its operands as a formula; nothing for a leaf."""
    if not operands:
        return ""
    if operation in _SIGNS:
        return _SIGNS[operation].join(operands)
    return f"{operation}({', '.join(operands)})"


def as_data(root: Node, depth: int) -> dict[str, Any]:
    """Return a tree as plain data.

    Parameters
    ----------
    root : Node
    depth : int
        Levels below the root.

    Returns
    -------
    dict
        `children` are the operands, `given` what a leaf rests on; a node that came before is
        `{"see": id}`, and one at the last level says how many nodes it has `below`.
    """
    return _data(root, depth, {})


def _data(node: Node, depth: int, seen: dict[int, int]) -> dict[str, Any]:
    """Return a node and what is below it."""
    if id(node) in seen:
        return {"see": seen[id(node)], "name": node.name}
    facts: Mapping[str, Any] = {
        "name": node.name,
        "value": node.text if node.value is None else node.value,
        "unit": node.unit,
        "operation": node.operation,
        "meaning": MEANINGS.get(node.operation),
        "source": node.source,
        "origin": node.origin,
        "note": node.note,
    }
    found: dict[str, Any] = {k: v for k, v in facts.items() if v not in ("", None)}
    below = [*node.children, *node.given]
    if below and depth <= 0:
        return {**found, "below": len(below)}
    seen[id(node)] = len(seen) + 1
    found = {"id": seen[id(node)], **found}
    for key, nodes in (("children", node.children), ("given", node.given)):
        if nodes:
            found[key] = [_data(child, depth - 1, seen) for child in nodes]
    return found
