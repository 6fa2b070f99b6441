"""What can be asked about capacity: the keys of the question file of `capacity`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from computesim.cells.serving import PAGE
from computesim.errors import QuestionError
from computesim.scenario.part import Part, optional, required
from computesim.scenario.question_fields import Names, Number, Seconds, SomeCount, Spread, Word
from computesim.scenario.questions import Draft
from computesim.sim.levels import ServiceLevel
from computesim.sim.records import PROMISE, RECOMPUTE
from computesim.study.capacity.answers import Goal
from computesim.study.capacity.demand import Question, RequestClass, of_recorded
from computesim.study.capacity.pool import Policy
from computesim.study.pool.asked import LANES, Drawn
from computesim.study.pool.question import ServingQuestion
from computesim.study.pool.recorded import recorded

Portion = Number(minimum=0.01, maximum=0.9999)


class Service(Drawn):
    """Which requests come."""

    prompt_spread: Spread = optional(0.0, "Sd of ln(prompt tokens).")


class Level(Part):
    """What is promised."""

    ttft: Seconds = optional(None, "To the first token: `2 s`.")
    tpot: Seconds = optional(None, "Per later token: `40 ms`.")
    e2e: Seconds = optional(None, "To the last token: `60 s`.")
    share: Annotated[float, Portion] = optional(0.9, "Of the requests, promised.")


class Class(Part):
    """Requests of one kind; what is left out is as for all, in `traffic` and `promise`."""

    rate: Annotated[float | None, Number("request/s", positive=True)] = optional(
        None, "Requests/s."
    )
    prompt_tokens: Annotated[float | None, Number("token", minimum=1, maximum=1e7)] = optional(
        None, "Mean."
    )
    output_tokens: Annotated[float | None, Number("token", minimum=1, maximum=1e7)] = optional(
        None, "Mean."
    )
    spread: Annotated[float | None, Number(minimum=0, maximum=4)] = optional(
        None, "Sd of ln(output tokens)."
    )
    prompt_spread: Annotated[float | None, Number(minimum=0, maximum=4)] = optional(
        None, "Sd of ln(prompt tokens)."
    )
    cached_share: Annotated[float | None, Number(minimum=0, maximum=1)] = optional(
        None, "Of each prompt."
    )
    burstiness: Annotated[float | None, Number(minimum=0, maximum=100)] = optional(
        None, "Variation of the gaps."
    )
    priority: Annotated[int, Number(minimum=0, maximum=LANES - 1, whole=True)] = optional(
        0, "0 goes first."
    )
    ttft: Seconds = optional(None, "To the first token.")
    tpot: Seconds = optional(None, "Per later token.")
    e2e: Seconds = optional(None, "To the last token.")
    share: Annotated[float | None, Portion] = optional(None, "Of the requests, promised.")


class CapacityQuestion(ServingQuestion):
    """How many accelerators a service needs, or what some of them can do."""

    accelerators: Annotated[tuple[str, ...], Names("accelerators")] = required(
        "One or several of `computesim list accelerators`."
    )
    replicas: SomeCount = optional(
        None, "Find the highest rate of so many; with a rate: is it kept?"
    )
    disaggregated: Annotated[str, Word("no", "yes", "both")] = optional(
        "both", "Separate replicas for prefill and decode."
    )
    when_full: Annotated[str, Word("promise", "recompute")] = optional(
        "promise", "KV cache: admit when the whole output fits, or preempt the newest."
    )
    token_budget: SomeCount = optional(None, "Tokens of a step of a replica at most.")
    max_batch: SomeCount = optional(None, "Running sequences of a replica at most.")
    traffic: Service = optional({}, "Which requests come.")
    promise: Level = optional({}, "To a share of the requests.")
    classes: dict[str, Class] = optional(
        {}, "Requests of several kinds by name, each with its own rate, lengths and promises."
    )
    pareto: bool = optional(False, "Speed against throughput of a replica instead.")

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note what is missing and what excludes one another."""
        super().clashes(draft)
        if draft.stated("traffic.think") and not draft.stated("traffic.clients"):
            draft.fault("traffic.think", "there are no clients",
                        "only clients of a closed loop think")  # fmt: skip
        budget, batch = (str(draft.value(key) or "") for key in ("token_budget", "max_batch"))
        if budget.isdigit() and batch.isdigit() and 0 < int(budget) < int(batch):
            draft.fault("token_budget", f"{budget} tokens of a step are fewer than its {batch} "
                        "sequences, of which each decodes one", "at least max_batch")  # fmt: skip
        if draft.value("pareto"):
            if draft.stated("replicas"):
                draft.fault("replicas", "not used by pareto", "a front is one of single replicas")
            if draft.stated("traffic.rounds"):
                draft.fault(
                    "traffic.rounds", "not used by pareto", "a front is one of pools at work"
                )
            return
        asks = ("traffic.rate", "traffic.clients", "replicas", "traffic.trace", "classes")
        if not draft.stated(*asks):
            draft.fault("traffic.rate", "nothing is asked", f"one of {', '.join(asks)}; replicas "
                        "alone ask for their highest rate")  # fmt: skip
        if len(draft.stated("traffic.rate", "classes")) > 1 and not draft.stated("traffic.trace"):
            draft.fault("traffic.rate", "classes have rates of their own", "leave it out")

    @property
    def goal(self) -> Goal:
        """What is searched for."""
        if not self.replicas:
            return Goal("fewest", 0)
        traffic, recorded_classes = self.traffic, self.classes and self.traffic.trace
        is_fixed = traffic.clients or traffic.rate is not None or self.classes
        return Goal("check" if is_fixed and not recorded_classes else "highest", self.replicas)

    @property
    def ways(self) -> tuple[bool, ...]:
        """Whether prefill and decode are apart: one way, or both."""
        return {"no": (False,), "yes": (True,), "both": (False, True)}[self.disaggregated]

    @property
    def policy(self) -> Policy:
        """What a replica does with its KV cache and its steps."""
        gives_way = self.when_full == "recompute"
        return Policy(
            RECOMPUTE if gives_way else PROMISE, PAGE, self.token_budget, self.max_batch,
            self.engine, self.held_steps, self.traffic.clients or math.inf,
        )  # fmt: skip

    def demand(self) -> Question:
        """Return the requests to serve, of any length.

        Raises
        ------
        QuestionError
            If a recorded trace has no class of a name.
        CaseError
            If a trace cannot be read.
        """
        traffic, trace = self.traffic, None
        classes = tuple(self._class(name, one) for name, one in self.classes.items())
        classes = classes or (self._class("requests", Class()),)
        if source := traffic.trace:
            file, seed = Path(source.file), self.seed
            trace = recorded(file, source.format, source.span, traffic.rate, seed).trace
            try:
                classes = of_recorded(trace, classes)
            except ValueError as error:
                fault = self.fault("classes", str(error), "classes of the trace")
                raise QuestionError([fault], "capacity") from error
        return Question(classes, trace, traffic.clients or 0, traffic.think or 0.0,
                        traffic.requests, self.seed, traffic.rounds or 0)  # fmt: skip

    def _class(self, name: str, one: Class) -> RequestClass:
        """Return the requests of one kind, what it leaves out as for all."""
        values = {key: value for key, value in self.traffic if key in Class.model_fields}
        values |= dict(self.promise)
        values |= {key: value for key, value in one if value is not None}
        terms = ("ttft", "tpot", "e2e", "share")
        level = ServiceLevel(**{n: values.pop(n) for n in terms if values.get(n) is not None})
        values = {key: v for key, v in values.items() if key not in terms and v is not None}
        values["answer_tokens"] = values.pop("output_tokens")
        if bounds := self.traffic.range:
            values["range"] = (bounds.least, bounds.most)
        return replace(RequestClass(name=name, level=level), **values)
