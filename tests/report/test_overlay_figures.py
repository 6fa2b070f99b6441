"""Ours beside others: labels apart, families told apart, vintages side by side."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.report.chart import Chart, Points, Series
from computesim.report.labels import LETTER, LINE, Label, labels
from computesim.report.overlay_figures import (
    FAMILIES,
    KEYS,
    VINTAGE_HEADS,
    overlay_chart,
    vintage_rows,
)
from computesim.report.plotly_render import plotly_spec
from computesim.results import Results

WIDTH, HEIGHT = 640.0, 430.0


def crowded(values: list[tuple[int, float]]) -> Chart:
    years = tuple(range(2022, 2031))
    x, y = zip(*values, strict=True)
    none = (None,) * len(x)
    points = Points("Others", x, y, none, none, "#000000", labels=("Publisher 2026",) * len(x))
    line = Series("Ours", tuple(2.0 ** (year - 2022) for year in years), "#111111", line=True)
    return Chart("c", "T", "Q", "lines", "y", "n", "s", years, series=(line,), points=(points,),
                 log_y=True)  # fmt: skip


def heights(placed: list[Label], chart: Chart) -> list[tuple[float, float]]:
    """Return year and height of labels, px from a common origin."""
    import math

    from computesim.report.scales import log_ticks

    ticks = log_ticks(*chart.log_span)
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return [(p.x, (math.log10(p.y) - low) / (high - low) * HEIGHT + p.shift) for p in placed]


@given(st.lists(st.tuples(st.just(2027), st.floats(1.0, 300.0)), min_size=1, max_size=8))
def test_labels_of_one_year_stand_clear_of_each_other_in_the_order_of_their_points(
    values: list[tuple[int, float]],
) -> None:
    chart = crowded(values)
    placed = labels(chart, WIDTH, HEIGHT)
    assert len(placed) == len(values)
    at = [height for _, height in heights(placed, chart)]
    assert all(b - a >= LINE - 1e-6 for a, b in itertools.pairwise(at))
    assert [p.y for p in placed] == sorted(p.y for p in placed)


def test_a_label_at_the_right_edge_stands_to_the_left() -> None:
    (last,) = labels(crowded([(2030, 5.0)]), WIDTH, HEIGHT)
    (early,) = labels(crowded([(2023, 50.0)]), WIDTH, HEIGHT)
    assert not last.right
    assert early.right
    assert LETTER * len("Publisher 2026") < WIDTH / 2


def test_a_label_moves_off_our_line() -> None:
    (on_line,) = labels(crowded([(2026, 16.0)]), WIDTH, HEIGHT)
    (apart,) = labels(crowded([(2026, 2.0)]), WIDTH, HEIGHT)
    assert abs(on_line.shift) >= LINE / 2
    assert apart.shift == 0.0


@pytest.mark.parametrize("key", KEYS)
def test_every_overlay_has_ours_and_each_family_in_its_colour(results: Results, key: str) -> None:
    chart = overlay_chart(results, key)
    assert chart is not None
    assert chart.log_y
    assert [s.name for s in chart.series] == ["Ours"]
    assert [(p.name, p.colour) for p in chart.points] == list(FAMILIES.values())
    assert len({colour for _, colour in FAMILIES.values()}) == len(FAMILIES)


def test_the_last_point_of_a_publisher_and_vintage_is_labelled_with_both(results: Results) -> None:
    chart = overlay_chart(results, "compute")
    assert chart is not None
    said = [text for points in chart.points for text in points.labels if text]
    assert "Epoch trend 2025-09" in said
    assert len(said) == len(set(said)) == 4
    notes = [a["text"] for a in plotly_spec(chart)["layout"]["annotations"]]
    assert set(said) <= set(notes)


def test_a_new_vintage_stands_beside_the_old_one_with_its_change(results: Results) -> None:
    rows = [dict(zip(VINTAGE_HEADS, row, strict=True)) for row in vintage_rows(results)]
    brokers = [r for r in rows if r["Quantity"] == "Quantity 0" and r["Who"] == "Broker"]
    assert [r["Said in"] for r in brokers] == ["2024-08", "2025-08", "2026-08"]
    assert [r["Change"] for r in brokers] == ["", "+2 %", "+2 %"]
    assert all(r["Family"] in ("trend", "pipeline") for r in rows)
    assert len(rows) == 4 * len(KEYS)


def test_results_without_overlays_have_no_such_charts() -> None:
    empty = Results.from_rows([], {"name": "none"})
    assert overlay_chart(empty, "compute") is None
    assert vintage_rows(empty) == []
