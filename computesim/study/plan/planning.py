"""A plan: the table of layouts, the run, the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from computesim.calendar import DAY
from computesim.hardware.layout_degrees import SEARCHED
from computesim.hardware.parallel import best_layout, no_fit
from computesim.hardware.training_job import TrainingJob
from computesim.records import optional, quantity
from computesim.study.plan.batch import BatchStage, batch_for_compute, batch_schedule
from computesim.study.plan.layouts import LayoutTable, Ranked, layout_text, rank_layouts
from computesim.study.plan.machine import LARGEST_MACHINE, smallest_machine, sooner_on_fewer
from computesim.study.plan.run_level import Reliability, Rented, RunCost, run_cost
from computesim.study.plan.scaling import TOKENS_PER_PARAMETER
from computesim.study.plan.settled import check_settled
from computesim.workload.parameters import parameter_count
from computesim.workload.transformer import training_load

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.hardware.accelerator import Accelerator
    from computesim.quantities import TrainingLoad
    from computesim.study.plan.question import PlanQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is planned, with names resolved and defaults filled in."""

    model: str
    accelerator: str
    accelerators: int
    smallest_machine: bool
    deadline: float | None = quantity("s")
    batch_tokens: float = quantity("token")
    batch_from: str
    seq_len: int = quantity("token")
    dtype: str
    flop_per_token: float = quantity("FLOP/token")
    settled: dict[str, int | str] | None = optional()  #: degrees that were not searched


@dataclass(frozen=True, slots=True)
class Plan:
    """The ranked layouts of a job and, where its tokens are known, the run."""

    job: Job
    candidates: int
    fitting: int
    losers: dict[str, int]  #: layouts by why they lose
    notes: list[str]
    layouts: list[Ranked]
    run: RunCost | None
    fault: str | None = optional()  #: why nothing fits


@dataclass(frozen=True, slots=True)
class _Run:
    """A question with everything looked up."""

    question: PlanQuestion
    catalog: Catalog
    chip: Accelerator
    load: TrainingLoad
    tokens: float | None
    stages: tuple[BatchStage, ...]

    @property
    def batch(self) -> float:
        """Tokens of a step in the longest stage."""
        return self.stages[-1].batch_tokens

    def job(self, batch_tokens: float) -> TrainingJob:
        """Return the job with steps of so many tokens, and what of its layout is settled."""
        job = TrainingJob.of(self.load, self.chip, batch_tokens, self.question.dtype)
        return replace(job, fixed=self.question.layout.fixed)


def plan(question: PlanQuestion, catalog: Catalog) -> Plan:
    """Return the ranked layouts and, where tokens are given, the run.

    Parameters
    ----------
    question : PlanQuestion
    catalog : Catalog
    """
    run = _looked_up(question, catalog)
    smallest = min(stage.batch_tokens for stage in run.stages)
    at_hand = None if question.deadline else question.count
    check_settled(question, run.job(run.batch), at_hand, smallest)
    count = _machine(run) if question.deadline else question.count
    assert count is not None
    table = rank_layouts(run.job(run.batch), count, offload=question.offload)
    fits, timed = table.n_fitting > 0, run.tokens is not None
    return Plan(
        job=_job(run, count),
        candidates=len(table),
        fitting=table.n_fitting,
        losers=table.reasons(),
        notes=[*_notes(run, table), *(_too_large(run, count) if fits and timed else ())],
        layouts=list(table.rows(question.top)),
        run=_cost(run, count) if fits and timed else None,
        fault=None if fits else no_fit(run.load, run.chip, count, table.shortage),
    )


def _looked_up(question: PlanQuestion, catalog: Catalog) -> _Run:
    model, chip = catalog.model(question.model), catalog.accelerator(question.accelerator)
    load = training_load(model, question.seq_len)
    tokens = question.tokens
    if question.flop is not None:
        tokens = question.flop / load.flop_per_token
    if question.batch_schedule:
        stages = batch_schedule(question.batch_schedule)
    else:
        batch = question.batch_tokens
        if batch is None:
            trained = tokens or TOKENS_PER_PARAMETER * parameter_count(model).active
            law = batch_for_compute(trained * load.flop_per_token)
            batch = max(round(law / question.seq_len), 1) * question.seq_len
        stages = (BatchStage(float("inf"), batch),)
    return _Run(question, catalog, chip, load, tokens, stages)


