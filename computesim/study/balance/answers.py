"""The balance of one model: how much RL, how long chains and how many samples for a quality.

A question names a skill, a model that is served, its requests and the machines; the answers are
those of `computesim.workload.balance`, told in FLOP, dollars, accelerators and watts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from computesim.cells.jobs import RLDemand
from computesim.cells.rates import Served
from computesim.demand.spending import OBJECTIVES, Hired, Outlay
from computesim.errors import UnreachableError
from computesim.lengths import lognormal_length, representative_lengths
from computesim.workload.architecture import Architecture
from computesim.workload.balance import Balance, Spending, best, least
from computesim.workload.iso_quality import Exchange, exchange
from computesim.workload.post_training import rl_step
from computesim.workload.requests import RequestStream
from computesim.workload.rl_recipe import RLRecipe, Schedule
from computesim.workload.room import Quality, room_of
from computesim.workload.skill import Skill
from computesim.workload.skill_range import Assessed, SkillRange

POINT: Final = 0.01  #: one point of accuracy


@dataclass(frozen=True, slots=True)
class Rollouts:
    """How the model is trained, as far as its FLOP/s depend on it."""

    prompts: float = 1024.0  #: of one step
    group_size: float = 16.0
    prompt_tokens: float = 1000.0
    response_tokens: float = 10_000.0
    spread: float = 0.8  #: standard deviation of ln response tokens
    cap: float = 65_536.0  #: token
    mode: str = "asynchronous"
    dtype: str = "bf16"  #: of the learner
    rollout_dtype: str = "fp8"

    def step(self, model: Architecture) -> RLDemand:
        """Return one step of this training.

        Parameters
        ----------
        model : Architecture
        """
        cap = max(self.cap, self.response_tokens)
        law = lognormal_length(self.response_tokens, self.spread, cap)
        recipe = RLRecipe(
            self.prompts, self.group_size, self.prompt_tokens, representative_lengths(law, 8),
            schedule=Schedule(self.mode), rollout_dtype=self.rollout_dtype, kv_dtype="fp8",
        )  # fmt: skip
        return RLDemand(
            "", model, 0.0, recipe, self.response_tokens, self.spread, cap, 1.0, self.dtype,
            rl_step(model, recipe).parts,
        )  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is to be balanced."""

    known: SkillRange  #: the skill, with its uncertainty and the range of its data
    model: Architecture
    requests: float  #: over the life of the model
    life: float  #: for which it is served, s
    rl_on: Hired
    served_on: Hired
    method: str = "consensus"
    samples: int = 1  #: at most
    objective: str = "cost"
    prompt_tokens: float = 1000.0
    cached_share: float = 0.0
    answer_tokens: float = 0.0
    length_ratio: float = 1.0
    spread: float = 1.03
    dtype: str = "fp8"
    kv_dtype: str = "fp8"
    tpot: float = 0.05  #: s
    rl_scale: float = 1.0  #: RL compute of the run ÷ that of the skill alone
    research: float = 0.0  #: accelerator time of experiments ÷ that of the run
    rollouts: Rollouts = field(default_factory=Rollouts)

    @property
    def skill(self) -> Skill:
        """What is to be reached."""
        return self.known.skill

    @cached_property
    def quality(self) -> Quality:
        """The skill, in the room that is searched."""
        taken = self.prompt_tokens + self.answer_tokens
        longest = max(self.model.context_length - taken, 1.0) / self.length_ratio
        room = room_of(self.skill, longest, 1 if self.method == "single" else self.samples)
        return Quality(self.skill, self.method, room)

    @cached_property
    def outlay(self) -> Outlay:
        """What the life of the model takes."""
        stream = RequestStream(
            1.0, self.prompt_tokens, self.cached_share, self.answer_tokens, spread=self.spread
        )
        served = Served(
            self.model, self.dtype, self.kv_dtype, self.tpot, stream, self.length_ratio,
            self.method == "best_of",
        )  # fmt: skip
        return Outlay(
            self.rollouts.step(self.model).job, self.rl_on, (served,), self.served_on,
            self.requests, self.quality.room.tokens, scale=self.rl_scale, research=self.research,
        )  # fmt: skip

    def changed(self, **parts: object) -> Question:
        """Return the question with other parts."""
        return replace(self, **parts)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Bill:
    """A balance in all units."""

    balance: Balance  #: in the unit of the objective
    rl_flop: float  #: research beside the run included, FLOP
    request_flop: float  #: all requests, FLOP
    rl_seconds: float  #: paid accelerator-seconds
    request_seconds: float
    usd: tuple[float, float]  #: RL, requests
    joules: tuple[float, float]  #: at the meter; RL, requests
    life: float  #: s

    @property
    def accelerators(self) -> tuple[float, float]:
        """Accelerators of RL, as if it took the whole life, and of the requests; means."""
        return self.rl_seconds / self.life, self.request_seconds / self.life

    @property
    def watts(self) -> tuple[float, float]:
        """Mean facility watts of the life; RL, requests."""
        return self.joules[0] / self.life, self.joules[1] / self.life


