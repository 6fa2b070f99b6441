"""Leaves at the low, central or high end of their range, and figures between two dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from computesim.accounts.bill.ratios import CASES, cases
from computesim.catalog import Catalog
from computesim.scenario.values import Value
from computesim.study.explain.inputs import entry_of, figure, value
from computesim.study.explain.node import FIGURE, Node, computed, constant
from computesim.study.explain.operations import MEANINGS, OPERATIONS
from computesim.study.explain.world import World, remembered

CENTRAL = CASES.index("central")


def _between(when: float, first: float, low: float, last: float, high: float) -> float:
    """Return what lies between two points on a straight line."""
    return float(np.interp(when, (first, last), (low, high)))


OPERATIONS["interpolated"] = _between
MEANINGS["interpolated"] = "at a, on the straight line from (b, c) to (d, e)"


def _told(node: Node, case: int) -> str:
    """Return the note of a leaf that stands at an end of its range."""
    return f"{CASES[case]} end{'; ' if node.note else ''}{node.note}"


@remembered
def end_of(world: World, key: str, t: int, case: int) -> Node:
    """Return a number of the scenario in a year at an end of its range.

    Parameters
    ----------
    world : World
    key : str
    t : int
    case : int
        Index of `bill_ratios.CASES`.
    """
    node, leaf = value(world, key, t), entry_of(world.scenario, key)
    if case == CENTRAL or not isinstance(leaf, Value):
        return node
    return replace(node, value=leaf.at(world.key(t), CASES[case]), note=_told(node, case))


@remembered
def figure_at(
    world: World, table: str, name: str, parameter: str, unit: str, case: int, default: float = 0.0
) -> Node:
    """Return a figure of the catalog at an end of its range, in base units."""
    node = figure(world, table, name, parameter, unit, default)
    catalog: Catalog = world.catalog
    if case == CENTRAL or node.operation != FIGURE:
        return node
    number = float(cases(catalog.figure(table, name, parameter))[case])
    return replace(node, value=number, note=_told(node, case))


@remembered
def dated(world: World, name: str, parameter: str, as_of: str, unit: str) -> Node:
    """Return a figure of the price table of one date."""
    catalog: Catalog = world.catalog
    found = catalog.figure("prices", name, parameter, as_of)
    return Node(
        f"{parameter.replace('_', ' ')} of {name}", found.number, unit, FIGURE, source=found.source,
        origin=catalog.origin("prices", name, parameter, as_of), note=f"{as_of}; {found.note}",
    )  # fmt: skip


def interpolated(name: str, unit: str, when: float, points: Sequence[tuple[float, Node]]) -> Node:
    """Return a figure on straight lines between points, flat before the first and after the last.

    Parameters
    ----------
    name, unit : str
    when : float
        In years, as the dates of the points.
    points : sequence of tuple of float and Node
        In the order of their dates.
    """
    before = [point for point in points if point[0] <= when]
    after = [point for point in points if point[0] >= when]
    if not before or not after:
        return points[0][1] if not before else points[-1][1]
    (first, low), (last, high) = before[-1], after[0]
    if first == last:
        return low
    children = (
        constant("time", when, "year"),
        constant("time of the first", first, "year"), low,
        constant("time of the second", last, "year"), high,
    )  # fmt: skip
    return computed(name, unit, "interpolated", children)
