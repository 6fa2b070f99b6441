"""What the options of `balance` ask, and everything that is wrong with them at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from computesim.errors import FaultyInputError

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.demand.spending import Hired
    from computesim.errors import Fault
    from computesim.study.balance.answers import Question

#: option -> unit, least, most in this unit; what is left empty is not asked
NUMBERS: Final[dict[str, tuple[str, float, float]]] = {
    "target": ("1", 0.001, 0.999),
    "requests": ("1", 1e-3, 1e18),
    "life": ("s", 60.0, 1e10),
    "prompt_tokens": ("token", 1.0, 1e7),
    "cached_share": ("1", 0.0, 1.0),
    "answer_tokens": ("token", 0.0, 1e7),
    "length_ratio": ("1", 1e-4, 100.0),
    "spread": ("1", 0.0, 2.0),
    "tpot": ("s", 1e-6, 1e3),
    "pretraining": ("FLOP", 1e18, 1e32),
    "rl_scale": ("1", 1e-6, 1e9),
    "research": ("1", 0.0, 1e3),
    "rollout_tokens": ("token", 1.0, 1e7),
    "price": ("USD/h", 1e-4, 1e4),  # nothing can be balanced against what is free
    "rl_price": ("USD/h", 1e-4, 1e4),
    "serving_use": ("1", 0.001, 1.0),
    "rl_use": ("1", 0.001, 1.0),
}
BUDGETS: Final = {"flop": "FLOP", "cost": "USD", "power": "W"}  #: unit of a budget by objective


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `balance` for a skill."""

    skill: str
    numbers: dict[str, str]  #: keys of `NUMBERS`
    budget: str
    objective: str
    method: str
    samples: int
    staleness: int
    model: str
    accelerators: tuple[str, ...]
    rl_accelerator: str
    dtypes: tuple[str, str]
    site: str
    overlay: Path | None = None


