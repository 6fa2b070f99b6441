"""Families of variables that a run reports, read from `data/variables.csv`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parents[1] / "data" / "variables.csv"


class Variable(NamedTuple):
    """One family of variables: everything that begins with `prefix`."""

    prefix: str
    unit: str
    additive: bool  #: parts below the prefix sum to the prefix
    counts: str  #: what is counted, for captions


def _read() -> tuple[Variable, ...]:
    """Return the rows of the table, in its order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Variable(row["prefix"], row["unit"], row["adds_up"] == "yes", row["counts"])
            for row in csv.DictReader(file)
        )


VARIABLES = _read()
