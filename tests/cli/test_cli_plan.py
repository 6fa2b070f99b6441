"""plan: layouts, the run, the smallest machine and the scaling curve from the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Command = Callable[..., Result]
JOB = ("plan", "llama-3.1-70b", "--accelerator", "h100-sxm")


def planned(command: Command, *options: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*JOB, *options, "--json").stdout)
    return found


def test_the_table_says_which_layout_wins_and_why_the_others_lose(command: Command) -> None:
    page = command(*JOB, "--count", 512, "--batch-tokens", 8e6, "--top", 30).stdout
    assert "llama-3.1-70b on 512 x h100-sxm, 8 M tokens a step (option)" in page
    assert page.count("the fastest that fits") == 1
    assert "slower: " in page
    for column in ("layout", "MFU", "tokens/s each", "bubble", "exposed", "memory", "verdict"):
        assert column in page


def test_json_holds_the_table_in_base_units(command: Command) -> None:
    found = planned(command, "--count", 512, "--batch-tokens", 8e6, "--top", 5)
    assert len(found["layouts"]) == 5
    assert found["candidates"] > found["fitting"] > 0
    for row in found["layouts"]:
        assert row["fits"] == (row["short_by_bytes"] == 0)
        rate = row["tokens_per_second_per_accelerator"]
        assert rate * 512 * row["step_seconds"] == pytest.approx(8e6)
    times = [row["step_seconds"] for row in found["layouts"]]
    assert times == sorted(times)


def test_tokens_and_their_flop_are_the_same_run(command: Command) -> None:
    job = ("--count", 1024, "--batch-tokens", 8e6)
    by_tokens = planned(command, *job, "--tokens", 15e12)
    flop = 15e12 * by_tokens["job"]["flop_per_token"]
    by_flop = planned(command, *job, "--flop", flop)
    assert by_tokens["run"]["seconds"] == pytest.approx(by_flop["run"]["seconds"], rel=1e-4)
    run = by_tokens["run"]
    assert run["accelerator_hours"] * 3600 == pytest.approx(run["seconds"] * 1024)
    assert run["usd"] == pytest.approx(2.0 * run["accelerator_hours"])  # 2 USD/h in the catalog


def test_a_deadline_finds_a_machine_that_keeps_it(command: Command) -> None:
    found = planned(
        command, "--tokens", 15e12, "--deadline", "60 day", "--batch-tokens", 16e6, "--top", 2
    )
    assert found["job"]["smallest_machine"]
    assert found["run"]["seconds"] <= 60 * 86400
    assert found["run"]["seconds"] > 55 * 86400
    assert found["run"]["n_accelerators"] == found["job"]["accelerators"]


def test_a_published_schedule_takes_more_steps(command: Command) -> None:
    job = ("--count", 2048, "--tokens", 15e12)
    grown = planned(command, *job, "--batch-schedule", "llama-3-405b")
    constant = planned(command, *job, "--batch-tokens", 16e6)
    assert grown["job"]["batch_from"] == "llama-3-405b"
    assert grown["run"]["steps"] > constant["run"]["steps"]


def test_without_a_batch_the_power_law_gives_one(command: Command) -> None:
    found = planned(command, "--count", 2048, "--tokens", 2e12)
    assert found["job"]["batch_from"] == "power law"
    # DeepSeek LLM 67B: 2 T tokens in steps of 18.9 M
    assert found["job"]["batch_tokens"] == pytest.approx(18.9e6, rel=0.1)


def test_a_model_that_does_not_fit_is_exit_code_1_and_shows_by_how_much(command: Command) -> None:
    found = command(*JOB, "--count", 8, "--batch-tokens", 1e6, "--offload", "never", code=1)
    assert "does not fit, by " in found.stdout
    assert "does not fit on 8 x h100-sxm in training" in found.stderr
    assert "GB of host memory" in command(*JOB, "--count", 1, code=1).stdout


def test_state_in_host_memory_makes_it_fit_and_is_named(command: Command) -> None:
    job = ("--count", 8, "--batch-tokens", 1e6)
    page = command(*JOB, *job).stdout
    assert "Nothing fits on the accelerators alone; with the optimiser in host memory" in page
    assert "offload-optimiser" in page
    auto = planned(command, *job)
    assert auto["layouts"][0]["layout"]["offload"] == "optimiser"
    assert auto["layouts"][0]["host_bytes"] == pytest.approx(18 * 70.55e9 / 8, rel=0.05)
    one = (*job, "--tp", 8, "--micro-batch", 1)  # the memory it frees may buy a faster layout
    auto, everything = (planned(command, *one, *more) for more in ((), ("--offload", "all")))
    slower = everything["layouts"][0]["step_seconds"]
    assert slower > auto["layouts"][0]["step_seconds"]
    assert planned(command, "--count", 512, "--batch-tokens", 8e6)["notes"] == []


def test_what_a_reader_should_know_is_said(command: Command) -> None:
    job = ("plan", "llama-3.1-8b", "--accelerator", "a100", "--count", 512, "--batch-tokens", 8e6)
    page = command(*job, "--dtype", "fp8", "--seq-len", 262144).stdout
    assert "has no fp8: multiplications run in bf16" in page
    few = command(*JOB, "--count", 1001, "--batch-tokens", 8e6, "--tp", 4, "--pp", 2).stdout
    assert "Accelerators that idle in the fastest layout: 1." in few
    assert "reads 131,072 tokens; sequences are longer" in page


def test_a_deadline_that_cannot_be_met_is_exit_code_1(command: Command) -> None:
    job = ("--count", 512, "--tokens", 15e12, "--deadline", "10 day", "--batch-tokens", 8e6)
    assert "not done in 10 days" in command(*JOB, *job, code=1).stderr
    tiny = ("--count", 8, "--flop", 1e24, "--deadline", "1 day")
    assert "even at their peak rate" in command(*JOB, *tiny, code=1).stderr


@pytest.mark.parametrize(("options", "message"), [
    (("--count", 512, "--tokens", 1e12, "--flop", 1e24), "give one of both"),
    (("--deadline", "90 day"), "needs tokens or flop"),
    ((), "needed, or a deadline"),
    (("--count", 512, "--batch-tokens", 100), "shorter than a sequence"),
    (("--count", 512, "--batch-tokens", 8e6, "--batch-schedule", "gpt-3"), "give one"),
    (("--count", 512, "--batch-schedule", "gpt-4"), "did you mean gpt-3"),
    (("--count", 512, "--dtype", "fp12"), "one of fp32, bf16"),
    (("--count", 512, "--tokens", 1e12, "--deadline", "soon"), "soon"),
    (("--count", 512, "--site", "gemany", "--tokens", 1e12), "germany"),
])  # fmt: skip
def test_wrong_options_are_exit_code_2_and_say_what_is_wrong(
    command: Command, options: tuple[object, ...], message: str
) -> None:
    assert message in command(*JOB, *options, code=2).stderr


def test_all_faults_are_said_at_once(command: Command) -> None:
    wrong = ("plan", "llama-3.1-70", "--accelerator", "h100-sx", "--dtype", "fp12", "--site", "x",
             "--offload", "optimizer", "--tokens", 1e12, "--flop", 1e24)  # fmt: skip
    said = command(*wrong, code=2).stderr
    assert "plan: 7 faults" in said
    for word in ("MODEL", "--accelerator", "--site", "--dtype", "did you mean optimiser",
                 "give one of both", "needed, or a deadline"):  # fmt: skip
        assert word in said


def test_scaling_says_which_options_it_does_not_use(command: Command) -> None:
    said = command(*JOB, "--scaling", "--count", 512, "--deadline", "90 day", code=2).stderr
    assert "2 faults" in said
    assert said.count("not used by scaling") == 2


def test_failure_rates_of_an_own_catalog_are_used(command: Command) -> None:
    Path("mine").mkdir()
    Path("mine/reliability.csv").write_text(
        "name,parameter,value,unit,low,high,as_of,source,note\n"
        "cluster,failures_per_node_day,0.0379,1/day,,,,estimate,ten times as often\n"
    )
    job = ("--count", 2048, "--tokens", 15e12, "--batch-tokens", 16e6)
    shipped, own = (planned(command, *job, *more)["run"]["goodput"]
                    for more in ((), ("--catalog", "mine")))  # fmt: skip
    assert own["mtbf"] == pytest.approx(shipped["mtbf"] / 10)
    assert own["share"] < shipped["share"]


def test_the_scaling_curve_is_printed_and_drawn(command: Command) -> None:
    data = planned(command, "--scaling", "--out", "charts", "--charts", "svg")
    assert data["growing"]["linear_limit"] < data["fixed"]["latency_wall"]
    assert len(data["growing"]["mfu"]) == len(data["growing"]["flop"])
    picture = Path(data["files"][0]).read_text(encoding="utf-8")
    assert "Training compute, FLOP" in picture
    page = command(*JOB, "--scaling", "--out", "charts", "--charts", "svg").stdout
    for words in ("linear to (80 % of small-scale MFU)", "latency wall", "1e+30", "Written: "):
        assert words in page
    assert page.count(" - ") == sum(n is None for n in data["growing"]["n_accelerators"])


def test_degrees_that_are_given_are_kept_and_the_rest_is_searched(command: Command) -> None:
    job = ("--count", 512, "--batch-tokens", 8e6)
    settled = planned(command, *job, "--tp", 4, "--pp", 4, "--vp", 5)
    assert settled["job"]["settled"] == {"tp": 4, "pp": 4, "vp": 5}
    layouts = [one["layout"] for one in settled["layouts"]]
    assert {(one["tp"], one["pp"], one["vp"]) for one in layouts} == {(4, 4, 5)}
    assert len({one["recompute"] for one in layouts}) > 1
    free = planned(command, *job)
    assert "settled" not in free["job"]
    best = free["layouts"][0]["step_seconds"]
    slower = settled["layouts"][0]["step_seconds"] / best - 1.0
    assert slower > 0
    assert f"the settled one is {slower * 100:.1f} % slower" in settled["notes"][0]


def test_a_file_and_options_settle_a_layout_together(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(
        "model: llama-3.1-70b\naccelerator: h100-sxm\ncount: 512\nbatch_tokens: 8e6\n"
        "layout: {tp: 8, pp: 4, micro_batch: 2, zero: 1, recompute: full}\n"
    )
    answer = json.loads(command("plan", file, "--vp", 10, "--json").stdout)
    (layout,) = [one["layout"] for one in answer["layouts"]]
    assert (layout["tp"], layout["vp"], layout["microbatch"]) == (8, 10, 2)
    assert (layout["dp"], layout["recompute"]) == (16, "full")


def test_a_layout_that_no_framework_takes_is_refused_with_what_is_possible(
    command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(
        "model: llama-3.1-70b\naccelerator: h100-sxm\ncount: 512\nbatch_tokens: 8e6\n"
        "layout:\n  tp: 3\n  pp: 4\n  vp: 8\n"
    )
    told = command("plan", file, "--ep", 2, code=2).stderr
    assert "3 faults" in told
    assert f"{file}:6: layout.tp: 64 heads with 8 key-value heads are not cut into 3" in told
    assert f"{file}:8: layout.vp: the 20 layers of a stage are not cut into 8 equal" in told
    assert "possible: 1, 2, 4, 5, 10, 20" in told
    assert "--ep: layout.ep: llama-3.1-70b has no experts; possible: 1" in told


def test_degrees_that_only_together_are_impossible_are_told_one_by_one(command: Command) -> None:
    job = ("plan", "mixtral-8x7b", "--accelerator", "h100-sxm", "--batch-tokens", 8e6)
    told = command(*job, "--count", 64, "--ep", 8, "--tp", 1, "--pp", 16, code=2).stderr
    assert "--ep: layout.ep: no layout of 64 x h100-sxm has tp 1, pp 16, ep 8" in told
    assert "possible with the others: 1, 2, 4" in told
    offloaded = command(*job, "--count", 64, "--offload", "all", "--zero", 1, code=2).stderr
    assert "zero 1 and state in host memory (all); possible with the others: 3" in offloaded


def test_settled_degrees_hold_for_a_deadline_and_are_refused_by_scaling(command: Command) -> None:
    run = ("--tokens", 15e12, "--deadline", "60 day", "--batch-tokens", 16e6)
    free, settled = (planned(command, *run, *more) for more in ((), ("--tp", 8, "--pp", 8)))
    assert {one["layout"]["tp"] for one in settled["layouts"]} == {8}
    assert settled["job"]["accelerators"] >= free["job"]["accelerators"]
    assert settled["run"]["seconds"] <= 60 * 86400
    told = command(*JOB, "--scaling", "--tp", 4, code=2).stderr
    assert "layout.tp: not used by scaling" in told
