"""What is a request, over which window rates are taken, and what is within a promise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from computesim.scenario.questions import Draft
from computesim.study.pool.judging import simulated
from computesim.study.pool.question import PoolQuestion

Command = Callable[..., Result]
CELL = ("simulate", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm", "--requests", 300,
        "--output-tokens", 200, "--spread", 0.5)  # fmt: skip


def figures(command: Command, *options: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*CELL, *options, "--json", code=code).stdout)
    return found


@pytest.mark.parametrize("samples", [1, 8])
def test_rates_and_energy_of_requests_sequences_and_tokens_are_one_sum(
    command: Command, samples: int
) -> None:
    found = figures(command, "--samples", samples, "--rate", 1, "--timeline", "5 s")
    done, energy, asked = found["figures"], found["energy"], found["requests"]
    assert asked["sequences_per_request"] == samples
    assert done["requests"] == 300
    assert asked["rate"] == pytest.approx(1.0, rel=0.15)
    assert done["sequences_per_second"] == pytest.approx(samples * done["requests_per_second"])
    assert energy["joules_per_request"] == pytest.approx(samples * energy["joules_per_sequence"])
    for each, rate in (("request", "requests"), ("sequence", "sequences"),
                       ("output_token", "output_tokens")):  # fmt: skip
        watts = energy[f"joules_per_{each}"] * done[f"{rate}_per_second"]
        assert watts == pytest.approx(energy["watts"])
    # over a long window a request is as many tokens as are asked
    tokens = done["output_tokens_per_second"] / done["requests_per_second"]
    assert tokens == pytest.approx(samples * asked["output_tokens"], rel=0.03)


def test_a_request_of_more_samples_takes_more_energy_but_not_so_many_times_more(
    command: Command,
) -> None:
    one, eight = (
        figures(command, "--samples", k, "--rate", 0.5, "--timeline", "5 s", "--requests", 100)
        for k in (1, 8)
    )
    ratio = eight["energy"]["joules_per_request"] / one["energy"]["joules_per_request"]
    assert 1.0 < ratio < 8.0  # the idle watts are shared, and the prompt


@pytest.mark.parametrize("come", [("--rate", 30), ("--clients", 20), ("--samples", 3)])
def test_what_was_in_flight_at_the_start_counts_as_no_request(
    command: Command, come: tuple[object, ...]
) -> None:
    done = figures(command, *come)["figures"]
    assert done["finished"] == done["requests"]
    assert done["judged"] <= done["requests"]


def test_a_search_is_one_request(command: Command) -> None:
    found = figures(command, "--search", "4,2,2", "--rate", 0.2, "--requests", 40)
    assert found["figures"]["requests"] == found["figures"]["finished"] == 40
    assert found["requests"]["sequences_per_request"] == 16
    assert found["figures"]["requests_per_second"] == pytest.approx(0.2, rel=0.4)


def test_a_growing_backlog_breaks_promise_and_goodput_alike(command: Command) -> None:
    # every step is soon enough; what waits for its first is not
    options = ("--rate", 4000, "--requests", 4000, "--tpot", "1 s")
    found = figures(command, *options, code=1)
    done, promise = found["figures"], found["promise"]
    assert done["tpot_p99"] < 1.0
    assert promise == {"tpot": 1.0, "kept": False, "missed": [], "saturated": True}
    assert done["within_level"] < 0.5
    rate = done["within_level"] * found["requests"]["rate"]
    assert done["goodput_requests_per_second"] == pytest.approx(rate, rel=0.1)
    text = command(*CELL, *options, code=1).stdout
    assert "100.0% of requests within the level" not in text
    assert "MISSED, the backlog grows (" in text


@pytest.mark.parametrize("rate", [2, 30, 400])
@pytest.mark.parametrize("limit", ["6 ms", "10 ms", "20 ms"])
def test_goodput_and_promise_never_contradict(rate: int, limit: str) -> None:
    question = Draft(PoolQuestion, "simulate")
    for key, value in {"model": "llama-3.1-8b", "accelerator": "h100-sxm", "traffic.rate": rate,
                       "traffic.requests": 600, "traffic.output_tokens": 200,
                       "promise.tpot": limit}.items():  # fmt: skip
        question.assign(key, str(value), "--option")
    answer, _ = simulated(question.read())
    share, kept = answer.figures.within_level, answer.promise["kept"]
    assert share is not None
    assert (share >= 0.9) if kept else (share < 0.9 or answer.promise["saturated"])
    assert share < 0.99 or kept


def test_a_recording_that_keeps_its_promises_to_the_end_has_kept_them(command: Command) -> None:
    rows = "".join(f"{n / 1000},400,60\n" for n in range(1500))
    Path("burst.csv").write_text("t_s,input_tokens,output_tokens\n" + rows)
    found = figures(command, "--trace", "burst.csv", "--replicas", 1, "--tpot", "1 s")
    assert found["figures"]["saturated"]
    assert found["promise"]["kept"]
    assert found["figures"]["within_level"] == 1.0


def test_clients_that_saturate_a_pool_break_no_promise(command: Command) -> None:
    found = figures(command, "--clients", 200, "--replicas", 1, "--requests", 2000,
                    "--tpot", "1 s")  # fmt: skip
    assert found["promise"]["kept"]


def test_a_short_window_is_said_with_what_would_do(command: Command) -> None:
    # 30 requests within 29 s, every other one of which stays for eighteen
    rows = "".join(f"{n},1000,{3000 if n % 2 else 50}\n" for n in range(30))
    Path("short.csv").write_text("t_s,input_tokens,output_tokens\n" + rows)
    text = command(*CELL, "--trace", "short.csv").stdout
    found = figures(command, "--trace", "short.csv")
    done = found["figures"]
    assert text.startswith("note")
    assert "too short for a steady state" in text.splitlines()[0]
    assert done["window_is_short"]
    assert (done["window_start"], done["window_end"]) == (0.0, 29.0)
    assert f"{done['window_needed']:,.3g} s would do" in found["remarks"][0]
    # requests and tokens are of one window: long outputs that only begin in it count a little
    each = done["output_tokens_per_second"] / done["requests_per_second"]
    assert 50 <= each <= 3000
    long = figures(command, "--rate", 8)
    assert not long["figures"]["window_is_short"]
    assert long["remarks"] == []


def test_where_all_comes_within_less_than_a_stay_rates_are_over_the_whole_run(
    command: Command,
) -> None:
    rows = "".join(f"{n / 100},1000,{2000 + n}\n" for n in range(60))
    Path("burst.csv").write_text("t_s,input_tokens,output_tokens\n" + rows)
    found = figures(command, "--trace", "burst.csv")
    done = found["figures"]
    assert done["window_end"] == done["makespan"]
    assert done["requests_per_second"] == pytest.approx(60 / done["makespan"])
    assert done["window_ended"] == 60
    assert "beginning and end count" in found["remarks"][0]


def test_the_length_that_is_said_to_do_does(command: Command) -> None:
    options = ("--rate", 2, "--turns", 4, "--output-tokens", 1000)
    short = figures(command, *options, "--requests", 60)
    assert short["figures"]["window_is_short"]
    (enough,) = re.findall(r"about ([\d,]+) requests", short["remarks"][0])
    more = int(1.2 * int(enough.replace(",", "")))
    assert not figures(command, *options, "--requests", more)["figures"]["window_is_short"]


def test_more_clients_are_not_slower_for_want_of_requests(command: Command) -> None:
    def closed(clients: int, requests: int) -> dict[str, Any]:
        found = figures(command, "--clients", clients, "--replicas", 1, "--requests", requests,
                        "--output-tokens", 800, "--spread", 0.9)  # fmt: skip
        assert not found["figures"]["window_is_short"]
        return found["figures"]

    # more requests are played where three hundred are too few for so many clients
    few, short, enough = closed(32, 300), closed(128, 300), closed(128, 6000)
    rate = "output_tokens_per_second"
    assert enough[rate] > few[rate]
    assert short[rate] == pytest.approx(enough[rate], rel=0.05)


def test_the_opening_burst_of_clients_is_left_out(command: Command) -> None:
    few, many = (
        figures(command, "--clients", 64, "--replicas", 1, "--requests", n, "--spread", 0.9)
        for n in (2000, 12000)
    )
    a, b = (one["figures"]["output_tokens_per_second"] for one in (few, many))
    assert a == pytest.approx(b, rel=0.03)
