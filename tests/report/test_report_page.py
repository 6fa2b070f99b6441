"""The pages: whole, offline, escaped, and honest about what lies outside."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from computesim.report.comparison_html import comparison_html, comparison_rows, differing_inputs
from computesim.report.export import write_comparison, write_tables
from computesim.report.figures import SECTIONS
from computesim.report.html import report_html
from computesim.report.page import json_script, link, plotly_js
from computesim.report.tables import key_figures, summary_rows, summary_text
from computesim.results import Results, Row

Make = Callable[..., Results]
VOID = {"meta", "br", "input", "link", "img", "hr"}

N_CHARTS = sum(len(figures) for _, figures in SECTIONS)


class Page(HTMLParser):
    """Reads a page: what it loads, what it links to, and whether its elements are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.loads += [named[key] for key in ("src", "srcset", "data", "action") if key in named]
        self.ids += [named["id"]] if "id" in named else []
        if "href" in named:
            (self.links if tag == "a" else self.loads).append(named["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.words).append(data)


@pytest.fixture(scope="module")
def html(make: Make) -> str:
    return report_html(make())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_nothing_is_loaded_from_outside(html: str, page: Page) -> None:
    assert page.loads == []
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    without_plotly = html.replace(plotly_js(), "")
    assert all(url in page.links for url in re.findall(r'https?://[^\s"<]+', without_plotly))


def test_elements_are_closed_and_ids_are_unique(page: Page) -> None:
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)


def test_links_inside_the_page_lead_somewhere(page: Page) -> None:
    inside = [url[1:] for url in page.links if url.startswith("#")]
    assert len(inside) >= 8
    assert set(inside) <= set(page.ids)


def test_plotly_is_there_once(html: str) -> None:
    assert html.count(plotly_js()) == 1
    assert html.count("plotly.js v") == 1


def test_every_chart_is_there_with_its_numbers_as_valid_json(page: Page) -> None:
    specs = [json.loads(text) for text in page.scripts if text.startswith('{"data"')]
    assert len(specs) == N_CHARTS
    assert all({"data", "layout", "alone"} == set(spec) for spec in specs)


def test_the_page_says_question_warnings_outside_and_estimates(page: Page) -> None:
    text = " ".join(page.words)
    assert "What if RL and long chains of thought" in text
    assert "2 runs of 2031 do not fit" in text
    assert "6 of 7 inside, 1 outside." in text
    assert page.words.count("outside") == 1
    assert re.search(r"2\s+of 4 inputs are estimates", text)
    assert "a1b2c3d4e5f60718" in text
    assert "https://epoch.ai/data/ai-chip-sales" in page.links


HOSTILE = '</script><script>alert(1)</script><img src=x onerror="x()">\u2028&'


def hostile(make: Make) -> Results:
    results = make(HOSTILE)
    manifest = results.manifest
    manifest["title"] = manifest["question"] = HOSTILE
    manifest["warnings"] = [HOSTILE]
    manifest["scenario"] = {HOSTILE: HOSTILE}
    manifest["sources"][0] |= {"title": HOSTILE, "url": "javascript:alert(1)"}
    manifest["assumptions"][0] |= {
        "path": HOSTILE,
        "value": HOSTILE,
        "note": HOSTILE,
        "origin": HOSTILE,
    }
    manifest["anchors"][0]["name"] = HOSTILE
    return results


def test_a_scenario_cannot_write_into_the_page(make: Make) -> None:
    page = Page(report_html(hostile(make)))
    assert page.loads == []
    assert not [script for script in page.scripts if script.startswith("alert")]
    assert not [url for url in page.links if url.startswith("javascript")]
    assert any(HOSTILE in word for word in page.words)


def test_a_comparison_cannot_be_written_into_either(make: Make) -> None:
    page = Page(comparison_html([hostile(make), make("b")]))
    assert page.loads == []
    assert not [script for script in page.scripts if script.startswith("alert")]


def test_json_in_a_script_reads_back_the_same() -> None:
    text = json_script({"a": HOSTILE})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"a": HOSTILE}


@pytest.mark.parametrize("url", ["", "javascript:x", "data:text/html,x", "file:///etc", "//host/x"])
def test_only_addresses_of_the_web_become_links(url: str) -> None:
    assert link("title", url) == "title"


