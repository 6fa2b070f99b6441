"""Questions that no engine could serve are refused with what would be possible, or told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]
SIMULATE = ("simulate", "--accelerator", "h100-sxm", "--requests", 50)
CAPACITY = ("capacity", "--accelerator", "h100-sxm", "--rate", 1)
REFUSED = [
    (("--model", "llama-2-13b", "--tp", 3),
     "tp 3 does not divide the 40 heads of llama-2-13b; accepted: 1, 2, 4, 5, 8"),
    (("--model", "llama-2-7b", "--prompt-tokens", 50000),
     "50,000 tokens; llama-2-7b reads 4,096 tokens; at most 4,095"),
    (("--model", "llama-2-7b", "--prompt-tokens", 3000, "--output-tokens", 1500),
     "1,500 tokens after a prompt of 3,000; llama-2-7b reads 4,096 tokens; at most 1,096"),
    (("--model", "llama-3.1-70b", "--ep", 8), "ep 8: llama-3.1-70b has no experts; accepted: 1"),
    (("--model", "llama-3.1-70b", "--tp", 8, "--pp", 100), "accepted: 1 to 80"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "told"), REFUSED)
@pytest.mark.parametrize("asked", [SIMULATE, CAPACITY])
def test_what_is_impossible_is_refused_alike(
    command: Command, asked: tuple[object, ...], options: tuple[object, ...], told: str
) -> None:
    assert told in command(*asked, *options, code=2).stderr


def test_all_that_is_impossible_is_told_at_once(command: Command) -> None:
    question = Path("q.yaml")
    question.write_text(
        "model: llama-2-13b\naccelerator: h100-sxm\nlayout: {tp: 3}\n"
        "traffic:\n  prompt_tokens: 9000\n"
    )
    text = command("simulate", str(question), code=2).stderr
    assert "q.yaml: 2 faults" in text or "simulate: 2 faults" in text
    assert "q.yaml:3: layout.tp" in text
    assert "q.yaml:5: traffic.prompt_tokens" in text


def test_classes_are_held_against_the_context_each(command: Command) -> None:
    text = command("capacity", "--model", "llama-2-7b", "--accelerator", "h100-sxm", "--class",
                   "chat:rate=1,prompt=100,output=100", "--class", "books:rate=1,prompt=9000",
                   code=2).stderr  # fmt: skip
    assert "1 fault" in text
    assert "classes.books.prompt_tokens: 9,000 tokens" in text


def test_a_layout_that_does_not_fit_names_those_that_do(command: Command) -> None:
    options = ("--model", "llama-3.1-70b", "--tp", 1, "--dtype", "bf16")
    told = re.compile(
        "does not fit on 1 x h100-sxm: .* too much on each; it fits with .*tp 4, tp 8"
    )
    assert told.search(command(*SIMULATE, *options, code=1).stderr)
    assert told.search(command(*CAPACITY, *options, code=1).stdout)


def test_a_cache_smaller_than_a_request_is_refused(command: Command) -> None:
    text = command(*SIMULATE, "--model", "llama-3.1-70b", "--tp", 1, "--prompt-tokens", 30000,
                   code=1).stderr  # fmt: skip
    assert "the KV cache of llama-3.1-70b with tp 1 holds 16," in text
    assert "it fits with tp 2" in text


def test_requests_of_a_trace_that_are_too_long_are_told(command: Command) -> None:
    Path("t.csv").write_text(
        "t_s,input_tokens,output_tokens\n"
        + "".join(f"{n},{5000 if n == 3 else 1000},{4000 if n < 3 else 100}\n" for n in range(20))
    )
    asked = ("--model", "llama-2-7b", "--trace", "t.csv")
    told = [
        "1 of 20 requests are left out: their prompts fill the 4,096 tokens that llama-2-7b reads",
        "3 of 20 outputs end at the 4,096 tokens that llama-2-7b reads",
    ]
    text = command(*SIMULATE, *asked).stdout
    assert all(words in text for words in told)
    found = json.loads(command(*SIMULATE, *asked, "--json").stdout)
    assert found["figures"]["requests"] == 19
    assert found["requests"]["output_tokens"] == pytest.approx((3 * 3096 + 16 * 100) / 19)
    assert [r[:20] for r in found["remarks"][:2]] == [words[:20] for words in told]
    capacity = command("capacity", "--accelerator", "h100-sxm", *asked, "--json").stdout
    assert [r[:20] for r in json.loads(capacity)["question"]["remarks"]] == [t[:20] for t in told]
    Path("long.csv").write_text("t_s,input_tokens,output_tokens\n0,5000,1\n1,6000,1\n")
    text = command(*SIMULATE, "--model", "llama-2-7b", "--trace", "long.csv", code=2).stderr
    assert "no prompt has less than 5,000 tokens; llama-2-7b reads 4,096" in text


def test_a_step_with_fewer_tokens_than_sequences_is_refused(command: Command) -> None:
    small = (*CAPACITY, "--model", "llama-3.1-8b", "--disaggregated", "no")
    text = command(*small, "--token-budget", 8, "--max-batch", 9, code=2).stderr
    assert "8 tokens of a step are fewer than its 9 sequences" in text
    answer = json.loads(command(*small, "--token-budget", 8, "--json").stdout)["answers"][0]
    assert 0 < answer["figures"]["mean_batch"] <= 8


@pytest.mark.parametrize(
    ("option", "value", "each"),
    [("--samples", "1000000", "1,000,000"), ("--search", "3,2,1000000", "6,000,000")],
)
def test_more_sequences_than_a_run_can_hold_are_refused(
    command: Command, option: str, value: str, each: str
) -> None:
    text = command(*SIMULATE, "--model", "llama-3.1-8b", option, value, code=2).stderr
    assert f"50 requests of {each} are " in text
    assert "at most 20,000,000 in all" in text


def test_a_recording_that_is_too_short_for_rates_is_told_by_capacity_too(command: Command) -> None:
    Path("short.csv").write_text(
        "t_s,input_tokens,output_tokens\n" + "".join(f"{n / 10},500,900\n" for n in range(20))
    )
    asked = ("capacity", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--trace",
             "short.csv", "--replicas", 1, "--disaggregated", "no")  # fmt: skip
    assert "too short for a steady state" in command(*asked).stdout.splitlines()[0]
    figures = json.loads(command(*asked, "--json").stdout)["answers"][0]["figures"]
    assert figures["window_is_short"]
    assert "20 requests end" in figures["note"]
    drawn = (*CAPACITY, "--model", "llama-3.1-8b", "--disaggregated", "no", "--json")
    long = json.loads(command(*drawn).stdout)["answers"][0]["figures"]
    assert not long["window_is_short"]
    assert long["note"] == ""
