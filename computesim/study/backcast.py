"""The years that have passed, as a scenario has them and as they were published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from computesim import units
from computesim.errors import CaseError, Fault
from computesim.projection.anchors import in_unit, inference_share, tokens_at
from computesim.projection.demand import OTHER_AI
from computesim.projection.fiscal import calendar_years
from computesim.projection.power import HOURS
from computesim.projection.shipments import (
    HBM,
    UNITS,
    WAFERS,
    Figures,
    of_shipments,
    shipped_in,
    sold,
)
from computesim.results import Results, VariableError, unit_of
from computesim.study.backcast_table import Calibrated, Check, shipped_table

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario

Progress = Callable[[int, int, str], None]
LAST_YEAR: Final = 2026  #: the last year of which anything was published
QUARTERLY: Final = "-quarterly"  #: ending of series of fiscal quarters
_UNITS: Final = {
    **UNITS,
    "Electricity of IT": "Wh/year",
    "Load factor": "1",
    "Inference share of labs": "1",
    "Labs and products": "H100e",
    "Largest training run": "FLOP",
}


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
    def ratio(self) -> float:
        """Ours over published."""
        return self.ours / self.published if self.published else float("nan")


@dataclass(frozen=True, slots=True)
class Backcast:
    """All comparisons of one scenario, and what its inputs were set with."""

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

    def summary(self) -> dict[str, int]:
        """Return how many comparisons there are, pass and fail, all and held out."""
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

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        rows = [asdict(row) | {"ratio": row.ratio} for row in self.comparisons]
        return {
            "scenario": self.scenario,
            "hash": self.results.manifest.get("hash", ""),
            "summary": self.summary(),
            "comparisons": rows,
            "calibrated": [asdict(row) for row in self.calibrated],
        }


def past(scenario: str, overrides: Sequence[str] = (), catalog: Any = None) -> Scenario:
    """Return a scenario whose horizon ends with the last year of which anything was published.

    Parameters
    ----------
    scenario : str
        A file or a shipped name.
    overrides : sequence of str
        `KEY=VALUE`.
    catalog : Path, optional
        Folder of own tables.

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
    if last <= LAST_YEAR:
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

    Returns
    -------
    Backcast
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
    found = []
    for check in checks:
        for date, (value, low, high) in published(check, catalog).items():
            ours = _ours(check.variable, date, results, own, scenario, catalog)
            if ours is None or not check.years[0] <= int(date[:4]) <= check.years[1]:
                continue
            sold_units = _expression(check.variable, lambda v, d=date: _of(actual, v, d))
            found.append(_judged(check, date, ours, value, low, high, sold_units))
    known = {leaf.key for leaf in scenario.assumptions()}
    kept = tuple(c for c in calibrated if c.key in known or not _is_key(c.key))
    return Backcast(results.scenario, tuple(found), kept, results)


def _is_key(text: str) -> bool:
    """Tell whether a place of a calibrated input is a key of a scenario."""
    return "/" not in text and " " not in text


def published(
    check: Check, catalog: Catalog
) -> dict[str, tuple[float, float | None, float | None]]:
    """Return value, low and high end of a published quantity by date, in the unit of ours.

    Parameters
    ----------
    check : Check
    catalog : Catalog

    Returns
    -------
    dict of str to tuple
        Of fiscal quarters the calendar years that they cover; of a ratio the years that both
        series have, without a range.
    """
    unit = unit_of_variable(check.variable)
    over, _, under = check.series.partition(" / ")
    first = _series(over, catalog, unit)
    if not under:
        return first
    second = _series(under, catalog, unit)
    return {d: (first[d][0] / second[d][0], None, None) for d in first if d in second}


def _series(
    name: str, catalog: Catalog, unit: str
) -> dict[str, tuple[float, float | None, float | None]]:
    """Return one published series by date."""
    figures = catalog.series("history", name)
    if name.endswith(QUARTERLY):
        flows = calendar_years({date: figure.number for date, figure in figures.items()})
        return {str(year): (flow, None, None) for year, flow in flows.items()}
    found: dict[str, tuple[float, float | None, float | None]] = {}
    for date, figure in figures.items():
        scale = units.scale(figure.unit)
        low, high = (
            None if end is None else in_unit(end * scale, unit)
            for end in (figure.low, figure.high)
        )
        found[date] = (in_unit(figure.number, unit), low, high)
    return found


def unit_of_variable(variable: str) -> str:
    """Return the unit of ours; a ratio has the unit 1."""
    if " / " in variable:
        return "1"
    return _UNITS.get(variable) or _UNITS.get(variable.split("|")[0]) or unit_of(variable)


