"""One figure of the results with the tree that it grew on, its sources and its estimates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from computesim.catalog.rows import Source
from computesim.cells.memo import Memo
from computesim.errors import ComputesimError
from computesim.results import Results
from computesim.results.families import VARIABLES
from computesim.results.variables import VariableError, family, sums
from computesim.scenario import Scenario
from computesim.study.explain.walked import Figure, walked
from computesim.traced import Traced, walk

ESTIMATE = "estimate"


class ExplainError(ComputesimError, LookupError):
    """A figure that cannot be walked back."""


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
    root: Traced
    sources: tuple[Citation, ...]  #: what the figure rests on, the most cited first

    @property
    def leaves(self) -> int:
        """Inputs and catalog figures that the figure rests on; a path counts once."""
        return sum(citation.leaves for citation in self.sources)

    @property
    def estimates(self) -> int:
        """Those of the leaves that nobody published."""
        return sum(c.leaves for c in self.sources if c.source.kind == ESTIMATE)

    @property
    def agrees(self) -> bool:
        """Whether the tree gives the figure of the results."""
        return math.isclose(self.root.value, self.value, rel_tol=1e-12, abs_tol=1e-300)


def explain(
    scenario: Scenario, memo: Memo, results: Results, variable: str, year: int
) -> Explanation:
    """Return how a figure of the results came about.

    Parameters
    ----------
    scenario : Scenario
    memo : Memo
        Measured cells; those of the run that gave the results are not measured again.
    results : Results
        Of the scenario.
    variable : str
        A name of the results, the group of several (`Power|Facility`), or a pattern
        (`Energy|*inference`) whose members are added up.
    year : int

    Raises
    ------
    VariableError, ExplainError
        If the variable or the year is not there, or the members do not add up.
    """
    values = members(results, variable, year)
    wanted = {(name, year) for name in values}
    each = [walked(scenario, memo, wanted, k) for k in range(scenario.simulation.replications)]
    unit = results.unit(next(iter(values)))
    root = grouped(each, f"{variable} in {year}", unit, [(name, year) for name in values])
    return Explanation(variable, year, sum(values.values()), unit, root, _rests_on(root, scenario))


def grouped(
    each: Sequence[dict[Figure, Traced]], name: str, unit: str, figures: Sequence[Figure]
) -> Traced:
    """Return a figure, or the sum of several; the mean over replications where there are any."""
    roots = []
    for known in each:
        nodes = [known[figure] for figure in figures]
        whole = math.fsum(n.value for n in nodes) if len(nodes) > 1 else nodes[0].value
        roots.append(nodes[0] if len(nodes) == 1 else Traced(whole, "sum", tuple(nodes)))
    root = roots[0]
    if len(roots) > 1:
        mean = math.fsum(r.value for r in roots) / len(roots)
        root = Traced(mean, "mean", tuple(roots))
    if not root.final:
        root.name, root.unit, root.final = name, unit, True
    return root


def members(results: Results, variable: str, year: int) -> dict[str, float]:
    """Return the figures of a year that a name, a group or a pattern stands for.

    Raises
    ------
    VariableError, ExplainError
        If there are none, or they do not add up.
    """
    names = _members(results, variable)
    if year not in results.years:
        span = f"{results.years[0]}-{results.years[-1]}"
        raise ExplainError(f"the results have no year {year}; they have {span}")
    values = {name: series[year] for name in names if year in (series := results.series(name))}
    if not values:
        years = sorted({y for name in names for y in results.series(name)})
        raise ExplainError(f"'{variable}' has no value in {year}; it has in {years[0]}-{years[-1]}")
    return values


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


def _rests_on(root: Traced, scenario: Scenario) -> tuple[Citation, ...]:
    """Return the sources of a tree, those of most leaves first."""
    known = {source.key: source for source in scenario.catalog().sources()}
    leaves = {(n.name, n.source) for n in walk(root) if n.source in known}
    counted = Counter(source for _, source in leaves)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Citation(known[key], count) for key, count in ordered if key in known)
