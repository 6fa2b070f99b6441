"""Values read every written form and write themselves back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim import units
from computesim.scenario.context import Context
from computesim.scenario.fields import Name, Quantity, Shares, Word
from computesim.scenario.values import Choice, Mix, Value

HORIZON = Context(first_year=2022, last_year=2032)
NUMBERS = st.floats(1e-9, 1e15)


def read(raw: Any, field: Any, context: Context = HORIZON) -> Any:
    value, reading = field.read(raw, context)
    assert reading.complaints == []
    return value


def complaints(raw: Any, field: Any, context: Context = HORIZON) -> list[tuple[str, str]]:
    _, reading = field.read(raw, context)
    return [(".".join(map(str, c.key)), c.found) for c in reading.complaints]


@pytest.mark.parametrize(
    ("raw", "unit", "expected"),
    [
        (30, "s", 30),
        ("30 ms", "s", 0.03),
        ("90 day", "s", 90 * 86400),
        ("2e25 FLOP", "FLOP", 2e25),
        ("900 million", "user", 9e8),
        ("1.2 billion token", "token", 1.2e9),
        ("2 million", "1", 2e6),
        ("40 %", "1", 0.4),
        (0.08, "USD/kWh", 0.08 / 3.6e6),
        ("80 $/MWh", "USD/kWh", 0.08 / 3.6e6),
        ("20 GW", "W", 20e9),
    ],
)
def test_numbers_and_quantities_become_base_units(raw: Any, unit: str, expected: float) -> None:
    assert read(raw, Quantity(unit)).at(2025) == pytest.approx(expected)


@given(NUMBERS, st.sampled_from(["s", "ms", "day", "year", "h"]))
def test_a_time_is_the_same_whatever_unit_it_is_written_in(number: float, unit: str) -> None:
    value = read(f"{number!r} {unit}", Quantity("s"))
    assert value.at(2025) == pytest.approx(number * units.scale(unit))


PATHS = st.dictionaries(st.integers(2022, 2032), NUMBERS, min_size=1).map(
    lambda points: {2022: 1.0, 2032: 2.0} | points
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "interpolation": st.sampled_from(["linear", "geometric", "step"]),
        "beyond": st.just("hold"),
    },
)
MEMBERS = NUMBERS | st.builds(lambda p, o: {"path": p, **o}, PATHS, OPTIONS)
TOLD = st.fixed_dictionaries({}, optional={"source": st.just("estimate"), "note": st.text("ab")})
FORMS = (
    NUMBERS
    | st.builds(lambda n, t: {"value": n, **t}, NUMBERS, TOLD)
    | st.builds(lambda p, o, t: {"path": p, **o, **t}, PATHS, OPTIONS, TOLD)
    | st.builds(lambda p, o, t: {**p, **o, **t}, PATHS, OPTIONS, TOLD)
    | st.builds(
        lambda n, t: {"low": n[0], "central": n[1], "high": n[2], **t},
        st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted),
        TOLD,
    )
    | st.builds(lambda m: {"distribution": "lognormal", "median": m, "sigma": 0.4}, MEMBERS)
    | st.builds(lambda m: {"distribution": "normal", "mean": m, "sd": 1}, MEMBERS)
)


@given(FORMS, st.sampled_from(["1", "token", "USD/kWh", "s"]))
def test_a_value_written_as_plain_data_reads_back_equal(raw: Any, unit: str) -> None:
    field = Quantity(unit, minimum=0, base="USD/J" if "/" in unit else "")
    value = read(raw, field)
    assert read(value.plain(), field) == value
    assert read(json.loads(json.dumps(value.plain())), field) == value  # years become texts


@given(FORMS)
def test_low_is_never_above_central_nor_central_above_high(raw: Any) -> None:
    value = read(raw, Quantity("1", minimum=0))
    for year in (2022, 2026.37, 2032):
        ends = [value.at(year, case) for case in ("low", "central", "high")]
        assert ends == sorted(ends)


@given(st.floats(0.001, 0.999))
def test_a_share_never_leaves_its_bounds(p: float) -> None:
    share = read({"low": 0.02, "central": 0.5, "high": 0.99}, Quantity("1", 0, 1))
    assert 0 <= share.quantile(p, 2025) <= 1


def test_a_pinned_value_answers_its_quantile_in_every_case_and_year() -> None:
    value = read({"low": 1, "central": 2, "high": {2022: 4, 2032: 8}}, Quantity())
    pinned = value.pinned(0.95)
    assert [pinned.at(y, c) for y in (2022, 2032) for c in ("low", "high")] == pytest.approx(
        [4, 4, 8, 8]
    )
    assert read(3, Quantity()).pinned(0.9).at(2025) == 3


@pytest.mark.parametrize(
    ("raw", "where", "found"),
    [
        ("lots", "", "'lots' is not a number"),
        ("2 TB/s", "", "wrong unit: '2 TB/s'"),
        ("2 sec", "", "unknown unit: '2 sec'"),
        (-1, "", "-1"),
        (True, "", "true is not a number"),
        ([1, 2], "", "a list is not a number"),
        (float("inf"), "", "inf"),
        (float("nan"), "", "nan"),
        ({}, "", "a mapping"),
        ({2022: 1, 2032: "x"}, "2032", "'x' is not a number"),
        ({2025: 1, 2030: 2}, "", "year gap: covers 2025-2030"),
        ({2025: 1, "interpolation": "step"}, "", "year gap: covers 2025"),
        ({2022: 1, 2032: 2, "interpolation": "cubic"}, "interpolation", "'cubic'"),
        ({2022: 1, 2032: 2, "beyond": "yes"}, "beyond", "'yes'"),
        ({2022: 0, 2032: 2, "interpolation": "geometric"}, "2022", "0 in a geometric path"),
        ({2022: 1, 2032: {"low": 1}}, "2032", "a mapping"),
        ({"path": 3}, "path", "3"),
        ({"path": {"soon": 1, 2022: 1, 2032: 1}}, "path.soon", "'soon'"),
        ({2022: 1, 2032: 2, "beyound": "hold"}, "beyound", "unknown key"),
        ({"low": 1, "high": 2}, "", "`central` is missing"),
        ({"low": 3, "central": 2, "high": 4}, "", "low 3, central 2, high 4"),
        (
            {"low": {2022: 1, 2032: 9}, "central": 5, "high": 6},
            "",
            "low 5.8, central 5, high 6 in 2028",
        ),
        ({"low": 1, "central": 2, "high": 4, "top": 5}, "top", "unknown key"),
        ({"distribution": "weibull", "k": 1}, "distribution", "'weibull'"),
        ({"distribution": "normal", "mean": 1}, "", "`sd` is missing"),
        ({"distribution": "normal", "mean": 1, "sd": -1}, "sd", "-1"),
        ({"distribution": "lognormal", "median": 0, "sigma": 1}, "median", "0"),
        ({"distribution": "uniform", "low": 3, "high": 2}, "", "low 3, high 2"),
        ({"value": 3, "sauce": "estimate"}, "sauce", "unknown key"),
        ({"value": 3, "source": 4}, "source", "4"),
    ],
)
def test_what_is_wrong_with_a_number_is_said_at_its_key(raw: Any, where: str, found: str) -> None:
    (told, *rest) = complaints(raw, Quantity("s", minimum=0))
    assert (told[0], told[1][: len(found)]) == (where, found)
    assert rest == []


def test_several_faults_of_one_value_are_told_together() -> None:
    raw = {"low": "x", "central": -1, "high": {2022: 1, 2030: "2 kg"}, "source": "estimate"}
    assert [key for key, _ in complaints(raw, Quantity("s", minimum=0))] == [
        "low",
        "central",
        "high.2030",
        "high",
    ]


def test_beyond_hold_covers_any_horizon() -> None:
    value = read({2025: 1, 2030: 4, "interpolation": "geometric", "beyond": "hold"}, Quantity())
    assert [value.at(y) for y in (2022, 2027.5, 2032)] == pytest.approx([1, 2, 4])


def test_unknown_sources_are_found_and_estimate_always_is_one() -> None:
    context = Context(2022, 2032, sources=frozenset({"epoch-models", "servegen"}))
    assert complaints({"value": 3, "source": "epoch-model"}, Quantity(), context) == [
        ("source", "unknown source 'epoch-model'")
    ]
    assert complaints({"value": 3, "source": "estimate"}, Quantity(), context) == []


def test_a_word_may_change_over_the_years() -> None:
    choice = read({2022: "bf16", 2025: "fp8"}, Word("bf16", "fp8", "fp4"))
    assert [choice.at(y) for y in (2022, 2024.9, 2025, 2040)] == ["bf16", "bf16", "fp8", "fp8"]
    assert read(choice.plain(), Word("bf16", "fp8")) == choice
    sourced = read({"value": "fp8", "source": "estimate"}, Word("fp8"))
    assert sourced == Choice(("fp8",), source="estimate")
    assert read(sourced.plain(), Word("fp8")) == sourced


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ("fp9", ""),
        (8, ""),
        (["fp8"], ""),
        ({2022: "bf16", 2025: "fp9"}, "2025"),
        ({2023: "bf16"}, ""),
        ({2022: "bf16", "interpolation": "linear"}, "interpolation"),
        ({"path": {2022: "bf16"}, "notes": "x"}, "notes"),
    ],
)
def test_a_word_that_is_none_of_the_accepted_ones_is_told(raw: Any, where: str) -> None:
    assert [key for key, _ in complaints(raw, Word("bf16", "fp8"))] == [where]


def test_names_are_checked_against_the_catalog_with_a_near_miss() -> None:
    from computesim.catalog import load_catalog

    context = Context(2022, 2032, load_catalog())
    assert read("deepseek-v3", Name("models"), context).at(2025) == "deepseek-v3"
    assert read("none", Name("models", none=True), context).at(2025) == "none"
    _, reading = Name("models").read("deepseek-v33", context)
    assert "deepseek-v3" in reading.complaints[0].hint


def test_a_mix_holds_until_the_next_year_or_is_mixed_between() -> None:
    raw = {2022: {"a": 0.6, "b": 0.4}, 2026: {"b": 0.5, "c": 0.5}, 2032: {"c": 1}}
    steps = read(raw, Shares("accelerators"))
    assert steps.at(2025) == {"a": 0.6, "b": 0.4}
    assert steps.at(2040) == {"c": 1}
    lines = read({"path": raw, "interpolation": "linear"}, Shares("accelerators"))
    assert lines.at(2025) == pytest.approx({"a": 0.15, "b": 0.475, "c": 0.375})
    assert lines.names == ("a", "b", "c")


SHARES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1), min_size=1).map(
    lambda parts: {name: share / sum(parts.values()) for name, share in parts.items()}
)


@given(
    st.dictionaries(st.integers(2023, 2031), SHARES, max_size=3),
    SHARES,
    st.sampled_from(["step", "linear"]),
    st.floats(2022, 2032),
)
def test_shares_sum_to_one_in_every_year_and_read_back(
    points: dict[int, dict[str, float]], ends: dict[str, float], rule: str, year: float
) -> None:
    raw = {"path": {2022: ends, **points, 2032: ends}, "interpolation": rule}
    mix = read(raw, Shares("accelerators"))
    assert sum(mix.at(year).values()) == pytest.approx(1)
    assert all(share >= 0 for share in mix.at(year).values())
    assert read(mix.plain(), Shares("accelerators")) == mix


def test_a_mix_for_all_years_needs_no_year() -> None:
    mix = read({"a": 0.25, "b": "75 %"}, Shares("accelerators"))
    assert isinstance(mix, Mix)
    assert mix.at(2030) == {"a": 0.25, "b": 0.75}
    sourced = read({"mix": {"a": 1}, "source": "estimate"}, Shares("accelerators"))
    assert read(sourced.plain(), Shares("accelerators")) == sourced


@pytest.mark.parametrize(
    ("raw", "where", "found"),
    [
        ({2022: {"a": 0.5, "b": 0.4}}, "2022", "shares that sum to 0.9"),
        ({2022: {"a": 1.5}}, "2022.a", "1.5"),
        ({2022: {"a": "much"}}, "2022.a", "'much' is not a number"),
        ({2022: 1}, "2022", "1"),
        ({2024: {"a": 1}}, "", "year gap: covers 2024"),
        ("a", "", "'a'"),
        ({}, "", "a mapping"),
        ({2022: {"a": 1}, "interpolation": "geometric"}, "interpolation", "'geometric'"),
    ],
)
def test_what_is_wrong_with_a_mix_is_said_at_its_key(raw: Any, where: str, found: str) -> None:
    assert complaints(raw, Shares("accelerators")) == [(where, found)]


def test_a_value_knows_whether_it_is_uncertain_and_whether_it_varies() -> None:
    forms = {
        "constant": 3,
        "path": {2022: 1, 2032: 2},
        "range": {"low": 1, "central": 2, "high": 3},
        "both": {"low": 1, "central": {2022: 2, 2032: 3}, "high": 4},
    }
    values: dict[str, Value] = {name: read(raw, Quantity()) for name, raw in forms.items()}
    assert [n for n, v in values.items() if v.is_uncertain] == ["range", "both"]
    assert [n for n, v in values.items() if v.varies] == ["path", "both"]
