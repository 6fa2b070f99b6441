"""The table and the chart of costs: whose, in which unit, and what is left out."""

from __future__ import annotations

from collections.abc import Callable

from computesim.report.costs import OUTPUT, cost_rows, cost_text, products
from computesim.report.html import report_html
from computesim.report.lines import cost_of_tokens
from computesim.results import Results

Make = Callable[..., Results]


def test_lines_are_named_as_the_scenario_names_its_products_and_labs(results: Results) -> None:
    labels = [row.label for row in cost_rows(results)]
    assert labels[0] == "Cost of compute, annualised"
    assert labels.index("All tokens, Coding assistants") < labels.index("All tokens, chat")
    assert "Pretraining run, Frontier labs" in labels
    assert "Hour of H100 SXM" in labels
    assert "Electricity in norway" in labels


def test_costs_that_grow_by_orders_of_magnitude_are_shown_in_their_middle_unit(
    results: Results,
) -> None:
    run = next(r for r in cost_rows(results) if r.label == "Pretraining run, Frontier labs")
    assert run.unit == "$ billion"
    assert run.values[2026] == 2.0


def test_the_terminal_shows_the_table_without_output_tokens(results: Results) -> None:
    text = cost_text(results, [2026, 2030])
    assert text.splitlines()[0].split()[-2:] == ["2026", "2030"]
    assert OUTPUT not in text
    assert any(row.label.startswith(OUTPUT) for row in cost_rows(results))


def test_the_chart_has_a_line_per_product_on_a_logarithmic_axis(results: Results) -> None:
    chart = cost_of_tokens(results)
    assert chart is not None
    assert chart.log_y
    assert [series.name for series in chart.series] == ["Coding assistants", "chat"]
    assert chart.y_label == "Cost, $/million tokens"
    assert chart.series[1].y[4] == 0.25


def test_the_page_has_the_table_under_money(results: Results) -> None:
    html = report_html(results)
    money = html[html.index('<section id="money">') : html.index('<section id="checks">')]
    assert "Cost of hours, tokens and runs" in money
    assert "All tokens, Coding assistants" in money


def test_results_without_costs_have_no_table_and_no_chart(make: Make) -> None:
    full = make()
    rows = [v for v in full.variables() if not v.startswith(("Cost", "TCO", "E"))]
    bare = Results.from_rows(
        [row for row in _rows(full) if row.variable in rows],
        full.manifest,
    )
    assert products(bare) == []
    assert cost_rows(bare) == []
    assert cost_text(bare, [2026]) == ""
    assert cost_of_tokens(bare) is None


def _rows(results: Results) -> list:
    """Return the long table as rows."""
    from computesim.results import Row

    return [
        Row(name, results.unit(name), year, value)
        for name in results.variables()
        for year, value in results.series(name).items()
    ]
