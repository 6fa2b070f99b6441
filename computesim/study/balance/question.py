"""What `balance` is asked: the keys of its question file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from computesim.errors import CatalogError
from computesim.scenario.context import Complaint, Context, rejected
from computesim.scenario.part import optional, required
from computesim.scenario.question_fields import (
    Dtype,
    Info,
    Name,
    Names,
    Number,
    Share,
    Tokens,
    Word,
    checks,
)
from computesim.scenario.questions import Draft, Question

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.demand.spending import Hired
    from computesim.study.balance import answers

_USE: Final = "Share of its paid time that an accelerator works at full load"
#: unit of a budget by objective; one of power is a mean of the life
BUDGETS: Final = {"flop": "FLOP", "cost": "USD", "power": "W"}
# what is free cannot be balanced
Price = Annotated[float | None, Number("USD/h", minimum=1e-4, maximum=1e4)]
Use = Annotated[float, Number(minimum=0.001, maximum=1)]


class BalanceQuestion(Question):
    """RL compute, chain length and samples for a skill, at least cost."""

    skill: str = required("What is to be reached: `aime-2024`.")
    target: Annotated[float | None, Number(minimum=0.001, maximum=0.999)] = optional(
        None, "Accuracy to reach at least cost: `75 %`."
    )
    objective: Annotated[str, Word(*BUDGETS)] = optional("cost", "What is least, or budgeted.")
    budget: float | None = optional(
        None, "Instead: what may be spent, FLOP, USD or mean W at the meter."
    )
    requests: Annotated[float, Number(minimum=1e-3, maximum=1e18)] = optional(
        "1e8", "Reasoning requests a day."
    )
    life: Annotated[float, Number("s", minimum=60, maximum=1e10)] = optional(
        "180 day", "For which the model is served."
    )
    method: Annotated[str, Word("single", "consensus", "best_of", "coverage")] = optional(
        "consensus", "How several samples are used."
    )
    samples: Annotated[int, Number(minimum=1, maximum=4096, whole=True)] = optional(
        16, "Of a request, at most."
    )
    model: Annotated[str, Name("models")] = optional("deepseek-v3", "Trained and served.")
    accelerators: Annotated[tuple[str, ...], Names("accelerators")] = optional(
        "h200-sxm", "That serve, one or several."
    )
    rl_accelerator: Annotated[str | None, Name("accelerators")] = optional(
        None, "Of RL; the one that serves if left out."
    )
    price: Price = optional(None, "Rent while serving, USD/h; that of the catalog if left out.")
    rl_price: Price = optional(None, "Rent during RL, likewise.")
    prompt_tokens: Tokens = optional(1000, "Of a request.")
    cached_share: Share = optional(0, "Of the prompt, in a prefix cache.")
    answer_tokens: Annotated[float, Number("token", minimum=0, maximum=1e7)] = optional(
        400, "Visible, beside the reasoning."
    )
    length_ratio: Annotated[float, Number(minimum=1e-4, maximum=100)] = optional(
        1, "Reasoning tokens of a request over those of a problem."
    )
    spread: Annotated[float, Number(minimum=0, maximum=2)] = optional(
        1.03, "Sd of ln(output tokens)."
    )
    tpot: Annotated[float, Number("s", minimum=1e-6, maximum=1e3)] = optional(
        "50 ms", "Time per output token, at most."
    )
    rl_scale: Annotated[float, Number(minimum=1e-6, maximum=1e9)] = optional(
        1, "RL compute of the run over that of the skill alone."
    )
    research: Annotated[float, Number(minimum=0, maximum=1e3)] = optional(
        0, "Accelerator time of experiments over that of the RL run."
    )
    pretraining: Annotated[float | None, Number("FLOP", minimum=1e18, maximum=1e32)] = optional(
        None, "FLOP of the base model; of the skill's family if left out."
    )
    staleness: Annotated[int, Number(minimum=0, maximum=64, whole=True)] = optional(
        1, "Steps by which rollouts lag behind the learner."
    )
    rollout_tokens: Tokens = optional(10_000, "Mean response in RL.")
    serving_use: Use = optional(0.3, f"{_USE}: peaks, spares.")
    rl_use: Use = optional(0.8, f"{_USE}: gaps between runs.")
    dtype: Dtype = optional("fp8", "Of weights, served and in rollouts.")
    kv_dtype: Dtype = optional("fp8", "Of the KV cache.")
    site: Annotated[str, Name("sites")] = optional(
        "hyperscale-global", "Where the watts are drawn."
    )

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note a fault unless one of target and budget is said."""
        goals = draft.stated("target", "budget")
        if len(goals) > 1:
            draft.fault("target, budget", "both are given", "one of them")
        if not goals:
            draft.fault("target", "nothing is asked", "an accuracy such as `75 %`, or a budget")

    @checks("skill")
    @classmethod
    def _is_known(cls, skill: str, info: Info) -> str:
        """Refuse a skill that the catalog does not describe."""
        from computesim.workload.skill_range import skill_range

        try:
            skill_range(skill, _catalog(info))
        except CatalogError as error:
            faults = [Complaint((), f.found, f.accepted, f.hint) for f in error.faults]
            raise rejected(faults) from error
        return skill

    @checks("budget", mode="before", json_schema_input_type=float | str | None)
    @classmethod
    def _in_its_unit(cls, budget: Any, info: Info) -> float | None:
        """Read a budget in the unit of the objective."""
        unit = BUDGETS.get(info.data.get("objective", ""))
        if budget is None or unit is None:
            return None
        number, reading = Number(unit, minimum=1e-12, maximum=1e60).read(
            budget, cast("Context", info.context)
        )
        if reading.complaints:
            raise rejected(reading.complaints)
        return number

    @checks("price", "rl_price")
    @classmethod
    def _has_one(cls, price: float | None, info: Info) -> float | None:
        """Refuse to leave out the price of an accelerator of which no rent is known."""
        if price is None and "accelerators" in info.data and "rl_accelerator" in info.data:
            complaints = list(_unpriced(info))
            if complaints:
                raise rejected(complaints)
        return price

    @property
    def served_on(self) -> tuple[str, ...]:
        """Accelerators that serve, each once."""
        return tuple(dict.fromkeys(self.accelerators))


