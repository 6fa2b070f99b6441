"""Degrees of a layout that a question settles: refused where nothing can have them all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from computesim.errors import Fault, QuestionError
from computesim.hardware.layout import RECOMPUTE
from computesim.hardware.layout_degrees import breaches, listed
from computesim.hardware.training_job import TrainingJob

if TYPE_CHECKING:
    from computesim.study.plan.question import PlanQuestion

_KEYS = {"microbatch": "micro_batch"}  #: of the question, where they are not called as degrees


def check_settled(
    question: PlanQuestion, job: TrainingJob, n_accelerators: int | None, batch_tokens: float
) -> None:
    """Refuse settled degrees that no layout has, all faults at once.

    Parameters
    ----------
    question : PlanQuestion
    job : TrainingJob
        With the degrees that are settled.
    n_accelerators : int or None
        At hand; None where the machine is yet to be found.
    batch_tokens : float, token
        Of the smallest step of the run.

    Raises
    ------
    QuestionError
        With what is possible instead of each, the others as they are.
    """
    if not job.fixed.settled:
        return
    sequences = batch_tokens / job.load.seq_len
    domain = job.accelerator.scaleup_domain
    faults = [
        question.fault(_keys(breach.degrees), breach.what, f"possible: {breach.possible}")
        for breach in breaches(job.load, domain, job.fixed, n_accelerators, sequences)
    ]
    if not faults and n_accelerators and not len(job.layouts(n_accelerators, question.offload)):
        faults = list(_alternatives(question, job, n_accelerators))
    if faults:
        raise QuestionError(faults, "plan")


def _alternatives(question: PlanQuestion, job: TrainingJob, count: int) -> list[Fault]:
    """Return for each settled degree what it could be if the others stay."""
    settled = job.fixed.settled
    what = ", ".join(f"{name} {degree}" for name, degree in settled.items())
    if question.offload not in ("auto", "never"):
        what += f" and state in host memory ({question.offload})"
    found = f"no layout of {count:,} x {job.accelerator.name} has {what}"
    faults = []
    for name in settled:
        freed = replace(job, fixed=replace(job.fixed, **{name: None}))
        degrees = np.unique(getattr(freed.layouts(count, question.offload), name)).tolist()
        if degrees:
            words = listed(RECOMPUTE[d] if name == "recompute" else d for d in degrees)
            faults.append(
                question.fault(_keys((name,)), found, f"possible with the others: {words}")
            )
    nothing = question.fault(_keys(tuple(settled)), found, "leave out more than one of them")
    return faults or [nothing]


def _keys(degrees: tuple[str, ...]) -> str:
    return ", ".join(f"layout.{_KEYS.get(name, name)}" for name in degrees)
