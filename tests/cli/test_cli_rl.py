"""rl: the split of a step from the shell, its question, and what nobody could make."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from computesim.catalog import load_catalog
from computesim.cells.rl.step import rl_step_times
from computesim.scenario.questions import Draft
from computesim.study.rl.bottleneck import bottleneck
from computesim.study.rl.question import RLQuestion
from computesim.study.rl.stepping import plan_of
from computesim.study.verify.cases import RL, read_cases
from computesim.study.verify.rl import RLPredictor

Command = Callable[..., Result]
JOB = ("rl", "llama-3.1-8b", "--accelerator", "h100-sxm", "-n", 16, "--prompts", 32)
LENGTHS = ("--output-tokens", 300, "--max-output", 1000)


def answered(command: Command, *options: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*JOB, *LENGTHS, *options, "--json").stdout)
    return found


def asked(**keys: object) -> RLQuestion:
    draft = Draft(RLQuestion, "rl")
    usual = {"model": "llama-3.1-8b", "accelerator": "h100", "count": 16, "prompts": 32,
             "output_tokens": 300, "max_output_tokens": 1000}  # fmt: skip
    for key, value in (usual | keys).items():
        draft.assign(key, value, f"--{key}")
    return draft.read()


def test_the_parts_of_a_step_add_up_and_are_printed(command: Command) -> None:
    answer = answered(command, "--verifier-seconds", 3)
    step = answer["step"]
    parts = ("rollout", "verify", "log_probs", "learner", "weight_sync", "overhead")
    assert sum(step[name] for name in parts) == pytest.approx(step["seconds"])
    assert step["verify"] == pytest.approx(3.0)
    assert step["joules"] == pytest.approx(step["watts"] * step["seconds"])
    learnt = 32 * 16 * (200 + 300)
    each = step["tokens_per_second_per_accelerator"]
    assert each * step["seconds"] * 16 == pytest.approx(learnt)
    page = command(*JOB, *LENGTHS, "--verifier-seconds", 3, "--steps", 10).stdout
    names = ("rollout", "verify", "log-probabilities", "learner", "weight sync", "overhead", "idle")
    for words in (*names, "memory, rollout", "memory, learner", "wall time", "of the step"):
        assert words in page


def test_a_run_takes_its_steps_over_goodput(command: Command) -> None:
    run = answered(command, "--steps", 40)["run"]
    assert run["seconds"] * run["goodput"] == pytest.approx(run["running"])
    assert run["accelerator_hours"] == pytest.approx(16 * run["seconds"] / 3600)
    assert run["played"] == pytest.approx(run["running"], rel=0.05)
    assert run["step_p50"] <= run["step_p90"]
    assert "run" not in answered(command)


def test_both_sides_fit_into_what_they_have(command: Command) -> None:
    memory = answered(command)["memory"]
    engine, learner = memory["rollout"], memory["learner"]
    assert engine["weights"] + engine["cache"] == pytest.approx(engine["capacity"])
    assert engine["weights"] * engine["accelerators_per_replica"] >= 2 * 8.03e9 * 0.999
    held = sum(learner[name] for name in ("weights", "gradients", "optimiser", "activations"))
    assert held <= learner["capacity"]


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"staleness": 1.0},
        {"n_learner": 4, "n_rollout": 12, "staleness": 2.0},
        {"n_learner": 4, "chunks": 2, "old_log_probs": "no", "rollout_dtype": "fp8"},
    ],
)
def test_verify_and_rl_give_one_prediction(tmp_path: Path, extra: dict[str, object]) -> None:
    case = {
        "id": "one", "model": "llama-3.1-8b", "accelerator": "h100-sxm", "n_accelerators": 16,
        "prompts_per_step": 32, "group_size": 8, "mean_output_tokens": 300, "steps": 7,
        "max_output_tokens": 1000, "minibatches": 2, "metric": "step_seconds", "value": 10,
        "source": "estimate", **extra,
    }  # fmt: skip
    file = tmp_path / "cases.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(case))
        writer.writeheader()
        writer.writerow(case)
    catalog = load_catalog()
    theirs = RLPredictor().predict(read_cases(file, RL)[0], catalog)
    renamed = {"n_learner": "learner", "n_rollout": "rollout"}
    keys: dict[str, Any] = {renamed.get(k, k): v for k, v in extra.items()}
    if "old_log_probs" in keys:
        keys["old_log_probs"] = False
    question = asked(group_size=8, minibatches=2, **keys)
    ours = rl_step_times(plan_of(question, catalog), question.seed)
    assert ours.step_seconds == theirs.predicted


def test_the_bottleneck_is_named(command: Command) -> None:
    assert "of the step" in answered(command)["bottleneck"]
    lean = ("--staleness", 4, "--learner", 2, "--rollout", 14, "--reference", "--updates", 8)
    answer = answered(command, *lean)
    assert answer["step"]["rollout_idle"] > answer["step"]["learner_idle"]
    assert answer["bottleneck"].startswith("The learner sets the pace")


def test_a_long_tail_is_told() -> None:
    plan = plan_of(asked(), load_catalog())
    times = replace(rl_step_times(plan), rollout_seconds=80.0, step_seconds=100.0)
    assert "nothing left to do" not in bottleneck(plan, times, 8.0)
    told = bottleneck(plan, times, 40.0)
    assert told.startswith("Rollouts take 80% of the step, ")
    assert "for 50% of the rollouts' time a replica has nothing left to do" in told


def test_what_nobody_could_make_is_refused_at_once(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "step.yaml"
    file.write_text(
        "model: llama-3.1-8b\naccelerator: h100-sxm\ncount: 16\nprompts: 32\n"
        "output_tokens: 5000\nmax_output_tokens: 4000\nlearner: 12\nrollout: 8\n"
    )
    told = command("rl", file, "--tp-rollout", 3, code=2).stderr
    assert "3 faults" in told
    assert f"{file}:5: output_tokens: a mean of 5,000 beyond the cap of 4,000" in told
    assert f"{file}:7: learner, rollout: 20 of 16 accelerators; together at most 16" in told
    assert "--tp-rollout: tp_rollout: 3 of 8" in told
    assert "possible: 1, 2, 4, 8" in told
    context = command(*JOB, "--output-tokens", 9000, "--max-output", 200_000, code=2).stderr
    assert "llama-3.1-8b reads 131,072; a cap of at most 130,872" in context
    near = command("rl", "llama-3.1-8", "--accelerator", "a80", "-n", 8, "--prompts", 4,
                   code=2).stderr  # fmt: skip
    assert "did you mean" in near
    assert "a800" in near
    assert "output_tokens: not given; needed, or max_output_tokens" in near
    one_sided = command(*JOB, *LENGTHS, "--learner", 16, code=2).stderr
    assert "learner: all of the 16 accelerators; 1 to 15" in one_sided


def test_a_file_says_the_same_as_options(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "step.yaml"
    file.write_text("model: llama-3.1-8b\naccelerator: h100-sxm\ncount: 16\nprompts: 32\n"
                    "output_tokens: 300\n")  # fmt: skip
    ours = json.loads(command("rl", file, "--set", "max_output_tokens=1000", "--json").stdout)
    assert ours == answered(command)
    assert "output_tokens" in command("schema", "rl").stdout


def test_gaps_are_filled_as_in_published_runs_and_told(command: Command) -> None:
    notes = json.loads(command(*JOB, "--max-output", 1000, "--json").stdout)["notes"]
    assert "of the cap, as in published runs" in notes[0]
    notes = json.loads(command(*JOB, "--output-tokens", 300, "--json").stdout)["notes"]
    assert notes == ["Longest rollout: 1,200 tokens, four times the mean."]


def test_a_model_that_does_not_fit_is_exit_code_1(command: Command) -> None:
    job = ("rl", "llama-3.1-405b", "--accelerator", "a800", "-n", 8, "--prompts", 4)
    assert "does not fit" in command(*job, *LENGTHS, code=1).stderr
