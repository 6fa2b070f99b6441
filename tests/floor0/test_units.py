"""Unit strings, against pint as the oracle."""

from __future__ import annotations

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.errors import UnitError
from computesim.units import parse, same_dimension, show

ORACLE = pint.UnitRegistry()
ORACLE.define("FLOP = [operation]")
ORACLE.define("token = [token]")
ORACLE.define("USD = [money]")

CASES = [
    ("3.35 TB/s", "B/s"),
    ("400 Gbit/s", "B/s"),
    ("96 GiB", "B"),
    ("20 kW", "W"),
    ("5 TWh", "J"),
    ("30 ms", "s"),
    ("0.25 year", "s"),
    ("1979 TFLOP/s", "FLOP/s"),
    ("12 µs", "s"),
    ("3.7 token/day", "token/s"),
    ("0.08 USD/kWh", "USD/J"),
    ("11.7 MUSD/MW", "USD/W"),
    ("2.5 W/s/s", "W/s/s"),
]


@pytest.mark.parametrize(("text", "unit"), CASES)
def test_a_quantity_means_what_pint_says(text: str, unit: str) -> None:
    number, own = text.split(" ")
    own = own.replace("MUSD", "megaUSD").replace("TFLOP", "teraFLOP")
    expected = ORACLE.Quantity(float(number), own).to(unit.replace("B", "byte")).magnitude
    assert parse(text, unit) == pytest.approx(expected, rel=1e-12)


def test_a_bare_number_counts_in_the_unit_of_the_field() -> None:
    assert parse(3, "year") == 3 * 365.25 * 86400
    assert parse("3", "year") == parse(3, "year")


def test_words_multiply() -> None:
    assert parse("311 trillion token/day", "token/day") == pytest.approx(311e12 / 86400)
    assert parse("50 %") == 0.5


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("3.35 TB", "B/s", "is in TB; expected B/s"),
        ("six", "W", "not a quantity"),
        ("3 kwh", "J", "did you mean"),
        ("700", "B/s/", None),
        (True, "W", "not a quantity"),
        ("1e999 W", "W", "finite"),
    ],
)
def test_a_wrong_quantity_says_what_is_wrong(text: str, unit: str, says: str | None) -> None:
    if says is None:
        assert parse(text, "W") == 700
        return
    with pytest.raises(UnitError, match=says):
        parse(text, unit)


def test_flop_and_flop_per_second_are_not_the_same() -> None:
    assert not same_dimension("TFLOP", "TFLOP/s")
    assert same_dimension("GWh", "J")


@given(st.floats(1e-3, 1e24), st.sampled_from(["W", "B/s", "FLOP", "token"]))
def test_what_is_shown_can_be_read_back(value: float, unit: str) -> None:
    assert parse(show(value, unit, digits=6), unit) == pytest.approx(value, rel=1e-5)


def test_small_and_large_numbers_are_shown_readably() -> None:
    assert show(19.7e6) == "19.7 M"
    assert show(29.6e9, "W") == "29.6 GW"
    assert show(0.0, "W") == "0 W"
    assert show(3.8e25, "FLOP") == "38 YFLOP"
