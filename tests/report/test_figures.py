"""From results to neutral charts: the right numbers, units, order and words."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.report.comparison import comparison_charts, labels
from computesim.report.figures import SECTIONS, charts, sections
from computesim.report.scales import accelerator_label, log_ticks, rounded, scaled, tick_text
from computesim.report.sourcing import count_estimates, source_line
from computesim.report.theme import (
    PART_COLOURS,
    WORKLOAD_COLOURS,
    accelerator_colour,
    generation,
)
from computesim.results import WORKLOADS, Manifest, Results, Row

Make = Callable[..., Results]


def by_key(results: Results) -> dict[str, object]:
    return {chart.key: chart for chart in charts(results)}


def test_full_results_fill_every_figure(results: Results) -> None:
    drawn = charts(results)
    assert len(drawn) == sum(len(figures) for _, figures in SECTIONS)
    assert len({chart.key for chart in drawn}) == len(drawn)


def test_serving_by_product_shows_labels_in_the_order_of_the_scenario(make: Make) -> None:
    results = make()
    for agents, chat, shown in (
        ("Agents", "Chat", ["Agents", "Chat"]),
        ("Same", "Same", ["agents", "chat"]),  # labels that do not tell them apart
    ):
        products = {"agents": {"label": agents}, "chat": {"label": chat}}
        results.manifest["scenario"] = {"products": products}
        chart = by_key(results)["serving-by-product"]
        assert [series.name for series in chart.series] == shown
        assert chart.series[0].y[results.years.index(2026)] == pytest.approx(8.0)


def test_progress_shows_the_parts_that_move(results: Results) -> None:
    chart = by_key(results)["progress"]
    assert [s.name for s in chart.series] == ["Hardware, per accelerator", "Hardware, per USD"]
    assert chart.log_y
    assert chart.series[1].y[results.years.index(2026)] == pytest.approx(6.0)


def test_every_chart_says_unit_question_source_and_what_is_counted(results: Results) -> None:
    for chart in charts(results):
        assert chart.title
        assert chart.question.endswith(("?", "range."))
        assert "scenario baseline (a1b2c3d4)" in chart.source
        assert chart.caption.endswith(".")
        assert chart.y_label == "Ratio" or "," in chart.y_label or "1 = equal" in chart.y_label


def test_a_stack_adds_up_to_the_total_in_every_year(results: Results) -> None:
    stacks = {
        "compute-by-workload": ("H100-equivalents", 1e6),
        "compute-by-generation": ("H100-equivalents by generation", 1e6),
        "accelerators-shipped": ("Accelerators|Shipped", 1e6),
        "power": ("Power|Facility", 1e9),
        "energy": ("Energy", 1e12),
        "capex": ("Capex", 1e9),
        "optics-shipped": ("Network shipped|Optics", 1e6),
    }
    drawn = by_key(results)
    for key, (group, factor) in stacks.items():
        columns = zip(*(layer.y for layer in drawn[key].layers), strict=True)  # type: ignore[attr-defined]
        added = [math.fsum(column) * factor for column in columns]
        assert added == pytest.approx(list(results.series(group).values()), rel=1e-12)


def test_shares_add_up_to_a_hundred(results: Results) -> None:
    chart = by_key(results)["compute-shares"]
    for column in zip(*(layer.y for layer in chart.layers), strict=True):  # type: ignore[attr-defined]
        assert math.fsum(column) == pytest.approx(100)


def test_workloads_keep_order_and_colour_in_every_chart(results: Results) -> None:
    for key in ("compute-by-workload", "compute-shares", "power", "energy", "flop"):
        layers = by_key(results)[key].layers  # type: ignore[attr-defined]
        assert [layer.name for layer in layers] == list(WORKLOADS)
        assert [layer.colour for layer in layers] == [WORKLOAD_COLOURS[w] for w in WORKLOADS]


def test_the_legend_lists_a_stack_from_the_top_with_lines_above_it(results: Results) -> None:
    names = [series.name for series in by_key(results)["power"].legend]  # type: ignore[attr-defined]
    assert names[0].startswith("Provisioned")
    assert names[-1] == "Pretraining"
    assert names[2:] == list(reversed(WORKLOADS))


def test_the_ratio_is_rl_over_pretraining(results: Results) -> None:
    lines = {s.name: s.y for s in by_key(results)["ratios"].series}  # type: ignore[attr-defined]
    expected = (
        results.series("FLOP|RL post-training")[2030] / results.series("FLOP|Pretraining")[2030]
    )
    assert lines["RL ÷ pretraining, FLOP"][2030 - 2022] == pytest.approx(expected)


def test_tokens_of_both_kinds_of_inference_are_added_by_kind(results: Results) -> None:
    chart = by_key(results)["tokens"]
    lines = {s.name: s.y for s in chart.series}  # type: ignore[attr-defined]
    assert chart.log_y  # type: ignore[attr-defined]
    both = sum(
        results.series(f"Tokens|{w}|Prompt")[2026] for w in ("CoT inference", "Other inference")
    )
    assert lines["Prompt"][4] == pytest.approx(both / 1e12)
    assert lines["On devices"][4] == pytest.approx(1.0)


def test_rare_accelerators_are_drawn_together_and_none_is_lost(results: Results) -> None:
    chart = by_key(results)["accelerators-installed"]
    names = [layer.name for layer in chart.layers]  # type: ignore[attr-defined]
    count = int(names[0].split()[0])
    assert names[0] == f"{count} others"
    assert len(names) - 1 + count == len(results.children("Accelerators|Installed"))


def test_published_figures_stand_in_the_chart_of_their_variable(results: Results) -> None:
    (points,) = by_key(results)["compute-by-generation"].points  # type: ignore[attr-defined]
    assert points.x == (2023, 2025)
    assert points.y == pytest.approx((1.60, 19.7))
    down, up = points.whiskers
    assert down == pytest.approx([0.27, 2.7])
    assert up == pytest.approx([0.30, 3.0])


def test_what_lies_outside_is_shown_outside(results: Results) -> None:
    chart = by_key(results)["comparison"]
    outside = [row.label for row in chart.ranges if not row.inside]  # type: ignore[attr-defined]
    assert outside == ["AI facility power, 2025"]
    assert "6 of 7" in chart.question  # type: ignore[attr-defined]
    widest = {row.label: (row.low, row.high) for row in chart.ranges}  # type: ignore[attr-defined]
    assert widest["Google tokens, 2025"] == (0.5, 2.0)
    assert widest["World compute sold, 2023"] == pytest.approx((1.33 / 1.6, 1.2))


def test_replications_show_as_whiskers_on_the_total(make: Make) -> None:
    chart = by_key(make(replications=5))["power"]
    spread = chart.points[0]  # type: ignore[attr-defined]
    assert not spread.observed
    assert spread.low[4] == pytest.approx(spread.y[4] * 0.84)  # p10 of 0.8, 0.9, 1.0, 1.1, 1.2
    assert spread.high[4] == pytest.approx(spread.y[4] * 1.16)


def test_a_scenario_without_rl_draws_everything_else(make: Make) -> None:
    full, bare = by_key(make()), by_key(make(skip=("RL post-training",)))
    assert set(full) - set(bare) == {"rl-parts"}
    lines = [s.name for s in bare["ratios"].series]  # type: ignore[attr-defined]
    assert lines == ["CoT ÷ other inference, FLOP", "CoT ÷ other inference, compute"]
    assert "RL post-training" not in [s.name for s in bare["compute-shares"].series]  # type: ignore[attr-defined]


def test_no_results_make_no_charts() -> None:
    assert charts(Results.from_rows([], {"name": "none"})) == []
    assert sections(Results.from_rows([], {"name": "none"})) == []


def test_a_part_that_is_always_zero_is_not_in_the_legend() -> None:
    rows = [
        Row("Energy|Pretraining", "Wh/year", 2030, 1e12),
        Row("Energy|Other AI", "Wh/year", 2030, 0.0),
    ]
    (chart,) = charts(Results.from_rows(rows, {"name": "s"}))
    assert [s.name for s in chart.series] == ["Pretraining"]


def test_several_scenarios_have_a_line_each(make: Make) -> None:
    runs = [make(), make("long-chains", times=2.0)]
    drawn = {chart.key: chart for chart in comparison_charts(runs)}
    first, second = drawn["compare-power"].series
    assert (first.name, second.name) == ("baseline", "long-chains")
    assert second.y == pytest.approx([2 * v for v in first.y])
    assert first.colour != second.colour
    assert drawn["compare-split"].x == ("baseline", "long-chains")


def test_scenarios_of_one_name_are_told_apart_by_their_hash(make: Make) -> None:
    assert labels([make(), make(), make("c")]) == [
        "baseline (a1b2c3d4)",
        "baseline (a1b2c3d4)",
        "c",
    ]


def test_the_source_line_names_sources_and_counts_estimates(results: Results) -> None:
    line = source_line(results, ("products", "labs"))
    assert "Epoch AI, AI chip sales" in line
    assert "Estimates: 1 of 2 inputs." in line
    assert count_estimates(results) == (2, 4)  # one says so, one source is of that kind


def test_many_sources_are_counted_instead_of_listed() -> None:
    manifest: Manifest = {
        "name": "s",
        "sources": [{"key": f"k{n}", "title": f"Title {n} " + "long " * 30} for n in range(9)],
        "assumptions": [{"path": f"a.{n}", "source": f"k{n}"} for n in range(9)],
    }
    line = source_line(Results.from_rows([], manifest), ())
    assert "6 more" in line
    assert len(line) < 320


def relative_luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [WORKLOAD_COLOURS, PART_COLOURS])
def test_colours_can_be_seen_on_white(palette: dict[str, str]) -> None:
    # Contrast as WCAG 2 defines it; fills carry white borders and legends, hence the low bound.
    assert all(1.05 / (relative_luminance(c) + 0.05) > 1.9 for c in palette.values())


def test_workload_colours_differ() -> None:
    assert len(set(WORKLOAD_COLOURS.values())) == len(WORKLOADS)


def test_generations_of_a_vendor_get_darker_with_age() -> None:
    line = ["a100-sxm-80gb", "h100-sxm", "b200-sxm", "gb300", "vr200", "rubin-ultra", "feynman"]
    shades = [relative_luminance(accelerator_colour(name)) for name in line]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == len(line)


@pytest.mark.parametrize(
    ("name", "label", "family"),
    [
        ("h100-sxm", "H100 SXM", "nvidia"),
        ("h20", "H20", "nvidia"),
        ("gb200", "GB200", "nvidia"),
        ("tpu-v5p", "TPU v5p", "google"),
        ("mi355x", "MI355X", "amd"),
        ("trainium2", "Trainium2", "amazon"),
        ("ascend-910c", "Ascend 910C", "huawei"),
        ("mtia-v2", "MTIA v2", "other"),
        ("asic-2030", "ASIC 2030", "custom"),
        ("something-new", "Something NEW", "other"),
    ],
)
def test_accelerators_have_a_name_and_a_family(name: str, label: str, family: str) -> None:
    assert accelerator_label(name) == label
    assert generation(name)[0] == family


@pytest.mark.parametrize(
    ("unit", "peak", "factor", "shown"),
    [("W", 98e9, 1e9, "GW"), ("W", 5e8, 1e6, "MW"), ("Wh/year", 1e12, 1e12, "TWh/year"),
     ("USD/year", 4e11, 1e9, "$ billion/year"), ("token/day", 3e14, 1e12, "trillion tokens/day"),
     ("accelerator", 2e7, 1e6, "million accelerators"), ("FLOP/year", 3e28, 1e27, "10²⁷ FLOP/year"),
     ("W", 0.0, 1.0, "W"), ("parrot", 5.0, 1.0, "parrot")],
)  # fmt: skip
def test_units_are_scaled_for_people(unit: str, peak: float, factor: float, shown: str) -> None:
    assert scaled(unit, peak) == (pytest.approx(factor), shown)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.0, "1,230,000"), (9.996, "10.0"), (999.6, "1,000"), (0.012345, "0.0123"),
     (None, "–"), (math.nan, "–"), (-2.5, "-2.50"), (1e-9, "1.00e-09")],
)  # fmt: skip
def test_numbers_are_rounded_to_three_digits(value: float | None, text: str) -> None:
    assert rounded(value) == text


@given(st.floats(1e-4, 1e14))
def test_rounding_moves_a_number_by_less_than_half_a_percent(value: float) -> None:
    assert float(rounded(value).replace(",", "")) == pytest.approx(value, rel=0.00501)


@given(st.floats(1e-20, 1e20), st.floats(1, 1e15))
def test_logarithmic_ticks_enclose_the_numbers(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert ticks == sorted(ticks)
    assert ticks[0] <= low * (1 + 1e-6)
    assert ticks[-1] >= low * ratio * (1 - 1e-6)
    assert 1 <= len(ticks) <= 20


def test_ticks_are_plain_numbers() -> None:
    assert [tick_text(v) for v in (0.02, 5.0, 2000.0, 1e6)] == ["0.02", "5", "2,000", "1,000,000"]
