"""The audit trail: every figure of a run walked back to inputs, catalog figures and cells.

    node          a number with its operation, operands, source and origin
    operations    what an inner node does to its operands
    world         the world of a run, kept
    inputs        leaves: values of the scenario, figures of the catalog
    asked, shapes, forward, searching, rl   what is asked, down to FLOP of a token
    cells, fleet, networks, draws           what answers, down to cells and linear program
    registry      who explains which family of variables
    tokens, flop, machines, watts, money, links, measured   the families
    figure        one figure with its tree, its sources and its estimates
    trail         trees as rows of a table

A new family of results is one module with a function marked `@explains("Prefix")`, and its name
in `registry.FAMILIES`.
"""

from computesim.study.explain.figure import Explanation, explain
from computesim.study.explain.node import LEAVES, Node, walk
from computesim.study.explain.registry import ExplainError, explains, unexplained
from computesim.study.explain.world import World, world_of

__all__ = [
    "LEAVES",
    "ExplainError",
    "Explanation",
    "Node",
    "World",
    "explain",
    "explains",
    "unexplained",
    "walk",
    "world_of",
]
