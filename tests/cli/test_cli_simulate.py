"""simulate: one serving cell from the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Command = Callable[..., Result]
CELL = ("simulate", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--requests", 300,
        "--output-tokens", 200, "--spread", 0.5)  # fmt: skip


def figures(command: Command, *options: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*CELL, *options, "--json", code=code).stdout)
    return found


def test_both_engines_print_the_same_figures(command: Command) -> None:
    fast, slow = (figures(command, "--rate", 8, "--engine", e) for e in ("numba", "simpy"))
    assert fast["figures"] == pytest.approx(slow["figures"], rel=1e-9)
    assert fast["pool"] == slow["pool"]


def test_an_unhurried_pool_serves_what_is_asked(command: Command) -> None:
    found = figures(command, "--rate", 8, "--requests", 2000)
    done, asked = found["figures"], found["requests"]
    assert done["requests_per_second"] == pytest.approx(asked["rate"], rel=0.05)
    tokens = asked["rate"] * asked["output_tokens"]
    assert done["output_tokens_per_second"] == pytest.approx(tokens, rel=0.05)
    machines = found["pool"]["accelerators"]
    per = done["output_tokens_per_second_per_accelerator"]
    assert per * machines == pytest.approx(done["output_tokens_per_second"])
    assert not done["saturated"]


def test_the_first_token_waits_at_least_for_its_prompt(command: Command) -> None:
    found = figures(command, "--rate", 1)
    assert found["figures"]["ttft_p50"] >= found["step"]["prefill"] * (1 - 1e-9)
    assert found["figures"]["tpot_p50"] >= found["step"]["fixed"]


def test_a_flood_saturates(command: Command) -> None:
    found = figures(command, "--rate", 4000, "--requests", 4000)
    assert found["figures"]["saturated"]
    assert found["figures"]["requests_per_second"] < found["requests"]["rate"] / 2
    assert "saturated    yes" in command(*CELL, "--rate", 4000, "--requests", 4000).stdout


def test_a_missed_promise_is_exit_code_1(command: Command) -> None:
    kept = figures(command, "--rate", 2, "--ttft", "5 s", "--tpot", "100 ms")
    assert kept["promise"] == {"ttft": 5.0, "tpot": 0.1, "kept": True}
    missed = figures(command, "--rate", 2, "--tpot", "1 us", code=1)
    assert missed["promise"]["kept"] is False
    assert "MISSED" in command(*CELL, "--rate", 2, "--tpot", "1us", code=1).stdout


def test_a_model_that_does_not_fit_is_exit_code_1(command: Command) -> None:
    cell = ("simulate", "--model", "deepseek-v3", "--accelerator", "h100-sxm", "--tp", 1)
    assert "does not fit on 1 x h100-sxm" in command(*cell, code=1).stderr


def test_the_layout_can_be_given(command: Command) -> None:
    cell = ("simulate", "--model", "deepseek-v3", "--accelerator", "h800-sxm", "--requests", 50)
    pool = json.loads(command(*cell, "--ep", 32, "--json").stdout)["pool"]
    assert (pool["tp"], pool["ep"], pool["dp"]) == (1, 32, 32)
    assert pool["accelerators"] == 4 * 32


def test_a_trace_is_replayed_as_recorded_or_at_another_rate(command: Command) -> None:
    rows = "\n".join(f"{2 * n},{100 + n},{10 + n % 5}" for n in range(40))
    Path("trace.csv").write_text(f"t_s,input_tokens,output_tokens\n{rows}\n")
    recorded = figures(command, "--trace", "trace.csv")
    assert recorded["figures"]["requests"] == 40
    assert recorded["requests"]["rate"] == pytest.approx(40 / 78)
    assert recorded["requests"]["prompt_tokens"] == pytest.approx(119.5)
    hurried = figures(command, "--trace", "trace.csv", "--rate", 5)
    assert hurried["requests"]["rate"] == pytest.approx(5.0)
    assert hurried["figures"]["utilisation"] > recorded["figures"]["utilisation"]


def test_all_faults_of_a_trace_come_at_once(command: Command) -> None:
    Path("bad.csv").write_text("t_s,input_tokens,output_tokens\n0,ten,5\n1,7,0\nlate,7,5\n")
    told = command(*CELL, "--trace", "bad.csv", code=2).stderr
    assert "3 faults" in told
    for place in ("bad.csv:2: input_tokens", "bad.csv:3: output_tokens", "bad.csv:4: t_s"):
        assert place in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "lama-3.1-8b"), "did you mean llama-3.1-8b"),
        (("--accelerator", "h10"), "did you mean h100"),
        (("--dtype", "fp9"), "'fp9' is not one of"),
        (("--tpot", "2 GB"), "expected s"),
        (("--tpot", "-1 s"), "not a positive time"),
        (("--tp", "3", "--ep", "2"), "does not divide"),
        (("--trace", "nowhere.csv"), "nowhere.csv"),
        (("--cached-share", "1.5"), "--cached-share"),
        (("--rate", "0"), "--rate"),
        (("--engine", "c++"), "--engine"),
    ],
)
def test_wrong_options_are_exit_code_2(
    command: Command, options: tuple[str, ...], told: str
) -> None:
    assert told in command(*CELL, *options, code=2).stderr
