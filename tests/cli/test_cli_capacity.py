"""capacity: how many accelerators a service needs, from the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Command = Callable[..., Result]
ASK = ("capacity", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--output-tokens", 250,
       "--spread", 0.5, "--requests", 500)  # fmt: skip
PROMISE = ("--ttft", "1 s", "--tpot", "20 ms")
CLASSES = """\
chat: {rate: 6, prompt: 900, output: 200, ttft: 1 s, tpot: 20 ms}
batch:
  rate: 2
  output: 1_500
  tpot: 100 ms
  priority: 1
"""


def asked(command: Command, *options: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*ASK, *options, "--json", code=code).stdout)
    return found


def test_the_fewest_accelerators_of_each_kind_in_both_ways(command: Command) -> None:
    found = asked(command, "--accelerator", "h200-sxm", "--rate", 60, *PROMISE)
    answers = found["answers"]
    ways = [(one["accelerator"], one["disaggregated"]) for one in answers]
    assert ways == [(name, split) for name in ("h100-sxm", "h200-sxm") for split in (False, True)]
    for one in answers:
        assert one["kept"]
        sizes = [layout["tp"] * layout["pp"] for layout in one["layouts"]]
        assert one["accelerators"] == sum(
            n * size for n, size in zip(one["replicas"], sizes, strict=True)
        )
        limits = {row["metric"]: row["limit"] for row in one["percentiles"]}
        assert limits == {"ttft": 1.0, "tpot": 0.02, "e2e": None}
        figures = one["figures"]
        for name in ("saturated", "mean_batch", "kv_share", "preemptions", "utilisation"):
            assert figures[name] is not None
        assert figures["it_watts"] > 0
    assert answers[2]["accelerators"] <= answers[0]["accelerators"]  # the faster machine


def test_the_page_says_what_was_asked_and_how_hard_the_pool_works(command: Command) -> None:
    page = command(*ASK, "--rate", 60, *PROMISE).stdout
    for words in ("fewest accelerators, 60 requests/s", "p90 TTFT 1 s, TPOT 20 ms", "saturated",
                  "mean batch", "KV in use", "preemptions", "utilisation", "IT kW", "USD/h",
                  "prefill + decode", "with one replica fewer: "):  # fmt: skip
        assert words in page
    assert "MISSED" not in page


def test_the_highest_rate_of_some_replicas(command: Command) -> None:
    one, four = (
        asked(command, "--replicas", n, *PROMISE, "--tp", 1, "--disaggregated", "no")
        for n in (1, 4)
    )
    assert one["goal"] == "highest"
    assert four["answers"][0]["rate"] > 3.6 * one["answers"][0]["rate"]


def test_a_rate_that_is_not_kept_is_exit_code_1(command: Command) -> None:
    rest = ("--replicas", 1, "--tp", 1, *PROMISE, "--disaggregated", "no")
    assert asked(command, "--rate", 1, *rest)["goal"] == "check"
    page = command(*ASK, "--rate", 500, *rest, code=1).stdout
    assert "MISSED" in page
    assert "the backlog grows" in page


def test_nothing_that_can_do_it_is_exit_code_1(command: Command) -> None:
    page = command(*ASK, "--rate", 1, "--tpot", "100 us", code=1).stdout
    assert "a single sequence already takes" in page
    assert "100" in page.split("per token, ")[1]


def test_a_closed_loop_has_no_rate_of_its_own(command: Command) -> None:
    found = asked(command, "--clients", 64, "--think", "5 s", *PROMISE, "--disaggregated", "no")
    one = found["answers"][0]
    assert found["question"]["clients"] == 64
    assert one["figures"]["mean_batch"] * one["replicas"][0] < 64  # some of them think
    assert "64 clients" in command(*ASK, "--clients", 64, *PROMISE).stdout


def test_classes_are_given_as_options_or_as_a_file(command: Command) -> None:
    Path("classes.yaml").write_text(CLASSES)
    options = ("--class", "chat:rate=6,prompt=900,output=200,ttft=1 s,tpot=20 ms",
               "--class", "batch:rate=2,output=1500,tpot=100 ms,priority=1")  # fmt: skip
    spelled, read = asked(command, *options), asked(command, "--classes", "classes.yaml")
    assert spelled == read
    assert [one["name"] for one in read["question"]["classes"]] == ["chat", "batch"]
    assert read["question"]["rate"] == 8.0
    rows = read["answers"][0]["percentiles"]
    assert {(row["class"], row["metric"]): row["limit"] for row in rows} == {
        ("chat", "ttft"): 1.0, ("chat", "tpot"): 0.02, ("chat", "e2e"): None,
        ("batch", "ttft"): None, ("batch", "tpot"): 0.1, ("batch", "e2e"): None,
    }  # fmt: skip
    assert "batch p90 TPOT" in command(*ASK, *options).stdout


def test_all_faults_of_a_file_of_classes_come_at_once(command: Command) -> None:
    Path("bad.yaml").write_text("chat:\n  rte: 3\n  ttft: 2 GB\nodd: 7\nb:\n  share: 1.5\n")
    told = command(*ASK, "--classes", "bad.yaml", "--kv-dtype", "fp9", code=2).stderr
    assert "5 faults" in told
    for place in ("bad.yaml:2: classes.chat.rte", "did you mean rate",
                  "bad.yaml:3: classes.chat.ttft", "bad.yaml:4: classes.odd",
                  "bad.yaml:6: classes.b.share", "--kv-dtype: kv_dtype: 'fp9'"):  # fmt: skip
        assert place in told


def test_a_trace_is_replayed_with_the_promises_of_its_rate(command: Command) -> None:
    rows = "\n".join(f"{n / 20},{400 + n % 50},{60 + n % 9}" for n in range(400))
    Path("trace.csv").write_text(f"t_s,input_tokens,output_tokens\n{rows}\n")
    own = asked(command, "--trace", "trace.csv", *PROMISE)
    assert own["question"]["recorded_requests"] == 400
    assert own["question"]["rate"] == pytest.approx(20.0, rel=0.01)
    faster = asked(command, "--trace", "trace.csv", "--rate", 2000, *PROMISE)
    needs = [found["answers"][0]["accelerators"] for found in (own, faster)]
    assert needs[1] > needs[0]


def test_the_front_is_printed_and_drawn(command: Command) -> None:
    page = command(*ASK, "--accelerator", "b200-sxm", "--pareto", "--chart", "f/front.svg").stdout
    assert "tok/s/user" in page
    assert "tok/s/MW" in page
    assert "M tok/USD" in page
    drawn = Path("f/front.svg").read_text()
    for words in ("Throughput and speed", "h100-sxm", "b200-sxm", "per accelerator"):
        assert words in drawn
    rows = asked(command, "--pareto")["front"]
    speeds = [row["tokens_per_second_per_user"] for row in rows]
    assert speeds == sorted(speeds, reverse=True)
    assert all(row["tokens_per_second_per_megawatt"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "nothing is asked"),
        (("--rate", 1, "--clients", 2), "both are given"),
        (("--rate", 1, "--class", "a:rate=1"), "classes have rates of their own"),
        (("--rate", 1, "--think", "2 s"), "only clients of a closed loop think"),
        (("--rate", 1, "--model", "lama-3.1-8b"), "did you mean llama-3.1-8b"),
        (("--rate", 1, "--accelerator", "h10"), "did you mean h100"),
        (("--rate", 1, "--ttft", "0 s"), "above 0 s"),
        (("--rate", 1, "--tpot", "-1 ms"), "above 0 s"),
        (("--rate", 1, "--share", 2), "--share"),
        (("--class", "a:priority=0.5,rate=1"), "a whole number"),
        (("--class", "a:rate"), "has no value"),
        (("--class", ":rate=1"), "begin with a name"),
        (("--class", "a:rate=1", "--class", "a:rate=2"), "is given twice"),
        (("--rate", 1, "--disaggregated", "maybe"), "one of no, yes, both"),
        (("--rate", 1, "--when-full", "recompile"), "did you mean recompute"),
        (("--rate", 1, "--tp", 3, "--ep", 2), "does not divide"),
        (("--pareto", "--replicas", 2), "not used by pareto"),
        (("--chart", "front.gif"), "'gif' is not one of"),
        (("--classes", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_wrong_options_are_exit_code_2(
    command: Command, options: tuple[object, ...], told: str
) -> None:
    assert told in command(*ASK, *options, code=2).stderr
