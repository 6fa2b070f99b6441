"""Serving cases: predictions of measured points, and of services as their operators disclosed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from computesim.catalog import load_catalog
from computesim.errors import CaseError
from computesim.hardware.serving import ServingLayout, serving_step
from computesim.hardware.serving_efficiency import (
    ENGINES,
    GENERAL_ENGINE,
    KERNELS,
    serving_kernels,
)
from computesim.study.verify.cases import SERVING, Case, read_cases
from computesim.study.verify.checks import Verification, errors, verify
from computesim.study.verify.disclosure import (
    NODES,
    READS,
    WRITES,
    deepseek_service,
    slots_in_use,
)
from computesim.study.verify.serving import ServingPredictor, benchmark_of
from computesim.workload.transformer import serving_load

CATALOG = load_catalog()
FITTED = ("llama-3.1-70b", "deepseek-r1", "deepseek-v3", "gpt-oss-120b")
BULK = next(
    (p / "shared" / "cases" / "serving.csv.gz" for p in Path(__file__).parents
     if (p / "shared" / "cases" / "serving.csv.gz").exists()),
    None,
)  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Verification:
    return verify("serving")


def test_every_shipped_point_is_predicted_within_the_aims_on_models_left_out(shipped) -> None:
    found = shipped.summary
    assert found["all"]["n_failed"] == 0
    tpot, ttft = (found[metric]["held-out"] for metric in ("tpot_ms", "ttft_ms"))
    assert tpot["n"] > 80
    assert tpot["median_absolute_error"] <= 0.12
    assert tpot["p90_absolute_error"] <= 0.36
    assert ttft["median_absolute_error"] <= 0.30


@pytest.mark.skipif(BULK is None, reason="the bulk file of measured serving points is absent")
def test_all_measured_points_of_models_left_out_are_predicted_within_the_aims() -> None:
    verdicts = verify("serving", BULK).verdicts
    assert len(verdicts) == 3120
    left_out = [v for v in verdicts if v.case.text("model") not in FITTED]
    tpot = errors(v for v in left_out if v.case.metric == "tpot_ms")
    assert tpot["n"] == 720
    assert tpot["n_failed"] == 0
    assert tpot["median_absolute_error"] <= 0.12
    assert tpot["p90_absolute_error"] <= 0.36
    ttft = errors(v for v in left_out if v.case.metric == "ttft_ms")
    assert ttft["median_absolute_error"] <= 0.30
    of_length = {
        long: errors(
            v for v in left_out if v.case.metric == "tpot_ms"
            and (v.case.count("osl") == 8192) == long
        )["median_absolute_error"]
        for long in (True, False)
    }  # fmt: skip
    assert of_length[True] < 1.1 * of_length[False]  # long outputs no worse than the rest


def test_a_prediction_has_the_band_of_models_left_out(shipped) -> None:
    for verdict in shipped.verdicts:
        assert verdict.band is not None
        assert verdict.band[0] < verdict.predicted < verdict.band[1]
    held_out = [v for v in shipped.verdicts if v.case.text("held_out") == "held-out"]
    inside = np.mean([v.band[0] <= v.case.value <= v.band[1] for v in held_out])
    assert 0.65 < inside < 0.95  # four of five


def test_deepseeks_service_comes_out_within_a_tenth() -> None:
    service = deepseek_service(CATALOG)
    assert service.nodes == pytest.approx(NODES, rel=0.1)
    assert service.reads == pytest.approx(READS, rel=0.1)
    assert service.writes == pytest.approx(WRITES, rel=0.1)


def test_two_batches_write_and_read_what_deepseek_profiled() -> None:
    """62,713 tokens/s of a node that reads, 18,598 of one that writes; experts in balance."""
    load = serving_load(CATALOG.model("deepseek-v3"), "fp8", "bf16")
    machine = CATALOG.accelerator("h800-sxm")
    engine = replace(GENERAL_ENGINE, two_batches=True)
    kernels = replace(serving_kernels(machine), expert_imbalance=1.0)
    layouts = [ServingLayout(ep=n, dp=n) for n in (32, 128)]
    budgets = (32 * 16384, None)
    reads, writes = (
        serving_step(load, machine, layout, budget, kernels=kernels, engine=engine)
        for layout, budget in zip(layouts, budgets, strict=True)
    )
    tokens = 32 * 16384
    read = tokens / reads.step_seconds(tokens, tokens * 2048, 0, 0) / 4
    assert read == pytest.approx(62_713, rel=0.06)
    written = 128 * 128 / writes.decode_seconds(128 * 128, 4096) / 16
    assert written == pytest.approx(18_598, rel=0.06)


@pytest.mark.parametrize(
    ("machine", "dtype", "slots"), [("h200-sxm", "fp8", 52), ("b200-sxm", "fp4", 97)]
)
def test_a_full_cache_holds_as_many_sequences_as_measured(machine, dtype, slots) -> None:
    assert slots_in_use(CATALOG, machine, dtype) == pytest.approx(slots, rel=0.15)


def test_the_general_engine_lies_between_the_others() -> None:
    for name in ("step", "sequence", "eager_layer", "request"):
        each = [getattr(engine, name) for engine in ENGINES.values()]
        assert min(each) < getattr(GENERAL_ENGINE, name) < max(each)
    for kernels in KERNELS.values():
        assert max(kernels.weight_hbm, kernels.kv_hbm, kernels.grouped_gemm) < 1


def test_the_answers_of_r1_on_eight_h200_are_near_the_measured_ones() -> None:
    # InferenceX issue 870: SGLang 0.5.7, 1k/1k, mean TTFT 331 to 427 ms
    measured = {8: (330.6, 12.8), 16: (356.0, 17.2), 32: (426.5, 25.6), 64: (423.1, 34.6)}
    predictor = ServingPredictor()
    cells = {"model": "deepseek-r1", "accelerator": "h200-sxm", "dtype": "fp8",
             "engine": "sglang", "tp": "8", "isl": "1024", "osl": "1024", "value": "1"}  # fmt: skip
    for clients, published in measured.items():
        for metric, value, within in zip(
            ("ttft_ms", "tpot_ms"), published, (0.2, 0.1), strict=True
        ):
            case = Case(1, {**cells, "concurrency": str(clients), "metric": metric})
            assert predictor.predict(case, CATALOG).predicted == pytest.approx(value, rel=within)


def test_an_unknown_engine_is_refused_with_the_near_miss() -> None:
    cells = {
        "model": "llama-3.1-70b",
        "accelerator": "h100-sxm",
        "engine": "vlm",
        "metric": "tpot_ms",
    }
    with pytest.raises(ValueError, match=r"unknown serving engine 'vlm'.*did you mean vllm"):
        benchmark_of(Case(1, cells), CATALOG)


def test_a_case_without_degrees_gets_a_layout_and_one_without_lengths_a_reason() -> None:
    cells = {
        "model": "llama-3.1-70b",
        "accelerator": "h100-sxm",
        "engine": "vllm",
        "dtype": "fp8",
        "isl": "1024",
        "osl": "1024",
        "concurrency": "16",
        "metric": "output_tokens_per_s_per_accelerator",
        "value": "400",
    }
    verdict = ServingPredictor().predict(Case(1, cells), CATALOG)
    assert verdict.predicted is not None
    assert 50 < verdict.predicted < 2000
    benchmark = benchmark_of(Case(1, cells), CATALOG)
    assert benchmark.traffic.drawn == 160
    with pytest.raises(ValueError, match="isl is empty"):
        benchmark_of(Case(1, {**cells, "isl": ""}), CATALOG)


def test_users_cases_are_read_with_all_faults_named(tmp_path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "id,model,accelerator,engine,isl,osl,concurrency,metric,value\n"
        "a,llama-3.1-8b,h100-sxm,vllm,1024,,8,tpot_ms,8\n"
        "b,llama-3.1-8b,h100-sxm,vllm,1k,128,8,ttft,9\n"
    )
    with pytest.raises(CaseError) as error:
        read_cases(file, SERVING)
    assert len(error.value.faults) == 3
