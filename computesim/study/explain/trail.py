"""Trees as data: rows of a table in which every formula names its operands, and JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from computesim.cells.memo import Memo
from computesim.results import Results, written_whole
from computesim.results.variables import VariableError
from computesim.scenario import Scenario
from computesim.study.explain.dimension import Units
from computesim.study.explain.figure import ExplainError, grouped, members
from computesim.study.explain.formula import Formula, formula
from computesim.study.explain.walked import walked
from computesim.traced import CONSTANT, Traced

COLUMNS = (
    *("id", "kind", "name", "value", "unit", "operation", "expression", "rests_on"),
    *("source", "origin", "note"),
)
_KINDS = {"input": "input", "catalog figure": "input", CONSTANT: "constant"}


def shown(roots: Sequence[Traced], given: bool = True) -> list[Formula]:
    """Return every node that is shown below some roots, with its formula, each once.

    Parameters
    ----------
    roots : sequence of Traced
        Figures of the results.
    given : bool
        Follow what leaves rest on as well, not only operands.
    """
    found: dict[int, Formula] = {}
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = formula(node)
            below = [*found[id(node)].operands, *(found[id(node)].given if given else ())]
            waiting += reversed(below)
    return list(found.values())


def rows(roots: Sequence[Traced], given: bool = True) -> Iterator[tuple[object, ...]]:
    """Yield one row for each node below some roots, shared nodes once.

    Parameters
    ----------
    roots : sequence of Traced
        Figures of the results.
    given : bool
        Follow what leaves rest on as well, not only operands.

    Yields
    ------
    tuple
        In the order of `COLUMNS`. `kind` is final, derived, input, constant, or that of the leaf
        (simulated, training or step model, linear program); `#7` stands for the node of that id.
    """
    formulas = shown(roots, given)
    ids = {id(each.node): f"#{number}" for number, each in enumerate(formulas, 1)}
    units = Units()
    for number, each in enumerate(formulas, 1):
        node = each.node
        yield (
            number,
            kind(node),
            node.name,
            node.value,
            units.of(node),
            node.operation,
            each.written(ids),
            " ".join(ids[id(n)] for n in each.given if id(n) in ids),
            node.source,
            node.origin,
            node.note,
        )


def audit(
    scenario: Scenario, memo: Memo, results: Results, variables: Sequence[str], year: int
) -> list[tuple[object, ...]]:
    """Return the audit trail of some figures as a table with a heading, operands only.

    Parameters
    ----------
    scenario : Scenario
    memo : Memo
    results : Results
        Of the scenario. Where it has several replications the trail is that of the first, and
        the note gives the figure of the results.
    variables : sequence of str
        Names and groups; those that the results lack are left out.
    year : int

    Returns
    -------
    list of tuple
        `COLUMNS`, then a row for each node.
    """
    told: dict[str, dict[str, float]] = {}
    for variable in variables:
        with suppress(VariableError, ExplainError):
            told[variable] = members(results, variable, year)
    known = walked(scenario, memo, {(name, year) for names in told.values() for name in names})
    roots = []
    for variable, values in told.items():
        unit = results.unit(next(iter(values)))
        root = grouped([known], f"{variable} in {year}", unit, [(name, year) for name in values])
        value = sum(values.values())
        root.note = (
            "" if abs(root.value - value) <= 1e-12 * abs(value) else f"{value!r} in the results"
        )
        roots.append(root)
    return [COLUMNS, *rows(roots, given=False)]


def kind(node: Traced) -> str:
    """Return what a node is in an audit trail."""
    if node.final:
        return "final"
    return "derived" if node.operands else _KINDS.get(node.operation, node.operation)


def write_table(path: Path, table: Iterable[Sequence[object]]) -> Path:
    """Write rows as a CSV file, whole or not at all."""
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    return path


def as_data(root: Traced, depth: int) -> dict[str, Any]:
    """Return a tree as plain data.

    Parameters
    ----------
    root : Traced
    depth : int
        Levels below the root.

    Returns
    -------
    dict
        `children` are the operands of the `formula`, `given` what a node rests on besides; a node
        that came before is `{"see": id}`, and one at the last level says how many nodes it has
        `below`.
    """
    return _data(root, depth, {}, Units())


def _data(node: Traced, depth: int, seen: dict[int, int], units: Units) -> dict[str, Any]:
    """Return a node and what is below it."""
    if id(node) in seen:
        return {"see": seen[id(node)], "name": node.name}
    each = formula(node)
    facts = {
        "name": node.name,
        "value": node.value,
        "unit": node.unit if isinstance(node.value, str) else units.of(node),
        "operation": node.operation,
        "formula": each.written(),
        "source": node.source,
        "origin": node.origin,
        "note": node.note,
    }
    told: dict[str, Any] = {k: v for k, v in facts.items() if v != ""}
    below = [*each.operands, *each.given]
    if below and depth <= 0:
        return {**told, "below": len(below)}
    seen[id(node)] = len(seen) + 1
    told = {"id": seen[id(node)], **told}
    for key, nodes in (("children", each.operands), ("given", each.given)):
        if nodes:
            told[key] = [_data(child, depth - 1, seen, units) for child in nodes]
    return told
