"""Serving cases: predictions of measured points, and of services as their operators disclosed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from computesim.catalog import load_catalog
from computesim.errors import CaseError
from computesim.hardware.serving import ServingLayout
from computesim.hardware.serving_engine import (
    NOBODY,
    TABLE,
    coefficients,
    serving_efficiency,
    serving_engine,
)
from computesim.study.calibrate_serving import PRIORS, Sample, fitted, sample, times_of
from computesim.study.cases import SERVING, read_cases, shipped_cases
from computesim.study.disclosure import NODES, PREFILL_SHARE, deepseek_nodes, slots_in_use
from computesim.study.verify import Verification, verify

CATALOG = load_catalog()
BULK = next(
    (p / "shared" / "cases" / "serving.csv.gz" for p in Path(__file__).parents
     if (p / "shared" / "cases" / "serving.csv.gz").exists()),
    None,
)  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Verification:
    return verify("serving")


def test_every_shipped_point_is_predicted_within_the_stated_errors(shipped) -> None:
    found = shipped.summary
    assert found["all"]["n_failed"] == 0
    assert found["tpot_ms"]["median_absolute_error"] < 0.13
    assert found["tpot_ms"]["p90_absolute_error"] < 0.40
    assert found["ttft_ms"]["median_absolute_error"] < 0.37
    held_out = found["tpot_ms"]["held-out"]
    assert held_out["n"] == found["tpot_ms"]["n"]  # each model was left out once
    assert held_out["median_absolute_error"] < 0.20


def test_long_outputs_are_predicted_no_worse_than_the_rest(shipped) -> None:
    errors = {
        long: np.median(
            [
                abs(v.relative_error)
                for v in shipped.verdicts
                if v.case.metric == "tpot_ms" and (v.case.count("osl") == 8192) == long
            ]
        )
        for long in (True, False)
    }
    assert errors[True] < 1.2 * errors[False]


@pytest.mark.skipif(BULK is None, reason="the bulk file of measured serving points is absent")
def test_all_measured_points_are_predicted() -> None:
    found = verify("serving", BULK).summary
    assert found["all"]["n_failed"] == 0
    assert found["all"]["n"] == 3120
    assert found["tpot_ms"]["median_absolute_error"] < 0.12
    assert found["tpot_ms"]["p90_absolute_error"] < 0.36


def test_the_nodes_of_deepseeks_service_come_out() -> None:
    prefill, decode = deepseek_nodes(CATALOG)
    assert prefill + decode == pytest.approx(NODES, rel=0.15)
    assert prefill / (prefill + decode) == pytest.approx(PREFILL_SHARE, abs=0.06)


@pytest.mark.parametrize(
    ("machine", "dtype", "slots"), [("h200-sxm", "fp8", 52), ("b200-sxm", "fp4", 97)]
)
def test_a_full_cache_holds_as_many_sequences_as_measured(machine, dtype, slots) -> None:
    assert slots_in_use(CATALOG, machine, dtype) == pytest.approx(slots, rel=0.15)


def test_the_usual_engine_lies_between_the_others() -> None:
    usual = serving_engine()
    for name in ("step", "layer", "launch", "request"):
        each = [getattr(serving_engine(e), name) for e in ("vllm", "sglang", "trtllm")]
        assert min(each) < getattr(usual, name) < max(each)
    with pytest.raises(ValueError, match="unknown engine 'ollama'"):
        serving_engine("ollama")


def test_every_model_of_the_cases_was_left_out_once() -> None:
    with TABLE.open(encoding="utf-8") as file:
        left_out = {row["left_out"] for row in csv.DictReader(file)}
    models = {CATALOG.model(case.text("model")).name for case in shipped_cases(SERVING)}
    assert left_out == models | {NOBODY}
    assert set(coefficients()) == set(PRIORS)
    for model in models:
        assert coefficients(model) != coefficients()
    assert coefficients("a-model-nobody-measured") == coefficients()


def test_attained_shares_stay_below_the_datasheet() -> None:
    for name in ("h100-sxm", "b200-sxm", "gb200"):
        own = serving_efficiency(CATALOG.accelerator(name))
        assert max(own.serving_gemm.values()) < 1
        assert max(own.hbm, own.kv_hbm, own.prefill_attention, own.grouped_gemm) < 1


def test_a_fit_to_a_few_points_lowers_their_error() -> None:
    points = sample(shipped_cases(SERVING), CATALOG)
    few = Sample(points.points[:12], points.tpot[:12], points.ttft[:12])
    begun = {name: prior.value for name, prior in PRIORS.items()}
    found = fitted(few)
    assert np.abs(few.residuals(found)).mean() < 0.8 * np.abs(few.residuals(begun)).mean()


def test_a_point_that_does_not_fit_has_no_times() -> None:
    points = sample(shipped_cases(SERVING), CATALOG).points
    point = next(p for p in points if p.load.name == "deepseek-v3")
    found = times_of(point, coefficients())
    assert found is not None
    assert 0 < found[0] < found[1]
    assert times_of(replace(point, layout=ServingLayout()), coefficients()) is None


def test_users_cases_are_read_with_all_faults_named(tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "id,model,accelerator,engine,isl,metric,value\n"
        "a,llama-3.1-8b,h100-sxm,vlm,1024,tpot_ms,8\n"
        "b,llama-3.1-8b,h100-sxm,vllm,1k,ttft,9\n"
    )
    with pytest.raises(CaseError) as error:
        read_cases(file, SERVING)
    assert len(error.value.faults) == 3
    assert "vllm" in str(error.value)
