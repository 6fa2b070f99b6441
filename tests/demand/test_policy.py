"""Labs that follow the least cost: what comes out, and what theory says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from computesim import load_catalog, load_scenario, project
from computesim.calendar import YEAR
from computesim.cells.jobs import COT
from computesim.cells.memo import Memo
from computesim.demand.asked import demand_at
from computesim.demand.demand import Demand
from computesim.errors import ScenarioError
from computesim.scenario import Moment, Scenario

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
POLICY = {
    "kind": "least_cost", "skill": "aime-2024", "target": 0.75, "products": {"chat": 0.2},
    "rl_accelerator": "h100-sxm", "serving_accelerator": "h100-sxm",
}  # fmt: skip


def scenario(policy: dict[str, Any] | None = None, **others: Any) -> Scenario:
    """Return the small world whose lab follows a policy."""
    own = {} if policy is None else {"labs.lab.policy": {**POLICY, **policy}}
    return load_scenario(SMALL, {**own, **{k.replace("__", "."): v for k, v in others.items()}})


def demand(policy: dict[str, Any] | None = None, **others: Any) -> Demand:
    return demand_at(Moment(scenario(policy, **others), load_catalog(), 2026))


def rl_flop(asked: Demand) -> float:
    """Return the RL FLOP/s of the lab."""
    return sum(asked.rl[0].flop().values())


def chain(asked: Demand) -> float:
    """Return the reasoning tokens of a chat that reasons."""
    (serving,) = (s for s in asked.serving if s.workload == COT)
    return serving.streams[0].reasoning_tokens


def test_labs_that_are_given_their_inputs_ask_for_them() -> None:
    plain = demand()
    assert plain.policies == {}
    assert chain(plain) == 900
    assert plain.rl[0].steps == pytest.approx(3 * 20 * 10_000 / YEAR)
    fixed = {"labs.lab.policy": {"kind": "given", "skill": "aime-2024"}}
    given = demand_at(Moment.of(load_scenario(SMALL, fixed), 2026))
    assert given.rl == plain.rl
    assert given.serving == plain.serving


def test_runs_and_chains_are_those_that_were_solved() -> None:
    asked = demand({"samples": 4, "method": "best_of", "rl_scale": 7})
    solved = asked.policies["lab"]
    assert solved.balance.accuracy == pytest.approx(0.75, abs=1e-6)
    assert solved.rl_flop == pytest.approx(7 * solved.balance.rl_flop)
    assert rl_flop(asked) == pytest.approx(3 * 20 * solved.rl_flop / YEAR)
    assert chain(asked) == pytest.approx(0.2 * solved.balance.tokens)
    (serving,) = (s for s in asked.serving if s.workload == COT)
    assert serving.streams[0].samples == solved.balance.samples
    # 80 million users, 4 requests, 40 % of them reason; 3 labs with 20 models a year
    assert solved.requests == pytest.approx(80e6 * 4 * 0.4 * 365.25 / 60)
    assert asked.cloud[COT].reasoning == pytest.approx(
        80e6 * 4 * 0.4 * chain(asked) * solved.balance.samples
    )


def test_more_users_pay_for_more_rl_and_shorter_chains() -> None:
    few, many = demand({}), demand({}, products__chat__users={2025: 4e9, 2026: 8e9})
    assert many.policies["lab"].requests == pytest.approx(100 * few.policies["lab"].requests)
    assert rl_flop(many) > 1.5 * rl_flop(few)
    assert chain(many) < chain(few)
    share = [d.policies["lab"].balance.rl_share for d in (few, many)]
    assert share[1] < share[0]
    # the shares of demand come out: RL over the decoding of chains falls
    ratio = [
        rl_flop(d) / sum(s.flop()["Decode"] for s in d.serving if s.workload == COT)
        for d in (few, many)
    ]
    assert ratio[1] < 0.3 * ratio[0]


def test_dear_rl_is_replaced_by_longer_chains_and_dear_serving_by_more_rl() -> None:
    prices = {"rl_price": "2 USD/h", "serving_price": "2 USD/h"}
    even = demand(prices)
    dear_rl = demand({**prices, "rl_price": "20 USD/h"})
    dear_serving = demand({**prices, "serving_price": "20 USD/h"})
    assert rl_flop(dear_rl) < 0.9 * rl_flop(even) < 0.9 * rl_flop(dear_serving)
    assert chain(dear_rl) > chain(even) > chain(dear_serving)
    both = demand({"rl_price": "20 USD/h", "serving_price": "20 USD/h"})
    assert rl_flop(both) == pytest.approx(rl_flop(even), rel=1e-4)


def test_a_higher_target_asks_for_more_of_both() -> None:
    low, high = demand({"target": 0.7}), demand({"target": 0.85})
    assert rl_flop(high) > rl_flop(low)
    assert chain(high) > chain(low)


def test_every_objective_is_solved() -> None:
    found = {o: demand({"objective": o}) for o in ("flop", "cost", "power")}
    assert len({round(rl_flop(d), -10) for d in found.values()}) == 3


def test_labs_that_share_a_market_serve_fewer_requests_each() -> None:
    whole, half = demand({}), demand({"market_share": 0.5})
    assert half.policies["lab"].requests == pytest.approx(whole.policies["lab"].requests / 2)
    assert rl_flop(half) < rl_flop(whole)


def test_the_base_model_of_the_lab_counts_where_it_is_asked_for() -> None:
    own, better = (
        demand({}),
        demand({"follow_pretraining": True}, labs__lab__pretraining__flop=1e26),
    )
    assert rl_flop(better) < rl_flop(own)
    assert chain(better) < chain(own)


def test_better_software_counts_as_cheaper_accelerators() -> None:
    plain = demand({"rl_price": 1.0, "serving_price": 1.0}).policies["lab"]
    trained = demand({"rl_price": 3.0, "serving_price": 1.0}, progress__training_software=3)
    assert trained.policies["lab"].balance.tokens == pytest.approx(plain.balance.tokens)
    served = demand(
        {"rl_price": 1.0, "serving_price": 6.0},
        progress__serving_software=2, progress__algorithms__inference=3,
    )  # fmt: skip
    assert served.policies["lab"].rl_flop == pytest.approx(plain.rl_flop)


def test_better_algorithms_of_training_take_fewer_flop_for_the_same_skill() -> None:
    plain = demand({"rl_scale": 2})
    better = demand({"rl_scale": 6}, progress__algorithms__training=3)
    assert better.policies["lab"].balance == plain.policies["lab"].balance
    assert rl_flop(better) == pytest.approx(rl_flop(plain))


def test_better_algorithms_of_inference_take_fewer_flop_for_a_request() -> None:
    users = scenario().products["chat"].users
    assert users is not None
    fewer = demand({"objective": "flop"}, products__chat__users=users.at(2026) / 4)
    better = demand({"objective": "flop"}, progress__algorithms__inference=4)
    assert chain(better) == pytest.approx(chain(fewer))


def test_chains_leave_room_for_the_mean_prompt_of_a_session_that_grows() -> None:
    turns = {"products.chat.requests_per_user_per_day": None, "products.chat.cached_share": None,
             "products.chat.sessions_per_user_per_day": 1, "products.chat.turns_per_session": 101,
             "products.chat.context_growth": {"tokens_per_turn": 2600}}  # fmt: skip
    with pytest.raises(
        ScenarioError, match="is not reached"
    ):  # 131,072 tokens are full at the mean
        demand({}, **{key.replace(".", "__"): value for key, value in turns.items()})


def test_nothing_is_balanced_before_anybody_reasons() -> None:
    asked = demand({}, products__chat__reasoning_share=0)
    assert asked.policies == {}
    assert asked.rl[0].steps == pytest.approx(3 * 20 * 10_000 / YEAR)


def test_all_faults_of_a_policy_come_at_once_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        f"extends: {SMALL}\nlabs:\n  lab:\n    policy:\n      kind: least_cost\n"
        "      skill: aime-2042\n      products: {chatt: 0.2}\n"
    )
    with pytest.raises(ScenarioError) as told:
        demand_at(Moment(load_scenario(file), load_catalog(), 2026))
    text = str(told.value)
    assert "3 faults" in text
    for words in ("bad.yaml:6: labs.lab.policy.skill: unknown skill 'aime-2042'",
                  "did you mean aime-2024",
                  "bad.yaml:5: labs.lab.policy.target: is missing",
                  "bad.yaml:7: labs.lab.policy.products.chatt", "did you mean chat"):  # fmt: skip
        assert words in text


def test_two_groups_cannot_decide_on_one_product() -> None:
    other = load_scenario(SMALL).resolved()["labs"]["lab"]
    both = {"labs.other": {**other, "policy": POLICY}, "labs.lab.policy": POLICY}
    with pytest.raises(ScenarioError, match="follows the labs 'lab' already"):
        demand_at(Moment(load_scenario(SMALL, both), load_catalog(), 2026))


def test_a_target_out_of_reach_says_what_is_reached_and_when() -> None:
    with pytest.raises(ScenarioError, match=r"a quality of 0\.99 is not reached.*in 2026"):
        demand({"target": 0.99})


def test_a_machine_that_cannot_serve_is_a_fault_of_the_policy() -> None:
    with pytest.raises(
        ScenarioError, match=r"serving_accelerator: .*(does not fit|no token within)"
    ):
        demand({"serving_accelerator": "v100-sxm2-32gb"}, tiers__quick__tpot="1 ms")


def test_the_decision_stands_in_the_results() -> None:
    results = project(scenario({}, simulation__requests=60), memo=Memo(None))
    assert results.check_sums() == []
    flop, runs = results.series("FLOP|RL post-training"), 3 * 20
    for year, per_run in results.series("Balance|RL compute|lab").items():
        assert flop[year] == pytest.approx(runs * per_run)
    assert results.series("Balance|Accuracy|lab")[2026] == pytest.approx(0.75, abs=1e-6)
    assert results.unit("Balance|Chain length|lab") == "token"
    assert not project(scenario(simulation__requests=60), memo=Memo(None)).variables("Balance|*")
