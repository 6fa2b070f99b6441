"""simulate: one serving cell from the shell."""

from __future__ import annotations

import csv
import json
import re
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
    fast, slow = (figures(command, "--rate", 8, "--kernel", e) for e in ("numba", "simpy"))
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
        (("--dtype", "fp9"), "'fp9'; one of fp32"),
        (("--tpot", "2 GB"), "wrong unit: '2 GB'"),
        (("--tpot", "-1 s"), "'-1 s'; above 0 s"),
        (("--tp", "3", "--ep", "2"), "does not divide"),
        (("--trace", "nowhere.csv"), "nowhere.csv"),
        (("--cached-share", "1.5"), "--cached-share"),
        (("--rate", "0"), "--rate"),
        (("--kernel", "c++"), "--kernel"),
        (("--warm-up", "90 d"), "nothing is left to judge"),
        (("--autoscale", "9,4,1min"), "keeps 9 of 4 replicas"),
        (("--priority", "chat=1"), "the requests have no classes"),
        (("--tpot", "chat=1s"), "the requests have no classes"),
    ],
)
def test_wrong_options_are_exit_code_2(
    command: Command, options: tuple[str, ...], told: str
) -> None:
    assert told in command(*CELL, *options, code=2).stderr


def kinds(rows: int = 1500) -> None:
    """Write a trace of two classes that come together, more than one replica can do at once."""
    lines = [f"{n // 40},{400},{60},{'batch' if n % 2 else 'chat'}" for n in range(rows)]
    Path("kinds.csv").write_text("\n".join(["t_s,input_tokens,output_tokens,kind", *lines]) + "\n")


def test_clients_wait_for_their_answers(command: Command) -> None:
    found = figures(command, "--clients", 6, "--think", "1 s", "--replicas", 1)
    assert found["figures"]["requests"] == 300
    assert found["figures"]["mean_batch"] <= 6
    # six clients, each busy with an answer of some seconds and a second of thought
    bound = 6 / (found["figures"]["e2e_mean"] + 1.0)
    assert found["figures"]["requests_per_second"] == pytest.approx(bound, rel=0.05)
    assert "6 clients" in command(*CELL, "--clients", 6).stdout


def test_sessions_are_drawn_and_find_what_was_said_in_the_cache(command: Command) -> None:
    near = figures(command, "--turns", 4, "--think", "2 s", "--rate", 4)
    assert near["tasks"]["name"] == "session"
    assert near["tasks"]["p50"] > near["figures"]["e2e_p50"]
    assert near["pool"]["routing"] == "prefix-aware"
    far = figures(command, "--turns", 4, "--think", "2 s", "--rate", 4, "--routing", "two-choices")
    assert near["figures"]["cached_share"] > 1.5 * far["figures"]["cached_share"] > 0


def test_consensus_takes_longer_than_one_sample_and_reads_its_prompt_once(command: Command) -> None:
    one, four = (figures(command, "--samples", k, "--rate", 0.5) for k in (1, 4))
    assert one["tasks"] == {}
    assert four["tasks"]["name"] == "consensus@4"
    assert four["tasks"]["p50"] > one["figures"]["e2e_p50"]
    assert four["figures"]["cached_share"] == pytest.approx(0.75, abs=0.01)


def test_a_search_goes_level_by_level(command: Command) -> None:
    found = figures(command, "--search", "4,2,2", "--rate", 0.2, "--requests", 40)
    assert found["tasks"]["sequences"] == 4 * 2 * 2
    assert found["figures"]["requests"] == 40
    assert found["tasks"]["p50"] > 3 * found["figures"]["e2e_p50"]


def test_priority_lets_a_class_overtake(command: Command) -> None:
    kinds()
    options = ("--trace", "kinds.csv", "--rate", 2000, "--replicas", 1)
    same = figures(command, *options)["classes"]
    first = figures(command, *options, "--priority", "chat=0,batch=1")["classes"]
    assert same["chat"]["requests"] == same["batch"]["requests"] == 750
    assert first["chat"]["ttft_p50"] < same["chat"]["ttft_p50"]
    assert first["chat"]["ttft_p50"] < first["batch"]["ttft_p50"]
    told = command(*CELL, *options, "--ttft", "chat=1min,batch=1us", code=1).stdout
    assert "p90 TTFT batch within" in told
    assert "MISSED" in told
    assert "50.0% of requests within the level" in told


