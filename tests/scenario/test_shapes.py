"""Shapes obey the definitions of their interpolations and laws."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.scenario.shapes import Constant, Distribution, Path, Range

PROBABILITIES = st.floats(0.001, 0.999)
POSITIVE = st.floats(1e-6, 1e12)


@st.composite
def paths(draw: st.DrawFn, interpolation: str | None = None) -> Path:
    years = sorted(draw(st.sets(st.integers(2000, 2050), min_size=1, max_size=6)))
    numbers = [draw(POSITIVE) for _ in years]
    rule = interpolation or draw(st.sampled_from(["linear", "geometric", "step"]))
    return Path(tuple(map(float, years)), tuple(numbers), rule, draw(st.booleans()))


@given(paths())
def test_a_path_passes_through_its_points(path: Path) -> None:
    assert [path.at(year) for year in path.years] == list(path.numbers)


@given(paths(), st.floats(0, 1))
def test_between_its_points_a_path_stays_between_their_numbers(path: Path, part: float) -> None:
    year = path.years[0] + part * (path.years[-1] - path.years[0])
    before = max(i for i, known in enumerate(path.years) if known <= year)
    ends = path.numbers[before : before + 2]
    assert min(ends) * (1 - 1e-12) <= path.at(year) <= max(ends) * (1 + 1e-12)


@given(paths("linear"), st.floats(0, 1))
def test_a_linear_path_agrees_with_numpy(path: Path, part: float) -> None:
    year = path.years[0] + part * (path.years[-1] - path.years[0])
    assert path.at(year) == pytest.approx(np.interp(year, path.years, path.numbers), rel=1e-9)


@given(paths("geometric"), st.floats(0, 1))
def test_a_geometric_path_is_a_straight_line_in_logarithms(path: Path, part: float) -> None:
    year = path.years[0] + part * (path.years[-1] - path.years[0])
    logarithm = np.interp(year, path.years, np.log(path.numbers))
    assert math.log(path.at(year)) == pytest.approx(logarithm, rel=1e-9, abs=1e-9)


def test_a_geometric_path_grows_by_the_same_factor_every_year() -> None:
    path = Path((2025.0, 2030.0), (1.0, 32.0), "geometric")
    assert [path.at(year) for year in range(2025, 2031)] == pytest.approx([1, 2, 4, 8, 16, 32])


def test_a_step_holds_until_the_next_year_and_for_ever_after_the_last() -> None:
    path = Path((2022.0, 2025.0), (1.0, 5.0), "step")
    assert [path.at(y) for y in (2022, 2024.99, 2025, 2031)] == [1, 1, 5, 5]


def test_a_fractional_year_lies_between_two_points() -> None:
    path = Path((2026.0, 2027.0), (100.0, 200.0))
    assert path.at(2026.37) == pytest.approx(137)


def test_the_last_year_lasts_until_its_end_and_no_longer() -> None:
    path = Path((2025.0, 2032.0), (1.0, 8.0))
    assert path.at(2032.9) == 8
    with pytest.raises(ValueError, match="2033 lies outside 2025-2032"):
        path.at(2033)
    with pytest.raises(ValueError, match="beyond: hold"):
        path.at(2024.9)


def test_held_ends_stand_for_all_years() -> None:
    path = Path((2025.0, 2030.0), (1.0, 8.0), "geometric", holds=True)
    assert (path.at(1990), path.at(2100)) == (1, 8)


@given(st.tuples(POSITIVE, POSITIVE, POSITIVE).map(sorted), st.lists(PROBABILITIES, min_size=2))
def test_quantiles_of_a_range_rise_through_its_three_numbers(
    numbers: list[float], probabilities: list[float]
) -> None:
    low, central, high = numbers
    made = Range(Constant(low), Constant(central), Constant(high))
    assert made.quantile(0.05, 2025) == pytest.approx(low)
    assert made.quantile(0.5, 2025) == central == made.at(2025)
    assert made.quantile(0.95, 2025) == pytest.approx(high)
    drawn = [made.quantile(p, 2025) for p in sorted(probabilities)]
    assert all(a <= b * (1 + 1e-12) for a, b in pairwise(drawn))


def test_a_symmetric_range_around_zero_is_a_normal_law() -> None:
    sd = 2 / NormalDist().inv_cdf(0.95)
    made = Range(Constant(-2), Constant(0), Constant(2))
    for p in (0.01, 0.3, 0.77):
        assert made.quantile(p, 2025) == pytest.approx(NormalDist(0, sd).inv_cdf(p))


@pytest.mark.parametrize(
    ("kind", "members", "scipy_name", "arguments"),
    [
        ("normal", {"mean": 3.0, "sd": 2.0}, "norm", {"loc": 3, "scale": 2}),
        ("lognormal", {"median": 3.0, "sigma": 0.5}, "lognorm", {"s": 0.5, "scale": 3}),
        ("uniform", {"low": 2.0, "high": 8.0}, "uniform", {"loc": 2, "scale": 6}),
        (
            "triangular",
            {"low": 1.0, "mode": 2.0, "high": 5.0},
            "triang",
            {"c": 0.25, "loc": 1, "scale": 4},
        ),
    ],
)
def test_distributions_agree_with_scipy(
    kind: str, members: dict[str, float], scipy_name: str, arguments: dict[str, float]
) -> None:
    from scipy import stats

    made = Distribution(kind, {name: Constant(number) for name, number in members.items()})
    theirs = getattr(stats, scipy_name)(**arguments)
    for p in (0.001, 0.05, 0.25, 0.5, 0.6, 0.95, 0.999):
        assert made.quantile(p, 2025) == pytest.approx(theirs.ppf(p), rel=1e-9)
    assert made.at(2025) == pytest.approx(theirs.median())
    assert made.at(2025, "low") == pytest.approx(theirs.ppf(0.05))


@given(st.sampled_from(["normal", "lognormal"]), st.tuples(POSITIVE, POSITIVE).map(sorted))
def test_a_law_given_by_low_and_high_has_them_as_quantiles(kind: str, ends: list[float]) -> None:
    made = Distribution(kind, {"low": Constant(ends[0]), "high": Constant(ends[1])})
    rounding = ends[1] * 1e-12  # low is what is left when nearly equal numbers are subtracted
    assert made.quantile(0.05, 2025) == pytest.approx(ends[0], rel=1e-6, abs=rounding)
    assert made.quantile(0.95, 2025) == pytest.approx(ends[1], rel=1e-6)


def test_a_parameter_may_change_over_the_years() -> None:
    median = Path((2025.0, 2030.0), (1000.0, 8000.0), "geometric")
    made = Distribution("lognormal", {"median": median, "sigma": Constant(0.5)})
    assert made.at(2030) == pytest.approx(8000)
    ratio = made.quantile(0.9, 2027) / made.at(2027)
    assert ratio == pytest.approx(math.exp(0.5 * NormalDist().inv_cdf(0.9)))


@pytest.mark.parametrize("p", [0, 1, -0.1, 1.5])
def test_a_probability_outside_zero_and_one_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Range(Constant(1), Constant(2), Constant(3)).quantile(p, 2025)