def test_a_scenario_without_rl_still_yields_a_report(make: Make) -> None:
    page = Page(report_html(make(skip=("RL post-training",))))
    specs = [text for text in page.scripts if text.startswith('{"data"')]
    assert len(specs) == N_CHARTS - 1
    assert "RL post-training, share of compute" not in "".join(page.words)


def test_results_with_one_variable_and_no_manifest_yield_a_report() -> None:
    rows = [Row("Energy|Pretraining", "Wh/year", 2030, 1e12)]
    page = Page(report_html(Results.from_rows(rows, {"name": "tiny"})))
    assert page.open == []
    assert "Electricity" in "".join(page.words)


def test_results_without_a_row_yield_a_report() -> None:
    assert "none" in report_html(Results.from_rows([], {"name": "none"}))


def test_the_same_results_are_the_same_page(make: Make, html: str) -> None:
    assert report_html(make()) == html


def test_the_comparison_shows_ratios_to_the_first_and_the_inputs_that_differ(
    make: Make, tmp_path: Path
) -> None:
    first, second = make(), make("long-chains", times=2.0)
    second.manifest["assumptions"][1]["value"] = "7 year"
    rows = {row[0]: row[1:] for row in comparison_rows([first, second], 2030)}
    assert rows["Electricity, TWh/year"] == ["1,050", "2,090 (× 2.00)"]
    assert differing_inputs([first, second]) == [["fleet.lifetime", "5 year", "7 year"]]
    path = write_comparison([first, second], tmp_path / "compare.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.loads == []
    assert "fleet.lifetime" in page.words


def test_a_comparison_of_one_is_refused(results: Results) -> None:
    with pytest.raises(ValueError, match="two scenarios"):
        comparison_html([results])


def test_the_summary_is_in_units_for_people(results: Results) -> None:
    rows = {row.label: row for row in summary_rows(results)}
    assert rows["Electricity"].unit == "TWh/year"
    assert rows["Electricity"].values[2030] == pytest.approx(results.series("Energy")[2030] / 1e12)
    share = rows["RL post-training, share of compute"]
    total = results.series("H100-equivalents")
    assert share.values[2030] == pytest.approx(
        100 * results.series("H100-equivalents|RL post-training")[2030] / total[2030]
    )
    assert share.unit == "%"
    assert rows["Electricity"].cell(1999) == "–"


def test_the_text_summary_is_aligned(results: Results) -> None:
    lines = summary_text(results, [2026, 2030]).splitlines()
    assert lines[0].split() == ["2026", "2030"]
    assert len(lines) == len(summary_rows(results)) + 1
    assert len({len(line) for line in lines}) == 1


def test_key_figures_compare_the_last_year_with_the_last_published_one(results: Results) -> None:
    power = {figure.label: figure for figure in key_figures(results)}["Facility power, provisioned"]
    series = results.series("Power|Provisioned")
    growth = 100 * ((series[2032] / series[2025]) ** (1 / 7) - 1)
    assert power.unit == "GW"
    assert power.change.endswith(f"in 2025, {growth:+.0f} % a year")


def test_tables_are_written_as_csv(results: Results, tmp_path: Path) -> None:
    paths = write_tables(results, tmp_path)
    assert [path.name for path in paths] == [
        "summary.csv",
        "cost.csv",
        "bill.csv",
        "bill-zh.csv",
        "bill-checks.csv",
        "segments.csv",
        "assumptions.csv",
        "anchors.csv",
        "sources.csv",
        "supply.csv",
    ]
    with paths[7].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows if row["within"] == "False"] == ["AI facility power"]
    with paths[0].open(encoding="utf-8", newline="") as file:
        heads, *lines = list(csv.reader(file))
    assert heads[:3] == ["quantity", "unit", "2022"]
    assert len(lines) == len(summary_rows(results))
    with paths[1].open(encoding="utf-8", newline="") as file:
        costs = {row["quantity"]: row for row in csv.DictReader(file)}
    assert costs["All tokens, chat"]["unit"] == "$/million tokens"
    assert float(costs["All tokens, chat"]["2026"]) == 0.25