def test_sessions_of_a_trace_are_played_turn_by_turn(command: Command) -> None:
    rows = "\n".join(f"{n},{100 * (n % 3 + 1)},400,{n // 3},0.5" for n in range(30))
    head = "t_s,input_tokens,output_tokens,session,think_seconds"
    Path("talk.csv").write_text(f"{head}\n{rows}\n")
    found = figures(command, "--trace", "talk.csv")
    assert (found["tasks"]["number"], found["tasks"]["sequences"]) == (10, 3)
    assert found["figures"]["requests"] == 30  # a turn is a request
    # as recorded a turn comes a second after the last; here it waits for an answer of 400 tokens
    assert found["tasks"]["p50"] > 3 * 399 * found["step"]["fixed"] + 2 * 0.5
    told = command(*CELL, "--trace", "talk.csv", "--clients", 3, code=2).stderr
    assert "the trace has sessions" in told


def test_prefixes_of_a_trace_are_found_where_the_cache_is_large_enough(command: Command) -> None:
    rows = [
        {"timestamp": 2000 * n, "input_length": 1100, "output_length": 20,
         "hash_ids": [n % 4, 10 + n % 4, 100 + n]} for n in range(40)
    ]  # fmt: skip
    Path("blocks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("--trace", "blocks.jsonl", "--replicas", 1)
    none = figures(command, *options)["figures"]
    large = figures(command, *options, "--prefix-cache", "20%")["figures"]
    small = figures(command, *options, "--prefix-cache", "150 MB")["figures"]
    assert none["cached_share"] == 0.0
    # four prompts are read first, the others find two blocks of 512 tokens
    assert large["cached_share"] == pytest.approx(36 * 1024 / (40 * 1100))
    assert small["cached_share"] < large["cached_share"]
    assert large["ttft_p50"] < none["ttft_p50"]
    whole = figures(command, *options)["step"]["kv_capacity_tokens"]
    left = figures(command, *options, "--prefix-cache", "20%")["step"]["kv_capacity_tokens"]
    assert left == int(0.8 * whole)


def test_apart_from_decoding_a_prompt_delays_nobody(command: Command) -> None:
    mixed = figures(command, "--rate", 20, "--prompt-tokens", 4000, "--replicas", 2)
    apart = figures(command, "--rate", 20, "--prompt-tokens", 4000, "--replicas", 2,
                    "--prefill-replicas", 2)  # fmt: skip
    assert apart["pool"]["accelerators"] == 2 * mixed["pool"]["accelerators"]
    assert apart["figures"]["tpot_p99"] < mixed["figures"]["tpot_p99"]
    # 131,072 B of cache a token over a NIC of at most 50 GB/s
    assert apart["step"]["transfer_per_token"] > 131072 / 50e9


@pytest.mark.parametrize("rule", ["recompute", "swap"])
def test_who_promises_less_runs_more_at_once_and_preempts(command: Command, rule: str) -> None:
    options = ("--rate", 400, "--requests", 3000, "--output-tokens", 4000, "--replicas", 1)
    promised = figures(command, *options)["figures"]
    bold = figures(command, *options, "--when-full", rule)["figures"]
    assert promised["preemptions"] == 0 < bold["preemptions"]
    assert bold["mean_batch"] > promised["mean_batch"]


def test_an_autoscaler_pays_for_less_and_failures_cost_goodput(command: Command) -> None:
    options = ("--rate", 2, "--ttft", "60 ms", "--requests", 400)
    fixed = figures(command, *options)["figures"]
    scaled = figures(command, *options, "--autoscale", "1,4,30s")["figures"]
    assert scaled["on_seconds"] < 0.8 * fixed["on_seconds"]
    broken = json.loads(
        command(*CELL, *options, "--replicas", 1, "--mtbf", "20s", "--repair", "4s", "--json",
                code=1).stdout
    )["figures"]  # fmt: skip
    assert broken["failures"] > 0
    assert broken["within_level"] < fixed["within_level"]
    assert broken["goodput_requests_per_second"] < fixed["goodput_requests_per_second"]
    assert "hardly come to an end" in command(
        *CELL, "--mtbf", "10ms", "--repair", "1ms", code=1
    ).stderr  # fmt: skip


def test_the_timeline_is_written_and_its_bins_add_up(command: Command) -> None:
    found = figures(command, "--rate", 8, "--timeline", "5 s", "--out", "here")
    rows = list(csv.DictReader(Path("here/timeline.csv").read_text().splitlines()))
    assert [float(row["start_s"]) for row in rows][:3] == [0.0, 5.0, 10.0]
    for phase, joules in found["energy"]["joules"].items():
        column = sum(float(row[f"{phase}_watts"]) * float(row["seconds"]) for row in rows)
        assert column == pytest.approx(joules)
    told = command(*CELL, "--timeline", "1 us", code=1).stderr
    assert "at most 100,000 intervals" in told
    assert sum(float(row["on_seconds"]) for row in rows) == pytest.approx(
        found["figures"]["on_seconds"]
    )
    made = {file.name for file in Path("here").iterdir()}
    names = ("power", "running-batch")
    assert made == {"timeline.csv", *(f"{n}.{e}" for n in names for e in ("svg", "png"))}
    rate = found["figures"]["output_tokens_per_second"]
    assert found["energy"]["joules_per_output_token"] * rate == pytest.approx(
        found["energy"]["watts"]
    )


def test_a_short_run_is_written_as_a_trace_that_viewers_read(command: Command) -> None:
    command(*CELL, "--requests", 30, "--rate", 20, "--chrome-trace", "steps.json")
    events = json.loads(Path("steps.json").read_text())["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "C", "b", "e"}
    assert all({"ph", "name", "pid", "tid"} <= set(event) for event in events)
    assert all(event["dur"] > 0 for event in events if event["ph"] == "X")
    open_spans: dict[int, list[tuple[str, float]]] = {}
    for event in events:
        if event["ph"] == "b":
            open_spans.setdefault(event["id"], []).append((event["name"], event["ts"]))
        elif event["ph"] == "e":  # spans of one request are nested and go forward
            name, begin = open_spans[event["id"]].pop()
            assert name == event["name"]
            assert event["ts"] >= begin
    assert not any(open_spans.values())
    assert sum(event["name"].startswith("request ") for event in events) >= 2 * 30
    told = command(*CELL, "--requests", 3000, "--chrome-trace", "long.json", code=1).stderr
    assert "steps; at most" in told
    assert not Path("long.json").exists()


def test_all_faults_of_the_options_come_at_once(command: Command) -> None:
    told = command(
        *CELL, "--samples", 2, "--clients", 3, "--think", "soon", "--search", "1,2", "--rate", 3,
        "--autoscale", "9", "--prefix-cache", "3 s", "--routing", "nearest", "--repair", "1 s",
        "--out", "x", "--priority", "chat", "--charts", "gif", code=2,
    ).stderr  # fmt: skip
    assert "simulate: 11 faults" in told
    for option in (
        "--clients: traffic.clients, traffic.samples",
        "--think: traffic.think",
        "--search",
        "--rate: traffic.rate, traffic.clients",
        "--autoscale",
        "--prefix-cache: serving.prefix_cache.memory",
        "--routing: serving.routing",
        "--repair: serving.failures.mtbf",
        "--out",
        "--priority: traffic.priority",
        "--charts",
    ):
        assert f"  {option}: " in told  # fmt: skip
    kinds()
    told = command(
        *CELL, "--trace", "kinds.csv", "--priority", "chatt=1", "--tpot", "bulk=1s",
        "--prefix-cache", "10%", "--autoscale", "9,1,1min", code=2,
    ).stderr  # fmt: skip
    assert "4 faults" in told
    assert "did you mean chat" in told
    apart = ("--samples", 2, "--prefill-replicas", 1)
    assert "share a prompt in one cache" in command(*CELL, *apart, code=2).stderr


def test_the_help_shows_first_what_people_type_every_day(command: Command) -> None:
    told = command("simulate", "--help").stdout
    usual, others = told.split("\nAlso keys of the question file:")
    assert "--rate NUMBER" in usual
    assert "--prefill-replicas N" in others
    assert len(re.findall(r"^  --", usual, re.MULTILINE)) <= 16
    assert "[default: 2000]" in usual  # what the fields of the question say


def test_stages_do_not_shorten_a_prompt_of_one_chunk(command: Command) -> None:
    question = (
        "simulate", "--model", "llama-3.1-70b", "--accelerator", "h200-sxm", "--dtype", "fp8",
        "--clients", 1, "--requests", 10, "--range", "1,1", "--prompt-tokens", 2000,
        "--output-tokens", 2, "--tp", 2, "--json",
    )  # fmt: skip
    times = []
    for stages in (1, 2, 4, 8):
        found = json.loads(command(*question, "--pp", stages).stdout)
        times.append(found["figures"]["ttft_p50"])
    assert times == sorted(times)
    assert times[-1] < 1.01 * times[0]  # hops between stages only
