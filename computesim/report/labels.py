"""Where the labels of single points stand: beside their point, clear of each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from computesim.report.chart import Chart
from computesim.report.scales import log_ticks

LINE, LETTER = 12.0, 5.2  #: height of a line and mean width of a letter, px
GAP = 9.0  #: from the point to its label, px
_PIECES = 12  #: of a line between two years
Place = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Label:
    """One label, shifted from its point."""

    x: float
    y: float
    text: str
    colour: str
    right: bool  #: stands to the right of its point
    shift: float  #: upwards, px


def labels(chart: Chart, width: float, height: float) -> list[Label]:
    """Return the labels of the points of a chart over years.

    Parameters
    ----------
    chart : Chart
        On a logarithmic or a linear vertical axis that begins at 0.
    width, height : float, px
        Of the area in which it is drawn.

    Returns
    -------
    list of Label
        Those of one year stand one above the other in the order of their points; all of them
        together move up or down where they would lie on a line, a point or another label. What
        would leave the area on the right stands to the left.
    """
    across, up = _axes(chart, width, height)
    taken = _drawn(chart, across, up)
    found: list[Label] = []
    for x in sorted({x for points in chart.points for x in points.x}, reverse=True):
        group = sorted(
            (y, text, points.colour)
            for points in chart.points
            for at, y, text in zip(points.x, points.y, points.labels, strict=False)
            if at == x and text
        )
        if not group:
            continue
        longest = LETTER * max(len(text) for _, text, _ in group)
        right = across(x) + GAP + longest <= width
        begin = across(x) + GAP if right else across(x) - GAP - longest
        heights = _apart([up(y) for y, _, _ in group])
        shift = _free(begin, begin + longest, heights, taken, height)
        for (y, text, colour), place in zip(group, heights, strict=True):
            taken.append((begin, begin + longest, place + shift))
            found.append(Label(x, y, text, colour, right, place + shift - up(y)))
    return found


def _drawn(chart: Chart, across: Place, up: Place) -> list[tuple[float, float, float]]:
    """Return what is drawn already, as short level pieces: points and lines."""
    found = [
        (across(x) - 5, across(x) + 5, up(y))
        for points in chart.points
        for x, y in zip(points.x, points.y, strict=True)
    ]
    for line in chart.lines:
        ends = [(float(x), y) for x, y in zip(chart.x, line.y, strict=True) if y]
        for (x0, y0), (x1, y1) in itertools.pairwise(ends):
            for part in range(_PIECES):
                share = (part + 0.5) / _PIECES
                at = across(x0 + share * (x1 - x0))
                half = (across(x1) - across(x0)) / _PIECES / 2
                found.append((at - half, at + half, up(y0) + share * (up(y1) - up(y0))))
    return found


def _apart(wanted: list[float]) -> list[float]:
    """Return ascending heights at least one line apart, as near to the wanted ones as can be."""
    blocks: list[list[float]] = []  # of heights less the lines below, which must not fall
    for place, height in enumerate(wanted):
        blocks.append([height - place * LINE])
        while len(blocks) > 1 and _mean(blocks[-2]) > _mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    level = [_mean(block) for block in blocks for _ in block]
    return [height + place * LINE for place, height in enumerate(level)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _free(
    begin: float,
    end: float,
    heights: list[float],
    taken: list[tuple[float, float, float]],
    height: float,
) -> float:
    """Return the smallest shift at which all heights lie inside and meet nothing."""

    def clear(shift: float) -> bool:
        return all(
            0 <= at + shift <= height
            and not any(
                begin < right and left < end and abs(at + shift - y) < 0.8 * LINE
                for left, right, y in taken
            )
            for at in heights
        )

    steps = (sign * step * LINE / 2 for step in range(60) for sign in (1, -1))
    return next((shift for shift in steps if clear(shift)), 0.0)


def _axes(chart: Chart, width: float, height: float) -> tuple[Place, Place]:
    first, last = (float(year) for year in (chart.x[0], chart.x[-1]))
    room = 0.05 * max(last - first, 1.0)

    def across(x: float) -> float:
        return (x - first + room) / (last - first + 2 * room) * width

    low, high = chart.log_span
    if chart.log_y:
        ticks = log_ticks(low, high)
        low, high = math.log10(ticks[0]), math.log10(ticks[-1])

    def up(y: float) -> float:
        if chart.log_y:
            return (math.log10(y) - low) / (high - low) * height
        return y / high * height

    return across, up
