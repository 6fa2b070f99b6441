"""Predictions beside published figures: the arithmetic of the comparison, and its bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from computesim.catalog import load_catalog
from computesim.cli import app
from computesim.hardware.layout import TrainingLayout
from computesim.hardware.parallel import training_step
from computesim.hardware.training_job import TrainingJob
from computesim.study.verify.cases import FORMATS, TRAINING, Case, read_cases, shipped_cases
from computesim.study.verify.checks import SPLITS, Verification, errors, verify
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.ratios import RATIOS, ratios
from computesim.study.verify.rl import plan_of
from computesim.study.verify.sim import CHECKS, Check
from computesim.study.verify.training import Predictor, dtype_of
from computesim.workload.transformer import training_load

HEAD = (
    "id,model,accelerator,n_accelerators,tokens,seq_len,global_batch_tokens,micro_batch,tp,pp,dp,"
    "ep,cp,vp,dtype,recompute,metric,value,source\n"
)
MEGATRON = "megatron-175b,a100-sxm-80gb,64,300e9,2048,131072,1,8,8,1,1,1,3,bf16,full"


def cases_of(folder: Path, *rows: str) -> Path:
    path = folder / "own.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def verdict(value: float, predicted: float | None, split: str = "") -> Verdict:
    cells = {"id": "x", "metric": "mfu", "value": str(value), "held_out": split}
    return Verdict(Case(2, cells), predicted, "" if predicted else "why")


def test_errors_are_counted_as_documented() -> None:
    verdicts = [verdict(1.0, 1.0 + e) for e in (-0.1, 0.2, 0.3, -0.4, 0.5)] + [verdict(1.0, None)]
    found = errors(verdicts)
    assert (found["n"], found["n_failed"]) == (6, 1)
    assert found["median_absolute_error"] == pytest.approx(0.3)
    assert found["p90_absolute_error"] == pytest.approx(0.46)  # linear between 0.4 and 0.5
    assert found["bias"] == pytest.approx(0.2)
    assert errors([verdict(1.0, None)])["median_absolute_error"] is None


def test_the_summary_splits_by_what_was_fitted() -> None:
    verdicts = (verdict(2.0, 1.0, "fit"), verdict(2.0, 4.0, "held-out"), verdict(2.0, 2.0))
    summary = Verification("training", verdicts).summary
    assert list(summary) == ["mfu", "all"]
    assert summary["all"]["fit"]["bias"] == pytest.approx(-0.5)
    assert summary["all"]["held-out"]["bias"] == pytest.approx(1.0)
    assert summary["mfu"]["n"] == 3


def test_the_metrics_of_one_job_agree_with_each_other(tmp_path: Path) -> None:
    names = TRAINING.metrics
    path = cases_of(tmp_path, *(f"{m},{MEGATRON},{m},1," for m in names))
    found = {v.case.metric: v.predicted or 0.0 for v in verify("training", path).verdicts}
    rate = found["tokens_per_s_per_accelerator"]
    assert found["step_seconds"] == pytest.approx(131072 / 64 / rate)
    assert found["days"] == pytest.approx(300e9 / rate / 64 / 86400)
    assert found["accelerator_hours"] > found["days"] * 24 * 64  # interruptions cost time
    assert found["accelerator_hours"] < found["days"] * 24 * 64 * 1.05
    model = found["model_tflops_per_accelerator"]
    assert model == pytest.approx(found["flop_per_token"] * rate / 1e12)
    assert found["mfu"] == pytest.approx(model / 312)
    # Narayanan 2021, equation 3: 96 B s l h² (1 + s/6h + V/16lh) with everything recomputed
    layers, width, vocabulary, seq = 96, 12288, 51200, 2048
    brackets = 1 + seq / (6 * width) + vocabulary / (16 * layers * width)
    hardware = 96 * layers * width**2 * brackets * rate / 1e12
    assert found["hardware_tflops_per_accelerator"] == pytest.approx(hardware, rel=2e-3)


def test_a_known_layout_is_the_one_that_is_predicted(tmp_path: Path) -> None:
    path = cases_of(tmp_path, f"a,{MEGATRON},step_seconds,18.13,")
    found = verify("training", path).verdicts[0]
    catalog = load_catalog()
    accelerator = catalog.accelerator("a100-sxm-80gb")
    load = training_load(catalog.model("megatron-175b"), 2048)
    best = min(
        training_step(
            TrainingJob.of(load, accelerator, 131072.0),
            TrainingLayout(8, 8, 1, vp=3, zero=z, recompute="full"),
        ).seconds
        for z in (0, 1)
    )
    assert found.predicted == pytest.approx(best)
    assert "tp8 pp8 vp3" in found.note
    assert "full" in found.note


def test_what_a_case_does_not_tell_is_chosen(tmp_path: Path) -> None:
    told = ",".join(["llama-2-70b", "a100-sxm-80gb", "", "2e12", *[""] * 11])
    path = cases_of(tmp_path, f"a,{told},accelerator_hours,1720320,")
    found = verify("training", path).verdicts[0]
    assert found.predicted
    assert found.note
    assert abs(found.relative_error or math.inf) < 0.4


def test_a_row_that_cannot_be_predicted_says_why_and_counts_as_failed(tmp_path: Path) -> None:
    path = cases_of(
        tmp_path,
        f"a,{MEGATRON.replace('megatron-175b', 'megatron-174b')},mfu,0.4,",
        f"b,{MEGATRON.replace('bf16', 'bf61')},mfu,0.4,",
        f"c,{MEGATRON.replace('300e9', '')},days,30,",
        f"d,{MEGATRON.replace(',8,8,', ',7,8,')},mfu,0.4,",
        f"e,{MEGATRON},mfu,0.4,",
    )
    found = verify("training", path)
    reasons = [v.error for v in found.verdicts]
    assert "did you mean megatron-175b" in reasons[0]
    assert "unknown dtype 'bf61'" in reasons[1]
    assert "needs the column tokens" in reasons[2]
    assert "no layout of 64" in reasons[3]
    assert reasons[4] == ""
    assert (found.summary["all"]["n"], found.summary["all"]["n_failed"]) == (5, 4)


@pytest.mark.parametrize(
    ("word", "dtype"), [("", "bf16"), ("FP16", "bf16"), ("MXFP8", "fp8"), ("nvfp4", "fp4")]
)
def test_formats_are_read_by_what_they_multiply(word: str, dtype: str) -> None:
    assert dtype_of(Case(2, {"dtype": word})) == dtype


def test_an_rl_case_is_read_as_its_authors_meant_it() -> None:
    def plan(**cells: str):
        told = {
            "id": "x", "model": "qwen2.5-7b", "accelerator": "h800-sxm", "metric": "step_seconds",
            "n_accelerators": "192", "value": "1", **cells,
        }  # fmt: skip
        return plan_of(Case(2, told), load_catalog())

    sync = plan(prompts_per_step="512", group_size="16", max_output_tokens="27648")
    assert (sync.sequences, sync.group_size, sync.colocated) == (8192, 16, True)
    assert sync.mean_output_tokens < sync.max_output_tokens == 27648
    split = plan(samples_per_step="512", n_learner="48", staleness="8")
    assert (split.n_learner, split.n_rollout, split.partial_rollouts) == (48, 144, True)
    assert not plan(staleness="1").partial_rollouts  # a batch ahead, each under one policy
    assert plan(n_learner="192", n_rollout="192").colocated
    assert plan(algorithm="GRPO with reference").reference
    assert not plan(algorithm="GRPO").reference
    assert plan().old_log_probs
    assert not plan(old_log_probs="no").old_log_probs
    assert plan(algorithm="ppo").critic
    assert not plan(algorithm="ppo without critic").critic
    assert not plan(algorithm="dapo").reference


@pytest.mark.parametrize("name", CHECKS)
def test_the_checks_of_the_simulation_hold(name: str) -> None:
    checks = CHECKS[name]()
    assert [check.name for check in checks if not check.holds] == []
    assert len(checks) >= 3


def test_switches_of_reference_designs_are_counted_exactly() -> None:
    verdicts = verify("network").verdicts
    assert [v.case.text("id") for v in verdicts if v.relative_error != 0] == []
    assert len(verdicts) >= 40


def test_a_check_that_is_off_does_not_hold() -> None:
    assert not Check("x", 1.1, 1.0, 0.05, "").holds
    assert not Check("x", 1.0, 0.0, 0.0, "").holds
    assert Check("x", 0.0, 0.0, 0.0, "").holds


def test_every_shipped_training_case_is_predicted_and_near() -> None:
    """Guards against a fall: the errors themselves are in docs/verification.md."""
    summary = verify("training").summary
    assert summary["all"]["n_failed"] == 0
    assert summary["all"]["n"] >= 150
    assert summary["all"]["held-out"]["median_absolute_error"] < 0.2
    known = summary["known_layout"]
    assert 100 <= known["n"] < summary["all"]["n"]
    assert known["held-out"]["median_absolute_error"] < 0.15
    assert summary["flop_per_token"]["p90_absolute_error"] < 0.01
    assert set(SPLITS) <= set(summary["all"])


def test_shipped_rl_cases_are_predicted_and_near() -> None:
    found = verify("rl")
    failed = {v.case.text("id").rsplit("-", 1)[0] for v in found.verdicts if v.error}
    assert failed <= {"verl-deepseek-v3"}  # weights and optimiser are kept on the hosts there
    steps = found.summary["step_seconds"]
    assert steps["held-out"]["n"] == steps["n"] - steps["n_failed"] >= 60
    assert steps["held-out"]["median_absolute_error"] < 0.2
    assert steps["held-out"]["p90_absolute_error"] < 0.49  # 0.4 is aimed at, and missed
    assert steps["fit"]["p90_absolute_error"] < 0.4
    assert steps["fit"]["median_absolute_error"] <= steps["held-out"]["median_absolute_error"]
    pairs = list(ratios(found))
    assert len(pairs) >= 16
    gains = [pair for pair in pairs if pair.name.startswith("synchronous")]
    wrong = [pair.name for pair in gains if (pair.ours > 1) != (pair.theirs > 1)]
    assert wrong == ["synchronous ÷ asynchronous, Qwen3-30B on 16 GB200"]  # published as a loss
    areal = next(pair for pair in gains if "AReaL 1.5B" in pair.name)
    assert areal.theirs == pytest.approx(2.77, abs=0.005)  # the paper's speed-up


def test_shipped_rl_cases_are_also_predicted_without_their_model(tmp_path: Path) -> None:
    found = verify("rl")
    rows = found.as_dict()["rows"]
    predicted = [row for row in rows if row["predicted"] is not None]
    assert all(row["predicted_held_out"] > 0 for row in predicted)
    assert any(row["predicted_held_out"] != row["predicted"] for row in predicted)
    own = tmp_path / "own.csv"
    own.write_text(
        "id,model,accelerator,metric,value\nx,qwen2.5-7b,h100-sxm,step_seconds,100\n",
        encoding="utf-8",
    )
    assert "predicted_held_out" not in verify("rl", own).as_dict()["rows"][0]


def test_every_ratio_is_of_two_shipped_cases() -> None:
    ids = {case.text("id") for form in FORMATS.values() for case in shipped_cases(form)}
    assert {name for ratio in RATIOS for name in (ratio.above, ratio.below)} <= ids


def test_a_layout_that_metrics_share_is_searched_once(tmp_path: Path) -> None:
    path = cases_of(tmp_path, f"a,{MEGATRON},mfu,0.4,", f"b,{MEGATRON},step_seconds,18,")
    predictor = Predictor()
    for case in read_cases(path, TRAINING):
        predictor.predict(case, load_catalog())
    assert len(predictor._steps) == 1


def run(*words: str):
    return CliRunner().invoke(app, ["verify", *words])


def test_verify_prints_one_json_object(tmp_path: Path) -> None:
    path = cases_of(tmp_path, f"a,{MEGATRON},mfu,0.4,here")
    result = run("training", "--cases", str(path), "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.output)
    assert set(data) == {"rows", "summary"}
    row = data["rows"][0]
    assert {"id", "model", "predicted", "relative_error", "error", "source"} <= set(row)
    assert (row["n_accelerators"], row["dtype"], row["value"]) == (64, "bf16", 0.4)
    assert row["relative_error"] == pytest.approx(row["predicted"] / 0.4 - 1)


def test_verify_prints_ours_theirs_error_and_source(tmp_path: Path) -> None:
    path = cases_of(tmp_path, f"my-case,{MEGATRON},mfu,0.4,my-source")
    lines = run("training", "--cases", str(path)).output.splitlines()
    assert any(line.split()[-1:] == ["source"] for line in lines)
    assert any("my-case" in line and "my-source" in line and "%" in line for line in lines)


def test_own_hardware_comes_from_a_catalog_folder(tmp_path: Path) -> None:
    header = "name,parameter,value,unit,low,high,as_of,source,note\n"
    own = tmp_path / "catalog"
    own.mkdir()
    (own / "accelerators.csv").write_text(
        header + "a100-sxm-80gb,peak_bf16,624,TFLOP/s,,,,estimate,twice as fast\n"
    )
    path = cases_of(tmp_path, f"a,{MEGATRON},step_seconds,18,")
    plain = verify("training", path).verdicts[0].predicted
    faster = verify("training", path, own).verdicts[0].predicted
    assert plain is not None
    assert faster is not None
    assert faster < 0.8 * plain


def test_wrong_input_ends_with_code_2(tmp_path: Path) -> None:
    bad = cases_of(tmp_path, f"a,{MEGATRON},speed,0.4,")
    assert run("training", "--cases", str(bad)).exit_code == 2
    assert run("training", "--cases", str(tmp_path / "none.csv")).exit_code == 2
    assert run("trainings").exit_code == 2
    assert run("kernels", "--cases", str(bad)).exit_code == 2
