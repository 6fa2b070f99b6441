"""balance: RL, chain length and samples for an accuracy, from the shell."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Command = Callable[..., Result]
ASK = ("balance", "aime-2024", "--model", "llama-3.1-8b", "--accelerator", "h100-sxm",
       "--requests", "1e6", "--method", "single")  # fmt: skip
SMALL = Path(__file__).parents[1] / "data" / "small.yaml"


def asked(command: Command, *options: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(*ASK, *options, "--json", code=code).stdout)
    return found


def test_the_page_says_what_is_best_what_it_takes_and_how_it_moves(command: Command) -> None:
    page = command(*ASK, "--target", "75%", "--accelerator", "h200-sxm").stdout
    for words in ("aime-2024 at 75.0%, least cost; one sample", "1e+06 requests a day for 180 days",
                  "RL FLOP", "accuracy", "next point", "saved per FLOP of RL", "h200-sxm",
                  "accelerator-hours", "facility MW", "USD/k requests", "at most"):  # fmt: skip
        assert words in page
    assert "outside of the fitted" in page  # the data of the skill end at R1-Zero's run


def test_the_data_hold_the_balance_its_interval_and_the_volumes(command: Command) -> None:
    found = asked(command, "--target", "75%")
    (one,) = found["answers"]
    assert one["accuracy"] == pytest.approx(0.75, abs=1e-6)
    assert one["accuracy_low"] < 0.75 < one["accuracy_high"]
    assert one["total"] == pytest.approx(one["rl_usd"] + one["request_usd"])
    assert one["samples"] == 1
    assert found["question"]["requests"] == pytest.approx(1e6 * 180)
    assert found["question"]["unit"] == "USD"
    assert found["fitted"]["rl_flop"][0] < found["fitted"]["rl_flop"][1]
    rl = [row["rl_flop"] for row in found["by_requests"]]
    assert rl == sorted(rl)
    assert found["files"] == []


def test_a_budget_buys_back_what_a_target_costs(command: Command) -> None:
    for objective in ("flop", "cost", "power"):
        (one,) = asked(command, "--target", "75%", "--objective", objective)["answers"]
        spent = one["total"] / (180 * 86400 if objective == "power" else 1)
        unit = {"flop": "FLOP", "cost": "USD", "power": "W"}[objective]
        (back,) = asked(command, "--budget", f"{spent!r} {unit}", "--objective", objective)[
            "answers"
        ]
        assert back["accuracy"] == pytest.approx(0.75, abs=1e-4)
        assert back["rl_flop"] == pytest.approx(one["rl_flop"], rel=0.05)


def test_a_budget_is_told_beside_smaller_and_larger_ones(command: Command) -> None:
    found = asked(command, "--budget", "30000 USD")["by_budget"]
    assert [row["budget"] for row in found][-4:] == [3e4, 6e4, 12e4, 30e4]
    accuracies = [row["accuracy"] for row in found]
    assert accuracies == sorted(accuracies)
    page = command(*ASK, "--budget", "30000 USD").stdout
    assert "as good as 3e+04 USD buys" in page
    assert "1.2e+05 USD" in page


def test_prices_and_the_machine_of_rl_count(command: Command) -> None:
    even = asked(command, "--target", "75%", "--price", "2", "--rl-price", "2")
    dear = asked(command, "--target", "75%", "--price", "2 USD/h", "--rl-price", "20")
    other = asked(command, "--target", "75%", "--rl-accelerator", "h200-sxm")
    assert dear["answers"][0]["rl_flop"] < even["answers"][0]["rl_flop"]
    assert dear["answers"][0]["tokens"] > even["answers"][0]["tokens"]
    assert other["answers"][0]["rl_accelerator"] == "h200-sxm"


def test_files_are_a_page_charts_and_tables(command: Command) -> None:
    options = ("--target", "75%", "--out", "found", "--quiet")
    found = json.loads(command(*ASK[:-2], "--method", "best_of", "--samples", 3, *options,
                               "--json").stdout)  # fmt: skip
    names = {Path(file).name for file in found["files"]}
    assert names == {
        "balance.html", "answers.csv", "by_requests.csv", "by_target.csv", "by_price.csv",
        "curves.csv", "balance-curves.png", "balance-exchange.png", "balance-rl.png",
        "balance-chain.png", "balance-spending.png", "balance-next-point.png", "balance-price.png",
    }  # fmt: skip
    assert names == {path.name for path in Path("found").iterdir()}
    with Path("found/curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    own = [row for row in rows if float(row["target"]) == 0.75]
    assert all(float(row["accuracy"]) == pytest.approx(0.75, abs=1e-6) for row in own)
    page = Path("found/balance.html").read_text()
    for words in ("The balance of aime-2024", "Equal quality", "The price of accuracy",
                  "Best at", "What is asked"):  # fmt: skip
        assert words in page
    assert Path("found/balance-curves.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_out_of_reach_is_exit_code_1(command: Command) -> None:
    told = command(*ASK, "--target", "99%", code=1).stderr
    assert "a quality of 0.99 is not reached: the highest is 0.9" in told
    assert "the least is" in command(*ASK, "--budget", "1 USD", code=1).stderr
    told = command(*ASK, "--target", "75%", "--tpot", "1 us", code=1).stderr
    assert "llama-3.1-8b on h100-sxm writes no token within 0.001 ms" in told


def test_all_faults_of_options_come_at_once(command: Command) -> None:
    told = command(
        "balance", "aime-2042", "--target", "7x", "--budget", "5 W", "--model", "lama-3.1-8b",
        "--accelerator", "h10", "--objective", "costs", "--method", "voting", "--requests", "-3",
        "--tpot", "1 GB", "--dtype", "fp9", "--site", "moon", code=2,
    ).stderr  # fmt: skip
    for words in ("skill: unknown skill 'aime-2042'", "did you mean aime-2024", "--target",
                  "--target: target, budget: both", "--model",
                  "--accelerator: accelerators: unknown name 'h10'",
                  "--objective: objective: 'costs'", "did you mean cost",
                  "--method: method: 'voting'",
                  "--requests: requests: '-3'", "--tpot",
                  "--dtype: dtype: 'fp9'", "--site"):  # fmt: skip
        assert words in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "nothing is asked"),
        (("--target", "75%", "--accelerator", "h20"), "price: no rent of h20 is known"),
        (("--target", "75%", "--rl-accelerator", "h20"), "rl_price: no rent of h20 is known"),
        (("--budget", "5 W"), "--budget"),
        (
            ("--target", "75%", "--price", "0"),
            "--price: price: '0'; between 0.0001 and 10000 USD/h",
        ),
        (("--target", "75%", "--rl-price", "0"), "--rl-price: rl_price: '0'"),
        (("--target", "2"), "target: '2'; between 0.001 and 0.999"),
        (("--target", "75%", "--cached-share", "1.5"), "--cached-share"),
    ],
)
def test_wrong_options_are_exit_code_2(
    command: Command, options: tuple[object, ...], told: str
) -> None:
    assert told in command(*ASK, *options, code=2).stderr


def test_a_machine_for_which_a_budget_does_not_suffice_leaves_the_others(command: Command) -> None:
    found = asked(command, "--budget", "12000 USD", "--accelerator", "h200-sxm")
    dear, cheap = found["answers"]
    assert "budget of 1.2e+04 USD does not suffice: the least is 1.3" in dear["reason"]
    assert cheap["total"] == pytest.approx(12_000)
    assert {row["accelerator"] for row in found["by_requests"]} == {"h200-sxm"}


def test_a_budget_of_power_that_does_not_suffice_is_told_in_watts(command: Command) -> None:
    told = command(*ASK, "--objective", "power", "--budget", "10 W", code=1).stderr
    assert "a budget of 10 W does not suffice: the least is " in told
    least = float(told.split("the least is ")[1].split(" W")[0])
    command(*ASK, "--objective", "power", "--budget", f"{1.01 * least:.6g} W")


def test_options_that_would_not_count_are_refused(command: Command) -> None:
    told = command("balance", "least-cost", "--target", "80%", "--out", "x", code=2).stderr
    assert "2 faults" in told
    assert "--target: does not count for a scenario" in told
    assert "--out: does not count" in told
    told = command(*ASK, "--target", "75%", "--set", "site.pue=1.2", code=2).stderr
    assert "--set: site.pue: a key inside a value" in told


def test_a_base_model_beyond_the_fit_is_less_sure_and_marked(command: Command) -> None:
    (own,) = asked(command, "--target", "75%")["answers"]
    (far,) = asked(command, "--target", "75%", "--pretraining", "1e26")["answers"]
    assert "pretraining" in far["extrapolated"]
    assert "pretraining" not in own["extrapolated"]
    assert (
        "pretraining of the base model outside of the fitted 1.66e+23"
        in command(*ASK, "--target", "75%", "--pretraining", "1e26").stdout
    )


def test_a_machine_without_a_rent_may_be_given_one(command: Command) -> None:
    found = asked(command, "--target", "75%", "--accelerator", "h20", "--price", "1.2")
    assert [row["accelerator"] for row in found["answers"]] == ["h100-sxm", "h20"]
    trained = asked(command, "--target", "75%", "--rl-accelerator", "h20", "--rl-price", "1.2")
    assert trained["question"]["rl_price"] == pytest.approx(1.2 / 3600)
    both = ("--accelerator", "h20", "--rl-accelerator", "h20", "--price", "1.2")
    for row in asked(command, "--target", "75%", *both)["answers"]:
        assert row["rl_accelerator"] == "h20"


def test_the_labs_of_a_scenario_tell_what_they_decide(command: Command) -> None:
    policy = ("labs.lab.policy={kind: least_cost, skill: aime-2024, target: 0.75, "
              "products: {chat: 0.2}}")  # fmt: skip
    rows = json.loads(command("balance", SMALL, "--set", policy, "--json").stdout)["balances"]
    assert [row["year"] for row in rows] == [2025, 2026]
    assert rows[1]["requests"] == pytest.approx(2 * rows[0]["requests"])
    assert rows[1]["accuracy"] == pytest.approx(0.75, abs=1e-6)
    page = command("balance", SMALL, "--set", policy).stdout
    for words in ("follow the least cost", "RL FLOP of a run", "served on", "h100-sxm"):
        assert words in page


def test_a_scenario_without_such_labs_is_exit_code_2(command: Command) -> None:
    told = command("balance", SMALL, code=2).stderr
    assert "no lab follows the least cost" in told
    assert "unknown skill" in command("balance", "nowhere", "--target", "75%", code=2).stderr
