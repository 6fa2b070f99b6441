"""One figure of the results with the tree that it grew on, its sources and its estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from computesim.catalog.rows import Source
from computesim.errors import near_miss
from computesim.results import Results
from computesim.results.variables import VariableError, family, sums
from computesim.study.explain.node import DEFINITION, Node, computed, total, walk
from computesim.study.explain.registry import ExplainError, explainer_of
from computesim.study.explain.world import World

TOLERANCE = 1e-9  #: of a tree that gives the figure of the results
ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A figure, where it came from, and what that rests on."""

    variable: str
    year: int
    value: float  #: as it stands in the results
    unit: str
    root: Node
    sources: tuple[Source, ...]  #: those that the figure rests on, by key
    leaves: int  #: inputs, catalog figures and coefficients
    estimates: int  #: of them, those that nobody published

    @property
    def agrees(self) -> bool:
        """Whether the tree gives the figure of the results."""
        return math.isclose(self.root.number(), self.value, rel_tol=TOLERANCE, abs_tol=1e-300)


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
    members = _members(results, variable)
    if year not in results.years:
        span = f"{results.years[0]}-{results.years[-1]}"
        raise ExplainError(f"the results have no year {year}; they have {span}")
    values = [results.series(name) for name in members]
    there = [name for name, series in zip(members, values, strict=True) if year in series]
    if not there:
        years = ", ".join(str(y) for y in sorted({y for series in values for y in series}))
        raise ExplainError(f"'{variable}' has no value in {year}; it has in {years}")
    trees = [_tree(worlds, name, year, results.unit(name)) for name in there]
    unit = results.unit(there[0])
    root = trees[0] if len(trees) == 1 else total(variable, unit, trees)
    own = sum(results.series(name)[year] for name in there)
    sources, leaves, estimates = _rests_on(root, worlds[0])
    return Explanation(variable, year, own, unit, root, sources, leaves, estimates)


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
        groups = {"|".join(n.split("|")[:i]) for n in known for i in range(1, n.count("|") + 1)}
        names = [*known, *sorted(groups)]
        lower = {name.lower(): name for name in names}
        hint = near_miss(variable.lower(), lower)
        for word in sorted(lower, key=len, reverse=True):
            hint = hint.replace(word, lower[word]) if word in hint else hint
        raise VariableError(f"these results hold no variable '{variable}' {hint}".strip())
    families = {family(name) for name in found}
    one = families.pop()
    if len(found) > 1 and (families or one is None or not one.additive):
        raise VariableError(f"what '{variable}' stands for does not add up; name one of them")
    return found


def _tree(worlds: Sequence[World], variable: str, year: int, unit: str) -> Node:
    """Return the tree of a variable, the mean over replications where there are several."""
    make, rest = explainer_of(variable)
    trees = [make(world, world.road.years.index(year), rest) for world in worlds]
    name = f"{variable} in {year}"
    if len(trees) == 1:
        return replace(trees[0], name=name, unit=unit)
    return computed(name, unit, "mean", trees)


def _rests_on(root: Node, world: World) -> tuple[tuple[Source, ...], int, int]:
    """Return the sources of a tree, its leaves with a source, and the estimates among them."""
    known = {source.key: source for source in world.catalog.sources()}
    told = [n.source for n in walk(root) if n.source and n.source != DEFINITION]
    guessed = sum(
        key == ESTIMATE or (key in known and known[key].kind == ESTIMATE) for key in told
    )
    keys = sorted(set(told))
    return tuple(known[key] for key in keys if key in known), len(told), guessed
