"""A back-cast as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Callable

from computesim.report.scales import rounded, scaled
from computesim.report.tables import aligned
from computesim.study.backcast.checks import Backcast, Comparison

_HEAD = ("", "date", "ours", "published", "low–high", "ratio", "accepted", "", "ours, as sold",
         "")  # fmt: skip


def backcast_text(backcast: Backcast) -> str:
    """Return the comparisons, a summary, the misses, and the calibrated inputs.

    Parameters
    ----------
    backcast : Backcast
    """
    manifest = backcast.results.manifest
    title = f"{manifest['title']} ({manifest['hash'][:8]}): the years that have passed"
    rows = [_row(c) for c in backcast.comparisons]
    parts = [
        title,
        aligned([_HEAD, *rows]),
        _summary(backcast),
        _misses(backcast),
        _inputs(backcast),
    ]
    return "\n\n".join(part for part in parts if part)


def _row(c: Comparison) -> tuple[str, ...]:
    number = _numbers(c)
    span = "" if c.low is None and c.high is None else _span(number(c.low), number(c.high))
    accepted = "shown only" if c.passed is None else _span(number(c.least), number(c.most))
    sold = "" if c.with_actual_shipments is None else number(c.with_actual_shipments)
    return (
        f"{c.quantity}{', ' + _unit(c) if _unit(c) else ''}{' *' if c.held_out else ''}",
        c.date,
        number(c.ours),
        number(c.published),
        span,
        rounded(c.ratio),
        accepted,
        _verdict(c.passed),
        sold,
        _verdict(c.passed_with_actual_shipments) if sold else "",
    )


def _scale(c: Comparison) -> tuple[float, str]:
    """Return the factor and the unit in which a comparison is read."""
    return (1.0, "") if c.unit == "1" else scaled(c.unit, max(c.ours, c.published))


def _unit(c: Comparison) -> str:
    return _scale(c)[1]


def _numbers(c: Comparison) -> Callable[[float | None], str]:
    """Return what writes the numbers of a comparison."""
    factor = _scale(c)[0]
    return lambda value: rounded(None if value is None else value / factor)


def _span(low: str, high: str) -> str:
    return f"{low}–{high}" if "–" not in (low, high) else f"above {low}" if high == "–" else high


def _verdict(passed: bool | None) -> str:
    return "" if passed is None else "pass" if passed else "MISS"


def _summary(backcast: Backcast) -> str:
    s = backcast.summary
    return (
        f"{s['passed']} of {s['judged']} pass, {s['failed']} miss; held out (*): "
        f"{s['held_out_passed']} of {s['held_out']} pass. With the units that were sold (as sold) "
        f"{s['passed_with_actual_shipments']} of the {s['judged_with_actual_shipments']} that "
        "follow from shipments pass."
    )


def _misses(backcast: Backcast) -> str:
    rows = [
        f"  {c.quantity}, {c.date}: {rounded(c.ratio)} of published"
        + (f" ({c.note})" if c.note else "")
        for c in backcast.missed
    ]
    return "\n".join(["Misses", *rows]) if rows else ""


def _inputs(backcast: Backcast) -> str:
    rows = [
        f"  {c.origin:6}  {c.key}: {c.quantity}"
        + (f"; in view: {c.series}" if c.series else "")
        + (f" ({c.note})" if c.note else "")
        for c in backcast.calibrated
    ]
    return "\n".join(["Calibrated: inputs set or fitted with published figures in view", *rows])
