"""The balance of a model on a machine: units, duality, and how it moves."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from computesim import load_catalog
from computesim.demand.spending import Hired
from computesim.errors import CapacityError, UnreachableError
from computesim.study.balance import sweep as balance_sweep
from computesim.study.balance.answers import Question, Rollouts, bill, solve
from computesim.study.balance.range import outside
from computesim.study.capacity.figures import machine_of
from computesim.workload.balance import Balance, made
from computesim.workload.skill_range import skill_range

CATALOG = load_catalog()
DAY = 86400.0


def question(
    accelerator: str = "h100-sxm", model: str = "llama-3.1-8b", **parts: object
) -> Question:
    """Return a small model that is served for a hundred days."""
    machine = machine_of(CATALOG, accelerator)
    assert machine.rent is not None
    site = CATALOG.site("hyperscale-us")
    known = {
        "known": skill_range("aime-2024", CATALOG), "model": CATALOG.model(model),
        "requests": 1e8, "life": 100 * DAY, "method": "single",
        "rl_on": Hired(machine.accelerator, machine.rent, 0.8, site),
        "served_on": Hired(machine.accelerator, machine.rent, 0.4, site),
        "rollouts": Rollouts(prompts=64, response_tokens=4000),
    }  # fmt: skip
    return Question(**{**known, **parts})  # type: ignore[arg-type]


def test_a_bill_tells_one_choice_in_all_units() -> None:
    asked = question()
    solved = solve(asked, 0.75)
    told, at = solved.bill, solved.bill.balance
    assert at.total == pytest.approx(sum(told.usd))
    assert told.rl_flop == at.rl_flop
    assert told.accelerators[1] == pytest.approx(told.request_seconds / (100 * DAY))
    rent = asked.served_on.price
    assert told.usd == pytest.approx((told.rl_seconds * rent, told.request_seconds * rent))
    for joules, seconds, watts in zip(
        told.joules, (told.rl_seconds, told.request_seconds), told.watts, strict=True
    ):
        assert watts == pytest.approx(joules / (100 * DAY))
        assert 0.15 < joules / seconds / asked.served_on.accelerator.tdp < 1.6
    flop = told.request_flop / told.request_seconds
    assert 0.01 < flop / asked.served_on.accelerator.peak("fp8") < 0.6


@pytest.mark.parametrize("objective", ["flop", "cost", "power"])
def test_the_budget_of_a_balance_buys_it_back_in_every_unit(objective: str) -> None:
    asked = question(objective=objective)
    solved = solve(asked, 0.75)
    again = solve(asked, None, solved.bill.balance.total)
    assert again.bill.balance.accuracy == pytest.approx(0.75, abs=1e-5)
    assert solved.own_exchange.rate == pytest.approx(1.0, abs=2e-2)


def test_each_objective_is_least_at_its_own_balance() -> None:
    asked = {o: question(objective=o) for o in ("flop", "cost", "power")}
    found = {o: solve(q, 0.75).bill.balance for o, q in asked.items()}
    for objective, one in asked.items():
        spending = one.outlay.spending(objective)
        spent = {o: spending.total(at.rl_flop, at.tokens, at.samples) for o, at in found.items()}
        assert spent[objective] == min(spent.values())
        assert spent[objective] < max(spent.values())


def test_the_next_point_costs_what_the_balance_above_costs_more() -> None:
    asked = question()
    one, above = solve(asked, 0.75), solve(asked, 0.76)
    assert one.next_point == pytest.approx(above.bill.balance.total - one.bill.balance.total)
    assert one.next_point == pytest.approx(0.01 * one.own_exchange.shadow_price, rel=0.15)
    top = asked.quality.highest()
    assert solve(asked, top - 1e-3).next_point is None


def test_the_accuracy_of_an_answer_has_its_interval() -> None:
    solved = solve(question(), 0.75)
    assert solved.assessed.low < 0.75 < solved.assessed.high
    assert solved.assessed.accuracy == pytest.approx(0.75, abs=1e-6)


def test_more_requests_mean_more_rl_and_shorter_chains_on_a_machine_too() -> None:
    rows = balance_sweep.by_requests(question(), 0.75, (0.01, 1.0, 100.0))
    for before, after in pairwise(rows):
        assert after.requests == pytest.approx(100 * before.requests)
        assert after.rl_flop > before.rl_flop
        assert after.tokens <= before.tokens * (1 + 1e-9)
        assert after.rl_share < before.rl_share
        assert after.accuracy == pytest.approx(0.75, abs=1e-6)


def test_dearer_rl_is_done_less() -> None:
    rows = balance_sweep.by_price(question(), 0.75, (0.25, 1.0, 4.0))
    assert [row.price_ratio for row in rows] == [0.25, 1.0, 4.0]
    for before, after in pairwise(rows):
        assert after.rl_flop < before.rl_flop
        assert after.tokens >= before.tokens
        assert after.total > before.total


def test_accuracy_becomes_dearer_point_by_point() -> None:
    rows = balance_sweep.by_target(question(), 0.75)
    totals = [row.total for row in rows]
    assert totals == sorted(totals)
    assert rows[-1].target < question().quality.highest()
    assert rows[-1].next_point is None
    late = [row.next_point / row.total for row in rows[-4:-1]]
    assert late == sorted(late)
    assert rows[0].next_point == pytest.approx(totals[1] - totals[0])


def test_budgets_that_do_not_suffice_are_left_out() -> None:
    asked = question()
    total = solve(asked, 0.75).bill.balance.total
    rows = balance_sweep.by_budget(asked, total, (1e-9, 1.0, 10.0))
    assert len(rows) == 2
    assert rows[0].accuracy == pytest.approx(0.75, abs=1e-5)
    assert rows[1].accuracy > 0.78


def test_the_optimum_of_every_volume_lies_on_the_curve_of_its_target() -> None:
    asked = question()
    rows = [r for r in balance_sweep.curves(asked, 0.75, (1e17, 1e24)) if r.target == 0.75]
    x = [math.log(row.rl_flop) for row in rows]
    y = [math.log(row.tokens) for row in rows]
    assert x == sorted(x)
    assert y == sorted(y, reverse=True)
    for at in balance_sweep.by_requests(asked, 0.75, (0.01, 1.0)):
        near = min(range(len(x)), key=lambda n: abs(x[n] - math.log(at.rl_flop)))
        around = y[max(near - 1, 0) : near + 2]
        assert min(around) - 1e-6 <= math.log(at.tokens) <= max(around) + 1e-6
    goals = {row.target for row in balance_sweep.curves(asked, 0.75, (1e17, 1e24))}
    assert 3 <= len(goals) <= 5


def test_a_machine_that_cannot_says_why_and_the_others_answer() -> None:
    large = question(accelerator="h100-sxm", model="deepseek-v3", tpot=1e-5)
    rows = balance_sweep.by_hardware([question(), large], 0.75)
    assert rows[0].accuracy == pytest.approx(0.75, abs=1e-6)
    assert "writes no token within" in rows[1].reason
    with pytest.raises(CapacityError):
        solve(large, 0.75)


def test_what_is_out_of_reach_is_said_for_all_machines() -> None:
    with pytest.raises(UnreachableError, match="the highest is"):
        balance_sweep.by_hardware([question()], 0.999)


def test_what_lies_outside_of_the_data_is_told_by_axis() -> None:
    ranges = {"rl_flop": (1e20, 1e22), "tokens": (100.0, 1e4), "samples": (1.0, 64.0)}

    def at(rl_flop: float, tokens: float, samples: int) -> Balance:
        return Balance(rl_flop, tokens, samples, 0.5, 1.0, 1.0)

    assert outside(ranges, at(1e21, 1e3, 64)) == []
    assert outside(ranges, at(1e23, 1e3, 65)) == ["rl_flop", "samples"]
    assert outside({}, at(1e21, 1e3, 1)) == ["rl_flop", "tokens"]


def test_a_verifier_is_paid_for() -> None:
    plain, scored = question(method="consensus"), question(method="best_of")
    for objective in ("flop", "cost", "power"):
        one, other = (q.outlay.spending(objective) for q in (plain, scored))
        assert other.request(2000.0, 4) > 1.03 * one.request(2000.0, 4)
        assert other.request(2000.0, 1) == pytest.approx(one.request(2000.0, 1))  # nothing to pick


def test_longer_answers_leave_less_room_for_chains() -> None:
    short, long = question(), question(answer_tokens=100_000.0, length_ratio=2.0)
    assert short.quality.room.tokens[1] == pytest.approx(131_072 - 1000)
    assert long.quality.room.tokens[1] == pytest.approx((131_072 - 101_000) / 2)


def test_a_bill_of_any_choice_is_that_of_its_parts() -> None:
    asked = question(rl_scale=50.0, research=3.0)
    at = made(asked.quality, asked.outlay.spending("cost"), 1e21, 3000.0, 1)
    told = bill(asked, at)
    assert told.rl_flop == pytest.approx(50 * 4 * 1e21)
    assert told.usd[0] == pytest.approx(at.on_rl)
