"""The values that cross the floors, and how faults are told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from computesim.errors import Fault, ScenarioError, near_miss
from computesim.quantities import Estimate, Work


def test_work_adds_and_scales() -> None:
    assert Work(1, 2, 3) + Work(1, 1, 1) * 2 == Work(3, 4, 5)


def test_an_estimate_is_an_interval() -> None:
    assert (Estimate(10, 2, 30).low, Estimate(10, 2, 30).high) == (8, 12)


def test_a_fault_says_where_what_and_how_to_mend_it() -> None:
    fault = Fault("fleet.lifetime", "-1 year", "at least 0", "my.yaml", 12, "write 5 year")
    assert str(fault) == "my.yaml:12: fleet.lifetime: -1 year; at least 0 (write 5 year)"
    error = ScenarioError([fault, fault], "my.yaml")
    assert str(error).startswith("my.yaml: 2 faults\n  my.yaml:12")


def test_a_near_miss_is_offered() -> None:
    assert near_miss("h100-smx", ["h100-sxm", "mi300x"]) == "did you mean h100-sxm?"
    assert near_miss("zzz", ["h100-sxm"]) == ""


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = (
        "import sys, computesim; heavy = {'numpy', 'pandas', 'numba', 'scipy', 'plotly', 'yaml'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "assert set(computesim.__all__) <= set(dir(computesim))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    import computesim

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        computesim.nonsense  # noqa: B018