def judge(
    kind: str,
    tolerance: str,
    ours: float,
    value: float,
    low: float | None = None,
    high: float | None = None,
    unit: str = "1",
) -> tuple[float, float, bool | None]:
    """Return the ends of what is accepted, and whether ours lies between them.

    Parameters
    ----------
    kind : str
        `band` (the published range), `relative` (a share of the published value), `points`
        (percentage points of a share), `factor` (as a ratio, both ways), `range` (two quantities)
        or `none`.
    tolerance : str
        What the kind needs.
    ours, value : float
    low, high : float, optional
        Published range; a missing end is the value.
    unit : str
        Of all numbers, for `range`.

    Returns
    -------
    tuple of float, float, bool or None
        None for `none`.
    """
    if kind == "none":
        return value, value, None
    if kind == "band":
        least, most = (value if end is None else end for end in (low, high))
    elif kind == "range":
        least, most = (in_unit(_quantity(text), unit) for text in tolerance.split(".."))
    elif kind == "factor":
        least, most = value / float(tolerance), value * float(tolerance)
    else:
        width = float(tolerance) * (value if kind == "relative" else 0.01)
        least, most = value - width, value + width
    return least, most, least <= ours <= most


def _quantity(text: str) -> float:
    """Return a quantity with its unit in base units."""
    number, _, unit = text.strip().partition(" ")
    return float(number) * units.scale(unit or "1")


def _judged(
    check: Check,
    date: str,
    ours: float,
    value: float,
    low: float | None,
    high: float | None,
    sold_units: float | None,
) -> Comparison:
    """Return one comparison."""
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


def _expression(variable: str, value: Callable[[str], float | None]) -> float | None:
    """Return a variable, or one over another; None where one lacks."""
    over, _, under = variable.partition(" / ")
    first = value(over)
    if not under or first is None:
        return first
    second = value(under)
    return first / second if second else None


def _of(figures: Figures, variable: str, date: str) -> float | None:
    """Return a figure of a whole year; a speed of which nothing was bought is 0."""
    if "-" in date:
        return None
    none = 0.0 if variable.startswith("Network shipped|") else None
    return figures.get(variable, {}).get(int(date), none)


def _ours(
    variable: str,
    date: str,
    results: Results,
    own: Figures,
    scenario: Scenario,
    catalog: Catalog,
) -> float | None:
    """Return ours at a date, None outside the horizon."""
    year, _, month = date.partition("-")
    if month:
        if variable != "Tokens" or not month.isdigit():
            return None
        return tokens_at(scenario, catalog, int(year) - 1 + (int(month) - 0.5) / 12)
    if int(year) not in results.years:
        return None

    def value(name: str) -> float | None:
        if name in _SPECIAL:
            return _SPECIAL[name](results, scenario, int(year))
        if name in (HBM, WAFERS) or name.startswith("Units|"):
            return own.get(name, {}).get(int(year), 0.0)
        try:
            return results.series(name).get(int(year), 0.0)
        except VariableError:
            return 0.0 if name.startswith("Network shipped|") else None

    return _expression(variable, value)


def _it_energy(results: Results, scenario: Scenario, year: int) -> float:
    """Return the electricity of the IT equipment alone, Wh/year."""
    share = results.series("Power|IT")[year] / results.series("Power|Facility")[year]
    return results.series("Energy")[year] * share


def _load_factor(results: Results, scenario: Scenario, year: int) -> float | None:
    """Return energy over the mean of the capacity at both ends of the year."""
    built = results.series("Power|Provisioned")
    if year - 1 not in built:
        return None
    return results.series("Energy")[year] / (HOURS * (built[year - 1] + built[year]) / 2.0)


def _labs(results: Results, scenario: Scenario, year: int) -> float:
    """Return the compute of labs and their products, H100e."""
    names = [v for v in results.variables("H100-equivalents|*") if not v.endswith(OTHER_AI)]
    return sum(results.series(name).get(year, 0.0) for name in names)


def _largest_run(results: Results, scenario: Scenario, year: int) -> float:
    """Return the compute of the largest final pretraining run, FLOP."""
    return max(lab.pretraining.flop.at(year) for lab in scenario.labs.values())


_SPECIAL: Final[dict[str, Callable[[Results, Any, int], float | None]]] = {
    "Electricity of IT": _it_energy,
    "Load factor": _load_factor,
    "Inference share of labs": lambda results, _, year: inference_share(results, year),
    "Labs and products": _labs,
    "Largest training run": _largest_run,
}
