"""The audit trail: every figure of a run walked back to inputs, catalog figures and cells.

    walked     the projection once more, on numbers that remember what they were made of
    formula    a node as a formula of the named nodes below it
    dimension  the unit of every node, and what does not go together
    figure     one figure with its tree, its sources and its estimates
    trail      trees as rows of a table, and as data

A new family of results needs nothing here: its tree is the formula that gives it.
"""

from computesim.study.explain.figure import (
    Citation,
    ExplainError,
    Explanation,
    explain,
    unknown_head,
)
from computesim.study.explain.walked import walked

__all__ = ["Citation", "ExplainError", "Explanation", "explain", "unknown_head", "walked"]
