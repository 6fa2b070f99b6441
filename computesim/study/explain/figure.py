"""One figure of the results with the tree that it grew on, its sources and its estimates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from computesim.catalog.rows import Source
from computesim.results import Results
from computesim.results.families import VARIABLES
from computesim.results.variables import VariableError, family, sums
from computesim.study.explain.node import DEFINITION, FIGURE, INPUT, Node, computed, total, walk
from computesim.study.explain.registry import ExplainError, explainer_of
from computesim.study.explain.world import World

TOLERANCE = 1e-9  #: of a tree that gives the figure of the results
ESTIMATE = "estimate"


class Citation(NamedTuple):
    """A source, and how many leaves of a tree rest on it."""

    source: Source
    leaves: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A figure, where it came from, and what that rests on."""

    variable: str
    year: int
    value: float  #: as it stands in the results
    unit: str
    root: Node
    sources: tuple[Citation, ...]  #: what the figure rests on, the most cited first

    @property
    def leaves(self) -> int:
        """Inputs, catalog figures and coefficients that the figure rests on; a path counts once."""
        return sum(citation.leaves for citation in self.sources)

    @property
    def estimates(self) -> int:
        """Those of the leaves that nobody published."""
        return sum(c.leaves for c in self.sources if c.source.kind == ESTIMATE)

    @property
    def agrees(self) -> bool:
        """Whether the tree gives the figure of the results."""
        return agree(self.root, self.value)


def agree(root: Node, value: float) -> bool:
    """Tell whether a tree gives a figure."""
    return math.isclose(root.number(), value, rel_tol=TOLERANCE, abs_tol=1e-300)


def explain(worlds: Sequence[World], results: Results, variable: str, year: int) -> Explanation:
    """Return how a figure of the results came about.

    Parameters
    ----------
    worlds : sequence of World
        One for each replication of the results.
    results : Results
    variable : str
        A name of the results, the group of several (`Power|Facility`), or a pattern
        (`Energy|*inference`) whose members are added up.
    year : int

    Returns
    -------
    Explanation

    Raises
    ------
    VariableError, ExplainError
        If the variable or the year is not there, the members do not add up, or nothing
        explains them.
    """
    found = tree(worlds, results, variable, year)
    return Explanation(variable, year, *found, _rests_on(found.root, worlds[0]))


class Told(NamedTuple):
    """A figure of the results and its tree."""

    value: float
    unit: str
    root: Node


def tree(worlds: Sequence[World], results: Results, variable: str, year: int) -> Told:
    """Return the tree of a figure without its bibliography: see `explain`."""
    members = _members(results, variable)
    if year not in results.years:
        span = f"{results.years[0]}-{results.years[-1]}"
        raise ExplainError(f"the results have no year {year}; they have {span}")
    values = {name: series[year] for name in members if year in (series := results.series(name))}
    if not values:
        years = sorted({y for name in members for y in results.series(name)})
        raise ExplainError(f"'{variable}' has no value in {year}; it has in {years[0]}-{years[-1]}")
    trees = [_tree(worlds, name, year, results.unit(name)) for name in values]
    unit = results.unit(members[0])
    root = trees[0] if len(trees) == 1 else total(f"{variable} in {year}", unit, trees)
    return Told(sum(values.values()), unit, root)


def _members(results: Results, variable: str) -> list[str]:
    """Return the variables with rows of their own that a name or pattern stands for."""
    known = results.variables()
    if variable in known:
        return [variable]
    if "*" in variable:
        found = [name for name in known if fnmatchcase(name, variable)]
    else:
        found = [name for name in known if name.startswith(f"{variable}|")]
        if found and not sums(variable):
            raise VariableError(f"the parts of '{variable}' do not add up; name one of them")
    if not found:
        raise VariableError(f"these results hold no variable '{variable}' {_near(variable, known)}")
    families = {family(name) for name in found}
    one = families.pop()
    if len(found) > 1 and (families or one is None or not one.additive):
        raise VariableError(f"what '{variable}' stands for does not add up; name one of them")
    return found


def _near(variable: str, known: Sequence[str]) -> str:
    """Return the near miss of a variable among the names and groups of the results."""
    parts = [name.split("|") for name in known]
    groups = {"|".join(p[:i]): None for p in parts for i in range(1, len(p) + 1)}
    lower = {name.lower(): name for name in groups}
    close = [lower[name] for name in get_close_matches(variable.lower(), lower, n=3)]
    heads = ", ".join(dict.fromkeys(p[0] for p in parts))
    return f"(did you mean {', '.join(close)}?)" if close else f"(they hold {heads})"


def unknown_head(variable: str) -> str:
    """Return what is wrong with a name before anything is simulated, or an empty text.

    Parameters
    ----------
    variable : str
        The beginning of it is looked up among the families that a run can report.
    """
    names = [v.prefix for v in VARIABLES]
    head = variable.split("|")[0]
    if "*" in head or any(name.split("|")[0] == head for name in names):
        return ""
    return _near(variable, names).strip("()")


def _tree(worlds: Sequence[World], variable: str, year: int, unit: str) -> Node:
    """Return the tree of a variable, the mean over replications where there are several."""
    make, rest = explainer_of(variable)
    trees = [make(world, world.road.years.index(year), rest) for world in worlds]
    name = f"{variable} in {year}"
    if len(trees) == 1 and trees[0].operation in (INPUT, FIGURE):  # whose own name is its place
        return computed(name, unit, "sum", trees)
    if len(trees) == 1:
        return replace(trees[0], name=name, unit=unit)
    return computed(name, unit, "mean", trees)


def _rests_on(root: Node, world: World) -> tuple[Citation, ...]:
    """Return the sources of a tree, those of most leaves first."""
    known = {source.key: source for source in world.catalog.sources()}
    leaves = {(n.name, n.source) for n in walk(root) if n.source and n.source != DEFINITION}
    counted = Counter(source for _, source in leaves)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Citation(known[key], count) for key, count in ordered if key in known)
