"""The FLOP of an RL step by the two formulas, side by side."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from computesim import load_catalog, load_scenario
from computesim.cells.jobs import RLDemand
from computesim.cells.rl import cell
from computesim.cells.rl.plan import RLPlan
from computesim.cells.rl.step import _flop
from computesim.cells.serving import Play
from computesim.demand.asked import demand_at
from computesim.lengths import lognormal_length, representative_lengths
from computesim.scenario import Moment
from computesim.study.verify.cases import RL, shipped_cases
from computesim.study.verify.rl import plan_of
from computesim.workload.post_training import rl_step
from computesim.workload.rl_recipe import RLRecipe, Turns
from computesim.workload.transformer import train_flop_per_token

CATALOG = load_catalog()
CASES = list(dict.fromkeys(plan_of(case, CATALOG) for case in shipped_cases(RL)))
DEMANDS = [
    demand
    for name in ("baseline", "deep-search", "agents")
    for year in (2023, 2025, 2030)
    for demand in demand_at(Moment.of(load_scenario(name), year)).rl
]


def recipe_of(plan: RLPlan) -> RLRecipe:
    """Return a plan as papers would describe it."""
    cap = plan.max_output_tokens
    law = lognormal_length(
        min(plan.mean_output_tokens, 0.97 * cap), plan.output_spread or 0.75, cap
    )
    return RLRecipe(
        plan.sequences / plan.group_size, plan.group_size, plan.prompt_tokens,
        representative_lengths(law, 8), turns=Turns(plan.turns, plan.tool_tokens),
        keep_share=plan.keep_share, updates=plan.updates, old_log_probs=plan.old_log_probs,
        reference=plan.reference, critic=plan.model if plan.critic else None,
    )  # fmt: skip


def by_flags(plan: RLPlan) -> float:
    """Return the FLOP by the formula of the plan, all lengths at their means."""
    tokens = plan.sequences / plan.keep_share * plan.mean_output_tokens
    return _flop(plan, SimpleNamespace(tokens=tokens))  # type: ignore[arg-type]


@pytest.mark.parametrize("plan", CASES, ids=range(len(CASES)))
def test_both_formulas_agree_but_for_prediction_layers(plan: RLPlan) -> None:
    """A plan trains prediction layers, which RL frameworks leave as they are."""
    step = rl_step(plan.model, recipe_of(plan))
    length = plan.attended_tokens
    with_layers, without = (train_flop_per_token(plan.model, length, mtp=m) for m in (True, False))
    trained = plan.sequences * plan.trajectory_tokens * plan.updates
    layers = trained * (with_layers - without)
    assert by_flags(plan) - layers == pytest.approx(step.total.flop, rel=1e-3)
    assert (layers > 0) == ("deepseek" in plan.model.name)


@pytest.mark.parametrize("demand", DEMANDS, ids=range(len(DEMANDS)))
def test_the_plan_of_a_scenario_leaves_out_reference_and_verification(demand: RLDemand) -> None:
    """Its flags do not know what its recipe does beside rollouts and learner."""
    plan = cell.plan_of(demand.job, CATALOG.accelerator("gb200"), Play())
    works = {name: work.flop for name, work in demand.works.items()}
    known = sum(works[name] for name in ("prefill", "decode", "old_log_probs", "learner"))
    if demand.recipe.search.method == "samples":
        assert by_flags(plan) == pytest.approx(known, rel=0.01)
    else:  # and learns from every branch of a search, kept or not
        assert by_flags(plan) > 1.2 * known
    assert by_flags(plan) != pytest.approx(sum(works.values()), rel=0.05)
