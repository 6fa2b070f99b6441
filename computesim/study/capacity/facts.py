"""The answers to a question about capacity: records whose numbers know their units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from computesim.errors import CapacityError, Fault, QuestionError
from computesim.hardware.serving import ServingLayout
from computesim.quantities import ServingLoad
from computesim.records import quantity
from computesim.sim.fluid import mean_lengths
from computesim.sim.trace import in_context
from computesim.study.capacity.answers import Tell, capacity
from computesim.study.capacity.demand import Question
from computesim.study.capacity.figures import Machine, Performance, machine_of
from computesim.study.capacity.front import Point, front
from computesim.study.capacity.question import CapacityQuestion
from computesim.study.capacity.search import Answer
from computesim.study.pool.possible import (
    context_remarks,
    layout_faults,
    length_faults,
    refused_all,
)
from computesim.workload.architecture import Architecture


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """Requests of one kind and what they are promised; infinite where nothing is."""

    name: str
    rate: float | None = quantity("request/s", optional=True)  #: None where requests are recorded
    prompt_tokens: float | None = quantity("token", optional=True)
    output_tokens: float | None = quantity("token", optional=True)
    priority: int = quantity("1")
    ttft: float = quantity("s")
    tpot: float = quantity("s/token")
    share: float = quantity("1")
    e2e: float = quantity("s")


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """What is asked."""

    model: str
    recorded_requests: int
    rate: float = quantity("request/s")
    clients: int = quantity("1")
    classes: tuple[ClassFacts, ...] = ()
    remarks: tuple[str, ...] = ()  #: what became of requests that no engine takes as they are

    @property
    def lengths(self) -> tuple[float, float] | None:
        """Mean prompt and output of drawn requests of one class, token; None for others."""
        one = self.classes[0]
        if len(self.classes) > 1 or one.prompt_tokens is None or one.output_tokens is None:
            return None
        return one.prompt_tokens, one.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """One percentile of a class beside what was promised."""

    kind: str = field(metadata={"name": "class"})
    metric: str
    share: float = quantity("1")
    value: float = quantity("s")
    limit: float = quantity("s")
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceleratorAnswer:
    """What one kind of accelerator needs, or can do."""

    accelerator: str
    disaggregated: bool
    found: bool
    kept: bool
    reason: str
    accelerators: int
    replicas: tuple[int, ...]  #: of each kind
    layouts: tuple[ServingLayout, ...]
    rate: float = quantity("request/s")
    percentiles: tuple[Percentile, ...]
    figures: Performance | dict[str, float]  #: empty where nothing can do it
    edge: str
    simulations: int
    considered: tuple[dict[str, Any], ...]  #: all layouts by formula

    @property
    def label(self) -> str:
        """What it is called."""
        return f"{self.accelerator}{', prefill + decode' if self.disaggregated else ''}"


@dataclass(frozen=True, slots=True)
class CapacityAnswer:
    """What was asked, and the answer of each accelerator, in one way or in both."""

    question: QuestionFacts
    goal: str
    answers: tuple[AcceleratorAnswer, ...]

    @property
    def is_kept(self) -> bool:
        """Whether anything can do what is asked."""
        return any(one.kept for one in self.answers)


@dataclass(frozen=True, slots=True)
class FrontAnswer:
    """The Pareto fronts of all accelerators."""

    question: QuestionFacts
    front: tuple[Point, ...]
    files: tuple[str, ...] = ()


def answered(question: CapacityQuestion, tell: Tell | None = None) -> CapacityAnswer:
    """Return what each accelerator needs, or can do.

    Parameters
    ----------
    question : CapacityQuestion
    tell : callable, optional
        Told how far the work is.

    Raises
    ------
    QuestionError, CaseError
        If the trace of the question cannot be used.
    """
    demand, loads, remarks = _inputs(question)
    layouts = _layouts(question)
    jobs = [(machine, load, split) for machine, load in loads for split in question.ways]
    answers = []
    for n, (machine, load, split) in enumerate(jobs):
        answer = capacity(
            demand, load, machine, question.goal, layouts, question.policy, split,
            _part(tell, n, len(jobs)),
        )  # fmt: skip
        answers.append(_answer_facts(answer, demand))
    facts = _question_facts(demand, loads[0][1].name, remarks)
    return CapacityAnswer(facts, question.goal.kind, tuple(answers))


def fronts(question: CapacityQuestion, tell: Tell | None = None) -> FrontAnswer:
    """Return the Pareto front of each accelerator.

    Parameters
    ----------
    question : CapacityQuestion
    tell : callable, optional

    Raises
    ------
    CapacityError
        If the model fits on none of them.
    """
    demand, loads, remarks = _inputs(question)
    layouts = _layouts(question)
    points: list[Point] = []
    for n, (machine, load) in enumerate(loads):
        part = _part(tell, n, len(loads))
        points += front(demand, load, machine, layouts, question.policy, part)
    if not points:
        raise CapacityError(f"{loads[0][1].name} does not fit with such requests")
    return FrontAnswer(_question_facts(demand, loads[0][1].name, remarks), tuple(points))


def _inputs(
    question: CapacityQuestion,
) -> tuple[Question, list[tuple[Machine, ServingLoad]], list[str]]:
    """Return what is asked, of what on each accelerator, and what became of refused requests."""
    demand, catalog = question.demand(), question.tables()
    model = catalog.model(question.model)
    machines = [machine_of(catalog, name) for name in question.accelerators]
    loads = [(one, question.load(model, one.accelerator)) for one in machines]
    faults = [*layout_faults(question, loads[0][1]), *_length_faults(question, demand, model)]
    if faults:
        raise QuestionError(faults, "capacity")
    asked = demand.demand().trace if demand.recorded is None else demand.recorded
    seen = in_context(asked, model.context_length)
    if seen.trace is None:
        fault = question.fault(
            "traffic.trace", *refused_all(asked, model.name, model.context_length)
        )
        raise QuestionError([fault], "capacity")
    remarks = [*context_remarks(seen, model.name, model.context_length, len(asked))]
    recorded = None if demand.recorded is None else seen.trace
    demand = replace(demand, context=model.context_length, recorded=recorded)
    context = mean_lengths(seen.trace).context
    loads = [(one, question.load(model, one.accelerator, context)) for one in machines]
    return demand, loads, remarks


def _length_faults(
    question: CapacityQuestion, demand: Question, model: Architecture
) -> Iterator[Fault]:
    """Yield the classes whose mean request no context holds."""
    for one in demand.classes if demand.recorded is None else ():
        key = f"classes.{one.name}" if question.classes else "traffic"
        lengths = one.prompt_tokens, one.sample_tokens
        yield from length_faults(question, model.name, model.context_length, key, lengths)


def _layouts(question: CapacityQuestion) -> list[ServingLayout] | None:
    """Return the layout that is asked for, None for all that are sensible."""
    layout = question.layout.serving
    return None if layout is None else [layout]


def _question_facts(question: Question, model: str, remarks: Sequence[str]) -> QuestionFacts:
    n = 0 if question.recorded is None else len(question.recorded)
    classes = []
    for one in question.classes:
        drawn: tuple[float | None, ...] = (one.rate, one.prompt_tokens, one.output_tokens)
        rate, prompt, output = drawn if question.recorded is None else (None,) * 3
        level = one.level
        classes.append(ClassFacts(one.name, rate, prompt, output, one.priority, level.ttft,
                                  level.tpot, level.share, level.e2e))  # fmt: skip
    return QuestionFacts(model, n, question.rate, question.clients, tuple(classes),
                         tuple(remarks))  # fmt: skip


def _answer_facts(answer: Answer, question: Question) -> AcceleratorAnswer:
    percentiles = [
        Percentile(
            kind=question.classes[one.kind].name,
            metric=one.metric,
            share=question.classes[one.kind].level.share,
            value=one.value,
            limit=one.limit,
            kept=one.kept,
        )
        for one in answer.outcomes
    ]
    return AcceleratorAnswer(
        accelerator=answer.accelerator,
        disaggregated=answer.split,
        found=answer.plant is not None,
        kept=answer.kept,
        reason=answer.reason,
        accelerators=answer.accelerators,
        replicas=answer.counts,
        layouts=answer.plant.layouts if answer.plant else (),
        rate=answer.rate,
        percentiles=tuple(percentiles),
        figures=answer.figures or {},
        edge=answer.edge,
        simulations=answer.n_runs,
        considered=answer.screened,
    )


def _part(tell: Tell | None, place: int, of: int) -> Callable[[int, int, str], None] | None:
    """Return what tells the progress of one of several jobs."""
    if tell is None:
        return None
    return lambda done, total, text: tell(100 * place + 100 * done // max(total, 1), 100 * of, text)
