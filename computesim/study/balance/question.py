"""What `balance` is asked, and everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from computesim.errors import Fault, FaultyInputError
from computesim.quantities import DTYPE_BYTES
from computesim.records import parameter
from computesim.study.questions import (
    lookup_faults,
    name_faults,
    number_of,
    numbers_of,
    word_faults,
)

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.demand.spending import Hired
    from computesim.study.balance.answers import Question

_USE: Final = "Share of its paid time that an accelerator works at full load"
_DTYPES: Final = tuple(DTYPE_BYTES)
_METHODS: Final = ("single", "consensus", "best_of", "coverage")
#: unit of a budget by objective; one of power is a mean of the life
BUDGETS: Final = {"flop": "FLOP", "cost": "USD", "power": "W"}
_PRICE: Final = {"unit": "USD/h", "least": 1e-4, "most": 1e4}  # what is free cannot be balanced


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A question about a skill, as a person gives it."""

    target: str = parameter("Accuracy to reach at least cost: `75 %`.", "", unit="1", least=0.001,
                            most=0.999)  # fmt: skip
    budget: str = parameter("Instead: what may be spent, FLOP, USD or mean W at the meter.", "")
    objective: str = parameter("What is least, or budgeted.", "cost", words=tuple(BUDGETS),
                               metavar="flop|cost|power")  # fmt: skip
    requests: str = parameter("Reasoning requests a day.", "1e8", unit="1", least=1e-3, most=1e18)
    life: str = parameter("For which the model is served.", "180 day", unit="s", least=60.0,
                          most=1e10)  # fmt: skip
    method: str = parameter("How several samples are used.", "consensus", words=_METHODS,
                            metavar="|".join(_METHODS))  # fmt: skip
    samples: int = parameter("Of a request, at most.", 16, least=1, most=4096)
    model: str = parameter("Trained and served.", "deepseek-v3", names="models")
    accelerator: list[str] | None = parameter(
        "That serves, h200-sxm if left out; repeatable.", None
    )
    rl_accelerator: str = parameter("Of RL; the one that serves if left out.", "")
    price: str = parameter(
        "Rent while serving, USD/h; that of the catalog if left out.", "", **_PRICE
    )
    rl_price: str = parameter("Rent during RL, likewise.", "", **_PRICE)
    prompt_tokens: str = parameter("Of a request.", "1000", unit="token", least=1.0, most=1e7)
    cached_share: str = parameter("Of the prompt, in a prefix cache.", "0", unit="1", most=1.0)
    answer_tokens: str = parameter("Visible, beside the reasoning.", "400", unit="token", most=1e7)
    length_ratio: str = parameter(
        "Reasoning tokens of a request over those of a problem.", "1", unit="1", least=1e-4,
        most=100.0,
    )  # fmt: skip
    spread: str = parameter("Sd of ln(output tokens).", "1.03", unit="1", most=2.0)
    tpot: str = parameter("Time per output token, at most.", "50 ms", unit="s", least=1e-6,
                          most=1e3)  # fmt: skip
    rl_scale: str = parameter("RL compute of the run over that of the skill alone.", "1", unit="1",
                              least=1e-6, most=1e9)  # fmt: skip
    research: str = parameter(
        "Accelerator time of experiments over that of the RL run.", "0", unit="1", most=1e3
    )
    pretraining: str = parameter(
        "FLOP of the base model; of the skill's family if left out.", "", unit="FLOP", least=1e18,
        most=1e32,
    )  # fmt: skip
    staleness: int = parameter("Steps by which rollouts lag behind the learner.", 1, least=0,
                               most=64)  # fmt: skip
    rollout_tokens: str = parameter("Mean response in RL.", "10000", unit="token", least=1.0,
                                    most=1e7)  # fmt: skip
    serving_use: str = parameter(f"{_USE}: peaks, spares.", "0.3", unit="1", least=0.001, most=1.0)
    rl_use: str = parameter(f"{_USE}: gaps between runs.", "0.8", unit="1", least=0.001, most=1.0)
    dtype: str = parameter("Of weights, served and in rollouts.", "fp8", words=_DTYPES)
    kv_dtype: str = parameter("Of the KV cache.", "fp8", words=_DTYPES)
    site: str = parameter("Where the watts are drawn.", "hyperscale-global", names="sites")

    @property
    def accelerators(self) -> tuple[str, ...]:
        """Those that serve."""
        return tuple(dict.fromkeys(self.accelerator or ["h200-sxm"]))


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with everything looked up."""

    questions: list[Question]  #: one for each accelerator
    target: float | None  #: accuracy
    budget: float  #: in the unit of the objective, where there is no target


def problem_of(inputs: Inputs, skill: str, catalog: Catalog) -> Problem:
    """Return a question with everything looked up.

    Parameters
    ----------
    inputs : Inputs
    skill : str
    catalog : Catalog

    Raises
    ------
    FaultyInputError
        With every fault.
    """
    from computesim.workload.skill_range import skill_range

    numbers, faults = numbers_of(inputs)
    faults += [*word_faults(inputs), *_goal_faults(inputs)]
    budget = 0.0
    if inputs.budget and inputs.objective in BUDGETS:
        limits = {"unit": BUDGETS[inputs.objective], "least": 1e-12, "most": 1e60}
        number = number_of(inputs.budget, "--budget", limits)
        faults += [number] if isinstance(number, Fault) else []
        budget = 0.0 if isinstance(number, Fault) else number
    faults += lookup_faults("skill", skill, lambda name: skill_range(name, catalog))
    faults += name_faults(inputs, catalog)
    faults += _machine_faults(inputs, numbers, catalog)
    if faults:
        raise FaultyInputError(faults, "balance")
    if inputs.objective == "power":
        budget *= numbers["life"]
    questions = [_question(inputs, skill, name, numbers, catalog) for name in inputs.accelerators]
    return Problem(questions, numbers.get("target"), budget)


def _goal_faults(inputs: Inputs) -> Iterator[Fault]:
    """Yield a fault unless one of target and budget is given."""
    if inputs.target and inputs.budget:
        yield Fault("--target, --budget", "both are given", "one of them")
    if not (inputs.target or inputs.budget):
        accepted = "an accuracy such as `75 %`, or a --budget"
        yield Fault("--target", "nothing is asked", accepted)


def _machine_faults(inputs: Inputs, numbers: dict[str, float], catalog: Catalog) -> Iterator[Fault]:
    """Yield accelerators that are not known, or have neither a rent nor a price."""
    from computesim.study.capacity.figures import machine_of

    for name in filter(None, dict.fromkeys((*inputs.accelerators, inputs.rl_accelerator))):
        unknown = lookup_faults("--accelerator", name, lambda one: machine_of(catalog, one))
        yield from unknown
        option = "price" if name in inputs.accelerators else "rl_price"
        if not unknown and machine_of(catalog, name).rent is None and option not in numbers:
            key = f"--{option.replace('_', '-')}"
            yield Fault(key, f"no rent of {name} is known", "USD/h of an accelerator")


def _question(
    inputs: Inputs, skill: str, name: str, numbers: dict[str, float], catalog: Catalog
) -> Question:
    """Return the question for one accelerator."""
    from computesim.study.balance.answers import Question, Rollouts
    from computesim.workload.rl_recipe import STALENESS
    from computesim.workload.skill_range import skill_range

    trainer = inputs.rl_accelerator or name
    price = numbers.get("price")
    rl_price = numbers.get("rl_price", price if trainer in inputs.accelerators else None)
    mode = next((m for m, most in STALENESS.items() if inputs.staleness <= most), "asynchronous")
    known = skill_range(skill, catalog)
    known = replace(known, skill=known.skill.stale(float(inputs.staleness)))
    if "pretraining" in numbers:
        known = known.pretrained(numbers["pretraining"])
    same = ("prompt_tokens", "cached_share", "answer_tokens", "length_ratio", "spread", "tpot",
            "rl_scale", "research", "life")  # fmt: skip

    def hired(machine: str, rent: float | None, use: str) -> Hired:
        return _hired(catalog, machine, rent, numbers[use], inputs.site)

    return Question(
        known=known,
        model=catalog.model(inputs.model),
        requests=numbers["requests"] * numbers["life"] / 86400.0,
        rl_on=hired(trainer, rl_price, "rl_use"),
        served_on=hired(name, price, "serving_use"),
        method=inputs.method,
        samples=1 if inputs.method == "single" else inputs.samples,
        objective=inputs.objective,
        dtype=inputs.dtype,
        kv_dtype=inputs.kv_dtype,
        rollouts=Rollouts(
            response_tokens=numbers["rollout_tokens"], mode=mode, rollout_dtype=inputs.dtype
        ),
        **{field: numbers[field] for field in same},
    )


def _hired(catalog: Catalog, name: str, price: float | None, use: float, site: str) -> Hired:
    """Return an accelerator at its price."""
    from computesim.demand.spending import Hired
    from computesim.study.capacity.figures import machine_of

    machine = machine_of(catalog, name)
    rent = machine.rent if price is None else price
    assert rent is not None  # see _machine_faults
    return Hired(machine.accelerator, rent, use, catalog.site(site))
