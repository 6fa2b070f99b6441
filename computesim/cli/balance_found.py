"""What `balance` finds, as plain data in base units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from computesim.cli.output import Progress
    from computesim.scenario import Scenario
    from computesim.study.balance.answers import Question


def found(
    questions: Sequence[Question], target: float | None, budget: float, full: bool,
    tell: Progress | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the balance on every accelerator, and how that of the first one moves.

    Parameters
    ----------
    questions : sequence of Question
        One for each accelerator.
    target : float or None
        Accuracy; None for the best of a budget.
    budget : float
        In the unit of the objective.
    full : bool
        Also curves, prices and targets, for charts.
    tell : callable or None
        Told how far the work is.

    Raises
    ------
    CapacityError
        If nothing reaches the target, or no accelerator serves the model.
    """
    from computesim.errors import CapacityError
    from computesim.study.balance import sweep as balance_sweep

    answers = balance_sweep.by_hardware(questions, target, budget)
    pairs = [(q, row) for q, row in zip(questions, answers, strict=True) if "reason" not in row]
    if not pairs:
        raise CapacityError("; ".join(dict.fromkeys(row["reason"] for row in answers)))
    able, shown = [question for question, _ in pairs], pairs[0][0]
    goal = target if target is not None else float(pairs[0][1]["accuracy"])
    work: dict[str, Callable[[], Any]] = {}
    results: dict[str, Any] = {}
    volumes = balance_sweep.VOLUMES if full else balance_sweep.VOLUMES[::2]
    for one in able if full else able[:1]:
        name = f"by_requests {one.served_on.accelerator.name}"
        work[name] = lambda one=one: balance_sweep.by_requests(one, goal, volumes)  # type: ignore[misc]
    if target is None:
        work["by_budget"] = lambda: balance_sweep.by_budget(shown, budget)
    if full:
        work["curves"] = lambda: balance_sweep.curves(shown, goal, _between(results))
        work["by_target"] = lambda: balance_sweep.by_target(shown, goal)
        if shown.objective == "cost":
            work["by_price"] = lambda: balance_sweep.by_price(shown, goal)
    for n, (name, compute) in enumerate(work.items()):
        if tell:
            tell(n, len(work), name.replace("_", " "))
        results[name] = compute()
    moved = [row for name in work if name.startswith("by_requests") for row in results.pop(name)]
    return {
        "question": _question(shown, target, budget if target is None else None),
        "fitted": dict(shown.known.ranges),
        "answers": answers,
        "by_requests": moved,
        **results,
    }


def _between(results: dict[str, Any]) -> tuple[float, float]:
    """Return the RL computes at which curves begin and end: around all balances."""
    rows = [row for name, rows in results.items() if name.startswith("by_req") for row in rows]
    found = [float(row["rl_flop"]) for row in rows]
    return min(found) / 10.0, 3.0 * max(found)


def _question(question: Question, target: float | None, budget: float | None) -> dict[str, Any]:
    """Return what is asked."""
    from computesim.demand.spending import OBJECTIVES

    return {
        "skill": question.skill.name,
        "target": target,
        "budget": budget,
        "objective": question.objective,
        "unit": OBJECTIVES[question.objective],
        "method": question.method,
        "samples": question.samples,
        "model": question.model.name,
        "requests": question.requests,
        "life": question.life,
        "prompt_tokens": question.prompt_tokens,
        "cached_share": question.cached_share,
        "answer_tokens": question.answer_tokens,
        "length_ratio": question.length_ratio,
        "rl_scale": question.rl_scale,
        "research": question.research,
        "pretraining": question.skill.pretraining_flop,
        "staleness": question.skill.staleness,
        "tpot": question.tpot,
        "price": question.served_on.price,
        "rl_price": question.rl_on.price,
        "serving_use": question.served_on.use,
        "rl_use": question.rl_on.use,
        "site": question.served_on.site.name,
        "highest": question.quality.highest(),
    }


def of_scenario(scenario: Scenario) -> list[dict[str, Any]]:
    """Return what the labs of a scenario decide by year.

    Parameters
    ----------
    scenario : Scenario

    Raises
    ------
    ScenarioError
        With what is wrong with a policy, or if no lab has one.
    """
    from computesim.demand.asked import demand_at
    from computesim.demand.policy import LEAST_COST
    from computesim.errors import Fault, ScenarioError
    from computesim.scenario import Moment
    from computesim.study.balance.range import beyond
    from computesim.workload.skill_range import skill_range

    if all(lab.policy.kind != LEAST_COST for lab in scenario.labs.values()):
        told = ("no lab follows the least cost", "`policy: {kind: least_cost, ...}` of a lab")
        raise ScenarioError([Fault("labs", *told)], scenario.name)
    catalog, rows = scenario.catalog(), []
    for year in scenario.years:
        for lab, solved in demand_at(Moment(scenario, catalog, year)).policies.items():
            at, policy = solved.balance, scenario.labs[lab].policy
            known = skill_range(policy.skill, catalog)
            if policy.follow_pretraining:
                known = known.pretrained(scenario.labs[lab].pretraining.flop.at(year))
            rows.append(
                {
                    "year": year, "lab": lab, "skill": policy.skill,
                    "objective": policy.objective, "requests": solved.requests,
                    "rl_flop_of_run": solved.rl_flop, "rl_flop": at.rl_flop,
                    "tokens": at.tokens, "samples": at.samples, "accuracy": at.accuracy,
                    "rl_share": at.rl_share, "total": at.total,
                    "rl_accelerator": solved.rl_accelerator,
                    "serving_accelerator": solved.serving_accelerator,
                    "extrapolated": beyond(known, at),
                }
            )  # fmt: skip
    return rows
