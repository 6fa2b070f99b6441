"""Two renderers, one chart: the same series, in the same order, with the same numbers."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from computesim.report.chart import Chart, Series
from computesim.report.comparison import comparison_charts
from computesim.report.export import draw, write_charts
from computesim.report.figures import charts
from computesim.report.matplotlib_render import matplotlib_figure, save_chart
from computesim.report.plotly_render import plotly_figure, plotly_spec
from computesim.results import Results

Make = Callable[..., Results]


@pytest.fixture(scope="module")
def drawn(make: Make) -> list[Chart]:
    """Every chart there is, with replications, and the comparison of two scenarios."""
    runs = [make(replications=3), make("other", times=1.5, replications=3)]
    return [*charts(runs[0]), *comparison_charts(runs)]


@pytest.fixture(scope="module")
def pictures(drawn: list[Chart]) -> list[tuple[Chart, Figure]]:
    """Every chart with its matplotlib figure, drawn once."""
    return [(chart, matplotlib_figure(chart)) for chart in drawn]


def legend_of(spec: dict[str, Any]) -> list[str]:
    named = [t for t in spec["data"] if t.get("showlegend", True)]
    return [t["name"] for t in sorted(named, key=lambda t: t.get("legendrank", 1000))]


def test_plotly_accepts_every_property_of_every_chart(drawn: list[Chart]) -> None:
    for chart in drawn:
        figure = plotly_figure(chart)  # validates each of them
        assert len(figure.data) >= max(len(chart.series), 1)


def test_both_renderers_show_the_same_legend(pictures: list[tuple[Chart, Figure]]) -> None:
    for chart, figure in pictures:
        legend = figure.axes[0].get_legend()
        assert legend is not None
        theirs = [text.get_text().replace(r"\$", "$") for text in legend.get_texts()]
        assert legend_of(plotly_spec(chart)) == theirs, chart.key


def test_both_renderers_draw_the_same_numbers(pictures: list[tuple[Chart, Figure]]) -> None:
    for chart, figure in pictures:
        if chart.kind != "stacked-column":
            continue
        axes = figure.axes[0]
        bars = [
            [bar.get_height() for bar in group]
            for group in axes.containers
            if hasattr(group, "patches")
        ]
        layers = [t["y"] for t in plotly_spec(chart)["data"] if t["type"] == "bar"]
        assert len(layers) == len(bars) > 0
        np.testing.assert_allclose(np.array(layers, float), bars, rtol=1e-5, atol=1e-12)


def test_lines_are_drawn_with_the_same_numbers(pictures: list[tuple[Chart, Figure]]) -> None:
    for chart, figure in (p for p in pictures if p[0].kind == "lines"):
        lines = [
            np.asarray(line.get_ydata(), float)
            for line in figure.axes[0].get_lines()[: len(chart.lines)]
        ]
        spec = [t["y"] for t in plotly_spec(chart)["data"] if t.get("mode") == "lines+markers"]
        np.testing.assert_allclose(np.array(spec, float), lines, rtol=1e-5)


def test_both_renderers_use_the_same_logarithmic_ticks(
    pictures: list[tuple[Chart, Figure]],
) -> None:
    for chart, figure in (p for p in pictures if p[0].log_y):
        ticks = plotly_spec(chart)["layout"]["yaxis"]["tickvals"]
        axes = figure.axes[0]
        assert list(axes.get_yticks()) == ticks
        low, high = axes.get_ylim()
        assert low < chart.log_span[0]
        assert chart.log_span[1] < high


def test_a_picture_that_stands_alone_says_title_unit_and_source(
    pictures: list[tuple[Chart, Figure]],
) -> None:
    for chart, figure in pictures:
        layout = plotly_spec(chart)["layout"]
        assert chart.title in layout["title"]["text"].replace("&#x27;", "'")
        assert "Source: computesim" in layout["annotations"][0]["text"]
        axis = layout["xaxis" if chart.kind == "ranges" else "yaxis"]
        assert axis["title"]["text"] == chart.y_label
        texts = [text.get_text() for text in figure.texts]
        assert texts[0] == chart.title
        assert texts[2].startswith("Source: computesim")


def test_nothing_is_cut_off_at_the_edge_of_the_picture(
    pictures: list[tuple[Chart, Figure]],
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for chart, figure in pictures:
        box = figure.axes[0].get_tightbbox(FigureCanvasAgg(figure).get_renderer())
        width, height = figure.get_size_inches() * figure.dpi
        assert box is not None
        assert box.x0 >= 0, chart.key
        assert box.x1 <= width, chart.key
        assert box.y1 <= height, chart.key
        source = figure.texts[2].get_window_extent()
        assert source.x1 <= width, chart.key
        assert source.y1 <= box.y0, chart.key


@pytest.mark.parametrize(
    ("format_", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_every_format_is_written(
    tmp_path: Path, results: Results, format_: str, magic: bytes
) -> None:
    (path,) = draw(charts(results)[:1], tmp_path, (format_,))
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


def test_text_stays_text_in_svg_and_the_same_chart_is_the_same_file(
    tmp_path: Path, results: Results
) -> None:
    chart = charts(results)[0]
    for name in ("a.svg", "b.svg"):
        save_chart(chart, tmp_path / name)
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert svg == (tmp_path / "b.svg").read_text(encoding="utf-8")
    words = [
        "".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")
    ]
    assert "RL post-training" in words
    assert chart.y_label in words


def test_every_chart_is_written_under_its_key(tmp_path: Path, results: Results) -> None:
    network = results.select("Network*")
    paths = write_charts(network, tmp_path / "charts", ("svg",))
    assert [path.stem for path in paths] == [chart.key for chart in charts(network)]
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {path.name for path in paths}


def test_an_unknown_format_is_refused(tmp_path: Path, results: Results) -> None:
    with pytest.raises(ValueError, match="gif"):
        write_charts(results, tmp_path, ("gif",))


ODD = Chart(
    "odd",
    "$x$ <b>bold</b> & _more_ $y$",
    "Is $1 < $2?",
    "lines",
    "Cost, $ billion",
    "Counts.",
    "Source: <script>$a$",
    (2024, 2025),
    series=(
        Series("_hidden $1 and $2", (1.0, None), "#0072b2"),
        Series("<i>&", (None, 2.0), "#d55e00"),
    ),
)


def test_odd_texts_are_drawn_as_they_stand(tmp_path: Path) -> None:
    save_chart(ODD, tmp_path / "odd.svg")
    svg = (tmp_path / "odd.svg").read_text(encoding="utf-8")
    words = [
        "".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")
    ]
    assert "$x$ <b>bold</b> & _more_ $y$" in words
    assert "Is $1 < $2?" in words
    spec = plotly_spec(ODD)
    assert spec["data"][1]["name"] == "&lt;i&gt;&amp;"
    assert "<script>" not in spec["layout"]["annotations"][0]["text"]
    assert "&lt;b&gt;" in spec["layout"]["title"]["text"]


def test_gaps_are_gaps_in_both(tmp_path: Path) -> None:
    assert plotly_spec(ODD)["data"][0]["y"] == [1.0, None]
    line = matplotlib_figure(ODD).axes[0].get_lines()[0]
    assert np.isnan(np.asarray(line.get_ydata(), float)[1])


def test_plain_specs_need_neither_plotly_nor_matplotlib() -> None:
    code = (
        "import sys; import computesim.report.html, computesim.report.export;"
        "sys.exit(bool({'pandas', 'numpy', 'plotly', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
