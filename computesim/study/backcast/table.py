"""What the back-cast holds against what: the table `data/backcast.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from computesim.catalog.rows import DATA
from computesim.errors import CaseError, Fault, near_miss

FILE: Final = DATA / "backcast.csv"
COLUMNS: Final = ("kind", "quantity", "years", "series", "variable", "tolerance_kind", "tolerance",
                  "held_out", "source", "note")  # fmt: skip
TOLERANCES: Final = ("band", "relative", "points", "factor", "range", "none")
ORIGINS: Final = ("set", "fitted")  #: how an input came to its value


@dataclass(frozen=True, slots=True)
class Check:
    """One quantity that is held against what was published."""

    quantity: str
    years: tuple[int, int]  #: first and last year that are held against each other
    series: str  #: in the table `history`, or one over another: `a / b`
    variable: str  #: ours, or one over another
    tolerance_kind: str  #: one of `TOLERANCES`
    tolerance: str
    held_out: bool  #: no input was set with it in view
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One input that was set or fitted with published figures in view."""

    quantity: str
    key: str  #: of the scenario, or where a coefficient stands
    origin: str  #: set or fitted
    series: str  #: what was in view
    source: str
    note: str


@cache
def shipped_table() -> tuple[tuple[Check, ...], tuple[Calibrated, ...]]:
    """Return the checks and the calibrated inputs of the package."""
    return read_table(FILE)


def read_table(path: Path) -> tuple[tuple[Check, ...], tuple[Calibrated, ...]]:
    """Return the checks and the calibrated inputs that a table lists.

    Parameters
    ----------
    path : Path
        A CSV file with the columns `COLUMNS`.

    Raises
    ------
    CaseError
        With every fault of the file.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(enumerate(csv.DictReader(file), start=2))
    faults = [f for line, row in rows for f in _faults(row, str(path), line)]
    if faults:
        raise CaseError(faults, "backcast")
    checks = tuple(_check(row) for _, row in rows if row["kind"] == "check")
    inputs = tuple(
        Calibrated(r["quantity"], r["variable"], r["tolerance_kind"], r["series"], r["source"],
                   r["note"])
        for _, r in rows if r["kind"] == "input"
    )  # fmt: skip
    return checks, inputs


def _check(row: dict[str, str]) -> Check:
    first, _, last = row["years"].partition("..")
    return Check(
        quantity=row["quantity"],
        years=(int(first), int(last)) if first else (0, 9999),
        series=row["series"],
        variable=row["variable"],
        tolerance_kind=row["tolerance_kind"],
        tolerance=row["tolerance"],
        held_out=row["held_out"] == "yes",
        source=row["source"],
        note=row["note"],
    )


def _faults(row: dict[str, str], file: str, line: int) -> list[Fault]:
    found = []

    def fault(column: str, accepted: str, hint: str = "") -> None:
        found.append(Fault(column, f"'{row.get(column) or ''}'", accepted, file, line, hint))

    if set(row) != set(COLUMNS) or None in row.values():
        return [Fault("columns", "not as in the heading", ", ".join(COLUMNS), file, line)]
    if row["kind"] not in ("check", "input"):
        fault("kind", "accepted: check, input", near_miss(row["kind"], ("check", "input")))
        return found
    known = TOLERANCES if row["kind"] == "check" else ORIGINS
    if row["tolerance_kind"] not in known:
        fault("tolerance_kind", f"accepted: {', '.join(known)}",
              near_miss(row["tolerance_kind"], known))  # fmt: skip
    elif row["tolerance_kind"] in ("relative", "points", "factor"):
        least = 1.0 if row["tolerance_kind"] == "factor" else 0.0
        if not _number(row["tolerance"]) > least:
            fault("tolerance", f"accepted: a number above {least:g}")
    elif row["tolerance_kind"] == "range" and row["tolerance"].count("..") != 1:
        fault("tolerance", "accepted: two quantities, 75 TWh/year..120 TWh/year")
    if row["kind"] == "check" and row["held_out"] not in ("yes", "no"):
        fault("held_out", "accepted: yes, no")
    ends = row["years"].split("..")
    if row["years"] and not (len(ends) == 2 and all(end.isdigit() for end in ends)):
        fault("years", "accepted: first and last year, 2023..2025")
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
