"""Charts drawn by matplotlib, for SVG, PNG and PDF without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from computesim.report.chart import Chart, Points, Series
from computesim.report.labels import GAP, labels
from computesim.report.scales import log_texts, log_ticks, tick_text, wrapped, year_ticks
from computesim.report.theme import (
    BAD,
    FONTS,
    GOOD,
    GRID,
    HEIGHT,
    INK,
    MUTED,
    PAPER,
    RANGE,
    ROW_HEIGHT,
    WIDTH,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCH = 100  # px at which the sizes of the theme are meant
_ABOVE = 0.95  # room for title and question, inch
_Missing = float("nan")


def fonts_here() -> list[str]:
    """Return the fonts of the theme that this machine has, the preferred one first."""
    known = set(font_manager.get_font_names())
    return [name for name in FONTS if name in known]


@cache
def _style() -> dict[str, Any]:
    return {
        "font.family": fonts_here() or ["sans-serif"],
        "font.size": 9.5,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "computesim",  # the same chart is the same file
        "pdf.fonttype": 42,
    }


def _text(text: str) -> str:
    """Return a text in which a dollar is a dollar, and which a legend does not hide."""
    return text.replace("$", r"\$").replace("_", " ", 1 if text.startswith("_") else 0)


def _gaps(values: Sequence[float | None]) -> list[float]:
    return [_Missing if value is None else value for value in values]


def _draw_layers(axes: Axes, chart: Chart, x: Sequence[float]) -> dict[Series, Any]:
    """Draw the stack and return what the legend shows for each layer."""
    shown: dict[Series, Any] = {}
    floor = [0.0] * len(x)
    for series in chart.layers:
        top = [base + (value or 0.0) for base, value in zip(floor, series.y, strict=True)]
        if chart.kind == "stacked-area":
            shown[series] = axes.fill_between(
                x, floor, top, color=series.colour, edgecolor=PAPER, linewidth=0.8
            )
        else:
            heights = [end - base for base, end in zip(floor, top, strict=True)]
            shown[series] = axes.bar(
                x, heights, 0.75, floor, color=series.colour, edgecolor=PAPER, linewidth=0.5
            )
        floor = top
    return shown


def _draw_lines(axes: Axes, chart: Chart, x: Sequence[float]) -> dict[Series, Any]:
    """Draw the lines with their bands and return what the legend shows for each."""
    shown: dict[Series, Any] = {}
    for s in chart.lines:
        if s.low:
            axes.fill_between(x, _gaps(s.low), _gaps(s.high), color=s.colour, alpha=0.18, lw=0)
        (shown[s],) = axes.plot(
            x, _gaps(s.y), "--" if s.dash else "-", color=s.colour, lw=1.7,
            marker="o" if chart.marked else "", ms=3.5,
        )  # fmt: skip
    return shown


def _draw_points(axes: Axes, points: Points) -> Any:
    """Draw single numbers with their whiskers and return what the legend shows."""
    bars = axes.errorbar(
        points.x, points.y, points.whiskers, fmt="D" if points.observed else "_", ms=5.5,
        ecolor=points.colour, elinewidth=1.2, capsize=2.5,
    )  # fmt: skip
    mark = bars.lines[0]
    mark.set(markerfacecolor=PAPER, markeredgecolor=points.colour, markeredgewidth=1.5)
    return mark


def _draw_ranges(axes: Axes, chart: Chart) -> None:
    """Draw ours over actual, one row each, on the bar of what is allowed."""
    place = {id(row): len(chart.ranges) - 1 - n for n, row in enumerate(chart.ranges)}
    axes.hlines(
        [place[id(r)] for r in chart.ranges], [r.low for r in chart.ranges],
        [r.high for r in chart.ranges], color=RANGE, lw=8, label="Allowed range", zorder=2,
    )  # fmt: skip
    for inside, name, colour, mark in (
        (True, "Ours, inside", GOOD, "o"),
        (False, "Ours, outside", BAD, "D"),
    ):
        rows = [row for row in chart.ranges if row.inside is inside]
        if rows:
            y = [place[id(row)] for row in rows]
            axes.plot([row.value for row in rows], y, mark, color=colour, label=name, ms=6.5)
    axes.axvline(1.0, color=INK, lw=0.9, zorder=1.5)
    axes.set_yticks(list(place.values()), [_text(row.label) for row in chart.ranges])
    axes.set_ylim(-0.6, len(chart.ranges) - 0.4)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)


def _shown(tick: float | str) -> str:
    """Return a year or a name as it is, another number as people write it."""
    return tick_text(tick) if isinstance(tick, float) else str(tick)


def _log_scale(axes: Axes, chart: Chart, which: str) -> None:
    """Make an axis logarithmic, with the ticks that every renderer shows."""
    ticks = log_ticks(*(chart.x_span if chart.log_x and which == "x" else chart.log_span))
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(ticks[0] * 0.93, ticks[-1] * 1.07)
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FixedFormatter(log_texts(ticks)))


def _draw_years(axes: Axes, chart: Chart) -> None:
    """Draw everything that stands over years or scenarios, with axes and legend."""
    named = any(isinstance(name, str) for name in chart.x)
    x = [float(n) if named else float(v) for n, v in enumerate(chart.x)]
    shown = _draw_layers(axes, chart, x) | _draw_lines(axes, chart, x)
    handles = [shown[series] for series in chart.legend]
    labels = [_text(series.name) for series in chart.legend]
    for points in chart.points:
        handles.append(_draw_points(axes, points))
        labels.append(_text(points.name))
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.01))
    if chart.log_x:
        _log_scale(axes, chart, "x")
    else:
        ticks = year_ticks(chart.x)
        axes.set_xticks(
            [x[chart.x.index(tick)] for tick in ticks], [_text(_shown(t)) for t in ticks]
        )
    axes.set_xlabel(_text(chart.x_label))
    axes.set_ylabel(_text(chart.y_label))
    if chart.log_y:
        _log_scale(axes, chart, "y")
    else:
        axes.set_ylim(0, chart.y_max)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))


def _draw_labels(figure: Figure, axes: Axes, chart: Chart) -> None:
    """Write what stands beside single points, clear of each other."""
    if not any(points.labels for points in chart.points):
        return
    box = axes.get_position()
    width, height = figure.get_size_inches()
    per_point = 72 / _INCH  # offsets are in points
    for label in labels(chart, box.width * width * _INCH, box.height * height * _INCH):
        axes.annotate(
            _text(label.text), (label.x, label.y), color=label.colour, fontsize=7.5,
            xytext=((GAP if label.right else -GAP) * per_point, label.shift * per_point),
            textcoords="offset points", ha="left" if label.right else "right", va="center",
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": label.colour, "shrinkA": 0,
                        "shrinkB": 4, "relpos": (0.0 if label.right else 1.0, 0.5)},
        )  # fmt: skip


def _place(figure: Figure, axes: Axes, below: float) -> None:
    """Give the axes all the room that the texts, the legend and the labels leave (inches)."""
    width, height = figure.get_size_inches()
    rough = (0.1, below / height, 0.8, 1 - (below + _ABOVE) / height)
    axes.set_position(rough)
    box = axes.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    if box is None:
        return
    left = 0.1 - box.x0 / _INCH / width + 0.012
    right = 0.9 - box.x1 / _INCH / width + 0.988
    bottom = rough[1] - min(box.y0 / _INCH - (below - 0.5), 0.0) / height
    axes.set_position((left, bottom, right - left, 1 - bottom - _ABOVE / height))


def matplotlib_figure(chart: Chart) -> Figure:
    """Return a chart as a matplotlib figure that no window and no global state knows of.

    Parameters
    ----------
    chart : Chart
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
        With title, question and source line.
    """
    tall = max(HEIGHT, 170 + ROW_HEIGHT * len(chart.ranges)) if chart.ranges else HEIGHT
    with matplotlib.rc_context(_style()):
        figure = Figure(figsize=(WIDTH / _INCH, tall / _INCH), dpi=_INCH, facecolor=PAPER)
        axes = figure.add_subplot()
        if chart.kind == "ranges":
            _draw_ranges(axes, chart)
            _log_scale(axes, chart, "x")
            axes.set_xlabel(_text(chart.y_label))
        else:
            _draw_years(axes, chart)
        axes.grid(axis="x" if chart.kind == "ranges" else "y")
        source = wrapped(chart.source, 150)
        _place(figure, axes, 0.62 + 0.15 * len(source))
        _draw_labels(figure, axes, chart)
        inch = 1 / figure.get_size_inches()[1]
        figure.text(0.012, 1 - 0.14 * inch, _text(chart.title), va="top", size=14, weight="bold")
        figure.text(0.012, 1 - 0.44 * inch, _text(chart.question), va="top", size=10, color=MUTED)
        figure.text(
            0.012, 0.08 * inch, _text("\n".join(source)), va="bottom", size=7.5, color=MUTED
        )
    return figure


def save_chart(chart: Chart, path: Path) -> None:
    """Write a chart as SVG, PNG or PDF, by the end of the file's name.

    Parameters
    ----------
    chart : Chart
        What to draw.
    path : Path
        `.svg`, `.png` (200 dots per inch) or `.pdf`.
    """
    stamp = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
    with matplotlib.rc_context(_style()):
        matplotlib_figure(chart).savefig(path, dpi=200, metadata=stamp)
