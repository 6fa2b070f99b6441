"""The long table: names, sums, means, differences."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.results import VARIABLES, Results, Row, VariableError, family, unit_of
from computesim.results.variables import WORKLOADS


def results_of(*rows: tuple[str, int, float], name: str = "s") -> Results:
    return Results.from_rows([Row(v, "W", y, x) for v, y, x in rows], {"name": name})


def of_replications(*values: float) -> Results:
    rows = [Row("Energy", "Wh/year", 2030, value, n) for n, value in enumerate(values)]
    return Results.from_rows(rows, {"name": "s"})


POWER = results_of(
    ("Power|IT|Pretraining", 2025, 3.0),
    ("Power|IT|CoT inference", 2025, 4.0),
    ("Power|IT|CoT inference", 2026, 5.0),
    ("Power|Facility|Pretraining", 2025, 30.0),
)


def test_a_group_without_rows_is_the_sum_of_its_parts() -> None:
    assert POWER.series("Power|IT") == {2025: 7.0, 2026: 5.0}
    assert "Power|IT" in POWER
    assert POWER.unit("Power|IT") == "W"


def test_sums_reach_through_several_levels() -> None:
    deep = results_of(("FLOP|RL|Rollout", 2025, 1.0), ("FLOP|RL|Learner", 2025, 2.0),
                      ("FLOP|Pretraining", 2025, 4.0))  # fmt: skip
    assert deep.series("FLOP") == {2025: 7.0}


def test_ways_to_measure_the_same_watts_are_never_added() -> None:
    assert "Power" not in POWER
    with pytest.raises(VariableError, match="do not add up"):
        POWER.series("Power")


def test_averages_are_never_added() -> None:
    used = results_of(
        ("Utilisation|Pretraining", 2025, 0.5), ("Utilisation|Experiments", 2025, 0.4)
    )
    with pytest.raises(VariableError):
        used.series("Utilisation")


def test_an_unknown_name_is_answered_with_the_near_miss() -> None:
    with pytest.raises(VariableError, match=r"did you mean .*Power\|IT"):
        POWER.series("Power|It")
    with pytest.raises(VariableError):
        POWER.unit("Nothing")


def test_children_are_direct_parts_only() -> None:
    assert POWER.children("Power") == ["Power|IT", "Power|Facility"]
    assert POWER.children("Power|IT") == ["Power|IT|Pretraining", "Power|IT|CoT inference"]
    assert POWER.children("Power|IT|Pretraining") == []


def test_a_row_of_its_own_comes_before_the_sum_and_must_equal_it() -> None:
    wrong = results_of(("Energy", 2030, 10.0), ("Energy|Pretraining", 2030, 4.0),
                       ("Energy|Experiments", 2030, 5.0))  # fmt: skip
    assert wrong.series("Energy") == {2030: 10.0}
    (fault,) = wrong.check_sums()
    assert (fault.variable, fault.year, fault.value, fault.parts) == ("Energy", 2030, 10.0, 9.0)
    assert "Energy in 2030" in str(fault)


def test_a_part_that_is_missing_in_a_year_is_noticed() -> None:
    gap = results_of(
        ("Energy", 2030, 4.0), ("Energy", 2031, 4.0), ("Energy|Pretraining", 2030, 4.0)
    )
    assert [fault.year for fault in gap.check_sums()] == [2031]


def test_sums_are_judged_within_each_replication() -> None:
    rows = [Row("Energy", "Wh/year", 2030, 2.0, n) for n in range(2)]
    rows += [Row("Energy|Pretraining", "Wh/year", 2030, 1.0 + 2 * n, n) for n in range(2)]
    faults = Results.from_rows(rows, {}).check_sums()  # the means agree, the replications do not
    assert [fault.replication for fault in faults] == [0, 1]


@given(st.lists(st.floats(0, 1e30), min_size=1, max_size=6))
def test_a_parent_added_up_from_its_parts_has_no_fault(parts: list[float]) -> None:
    rows = [(f"Energy|{n}", 2030, part) for n, part in enumerate(parts)]
    assert results_of(("Energy", 2030, math.fsum(parts)), *rows).check_sums() == []


def test_series_is_the_mean_over_replications_or_one_of_them() -> None:
    runs = of_replications(1.0, 2.0, 6.0)
    assert runs.series("Energy") == {2030: 3.0}
    assert runs.series("Energy", replication=2) == {2030: 6.0}
    assert runs.replications == [0, 1, 2]


@pytest.mark.parametrize(("probability", "expected"), [(0, 1.0), (0.5, 2.0), (0.75, 4.0), (1, 6.0)])
def test_quantiles_are_interpolated_linearly(probability: float, expected: float) -> None:
    # numpy.quantile([1, 2, 6], q) gives the same four numbers
    assert of_replications(6.0, 1.0, 2.0).quantile("Energy", probability)[2030] == expected


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9), st.floats(0, 1))
def test_quantiles_agree_with_numpy(values: list[float], probability: float) -> None:
    import numpy as np

    expected = float(np.quantile(values, probability))
    ours = of_replications(*values).quantile("Energy", probability)[2030]
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_select_keeps_what_fits_the_pattern_and_the_manifest() -> None:
    chosen = POWER.select("Power|IT|*")
    assert chosen.variables() == ["Power|IT|Pretraining", "Power|IT|CoT inference"]
    assert chosen.manifest == POWER.manifest
    assert len(chosen) == 3


def test_comparison_gives_difference_and_ratio_of_what_both_hold() -> None:
    other = results_of(("Power|IT|Pretraining", 2025, 9.0), ("Energy", 2025, 1.0), name="other")
    (row,) = POWER.compare(other)
    assert (row.ours, row.other, row.difference, row.ratio) == (3.0, 9.0, 6.0, 3.0)


def test_the_ratio_to_nothing_is_not_a_number() -> None:
    zero = results_of(("Energy", 2025, 0.0))
    assert math.isnan(zero.compare(results_of(("Energy", 2025, 1.0)))[0].ratio)


def test_the_frame_is_the_long_table() -> None:
    frame = POWER.table
    assert list(frame.columns) == ["scenario", "variable", "unit", "year", "replication", "value"]
    assert frame["value"].sum() == 42.0
    assert set(frame["scenario"]) == {"s"}


def test_the_pivot_has_years_as_columns_and_gaps_as_nan() -> None:
    frame = POWER.pivot("Power|IT|*")
    assert list(frame.columns) == [2025, 2026]
    assert frame.loc[("Power|IT|CoT inference", "W"), 2026] == 5.0
    assert math.isnan(frame.loc[("Power|IT|Pretraining", "W"), 2026])


def test_a_number_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="given twice"):
        results_of(("Energy", 2025, 1.0), ("Energy", 2025, 2.0))


def test_two_scenarios_in_one_table_are_refused() -> None:
    columns = POWER.columns()
    columns["scenario"] = ["a", "b", "a", "a"]
    with pytest.raises(ValueError, match="one scenario"):
        Results(columns, {})


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        Results(POWER.columns() | {"year": [2025]}, {})


def test_repr_names_scenario_years_and_numbers() -> None:
    text = repr(POWER)
    assert "2025-2026" in text
    assert "Power|IT|CoT inference" in text
    assert "5 W" in text


def test_html_repr_escapes_what_a_scenario_says() -> None:
    html = results_of(("<b>&", 2025, 1.0), name="<script>")._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;&amp;" in html


def test_the_longest_prefix_decides_the_family() -> None:
    assert family("H100-equivalents by generation|gb200") != family("H100-equivalents|Pretraining")
    assert unit_of("Power|Facility|Pretraining") == "W"
    assert unit_of("Network shipped|Optics|800G") == "transceiver"
    with pytest.raises(VariableError, match="did you mean"):
        unit_of("Enery|Pretraining")


def test_every_family_says_what_it_counts_in_one_sentence() -> None:
    assert len({v.prefix for v in VARIABLES}) == len(VARIABLES)
    assert all(v.counts.endswith(".") and v.unit for v in VARIABLES)
    assert len(set(WORKLOADS)) == 6


def test_reading_a_series_does_not_import_pandas() -> None:
    code = (
        "import sys; from computesim.results import Results, Row;"
        "r = Results.from_rows([Row('Energy|a', 'Wh/year', 2030, 1.0)], {'name': 's'});"
        "r.series('Energy'); r.check_sums(); repr(r);"
        "sys.exit(bool({'pandas', 'pyarrow', 'numpy', 'plotly'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
