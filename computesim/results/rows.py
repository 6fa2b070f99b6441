"""The rows of the long table, and the rows of what is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

COLUMNS = ("scenario", "variable", "unit", "year", "replication", "value")


Pairs: TypeAlias = Iterable[tuple[str, float]]  #: full names of variables and their values
Yearly: TypeAlias = Iterator[Pairs]  #: those of each year of a world


class Row(NamedTuple):
    """One number of a run."""

    variable: str
    unit: str
    year: int
    value: float
    replication: int = 0


class Difference(NamedTuple):
    """One variable in one year under two scenarios, means over replications."""

    variable: str
    unit: str
    year: int
    ours: float
    other: float
    difference: float  #: other less ours
    ratio: float  #: other over ours; not a number where ours is zero


class SumFault(NamedTuple):
    """A variable whose parts do not add up to it."""

    variable: str
    year: int
    replication: int
    value: float
    parts: float  #: what the parts add up to

    def __str__(self) -> str:
        return f"{self.variable} in {self.year} is {self.value:g}, its parts sum to {self.parts:g}"
