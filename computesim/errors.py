"""What can go wrong, and how it is said.

A message says where, what was found, what is accepted and what to do. Several
faults of one input are collected and reported at once (`Fault`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class ComputesimError(Exception):
    """Base of everything that computesim raises on purpose."""


class UnitError(ComputesimError):
    """A quantity that cannot be read, or that has the wrong dimension."""


class CapacityError(ComputesimError):
    """A machine that cannot do what was asked of it, for instance a model that does not fit."""


class UnreachableError(CapacityError):
    """A quality, or a budget, that nothing in the allowed room reaches."""

    def __init__(self, what: str, asked: float, limit: float, unit: str = "") -> None:
        self.what = what  #: `quality` or `budget`
        self.asked = asked
        self.limit = limit  #: the highest quality, or the least spending
        unit = f" {unit}" if unit else ""  # of a budget
        told = {
            "quality": f"a quality of {asked:.4g} is not reached: the highest is {limit:.4g}",
            "budget": f"a budget of {asked:.4g}{unit} does not suffice: "
            f"the least is {limit:.4g}{unit}",
        }
        super().__init__(told[what])


class SimulationError(ComputesimError):
    """Input that a simulation cannot play."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an input file."""

    key: str  #: where inside the file, `fleet.lifetime`
    found: str  #: what stands there
    accepted: str  #: what is accepted instead
    file: str = ""  #: the file, as the user named it
    line: int = 0  #: line in the file, counted from 1; 0 when it is not known
    hint: str = ""  #: the near miss or the remedy

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.key}: {self.found}; {self.accepted}{hint}".removeprefix(": ")


class FaultyInputError(ComputesimError):
    """An input with one or more faults, all of them named."""

    def __init__(self, faults: Sequence[Fault], title: str = "") -> None:
        self.faults = tuple(faults)
        self.title = title
        count = f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"
        head = f"{title}: {count}" if title else count
        super().__init__("\n".join([head, *(f"  {fault}" for fault in self.faults)]))


class ScenarioError(FaultyInputError):
    """A scenario file that cannot be used."""


class QuestionError(FaultyInputError):
    """A question that cannot be asked: its file, its options, or what it asks together."""


class CatalogError(FaultyInputError):
    """A catalog table that cannot be used, or a name that it does not hold."""


class CaseError(FaultyInputError):
    """A trace or case file that cannot be used."""


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return `did you mean a, b?` for the known words closest to `word`, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"did you mean {', '.join(close)}?" if close else ""
