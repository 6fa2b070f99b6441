"""Charts drawn by plotly.js, from plain dictionaries: validation of every property is slow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from computesim.report.chart import Chart, Points, Series
from computesim.report.plotly_labels import label_specs
from computesim.report.scales import log_texts, log_ticks, wrapped, year_ticks
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
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

Spec = dict[str, Any]
_HOVER = "%{y:,.3~r}"


def _plain(values: Sequence[float | None]) -> list[float | None]:
    """Return numbers with six digits, which no chart can show more of."""
    return [None if v is None or not math.isfinite(v) else float(f"{v:.6g}") for v in values]


def _layer(chart: Chart, series: Series) -> Spec:
    trace: Spec = {
        "name": escape(series.name),
        "x": list(chart.x),
        "y": _plain(series.y),
        "hovertemplate": _HOVER,
    }
    if chart.kind == "stacked-area":
        edge = {"color": PAPER, "width": 1}
        return trace | {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "one",
            "line": edge,
            "fillcolor": series.colour,
        }
    edge = {"color": PAPER, "width": 0.7}
    return trace | {"type": "bar", "marker": {"color": series.colour, "line": edge}}


def _band(chart: Chart, series: Series) -> list[Spec]:
    if not series.low:
        return []
    edge = [
        (x, low, high)
        for x, low, high in zip(chart.x, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    return [
        {
            "type": "scatter",
            "x": [x for x, _, _ in edge] + [x for x, _, _ in reversed(edge)],
            "y": _plain([low for _, low, _ in edge] + [high for _, _, high in reversed(edge)]),
            "fill": "toself",
            "mode": "lines",
            "fillcolor": series.colour,
            "opacity": 0.18,
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]


def _line(chart: Chart, series: Series) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines+markers" if chart.marked else "lines",
        "name": escape(series.name),
        "x": list(chart.x),
        "y": _plain(series.y),
        "line": {"color": series.colour, "width": 2.2, "dash": "dash" if series.dash else "solid"},
        "marker": {"color": series.colour, "size": 5},
        "hovertemplate": _HOVER,
    }


def _points(points: Points) -> Spec:
    down, up = points.whiskers
    said = {"text": [escape(text) for text in points.labels]} if points.labels else {}
    return said | {
        "type": "scatter",
        "mode": "markers",
        "name": escape(points.name),
        "x": list(points.x),
        "y": _plain(points.y),
        "marker": {
            "color": PAPER,
            "size": 9,
            "symbol": "diamond" if points.observed else "line-ew",
            "line": {"color": points.colour, "width": 2},
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": _plain(up),
            "arrayminus": _plain(down),
            "color": points.colour,
            "thickness": 1.5,
        },
        "hovertemplate": _HOVER + (" %{text}" if points.labels else ""),
        "legendrank": 999,
    }


def _ranges(chart: Chart) -> list[Spec]:
    """Return ours over actual, one row each, on the bar of what is allowed."""
    bars: Spec = {"type": "scatter", "mode": "lines", "name": "Allowed range", "x": [], "y": []}
    for row in chart.ranges:
        bars["x"] += [*_plain([row.low, row.high]), None]
        bars["y"] += [escape(row.label), escape(row.label), None]
    bars |= {"line": {"color": RANGE, "width": 11}, "hoverinfo": "skip"}
    marks = []
    for inside, name, colour, symbol in (
        (True, "Ours, inside", GOOD, "circle"),
        (False, "Ours, outside", BAD, "diamond"),
    ):
        rows = [row for row in chart.ranges if row.inside is inside]
        if rows:
            marks.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": _plain([row.value for row in rows]),
                    "y": [escape(row.label) for row in rows],
                    "text": [escape(row.text) for row in rows],
                    "marker": {"color": colour, "size": 10, "symbol": symbol},
                    "hovertemplate": "%{text}",
                }
            )
    return [bars, *marks]


def _traces(chart: Chart) -> list[Spec]:
    """Return everything that is drawn, from back to front, with its place in the legend."""
    if chart.kind == "ranges":
        return _ranges(chart)
    rank = {series.name: place for place, series in enumerate(chart.legend)}
    traces = [_layer(chart, s) | {"legendrank": rank[s.name] + 1} for s in chart.layers]
    for series in chart.lines:
        traces += [
            *_band(chart, series),
            _line(chart, series) | {"legendrank": rank[series.name] + 1},
        ]
    return [*traces, *(_points(points) for points in chart.points)]


def _log_axis(span: tuple[float, float]) -> Spec:
    """Return a logarithmic axis whose ticks are the same in every renderer."""
    ticks = log_ticks(*span)
    edges = [math.log10(ticks[0]) - 0.03, math.log10(ticks[-1]) + 0.03]
    return {
        "type": "log",
        "range": edges,
        "tickvals": ticks,
        "ticktext": log_texts(ticks),
    }


def _title(text: str) -> Spec:
    return {"text": escape(text), "standoff": 12, "font": {"size": 13}}


def _axes(chart: Chart) -> Spec:
    shared: Spec = {"gridcolor": GRID, "linecolor": MUTED, "zeroline": False, "automargin": True}
    value = shared | {"title": _title(chart.y_label)}
    if chart.kind == "ranges":
        labels = [escape(row.label) for row in reversed(chart.ranges)]
        names = {"type": "category", "categoryarray": labels, "range": [-0.6, len(labels) - 0.4]}
        one = {"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1,
               "line": {"color": INK, "width": 1.2}}  # fmt: skip
        return {
            "xaxis": value | _log_axis(chart.log_span),
            "yaxis": shared | names | {"categoryorder": "array"},
            "shapes": [one],
        }
    x = shared | {"showgrid": False, "ticks": "outside", "title": _title(chart.x_label)}
    if chart.log_x:
        x |= _log_axis(chart.x_span)
    else:
        x["tickvals"] = year_ticks(chart.x)
    if any(isinstance(name, str) for name in chart.x):
        x |= {"type": "category", "ticktext": [escape(str(name)) for name in x["tickvals"]]}
    value |= (
        _log_axis(chart.log_span) if chart.log_y else {"rangemode": "tozero", "tickformat": ",~f"}
    )
    if chart.y_max is not None:
        value["range"] = [0, chart.y_max]
    return {"xaxis": x, "yaxis": value}


def standing_alone(chart: Chart) -> Spec:
    """Return the layout of title, question and source line, for a chart that stands alone."""
    lines = [escape(line) for line in wrapped(chart.source, 140)]
    small = f"font-size:13px;font-weight:400;color:{MUTED}"
    title = f"<b>{escape(chart.title)}</b><br><span style='{small}'>{escape(chart.question)}</span>"
    left = 20 + 7.5 * max((len(row.label) for row in chart.ranges), default=9)
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top"}
    source = {
        "text": "<br>".join(lines),
        "showarrow": False,
        "align": "left",
        "font": {"size": 10.5, "color": MUTED},
        "xshift": 10 - left,
        "yshift": -50,
    }
    return {
        "title": {"text": title, "font": {"size": 18}}
        | {"x": 0.012, "y": 0.97, "xanchor": "left", "yanchor": "top"},
        "annotations": [source | place],
        "margin": {"l": left, "r": 20, "t": 84, "b": 62 + 14 * len(lines)},
    }


def height(chart: Chart) -> int:
    """Return the height of a chart in px; rows of a comparison need room each."""
    return max(HEIGHT, 170 + ROW_HEIGHT * len(chart.ranges)) if chart.ranges else HEIGHT


def plotly_spec(chart: Chart, alone: bool = True) -> Spec:
    """Return a chart as the `data` and `layout` that plotly.js draws.

    Parameters
    ----------
    chart : Chart
        What to draw.
    alone : bool
        With title, question and source line inside the picture; without them
        where the page around it says so.

    Returns
    -------
    dict
        Of plain lists, numbers and texts.
    """
    marks = label_specs(chart)
    top_legend = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}
    layout: Spec = {
        "font": {"family": ", ".join((*FONTS, "sans-serif")), "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "height": height(chart),
        "margin": {"l": 70, "r": 20, "t": 16, "b": 46},
        "barmode": "stack",
        "bargap": 0.25,
        "hovermode": "closest" if chart.kind == "ranges" else "x unified",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": GRID},
        "legend": {"traceorder": "normal"}
        | (top_legend if chart.kind == "ranges" else {"x": 1.01, "y": 1}),
        "showlegend": True,
        **_axes(chart),
    }
    if marks:
        layout["annotations"] = marks
    if alone:
        own = standing_alone(chart)
        layout |= own | {"annotations": [*own["annotations"], *marks]}
    return {"data": _traces(chart), "layout": layout}


def plotly_figure(chart: Chart) -> go.Figure:
    """Return a chart as a plotly figure, for a notebook.

    Parameters
    ----------
    chart : Chart
        What to draw.

    Returns
    -------
    plotly.graph_objects.Figure
        Validated by plotly.
    """
    import plotly.graph_objects as go

    return go.Figure(plotly_spec(chart))