@dataclass(slots=True)
class Reader:
    """Reads the options and collects what is wrong with them."""

    asked: Asked
    catalog: Catalog
    faults: list[Fault] = field(default_factory=list)
    known: dict[str, float] = field(default_factory=dict)

    def questions(self) -> tuple[list[Question], float | None, float]:
        """Return the question for each accelerator, the target, and the budget where there is none.

        Raises
        ------
        FaultyInputError
            With every fault.
        """
        asked = self.asked
        for name, (unit, low, high) in NUMBERS.items():
            self._number(name, asked.numbers.get(name, ""), unit, low, high)
        self._words()
        budget = self._budget()
        things = self._things()
        if self.faults or things is None:
            raise FaultyInputError(self.faults, "balance")
        return [self._question(things, name) for name in asked.accelerators], *budget

    def _budget(self) -> tuple[float | None, float]:
        """Return target and budget, one of which counts."""
        asked, life = self.asked, self.known.get("life", 0.0)
        given = bool(asked.numbers.get("target")), bool(asked.budget)
        if given == (True, True):
            self._fault("--target, --budget", "both are given", "one of them")
        if given == (False, False):
            self._fault("--target", "nothing is asked", "an accuracy such as `75 %`, or a --budget")
        unit = BUDGETS.get(asked.objective, "1")
        value = self._number("budget", asked.budget, unit, 1e-12, 1e60)
        if value is not None and asked.objective == "power":
            value *= life
        return self.known.get("target"), value or 0.0

    def _words(self) -> None:
        """Note words that are not accepted."""
        from computesim.errors import near_miss
        from computesim.quantities import DTYPE_BYTES
        from computesim.workload.skill import METHODS

        asked = self.asked
        for option, word, known in (
            ("--objective", asked.objective, tuple(BUDGETS)),
            ("--method", asked.method, METHODS),
            ("--dtype", asked.dtypes[0], tuple(DTYPE_BYTES)),
            ("--kv-dtype", asked.dtypes[1], tuple(DTYPE_BYTES)),
        ):
            if word not in known:
                accepted = f"one of {', '.join(known)}"
                self._fault(option, repr(word), accepted, near_miss(word, known))

    def _things(self) -> dict[str, Any] | None:
        """Return skill, model, accelerators with their rents, and site."""
        from computesim.errors import CatalogError
        from computesim.study.capacity.figures import machine_of
        from computesim.workload.skill_range import skill_range

        asked, catalog = self.asked, self.catalog
        found: dict[str, Any] = {}
        lookups: list[tuple[str, str, Callable[[str], Any]]] = [
            ("skill", asked.skill, lambda name: skill_range(name, catalog)),
            ("--model", asked.model, catalog.model),
            ("--site", asked.site, catalog.site),
        ]
        machines = dict.fromkeys((*asked.accelerators, asked.rl_accelerator))
        machines.pop("", None)
        lookups += [(f"--accelerator {n}", n, lambda n: machine_of(catalog, n)) for n in machines]
        for key, name, find in lookups:
            try:
                found[key] = find(name)
            except CatalogError as error:
                for fault in error.faults:
                    self._fault(key.split()[0], fault.found, fault.accepted, fault.hint)
        for name in machines:
            machine = found.get(f"--accelerator {name}")
            if machine is not None and machine.rent is None:
                self._priced(name)
        return None if self.faults else found

    def _priced(self, name: str) -> None:
        """Note a price that is missing of an accelerator without a rent."""
        asked, told = self.asked, f"no rent of {name} is known"
        if name in asked.accelerators:
            if "price" not in self.known:
                self._fault("--price", told, "USD/h of an accelerator")
        elif "rl_price" not in self.known:
            self._fault("--rl-price", told, "USD/h of an accelerator")

    def _question(self, things: dict[str, Any], name: str) -> Question:
        """Return the question for one accelerator."""
        from computesim.study.balance.answers import Question, Rollouts
        from computesim.workload.rl_recipe import STALENESS

        asked, known = self.asked, self.known
        trainer = asked.rl_accelerator or name
        price = known.get("price")
        rl_price = known.get("rl_price", price if trainer in asked.accelerators else None)
        mode = next((m for m, most in STALENESS.items() if asked.staleness <= most), "asynchronous")
        skill = things["skill"]
        skill = replace(skill, skill=skill.skill.stale(float(asked.staleness)))
        if "pretraining" in known:
            skill = skill.pretrained(known["pretraining"])
        kept = ("prompt_tokens", "cached_share", "answer_tokens", "length_ratio", "spread", "tpot",
                "rl_scale", "research", "life")  # fmt: skip
        return Question(
            known=skill,
            model=things["--model"],
            requests=known["requests"] * known["life"] / 86400.0,
            rl_on=self._hired(things, trainer, rl_price, "rl_use"),
            served_on=self._hired(things, name, price, "serving_use"),
            method=asked.method,
            samples=asked.samples,
            objective=asked.objective,
            dtype=asked.dtypes[0],
            kv_dtype=asked.dtypes[1],
            rollouts=Rollouts(
                response_tokens=known["rollout_tokens"], mode=mode, rollout_dtype=asked.dtypes[0]
            ),
            **{key: known[key] for key in kept},
        )

    def _hired(self, things: dict[str, Any], name: str, price: float | None, use: str) -> Hired:
        """Return an accelerator at its price."""
        from computesim.demand.spending import Hired

        machine = things[f"--accelerator {name}"]
        rent = machine.rent if price is None else price
        return Hired(machine.accelerator, rent, self.known[use], things["--site"])

    def _number(self, name: str, text: str, unit: str, low: float, high: float) -> float | None:
        """Return an option as a number in base units, and keep it; None where it is not given."""
        from computesim.errors import UnitError
        from computesim.units import parse, scale

        if not text:
            return None
        option = f"--{name.replace('_', '-')}"
        about = f"a number in {unit}" if unit != "1" else "a number"
        upwards = f"{about}, {low:g} or more"
        accepted = upwards if high >= 1e18 else f"{about} from {low:g} to {high:g}"
        try:
            value = parse(text, unit)
        except UnitError as error:
            self._fault(option, str(error), accepted)
            return None
        if not low <= value / scale(unit) <= high or math.isinf(value):
            self._fault(option, repr(text), accepted)
            return None
        self.known[name] = value
        return value

    def _fault(self, key: str, found: str, accepted: str, hint: str = "") -> None:
        from computesim.errors import Fault

        self.faults.append(Fault(key, found, accepted, hint=hint))
