"""The bill as tables: units, growth, what is inside, Chinese."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from computesim.report.bill_page import tables
from computesim.report.bill_tables import check_rows, growth, lines, text
from computesim.report.export import write_tables
from computesim.report.figures import ORDER, bill_value
from computesim.report.lines import bill_content
from computesim.report.tables import aligned
from computesim.report.theme import PART_COLOURS
from computesim.results import Results, Row


def line(results: Results, segment: str, metric: str, chinese: bool = False) -> dict[int, float]:
    (found,) = (
        line
        for line in lines(results, chinese)
        if (line.segment["key"], line.metric) == (segment, metric)
    )
    return dict(found.values)


def test_demand_price_and_value_belong_together(results: Results) -> None:
    """2.4 billion GB for 38 billion USD in 2026 are 15.8 USD/GB."""
    assert line(results, "hbm", "quantity")[2026] == pytest.approx(2.4)
    assert line(results, "hbm", "value")[2026] == pytest.approx(38)
    assert line(results, "hbm", "price")[2026] == pytest.approx(38 / 2.4)
    assert line(results, "hbm", "low")[2026] == pytest.approx(38 * 0.7)
    assert line(results, "hbm", "growth")[2027] == pytest.approx(40)


def test_chinese_units_are_those_of_the_reports(results: Results) -> None:
    """22 million modules are 2,200 万只; 9 billion USD at 7 are 630 亿元, 2,864 元 a piece."""
    assert line(results, "optics-800g", "quantity", True)[2026] == pytest.approx(2200)
    assert line(results, "optics-800g", "value", True)[2026] == pytest.approx(630)
    assert line(results, "optics-800g", "price", True)[2026] == pytest.approx(63e9 / 22e6)
    assert line(results, "hbm", "quantity", True)[2026] == pytest.approx(24)  # 亿GB
    assert line(results, "hbm", "growth", True) == pytest.approx(line(results, "hbm", "growth"))
    units = {x.unit for x in lines(results, True) if x.segment["key"] == "optics-800g"}
    assert units == {"万只", "亿元", "元/只", "%"}


def test_growth_needs_something_before() -> None:
    assert growth({2025: 0.0, 2026: 2.0, 2027: 3.0}) == {2027: pytest.approx(50)}


def test_a_segment_that_a_run_does_not_hold_is_left_out(
    results: Results, make: Callable[..., Results]
) -> None:
    assert not any(x.segment["key"] == "optics-3.2t" for x in lines(results))
    assert lines(Results.from_rows([Row("Energy", "Wh/year", 2030, 1.0)], {"name": "s"})) == []


def test_values_inside_others_are_marked(results: Results) -> None:
    found = text(results, [2025, 2026])
    assert "High-bandwidth memory: Demand" in found
    (hbm,) = (x for x in found.splitlines() if "Value*" in x and "38.0" in x)
    assert hbm.split()[-1] == "38.0"
    gpu = found[found.index("GPU accelerators") :].splitlines()[1]
    assert "Value," in gpu
    assert "260" in gpu


def test_columns_of_chinese_text_are_aligned_in_a_terminal() -> None:
    one, two = aligned([["光模块", "1"], ["abc", "22"]]).splitlines()
    assert one == "光模块   1"  # six columns, two between, right-aligned
    assert two == "abc     22"


def test_tables_hold_every_line_in_both_languages(results: Results, tmp_path: Path) -> None:
    write_tables(results, tmp_path)
    read = {}
    for name in ("bill", "bill-zh", "segments"):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            read[name] = list(csv.DictReader(file))
    assert len(read["bill"]) == len(read["bill-zh"]) == len(lines(results))
    assert {"环节", "指标", "单位", "2030"} <= set(read["bill-zh"][0])
    hbm = next(
        r for r in read["bill"] if r["segment"].startswith("High-b") and r["metric"] == "value"
    )
    assert float(hbm["CAGR 2025-2032, %"]) == pytest.approx(40)
    seed = {row["key"]: row["names_seed"] for row in read["segments"]}
    assert "Broadcom" in seed["switch-silicon"]
    assert "沪电股份" in seed["pcb"]


def test_the_page_shows_segments_companies_and_misses(results: Results) -> None:
    html = tables(results)
    for word in ("Segments by year", "光模块800G", "without any advice", "HBM shipped", "0.543"):
        assert word in html


def test_a_market_without_published_shipments_has_no_ratio_of_ours(results: Results) -> None:
    rows = check_rows(results.manifest["bill_checks"])
    assert rows[1][3] == rows[1][7] == "–"
    assert rows[0][8] == "0.814"


def test_the_chart_of_values_names_every_segment_in_its_own_colour(results: Results) -> None:
    chart = bill_value(results)
    assert chart is not None
    assert tuple(s.name for s in chart.layers) == ORDER
    assert len({PART_COLOURS[name] for name in ORDER}) == len(ORDER)


def test_bands_of_contents_enclose_their_lines(results: Results) -> None:
    chart = bill_content(results)
    assert chart is not None
    assert {s.name for s in chart.series} == {"HBM", "Packaging", "PCB", "Switch silicon", "Optics"}
    for s in chart.series:
        for low, y, high in zip(s.low, s.y, s.high, strict=True):
            assert low is not None
            assert y is not None
            assert high is not None
            assert low < y < high
