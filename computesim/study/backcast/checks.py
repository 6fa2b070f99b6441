"""The years that have passed, as a scenario has them and as they were published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from computesim.errors import CaseError, Fault
from computesim.published.shipments import of_shipments, shipped_in, sold
from computesim.records import derived
from computesim.results import Results
from computesim.study.backcast.judge import judge, published
from computesim.study.backcast.ours import (
    energy_as_sold,
    expression,
    figure_of,
    own_figure,
    unit_of_variable,
)
from computesim.study.backcast.table import Calibrated, Check, shipped_table

if TYPE_CHECKING:
    from computesim.scenario import Scenario

Progress = Callable[[int, int, str], None]
LAST_YEAR: Final = 2026  #: the last year of which anything was published


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity at one date."""

    quantity: str
    date: str  #: a year, or a month such as 2026-05
    unit: str
    ours: float
    published: float
    low: float | None  #: published range
    high: float | None
    with_actual_shipments: float | None  #: ours, of the units that were really sold
    tolerance_kind: str
    tolerance: str
    least: float  #: ends of what is accepted
    most: float
    passed: bool | None  #: None where the quantity is shown only
    passed_with_actual_shipments: bool | None
    held_out: bool
    source: str
    note: str

    @property
    @derived("1")
    def ratio(self) -> float:
        """Ours over published."""
        return self.ours / self.published if self.published else float("nan")


@dataclass(frozen=True, slots=True)
class Backcast:
    """All comparisons of one scenario, and what its inputs were set with."""

    SHOWN: ClassVar = ("scenario", "hash", "summary", "comparisons", "calibrated")

    scenario: str
    comparisons: tuple[Comparison, ...]
    calibrated: tuple[Calibrated, ...]  #: inputs that the scenario has, and coefficients
    results: Results

    @property
    def judged(self) -> list[Comparison]:
        """Comparisons that pass or fail."""
        return [row for row in self.comparisons if row.passed is not None]

    @property
    def missed(self) -> list[Comparison]:
        """Comparisons that fail."""
        return [row for row in self.judged if not row.passed]

    @property
    def hash(self) -> str:
        """The hash of the scenario."""
        return self.results.manifest.get("hash", "")

    @property
    def summary(self) -> dict[str, int]:
        """How many comparisons there are, pass and fail, all and held out."""
        apart = [row for row in self.judged if row.held_out]
        judged = (row.passed_with_actual_shipments for row in self.judged)
        sold_units = [passed for passed in judged if passed is not None]
        return {
            "compared": len(self.comparisons),
            "judged": len(self.judged),
            "passed": len(self.judged) - len(self.missed),
            "failed": len(self.missed),
            "held_out": len(apart),
            "held_out_passed": sum(bool(row.passed) for row in apart),
            "judged_with_actual_shipments": len(sold_units),
            "passed_with_actual_shipments": sum(map(bool, sold_units)),
        }


def past(
    scenario: str, overrides: Sequence[str] = (), catalog: Any = None, whole: bool = False
) -> Scenario:
    """Return a scenario whose horizon ends with the last year of which anything was published.

    Parameters
    ----------
    scenario : str
        A file or a shipped name.
    overrides : sequence of str
        `KEY=VALUE`.
    catalog : Path, optional
        Folder of own tables.
    whole : bool
        Keep the years after it, for the comparison with others' projections.

    Raises
    ------
    CaseError
        If it begins after that year.

    Notes
    -----
    The horizon goes one year beyond the figures of 2025: accelerators are bought for the demand
    of a deployment lag later, so that the last year of a horizon is less certain.
    """
    from computesim.scenario import load_scenario

    read = load_scenario(scenario, list(overrides), catalog)
    first, last = read.horizon.first_year, read.horizon.last_year
    if first > LAST_YEAR:
        found = f"{first}..{last}"
        accepted = f"a horizon that begins in {LAST_YEAR} or before"
        raise CaseError([Fault("horizon", found, accepted, scenario)], "backcast")
    if whole or last <= LAST_YEAR:
        return read
    return load_scenario(scenario, [*overrides, f"horizon.last_year={LAST_YEAR}"], catalog)


def backcast(
    scenario: Scenario,
    progress: Progress | None = None,
    table: tuple[tuple[Check, ...], tuple[Calibrated, ...]] | None = None,
) -> Backcast:
    """Run the past years of a scenario and hold them against what was published.

    Parameters
    ----------
    scenario : Scenario
        See `past`.
    progress : callable, optional
        Called with steps done, steps in all, and what is being done.
    table : tuple of checks and inputs, optional
        Other ones than those of the package.
    """
    from computesim.pipeline import project

    return compare(project(scenario, progress), scenario, table)


def compare(
    results: Results,
    scenario: Scenario,
    table: tuple[tuple[Check, ...], tuple[Calibrated, ...]] | None = None,
) -> Backcast:
    """Hold results against what was published; see `backcast`."""
    checks, calibrated = table or shipped_table()
    catalog = scenario.catalog()
    own = of_shipments(shipped_in(results), scenario, catalog)
    actual = of_shipments(sold(catalog), scenario, catalog)
    actual |= energy_as_sold(actual, results, scenario)
    found = []
    for check in checks:
        for date, (value, low, high) in sorted(published(check, catalog).items()):
            ours = own_figure(check.variable, date, results, own, scenario, catalog)
            if ours is None or not check.years[0] <= int(date[:4]) <= check.years[1]:
                continue
            sold_units = expression(check.variable, partial(figure_of, actual, date=date))
            found.append(_judged(check, date, ours, value, low, high, sold_units))
    known = {leaf.key for leaf in scenario.assumptions()}
    kept = tuple(c for c in calibrated if c.key in known or not _is_key(c.key))
    return Backcast(results.scenario, tuple(found), kept, results)


def _is_key(text: str) -> bool:
    """Tell whether a place of a calibrated input is a key of a scenario."""
    return "/" not in text and " " not in text


def _judged(
    check: Check,
    date: str,
    ours: float,
    value: float,
    low: float | None,
    high: float | None,
    sold_units: float | None,
) -> Comparison:
    unit = unit_of_variable(check.variable)
    asked = (check.tolerance_kind, check.tolerance)
    least, most, passed = judge(*asked, ours, value, low, high, unit)
    with_units = None
    if sold_units is not None:
        with_units = judge(*asked, sold_units, value, low, high, unit)[2]
    return Comparison(
        quantity=check.quantity,
        date=date,
        unit=unit,
        ours=ours,
        published=value,
        low=low,
        high=high,
        with_actual_shipments=sold_units,
        tolerance_kind=check.tolerance_kind,
        tolerance=check.tolerance,
        least=least,
        most=most,
        passed=passed,
        passed_with_actual_shipments=with_units,
        held_out=check.held_out,
        source=check.source,
        note=check.note,
    )
