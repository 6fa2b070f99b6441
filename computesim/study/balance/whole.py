"""A balance as a whole: on every machine, how it moves, and what labs of a scenario decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from computesim.demand.asked import demand_at
from computesim.demand.policy import LEAST_COST
from computesim.demand.spending import OBJECTIVES
from computesim.errors import CapacityError, Fault, ScenarioError
from computesim.records import optional
from computesim.scenario.moment import Moment
from computesim.study.balance import sweep
from computesim.study.balance.answers import Question
from computesim.study.balance.range import beyond
from computesim.study.balance.rows import (
    Balanced,
    ByBudget,
    ByTarget,
    OfLab,
    OnCurve,
    Unable,
)
from computesim.workload.skill_range import skill_range

if TYPE_CHECKING:
    from computesim.scenario import Scenario

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked, on the first machine that can."""

    SHOWN: ClassVar = {
        "skill": "job.skill.name",
        "target": "target",
        "budget": "budget",
        "objective": "job.objective",
        "unit": "unit",
        "method": "job.method",
        "samples": "job.samples",
        "model": "job.model.name",
        **{name: f"job.{name}" for name in (
            "requests", "life", "prompt_tokens", "cached_share", "answer_tokens", "length_ratio",
            "rl_scale", "research",
        )},
        "pretraining": "job.skill.pretraining_flop",
        "staleness": "job.skill.staleness",
        "tpot": "job.tpot",
        "price": "job.served_on.price",
        "rl_price": "job.rl_on.price",
        "serving_use": "job.served_on.use",
        "rl_use": "job.rl_on.use",
        "site": "job.served_on.site.name",
        "highest": "highest",
    }  # fmt: skip

    job: Question
    target: float | None  #: accuracy
    budget: float | None  #: in the unit of the objective

    @property
    def unit(self) -> str:
        """The unit of spending."""
        return OBJECTIVES[self.job.objective]

    @property
    def highest(self) -> float:
        """The highest accuracy in the room that is searched."""
        return self.job.quality.highest()


@dataclass(frozen=True, slots=True)
class Balances:
    """The balance on every machine, and how it moves."""

    question: Terms
    fitted: dict[str, tuple[float, float]]  #: range of the data by axis
    answers: list[Balanced | Unable]
    by_requests: list[Balanced]
    by_budget: list[ByBudget] | None = optional()
    curves: list[OnCurve] | None = optional()
    by_target: list[ByTarget] | None = optional()
    by_price: list[Balanced] | None = optional()

    @property
    def able(self) -> list[Balanced]:
        """The machines that can."""
        return [one for one in self.answers if isinstance(one, Balanced)]


def balances(
    questions: Sequence[Question],
    target: float | None,
    budget: float,
    full: bool,
    progress: Progress | None,
) -> Balances:
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
    progress : callable or None
        Called with steps done, steps in all, and what is being done.

    Raises
    ------
    CapacityError
        If nothing reaches the target, or no accelerator serves the model.
    """
    answers = sweep.by_hardware(questions, target, budget)
    pairs = zip(questions, answers, strict=True)
    able = [(question, row) for question, row in pairs if isinstance(row, Balanced)]
    if not able:
        reasons = (row.reason for row in answers if isinstance(row, Unable))
        raise CapacityError("; ".join(dict.fromkeys(reasons)))
    shown, first = able[0]
    goal = target if target is not None else first.accuracy
    moved: list[Balanced] = []
    work = _work(shown, goal, None if target is not None else budget, full, moved)
    volumes = sweep.VOLUMES if full else sweep.VOLUMES[::2]
    varied = [question for question, _ in (able if full else able[:1])]
    total = len(varied) + len(work)
    for n, one in enumerate(varied):
        if progress:
            progress(n, total, f"by requests {one.served_on.accelerator.name}")
        moved += sweep.by_requests(one, goal, volumes)
    results: dict[str, Any] = {}
    for n, (name, compute) in enumerate(work.items(), start=len(varied)):
        if progress:
            progress(n, total, name.replace("_", " "))
        results[name] = compute()
    terms = Terms(shown, target, budget if target is None else None)
    return Balances(terms, dict(shown.known.ranges), answers, moved, **results)


def _work(
    shown: Question, goal: float, budget: float | None, full: bool, moved: Sequence[Balanced]
) -> Mapping[str, Callable[[], Any]]:
    """Return what is still to be computed, by field of `Balances`."""
    work: dict[str, Callable[[], Any]] = {}
    if budget is not None:
        work["by_budget"] = lambda: sweep.by_budget(shown, budget)
    if full:
        work["curves"] = lambda: sweep.curves(shown, goal, _between(moved))
        work["by_target"] = lambda: sweep.by_target(shown, goal)
        if shown.objective == "cost":
            work["by_price"] = lambda: sweep.by_price(shown, goal)
    return work


def _between(rows: Sequence[Balanced]) -> tuple[float, float]:
    """Return the RL computes at which curves begin and end: around all balances."""
    computes = [row.rl_flop for row in rows]
    return min(computes) / 10.0, 3.0 * max(computes)


def of_scenario(scenario: Scenario) -> list[OfLab]:
    """Return what the labs of a scenario decide by year.

    Parameters
    ----------
    scenario : Scenario

    Raises
    ------
    ScenarioError
        With what is wrong with a policy, or if no lab has one.
    """
    if all(lab.policy.kind != LEAST_COST for lab in scenario.labs.values()):
        fault = ("no lab follows the least cost", "`policy: {kind: least_cost, ...}` of a lab")
        raise ScenarioError([Fault("labs", *fault)], scenario.name)
    catalog, rows = scenario.catalog(), []
    for year in scenario.years:
        for lab, solved in demand_at(Moment(scenario, catalog, year)).policies.items():
            at, policy = solved.balance, scenario.labs[lab].policy
            known = skill_range(policy.skill, catalog)
            if policy.follow_pretraining:
                known = known.pretrained(scenario.labs[lab].pretraining.flop.at(year))
            rows.append(
                OfLab(
                    year=year, lab=lab, skill=policy.skill, objective=policy.objective,
                    requests=solved.requests, rl_flop_of_run=solved.rl_flop, rl_flop=at.rl_flop,
                    tokens=at.tokens, samples=at.samples, accuracy=at.accuracy,
                    rl_share=at.rl_share, total=at.total, rl_accelerator=solved.rl_accelerator,
                    serving_accelerator=solved.serving_accelerator,
                    extrapolated=beyond(known, at),
                )
            )  # fmt: skip
    return rows