def _catalog(info: Info) -> Catalog:
    context = cast("Context", info.context)
    assert context.catalog is not None
    return context.catalog


def _unpriced(info: Info) -> Iterator[Complaint]:
    """Yield the accelerators of a price that is left out which have no rent."""
    from computesim.study.capacity.figures import machine_of

    serving, training = info.data["accelerators"], info.data["rl_accelerator"]
    alone = (training,) if training and training not in serving else ()
    for name in dict.fromkeys(serving if info.field_name == "price" else alone):
        if machine_of(_catalog(info), name).rent is None:
            yield Complaint((), f"no rent of {name} is known", "USD/h of an accelerator")


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with everything looked up."""

    questions: list[answers.Question]  #: one for each accelerator
    target: float | None  #: accuracy
    budget: float  #: in the unit of the objective, where there is no target


def problem_of(question: BalanceQuestion) -> Problem:
    """Return a question with everything looked up.

    Parameters
    ----------
    question : BalanceQuestion
    """
    catalog, budget = question.tables(), question.budget or 0.0
    if question.objective == "power":
        budget *= question.life
    questions = [_question(question, name, catalog) for name in question.served_on]
    return Problem(questions, question.target, budget)


def _question(inputs: BalanceQuestion, name: str, catalog: Catalog) -> answers.Question:
    """Return the question for one accelerator."""
    from computesim.study.balance.answers import Question, Rollouts
    from computesim.workload.rl_recipe import STALENESS
    from computesim.workload.skill_range import skill_range

    trainer, rl_price = inputs.rl_accelerator or name, inputs.rl_price
    if rl_price is None and trainer in inputs.accelerators:
        rl_price = inputs.price
    mode = next((m for m, most in STALENESS.items() if inputs.staleness <= most), "asynchronous")
    known = skill_range(inputs.skill, catalog)
    known = replace(known, skill=known.skill.stale(float(inputs.staleness)))
    if inputs.pretraining is not None:
        known = known.pretrained(inputs.pretraining)
    same = ("method", "objective", "dtype", "kv_dtype", "prompt_tokens", "cached_share",
            "answer_tokens", "length_ratio", "spread", "tpot", "rl_scale", "research",
            "life")  # fmt: skip
    return Question(
        known=known,
        model=catalog.model(inputs.model),
        requests=inputs.requests * inputs.life / 86400.0,
        rl_on=_hired(catalog, trainer, rl_price, inputs.rl_use, inputs.site),
        served_on=_hired(catalog, name, inputs.price, inputs.serving_use, inputs.site),
        samples=1 if inputs.method == "single" else inputs.samples,
        rollouts=Rollouts(
            response_tokens=inputs.rollout_tokens, mode=mode, rollout_dtype=inputs.dtype
        ),
        **{field: getattr(inputs, field) for field in same},
    )


def _hired(catalog: Catalog, name: str, price: float | None, use: float, site: str) -> Hired:
    """Return an accelerator at its price."""
    from computesim.demand.spending import Hired
    from computesim.study.capacity.figures import machine_of

    machine = machine_of(catalog, name)
    rent = machine.rent if price is None else price
    assert rent is not None  # see BalanceQuestion._has_one
    return Hired(machine.accelerator, rent, use, catalog.site(site))
