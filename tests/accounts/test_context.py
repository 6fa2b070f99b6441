"""Requests and rollouts that are longer than their models read are remarks of a run."""

from __future__ import annotations

from pathlib import Path

from computesim import load_scenario
from computesim.accounts.context import remarks
from computesim.cells.memo import Memo
from computesim.demand.asked import demand_at
from computesim.fleet.world import simulate
from computesim.scenario.moment import Moment

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"


def told(*overrides: str) -> list[str]:
    scenario = load_scenario(SMALL, list(overrides))
    return remarks(simulate(scenario, scenario.catalog(), Memo(None), 0))


def test_a_product_beyond_the_context_of_its_model_is_told_once_with_its_years() -> None:
    assert told() == []
    texts = told("products.chat.prompt_tokens=200000")
    assert len(texts) == 2  # with a chain of thought and without
    assert all(
        text.startswith("2025-2026: chat on tier quick: a prompt of 200,000 and ")
        and "exceed the 131,072 that llama-3.1-70b reads: cells cut them there" in text
        for text in texts
    )


def test_rollouts_are_cut_at_the_context_of_their_policy() -> None:
    scenario = load_scenario(SMALL, ["labs.lab.post_training.max_response_tokens=1e6"])
    (run,) = demand_at(Moment(scenario, scenario.catalog(), 2025)).rl
    assert run.recipe.prompt_tokens + run.max_response_tokens == run.model.context_length
    assert max(run.recipe.response_lengths) <= run.max_response_tokens
