"""The audit trail: every figure of a run walked back to inputs, catalog figures and cells.

    node          a number with its operation, operands, source and origin
    operations    what an inner node does to its operands
    world         the world of a run, kept
    inputs        leaves: values of the scenario, figures of the catalog
    parts/        what families are made of: usage, requests, FLOP, cells, fleet, limits, watts
    families/     one module for each family of variables
    registry      who explains which family
    figure        one figure with its tree, its sources and its estimates
    trail         trees as rows of a table

A new family of results is one module in `families/` with a function marked `@explains("Prefix")`.
"""

from computesim.study.explain.figure import Citation, Explanation, explain, tree, unknown_head
from computesim.study.explain.node import LEAVES, Node, walk
from computesim.study.explain.registry import ExplainError, explains, unexplained
from computesim.study.explain.world import World, world_of

__all__ = [
    "LEAVES",
    "Citation",
    "ExplainError",
    "Explanation",
    "Node",
    "World",
    "explain",
    "explains",
    "tree",
    "unexplained",
    "unknown_head",
    "walk",
    "world_of",
]