def _job(run: _Run, count: int) -> Job:
    question = run.question
    law = "power law" if question.batch_tokens is None else "option"
    return Job(
        model=run.catalog.resolve("models", question.model),
        accelerator=run.chip.name,
        accelerators=count,
        smallest_machine=bool(question.deadline),
        deadline=question.deadline,
        batch_tokens=run.batch,
        batch_from=question.batch_schedule or law,
        seq_len=question.seq_len,
        dtype=question.dtype,
        flop_per_token=run.load.flop_per_token,
        settled=question.layout.fixed.settled or None,
    )


def _notes(run: _Run, table: LayoutTable) -> list[str]:
    question, context = run.question, run.catalog.model(run.question.model).context_length
    notes = _searched(run, table)
    if table.n_fitting and table.grid.offload[0] and question.offload == "auto":
        moved = table.layout(0).offload
        what = "the optimiser" if moved == "optimiser" else "weights, gradients and optimiser"
        notes.append(f"Nothing fits on the accelerators alone; with {what} in host memory it does.")
    idle = table.n_accelerators - int(table.used[0])
    if table.n_fitting and idle:
        notes.append(f"Accelerators that idle in the fastest layout: {idle:,}.")
    if context and question.seq_len > context:
        notes.append(f"{run.load.name} reads {context:,} tokens; sequences are longer.")
    done = run.chip.supported_dtype(question.dtype)
    if done != question.dtype:
        notes.append(f"{run.chip.name} has no {question.dtype}: multiplications run in {done}.")
    return notes


def _searched(run: _Run, table: LayoutTable) -> list[str]:
    """Return how the best layout compares with the one that a search of all degrees finds."""
    if not (table.n_fitting and run.question.layout.fixed.settled):
        return []
    free = replace(run.job(run.batch), fixed=SEARCHED)
    best = best_layout(free, table.n_accelerators, offload=run.question.offload)
    ratio = float(table.seconds[0]) / best.seconds
    if abs(ratio - 1.0) < 5e-4:
        return ["With all degrees searched, the best layout is as fast."]
    how = f"{abs(ratio - 1.0) * 100:.1f} % {'slower' if ratio > 1 else 'faster'}"
    return [
        f"With all degrees searched, the best is {layout_text(best.layout)}: "
        f"{best.seconds:.3g} s a step; the settled one is {how}."
    ]


def _too_large(run: _Run, count: int) -> list[str]:
    """Return what to say where fewer accelerators with their share of the batch are faster."""
    assert run.tokens is not None
    reliability = Reliability.of(run.catalog)
    fewer = sooner_on_fewer(
        run.job(run.batch), count, run.tokens, reliability, run.question.offload
    )
    if fewer is None:
        return []
    failures, size = reliability.failures, fewer.n_accelerators
    why = "a number that layouts divide better"
    if count * failures.effective_time(count) < size * failures.effective_time(size):
        why = (f"{count:,} fail every {1.0 / failures.rate(count) / 60:.3g} min and take "
               f"{failures.restart / 60:.3g} min to restart")  # fmt: skip
    return [
        f"{size:,} accelerators with the same batch for each would be done sooner, in "
        f"{fewer.seconds / DAY:.3g} days: {why}."
    ]


def _machine(run: _Run) -> int:
    question = run.question
    assert run.tokens is not None
    assert question.deadline is not None
    machine = smallest_machine(
        run.job(run.batch), run.tokens, question.deadline, Reliability.of(run.catalog),
        question.count or LARGEST_MACHINE, question.offload,
    )  # fmt: skip
    return machine.n_accelerators


def _cost(run: _Run, count: int) -> RunCost:
    """Return time, hours, energy and rent of a run on so many accelerators."""
    question = run.question
    assert run.tokens is not None
    return run_cost(
        lambda batch: best_layout(run.job(batch), count, offload=question.offload),
        Rented(run.chip, question.dtype, run.catalog.site(question.site), _rent(run)),
        run.tokens,
        run.load.flop_per_token,
        run.stages,
        Reliability.of(run.catalog),
    )


def _rent(run: _Run) -> float | None:
    name = run.catalog.resolve("accelerators", run.question.accelerator)
    for price in ("rental", "rental_three_years"):
        if run.catalog.has("prices", name, price):
            return run.catalog.value("prices", name, price)
    return None
