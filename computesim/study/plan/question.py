"""What `plan` is asked: the keys of its question file."""

from __future__ import annotations

from typing import Annotated, Any, Final

from computesim.hardware.layout import RECOMPUTE
from computesim.hardware.layout_degrees import FixedDegrees
from computesim.scenario.context import Complaint, rejected
from computesim.scenario.part import Part, optional, required
from computesim.scenario.question_fields import (
    Count,
    Dtype,
    Info,
    Name,
    Number,
    Seconds,
    SomeCount,
    Word,
    checks,
)
from computesim.scenario.questions import Draft, Question
from computesim.study.plan.batch import BATCH_SCHEDULES

_OF_A_RUN: Final = ("count", "batch_tokens", "batch_schedule", "tokens", "flop", "deadline")


class Layout(Part):
    """Degrees of the layout that are settled; those left out are searched."""

    tp: SomeCount = optional(None, "Tensor parallel size.")
    pp: SomeCount = optional(None, "Pipeline stages.")
    ep: SomeCount = optional(None, "Expert parallel size.")
    cp: SomeCount = optional(None, "Context parallel size.")
    vp: SomeCount = optional(None, "Interleaved pieces of a pipeline stage.")
    dp: SomeCount = optional(None, "Data parallel replicas.")
    micro_batch: SomeCount = optional(None, "Sequences of a microbatch.")
    zero: Annotated[int | None, Number(minimum=0, maximum=3, whole=True)] = optional(
        None, "ZeRO stage: 1 shards the optimiser, 2 gradients too, 3 weights too."
    )
    recompute: Annotated[str | None, Word(*RECOMPUTE)] = optional(
        None, "Activations that the backward pass computes again."
    )

    @property
    def fixed(self) -> FixedDegrees:
        """The same for a search."""
        degrees = dict(self)
        return FixedDegrees(microbatch=degrees.pop("micro_batch"), **degrees)


class PlanQuestion(Question):
    """A training run, of which the layout and, with a deadline, the machine are looked for."""

    model: Annotated[str, Name("models")] = required("A model of `computesim list models`.")
    accelerator: Annotated[str, Name("accelerators")] = required(
        "An accelerator of `computesim list accelerators`."
    )
    count: SomeCount = optional(None, "Accelerators; with a deadline at most so many.")
    tokens: Annotated[float | None, Number("token", minimum=1)] = optional(
        None, "Tokens of the run."
    )
    flop: Annotated[float | None, Number("FLOP", minimum=1)] = optional(
        None, "Or its training FLOP."
    )
    deadline: Seconds = optional(None, "Find the smallest machine that is done by then: `90 day`.")
    seq_len: Count = optional(8192, "Tokens of a sequence.")
    batch_schedule: Annotated[str | None, Word(*BATCH_SCHEDULES)] = optional(
        None, "Batch sizes as published for this model."
    )
    batch_tokens: Annotated[float | None, Number("token", minimum=1)] = optional(
        None, "Tokens of a step; by default a power law of the run's FLOP."
    )
    dtype: Dtype = optional("bf16", "Of the matrix multiplications.")
    site: Annotated[str, Name("sites")] = optional(
        "hyperscale-us", "As in `computesim list sites`."
    )
    layout: Layout = optional({}, "What of the layout is settled; the rest is searched.")
    offload: Annotated[str, Word("auto", "never", "optimiser", "all")] = optional(
        "auto", "State in host memory; auto: where nothing fits without."
    )
    top: Count = optional(15, "Layouts printed.")
    scaling: bool = optional(False, "Utilisation against training FLOP instead.")

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note what is missing, what excludes one another, and what a scaling curve ignores."""
        if draft.value("scaling"):
            degrees = (f"layout.{name}" for name in Layout.model_fields)
            for key in draft.stated(*_OF_A_RUN, *degrees):
                draft.fault(key, "not used by scaling",
                            "which takes model, accelerator, dtype, seq_len")  # fmt: skip
            return
        run = draft.stated("tokens", "flop")
        if len(run) > 1:
            draft.fault("tokens, flop", "both are given", "give one of both")
        if draft.stated("deadline") and not run:
            draft.fault("deadline", "the run is not given", "needs tokens or flop")
        if not draft.stated("count", "deadline"):
            draft.fault("count", "not given", "needed, or a deadline")
        if len(draft.stated("batch_tokens", "batch_schedule")) > 1:
            draft.fault("batch_tokens, batch_schedule", "both are given", "give one")

    @checks("batch_tokens")
    @classmethod
    def _holds_a_sequence(cls, batch: float | None, info: Info) -> float | None:
        """Refuse steps that are shorter than a sequence."""
        schedule, seq_len = info.data.get("batch_schedule"), info.data.get("seq_len", 0)
        tokens = BATCH_SCHEDULES[schedule][0].batch_tokens if schedule else batch
        if tokens is not None and tokens < seq_len:
            short = f"a step of {tokens:,.0f} tokens is shorter than a sequence of {seq_len:,}"
            raise rejected([Complaint((), short, "give more, or a shorter seq_len")])
        return batch
