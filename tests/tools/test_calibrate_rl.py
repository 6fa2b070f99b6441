"""The shipped RL calibration: what it was fitted to, and that it is what the fit finds."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from computesim.catalog import load_catalog
from computesim.cells.rl.framework import (
    FITTED,
    NOBODY,
    TABLE,
    USUAL_GENERATION,
    calibration_of,
    calibrations,
)
from tools.calibrate_rl import START, Sample, coefficients, fitted, samples

CATALOG = load_catalog()
SAMPLES = {sample.generation: sample for sample in samples(CATALOG)}
with TABLE.open(encoding="utf-8", newline="") as stream:
    ROWS = list(csv.DictReader(stream))


def test_every_model_is_left_out_once_and_only_its_own_runs_are_missing() -> None:
    expected = {
        (model, sample.generation): len(sample.without(model).cases)
        for sample in SAMPLES.values()
        for model in [NOBODY, *sample.models]
    }
    assert {(r["left_out"], r["generation"]): int(r["rows"]) for r in ROWS} == expected
    assert sum(len(sample.cases) for sample in SAMPLES.values()) >= 60


@pytest.mark.parametrize("generation", SAMPLES)
def test_the_stored_cost_is_that_of_the_stored_coefficients(generation: str) -> None:
    row = next(r for r in ROWS if (r["left_out"], r["generation"]) == (NOBODY, generation))
    cost = SAMPLES[generation].cost(calibrations()[NOBODY, generation])
    assert cost == pytest.approx(float(row["cost"]), rel=0.02)


def test_other_coefficients_fit_no_better() -> None:
    """Both ways from each coefficient, beyond the noise of the simulation."""
    sample, shipped = SAMPLES["grace-blackwell"], calibrations()[NOBODY, "grace-blackwell"]
    least = sample.cost(shipped)
    for name in FITTED:
        for factor in (0.8, 1.25):
            own = replace(shipped.framework, **{name: factor * getattr(shipped.framework, name)})
            assert sample.cost(replace(shipped, framework=own)) > 0.97 * least, (name, factor)


def test_a_fit_to_a_few_runs_comes_nearer_to_them_than_its_start() -> None:
    whole = SAMPLES["grace-blackwell"]
    cases = tuple(case for case in whole.cases if case.text("model") == "llama-3.1-8b")
    few = Sample(whole.generation, cases, CATALOG)
    found = fitted(few)
    begun = calibrations()[NOBODY, "grace-blackwell"]
    own = dict(zip(FITTED, START[:-1], strict=True))
    assert few.cost(found) < few.cost(replace(begun, framework=replace(begun.framework, **own)))
    assert len(coefficients(found)) == len(START)


def test_a_generation_or_a_model_without_runs_takes_the_usual_calibration() -> None:
    usual = calibrations()[NOBODY, USUAL_GENERATION]
    assert calibration_of(CATALOG.accelerator("mi300x")) == usual
    assert calibration_of(CATALOG.accelerator("h100-sxm"), "gpt-3-175b") == usual
    left_out = calibration_of(CATALOG.accelerator("h100-sxm"), "deepseek-v3")
    assert left_out == calibrations()["deepseek-v3", "hopper"] != usual


def test_the_mean_length_is_no_matter_of_hardware() -> None:
    shares = {key: found.mean_share for key, found in calibrations().items()}
    assert shares[NOBODY, "grace-blackwell"] == shares[NOBODY, "hopper"]
