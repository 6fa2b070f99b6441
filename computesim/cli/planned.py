"""What `plan` computes: the table of layouts, the run, the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.hardware.parallel import TrainingStep
    from computesim.study.plan.batch import BatchStage
    from computesim.study.plan.layouts import LayoutTable
    from computesim.study.plan.run_level import RunCost


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be planned."""

    model: str
    accelerator: str
    count: int | None
    batch_tokens: float | None
    batch_schedule: str
    seq_len: int
    dtype: str
    tokens: float | None
    flop: float | None
    deadline: str  #: a time, empty for none
    site: str
    top: int
    offload: str = "auto"

    @property
    def seconds(self) -> float | None:
        """The deadline, s; None where there is none.

        Raises
        ------
        UnitError
            If it is no time.
        """
        from computesim.units import parse

        return parse(self.deadline, "s") if self.deadline else None


@dataclass(frozen=True, slots=True)
class _Job:
    """A run with everything looked up."""

    asked: Asked
    catalog: Catalog
    chip: Any
    load: Any
    tokens: float | None
    stages: tuple[BatchStage, ...]
    law: bool  #: the batch comes from the power law

    @property
    def batch(self) -> float:
        """Tokens of a step in the longest stage."""
        return self.stages[-1].batch_tokens


def plan(asked: Asked, overlay: Path | None) -> dict[str, Any]:
    """Return the ranked layouts and, where tokens are given, the run, in base units.

    Parameters
    ----------
    asked : Asked
    overlay : Path or None
        Folder of the user's own catalog tables.
    """
    from computesim.hardware.parallel import no_fit
    from computesim.study.plan.layouts import rank_layouts

    job = _job(asked, overlay)
    count = _machine(job) if asked.deadline else asked.count
    assert count is not None
    table = rank_layouts(job.load, job.chip, count, job.batch, asked.dtype, offload=asked.offload)
    fitting = table.n_fitting
    data = {
        "job": _about(job, count),
        "candidates": len(table),
        "fitting": fitting,
        "losers": table.reasons(),
        "notes": _notes(job, table),
        "layouts": list(table.rows(asked.top)),
        "run": None,
    }
    if not fitting:
        data["fault"] = no_fit(job.load, job.chip, count, table.shortage)
    elif job.tokens is not None:
        data["run"] = _run_data(_run(job, count))
    return data


def _notes(job: _Job, table: LayoutTable) -> list[str]:
    """Return what a reader of the table should know."""
    asked, context = job.asked, job.catalog.model(job.asked.model).context_length
    notes = []
    if table.n_fitting and table.grid.offload[0] and asked.offload == "auto":
        moved = table.layout(0).offload
        what = "the optimiser" if moved == "optimiser" else "weights, gradients and optimiser"
        notes.append(f"Nothing fits on the accelerators alone; with {what} in host memory it does.")
    idle = table.n_accelerators - int(table.used[0])
    if table.n_fitting and idle:
        notes.append(f"Accelerators that idle in the fastest layout: {idle:,}.")
    if context and asked.seq_len > context:
        notes.append(f"{job.load.name} reads {context:,} tokens; sequences are longer.")
    done = job.chip.supported_dtype(asked.dtype)
    if done != asked.dtype:
        notes.append(f"{job.chip.name} has no {asked.dtype}: multiplications run in {done}.")
    return notes


def _job(asked: Asked, overlay: Path | None) -> _Job:
    """Look everything up."""
    from computesim import load_catalog
    from computesim.study.plan.batch import BatchStage, batch_for_compute, batch_schedule
    from computesim.study.plan.scaling import TOKENS_PER_PARAMETER
    from computesim.workload.parameters import parameter_count
    from computesim.workload.transformer import training_load

    catalog = load_catalog(overlay)
    model, chip = catalog.model(asked.model), catalog.accelerator(asked.accelerator)
    load = training_load(model, asked.seq_len)
    tokens = asked.flop / load.flop_per_token if asked.flop is not None else asked.tokens
    if asked.batch_schedule:
        stages = batch_schedule(asked.batch_schedule)
    else:
        trained = tokens or TOKENS_PER_PARAMETER * parameter_count(model).active
        batch = asked.batch_tokens or batch_for_compute(trained * load.flop_per_token)
        stages = (BatchStage(float("inf"), max(round(batch / asked.seq_len), 1) * asked.seq_len),)
        if asked.batch_tokens is not None:
            stages = (BatchStage(float("inf"), asked.batch_tokens),)
    law = not (asked.batch_schedule or asked.batch_tokens)
    return _Job(asked, catalog, chip, load, tokens, stages, law)


def _about(job: _Job, count: int) -> dict[str, Any]:
    """Return what was asked for, with names resolved and defaults filled in."""
    asked = job.asked
    return {
        "model": job.catalog.resolve("models", asked.model),
        "accelerator": job.chip.name,
        "accelerators": count,
        "smallest_machine": bool(asked.deadline),
        "deadline": asked.seconds,
        "batch_tokens": job.batch,
        "batch_from": asked.batch_schedule or ("power law" if job.law else "option"),
        "seq_len": asked.seq_len,
        "dtype": asked.dtype,
        "flop_per_token": job.load.flop_per_token,
    }


def _machine(job: _Job) -> int:
    """Return the accelerators of the smallest machine that meets the deadline."""
    from computesim.study.plan.machine import LARGEST_MACHINE, smallest_machine
    from computesim.study.plan.run_level import Reliability

    asked = job.asked
    assert job.tokens is not None
    assert asked.seconds is not None
    machine = smallest_machine(
        job.load, job.chip, job.tokens, asked.seconds, job.batch, asked.dtype,
        Reliability.of(job.catalog), asked.count or LARGEST_MACHINE, asked.offload,
    )  # fmt: skip
    return machine.n_accelerators


def _run(job: _Job, count: int) -> RunCost:
    """Return time, hours, energy and rent of a run on so many accelerators."""
    from computesim.hardware.parallel import best_layout
    from computesim.study.plan.run_level import Reliability, run_cost

    def step_for(batch: float) -> TrainingStep:
        return best_layout(
            job.load, job.chip, count, batch, job.asked.dtype, offload=job.asked.offload
        )

    assert job.tokens is not None
    return run_cost(
        step_for,
        job.chip,
        job.tokens,
        job.load.flop_per_token,
        job.stages,
        Reliability.of(job.catalog),
        job.asked.dtype,
        job.catalog.site(job.asked.site),
        _rent(job),
    )


def _rent(job: _Job) -> float | None:
    """Return the rent of an accelerator, USD/s, where the catalog has one."""
    name = job.catalog.resolve("accelerators", job.asked.accelerator)
    for parameter in ("rental", "rental_three_years"):
        if job.catalog.has("prices", name, parameter):
            return job.catalog.value("prices", name, parameter)
    return None


def _run_data(run: RunCost) -> dict[str, Any]:
    """Return a run as plain data."""
    return asdict(run) | {
        "goodput": asdict(run.goodput) | {"share": run.goodput.share},
        "accelerator_hours": run.accelerator_hours,
        "all_in_mfu": run.all_in_mfu,
    }
