"""The variables that a run reports: their names, units, what is counted, and which of them add up.

Names are hierarchical, `Power|Facility|Pretraining`. Where a variable is
additive the parts of a name sum to the name; the bare group of some (`Power`,
whose parts are three ways to measure the same watts) is never summed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from computesim.errors import ComputesimError, near_miss
from computesim.results.families import VARIABLES, Variable
from computesim.results.rows import Row

PRETRAINING = "Pretraining"
RL = "RL post-training"
COT = "CoT inference"
OTHER_INFERENCE = "Other inference"
EXPERIMENTS = "Experiments"
OTHER_AI = "Other AI"

#: The workloads, in the order in which every chart stacks them.
WORKLOADS = (PRETRAINING, RL, COT, OTHER_INFERENCE, EXPERIMENTS, OTHER_AI)


class VariableError(ComputesimError, LookupError):
    """A variable that the results do not hold."""


@cache
def family(name: str) -> Variable | None:
    """Return the family of a variable: the longest prefix that holds it, or None."""
    fitting = [v for v in VARIABLES if name == v.prefix or name.startswith(v.prefix + "|")]
    return max(fitting, key=lambda v: len(v.prefix), default=None)


def unit_of(name: str) -> str:
    """Return the unit in which a variable is stored.

    Parameters
    ----------
    name : str
        A full name such as `Power|Facility|Pretraining`.

    Returns
    -------
    str
        Base units, except that rates count per day (tokens) or per year (FLOP, Wh, USD).

    Raises
    ------
    VariableError
        If no family of variables holds the name.
    """
    found = family(name)
    if found is None:
        hint = near_miss(name.split("|")[0], [v.prefix for v in VARIABLES])
        raise VariableError(f"no family of variables holds '{name}' {hint}".strip())
    return found.unit


def rows_of(pairs: Iterable[tuple[str, float]], year: int, replication: int = 0) -> list[Row]:
    """Return named numbers of a year as rows of the table, each in the unit of its family.

    Parameters
    ----------
    pairs : iterable of tuple of str and float
        Full name and value, in the unit in which the variable is stored.
    year : int
    replication : int

    Raises
    ------
    VariableError
        If no family of variables holds a name.
    """
    from computesim.traced import number  # with numpy, which a report does not need

    return [Row(name, unit_of(name), year, number(value), replication) for name, value in pairs]


def sums(name: str) -> bool:
    """Tell whether the direct parts of a name add up to it."""
    found = family(name)
    if found is not None:
        return found.additive
    return not any(v.prefix.startswith(name + "|") for v in VARIABLES)
