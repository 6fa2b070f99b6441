"""The loader follows the YAML 1.2 core schema, not PyYAML's YAML 1.1."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from computesim.scenario.yaml_loader import dotted, read_value, read_yaml, split


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1e15", 1e15),
        ("1e+15", 1e15),
        ("-2.5E-3", -0.0025),
        (".5", 0.5),
        ("5.", 5.0),
        ("1_000_000", 1_000_000),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1:30", "1:30"),  # no sexagesimal numbers
        ("2026-05-01", "2026-05-01"),  # dates stay texts
        ("on", "on"),
        ("Off", "Off"),
        ("yes", "yes"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("-.inf", -math.inf),
        ("'1e15'", "1e15"),
        ('"2025"', "2025"),
        ("2e9 FLOP", "2e9 FLOP"),
        ("1." + "0" * 20, 1.0),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, meaning: object) -> None:
    value = read_value(text)
    assert value == meaning
    assert type(value) is type(meaning)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_every_number_that_python_writes_reads_back_exactly(number: float) -> None:
    assert read_value(repr(number)) == number


@given(
    st.recursive(
        st.text("abcdefgh xyz", min_size=1) | st.integers() | st.booleans() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner)
        ),
    )
)
def test_what_yaml_dumps_reads_back(data: object) -> None:
    document = read_yaml(yaml.safe_dump({"root": data}), "x.yaml")
    assert document.faults == []
    assert document.data == {"root": data}


def test_every_key_and_value_has_its_line() -> None:
    text = "# head\na:\n  b: 1\n  c:\n    7\nd: {e: 2, f: 3}\n"
    places = read_yaml(text, "x.yaml").places
    assert {key: place.line for key, place in places.items()} == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c"): 4,
        ("d",): 6,
        ("d", "e"): 6,
        ("d", "f"): 6,
    }
    assert places["a", "c"].value_line == 5


def test_years_stay_numbers_and_other_keys_stay_texts() -> None:
    data = read_yaml("{2025: 1, 2026.5: 2, on: 3, true: 4, '7': 5}", "x").data
    assert list(data) == [2025, 2026.5, "on", "true", "7"]


def test_a_duplicate_key_is_a_fault_at_its_second_line_and_the_last_one_counts() -> None:
    document = read_yaml("a: {x: 1}\nb: 2\na: 3\n", "x.yaml")
    assert document.data == {"a": 3, "b": 2}
    (fault,) = document.faults
    assert (fault.key, fault.line) == ("a", 3)
    assert "line 1" in str(fault)
    assert ("a", "x") not in document.places


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 'x\n", 2),
        ("a: b: c\n", 1),
        ("a: *unknown\n", 1),
        ("a: 1\n---\nb: 2\n", 2),
    ],
)
def test_a_syntax_error_is_a_fault_with_its_line(text: str, line: int) -> None:
    (fault,) = read_yaml(text, "x.yaml").faults
    assert (fault.file, fault.line) == ("x.yaml", line)


@pytest.mark.parametrize("text", ["", "# nothing\n", "just words\n", "- a\n- b\n"])
def test_a_file_without_keys_is_a_fault(text: str) -> None:
    assert len(read_yaml(text, "x.yaml").faults) == 1


def test_anchors_work_and_one_that_holds_itself_is_a_fault() -> None:
    assert read_yaml("a: &x {n: 1}\nb: *x\n", "f").data == {"a": {"n": 1}, "b": {"n": 1}}
    assert read_yaml("a: &x {n: *x}\n", "f").faults


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    document = read_yaml("\n".join(lines), "bomb.yaml")
    assert len(document.faults) == 1


def test_python_objects_are_refused() -> None:
    document = read_yaml("a: !!python/object/apply:os.getcwd []\nb: !mine 3\n", "f")
    assert document.data["a"] == []  # nothing was called
    assert [fault.line for fault in document.faults] == [1, 2]


@given(st.lists(st.text("ab.c-1", min_size=1), min_size=1, max_size=4))
def test_a_dotted_key_splits_into_the_parts_it_was_made_of(parts: list[str]) -> None:
    assert split(dotted(tuple(parts))) == tuple(parts)
