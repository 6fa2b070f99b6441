"""Labels beside single points, as plotly.js draws them."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from computesim.report.chart import Chart
from computesim.report.labels import GAP, labels

_DRAWN = (640.0, 430.0)  #: area of a chart of usual width beside its legend, px


def label_specs(chart: Chart) -> list[dict[str, Any]]:
    """Return what stands beside the single points of a chart.

    Parameters
    ----------
    chart : Chart
        On a logarithmic axis plotly wants the exponents of numbers.

    Returns
    -------
    list of dict
        Annotations of plotly.js; empty where no point has a label.
    """
    if not any(points.labels for points in chart.points):
        return []
    return [
        {
            "x": label.x,
            "y": math.log10(label.y) if chart.log_y else label.y,
            "text": escape(label.text),
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 0.6,
            "arrowcolor": label.colour,
            "standoff": 5,
            "font": {"size": 10, "color": label.colour},
            "xanchor": "left" if label.right else "right",
            "yanchor": "middle",
            "ax": GAP if label.right else -GAP,
            "ay": -label.shift,
        }
        for label in labels(chart, *_DRAWN)
    ]
