"""What is shipped, by segment of the supply chain, as text and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from computesim.report import bill_tables
from computesim.report.tables import aligned
from computesim.report.text.tables import fitting
from computesim.results import BillCheck, Results


@dataclass(frozen=True, slots=True)
class Line:
    """One segment by one metric."""

    segment: str
    label: str
    inside: list[str]  #: segments that hold it
    metric: str
    unit: str
    values: Mapping[int, float]  #: by year, in that unit


@dataclass(frozen=True, slots=True)
class Bill:
    """What is shipped, by segment."""

    scenario: str
    hash: str
    lines: list[Line]
    markets: list[BillCheck]  #: beside what was published


def bill_of(results: Results, chinese: bool = False) -> Bill:
    """Return the bill of a run.

    Parameters
    ----------
    results : Results
    chinese : bool
        Units of Chinese reports.
    """
    lines = [
        Line(line.segment["key"], line.segment["label_zh" if chinese else "label"],
             line.segment.get("inside", []), line.metric, line.unit, line.values)
        for line in bill_tables.lines(results, chinese)
    ]  # fmt: skip
    manifest = results.manifest
    return Bill(results.scenario, manifest.get("hash", ""), lines, manifest.get("bill_checks", []))


def bill_text(results: Results, chinese: bool = False) -> str:
    """Return the bill and the markets as a person reads them in a terminal.

    Parameters
    ----------
    results : Results
    chinese : bool
        Names and units of Chinese reports.
    """
    years = fitting(results.years, label=56)
    parts = [bill_tables.text(results, years, chinese), "* inside other segments, not spent again"]
    rows = bill_tables.check_rows(results.manifest.get("bill_checks", []))
    if rows:
        heads = ["Beside published markets", "year", "unit", "ours", "range", "scenario",
                 "published", "ours/published", "scenario/published"]  # fmt: skip
        parts.append(aligned([heads, *(row[:-1] for row in rows)]))
        parts.append(
            "ours: of the accelerators that were shipped as published; scenario: of those it ships"
        )
    return "\n\n".join(parts)
