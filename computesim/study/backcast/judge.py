"""What was published, and how far ours may lie from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from computesim import units
from computesim.published.anchors import in_unit
from computesim.published.fiscal import calendar_years
from computesim.study.backcast.ours import unit_of_variable

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.study.backcast.table import Check

QUARTERLY: Final = "-quarterly"  #: ending of series of fiscal quarters
Published = dict[str, tuple[float, float | None, float | None]]  #: date -> value, low, high


def published(check: Check, catalog: Catalog) -> Published:
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


def _series(name: str, catalog: Catalog, unit: str) -> Published:
    figures = catalog.series("history", name)
    if name.endswith(QUARTERLY):
        flows = calendar_years({date: figure.number for date, figure in figures.items()})
        return {str(year): (flow, None, None) for year, flow in flows.items()}
    found: Published = {}
    for date, figure in figures.items():
        scale = units.scale(figure.unit)
        low, high = (
            None if end is None else in_unit(end * scale, unit) for end in (figure.low, figure.high)
        )
        found[date] = (in_unit(figure.number, unit), low, high)
    return found


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
    number, _, unit = text.strip().partition(" ")
    return float(number) * units.scale(unit or "1")
