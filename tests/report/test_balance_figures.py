"""The charts of a balance: what they show, in both renderers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from computesim.report.balance_figures import balance_charts
from computesim.report.chart import Chart
from computesim.report.matplotlib_render import matplotlib_figure
from computesim.report.plotly_render import plotly_figure
from computesim.report.scales import log_texts, power_text

DAY = 86400.0


def row(**entries: Any) -> Any:
    known = {"accelerator": "h100-sxm", "rl_flop": 1e23, "tokens_of_request": 5000.0,
             "accuracy": 0.75, "total": 1e6, "rl_share": 0.2}  # fmt: skip
    return SimpleNamespace(**{**known, **entries})


@pytest.fixture
def told() -> Any:
    """What the command finds, in small."""
    volumes = [
        row(requests=10.0 ** (n + 6), rl_flop=1e22 * 2**n, tokens_of_request=9000.0 / (n + 1),
            accelerator=name)
        for name in ("h100-sxm", "gb300") for n in range(9)
    ]  # fmt: skip
    curves = [
        row(target=goal, rl_flop=1e22 * 1.3**n, tokens_of_request=4e5 * goal / (n + 1),
            flop_elasticity=-2.0 / (n + 1) ** 3)
        for goal in (0.7, 0.75) for n in range(25) if n > 2 or goal == 0.7
    ]  # fmt: skip
    job = SimpleNamespace(
        skill=SimpleNamespace(name="aime-2024"), model=SimpleNamespace(name="deepseek-v3"),
        method="single", objective="power", life=100 * DAY,
    )  # fmt: skip
    return SimpleNamespace(
        question=SimpleNamespace(job=job),
        fitted={"rl_flop": (1e20, 1e22)},
        able=[row()],
        by_requests=volumes,
        by_price=[row(price_ratio=2.0**n, rl_flop=1e23 / 2**n) for n in range(-3, 4)],
        by_target=[
            row(target=n / 100, total=1e6 * 1.1**n, on_rl=1e5 * 1.1**n,
                next_point=None if n == 80 else 1e5)
            for n in range(70, 81)
        ],
        curves=curves,
    )  # fmt: skip


def charts(told: Any) -> dict[str, Chart]:
    return {chart.key: chart for chart in balance_charts(told)}


def test_curves_have_their_targets_and_the_optimum_of_some_volumes(told: Any) -> None:
    chart = charts(told)["balance-curves"]
    assert [s.name for s in chart.series] == ["70 % accuracy", "75 % accuracy"]
    assert chart.log_x
    assert chart.series[1].y[0] is None  # it begins later
    assert len(chart.points) == 5
    assert chart.points[0].name == "Best at 10⁴ a day"
    assert "fitted over RL compute" in chart.source


def test_the_exchange_ends_where_nothing_is_exchanged_any_more(told: Any) -> None:
    chart = charts(told)["balance-exchange"]
    assert max(chart.x) == pytest.approx(1e22 * 1.3**11)  # 2 / 12³ is the last one above 0.001
    assert chart.series[0].y[0] == pytest.approx(2.0)


def test_every_machine_has_a_line_and_spending_is_told_in_its_unit(told: Any) -> None:
    found = charts(told)
    assert [s.name for s in found["balance-rl"].series] == ["H100 SXM", "GB300"]
    assert found["balance-rl"].x[0] == pytest.approx(1e4)
    spending = found["balance-spending"]
    assert "mean MW" in spending.y_label
    assert spending.series[0].y[0] == pytest.approx(0.2 * 1e6 / (100 * DAY) / 1e6)
    assert found["balance-price"].series[0].y == tuple(2.0**-n for n in range(-3, 4))
    assert found["balance-next-point"].series[2].y[-1] is None
    told.by_price = None
    assert "balance-price" not in charts(told)


def test_both_renderers_show_the_same_logarithmic_axes(told: Any) -> None:
    for chart in balance_charts(told):
        drawn, page = matplotlib_figure(chart), plotly_figure(chart)
        (axes,) = drawn.axes
        assert page.layout.yaxis.type == "log"
        shown = [t.get_text() for t in axes.get_yticklabels()]
        assert list(page.layout.yaxis.ticktext) == shown
        if chart.log_x:
            assert axes.get_xscale() == "log"
            assert page.layout.xaxis.type == "log"
            assert list(page.layout.xaxis.ticktext) == [
                t.get_text() for t in axes.get_xticklabels()
            ]
            low, high = axes.get_xlim()
            assert low <= chart.x_span[0] <= chart.x_span[1] <= high
        assert axes.get_xlabel() == chart.x_label


def test_curves_of_many_points_have_no_marks(told: Any) -> None:
    found = charts(told)
    assert not found["balance-curves"].marked
    assert found["balance-rl"].marked


def test_large_numbers_are_powers_of_ten() -> None:
    assert power_text(1e23) == "10²³"
    assert power_text(2e-5) == "2·10⁻⁵"
    assert power_text(3.16e8, 2) == "3.2·10⁸"
    assert log_texts([1e4, 1e6, 1e8]) == ["10⁴", "10⁶", "10⁸"]
    assert log_texts([0.5, 1.0, 2.0]) == ["0.5", "1", "2"]