@dataclass(frozen=True, slots=True)
class Answer:
    """The balance of a question, and what it exchanges for."""

    bill: Bill
    flop_exchange: Exchange  #: in FLOP, at the balance
    own_exchange: Exchange  #: in the unit of the objective
    next_point: float | None  #: spending on one more point of accuracy; None: out of reach
    assessed: Assessed  #: the accuracy with its 80 % interval


def solve(question: Question, target: float | None = None, budget: float = 0.0) -> Answer:
    """Return the least spending for a target, or the best quality for a budget.

    Parameters
    ----------
    question : Question
    target : float, optional
        Accuracy; without it the budget counts.
    budget : float
        In the unit of the objective (`OBJECTIVES`), over the life of the model.

    Raises
    ------
    UnreachableError
        With what is reached at most, or paid at least.
    CapacityError
        If the machines do not hold the model.
    """
    quality, spending = question.quality, question.outlay.spending(question.objective)
    if target is None:
        balance = _afforded(question, spending, budget)
    else:
        balance = least(quality, spending, target)
    flop = question.outlay.spending("flop")
    return Answer(
        bill(question, balance),
        exchange(quality, flop, balance),
        exchange(quality, spending, balance),
        _next_point(question, balance),
        question.known.assess(balance.rl_flop, balance.tokens, balance.samples, question.method),
    )


def _afforded(question: Question, spending: Spending, budget: float) -> Balance:
    """Return what a budget buys; one that does not suffice is told in the unit of budgets."""
    try:
        return best(question.quality, spending, budget)
    except UnreachableError as error:
        unit, per = OBJECTIVES[question.objective], 1.0
        if question.objective == "power":  # a budget of power is a mean of the life
            unit, per = "W", question.life
        raise UnreachableError("budget", budget / per, error.limit / per, unit) from error


def _next_point(question: Question, balance: Balance) -> float | None:
    """Return what one more point of accuracy costs beyond a balance, in the unit of the objective.

    None where it is out of reach.
    """
    spending = question.outlay.spending(question.objective)
    try:
        above = least(question.quality, spending, balance.accuracy + POINT)
    except UnreachableError:
        return None
    return above.total - balance.total


def bill(question: Question, balance: Balance) -> Bill:
    """Return a balance in all units.

    Parameters
    ----------
    question : Question
    balance : Balance
    """
    outlay, c, t, k = question.outlay, balance.rl_flop, balance.tokens, balance.samples
    spent = {}
    for objective in OBJECTIVES:
        own = outlay.spending(objective)
        spent[objective] = (own.rl * c, own.requests * own.request(t, k))
    return Bill(
        balance, *spent["flop"], outlay.rl_seconds * c, outlay.seconds(t, k) * outlay.requests,
        spent["cost"], spent["power"], question.life,
    )  # fmt: skip
