"""Fiscal quarters as calendar years."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

QUARTER: Final = 91  #: days of a quarter whose beginning is not known: 13 weeks
WHOLE: Final = 0.98  #: share of a year's days that must be covered to give its flow


def calendar_years(quarters: Mapping[str, float]) -> dict[int, float]:
    """Return the flow of calendar years from that of fiscal quarters.

    Parameters
    ----------
    quarters : mapping of str to float
        Last day of a quarter, such as 2025-04-27, to what flowed in it. A quarter begins on the
        day after the one before; the first one, and one after a gap, has 13 weeks.

    Returns
    -------
    dict of int to float
        Only of years that the quarters cover to 98 %, in the unit of the quarters.

    Notes
    -----
    A quarter is spread evenly over its days: ``Σ_q flow_q · days of q in the year ÷ days of q``.
    Quarters of NVIDIA end in late January, April, July and October, so that a calendar year
    takes about 30 % of the quarter that ends in its January and 70 % of the one that ends in the
    January after.

    Raises
    ------
    ValueError
        If a date is none.
    """
    flows: dict[int, float] = {}
    days: dict[int, int] = {}
    before: date | None = None
    for text in sorted(quarters):
        end = date.fromisoformat(text)
        long = QUARTER if before is None or (end - before).days > QUARTER + 14 else 0
        start = end - timedelta(days=long) if long or before is None else before
        length = (end - start).days
        for year in range(start.year, end.year + 1):
            inside = _overlap(start, end, year)
            flows[year] = flows.get(year, 0.0) + quarters[text] * inside / length
            days[year] = days.get(year, 0) + inside
        before = end
    return {year: flow for year, flow in flows.items() if days[year] >= WHOLE * 365}


def _overlap(start: date, end: date, year: int) -> int:
    """Return the days after `start`, up to and with `end`, that lie in a year."""
    first, last = max(start, date(year - 1, 12, 31)), min(end, date(year, 12, 31))
    return max((last - first).days, 0)
