"""What `rl` is asked: the keys of its question file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from computesim.cells.rl.plan import SPREAD
from computesim.errors import Fault, QuestionError
from computesim.hardware.layout_degrees import listed
from computesim.hardware.possible import divides
from computesim.quantities import DTYPE_BYTES
from computesim.scenario.part import optional, required
from computesim.scenario.question_fields import (
    Count,
    Dtype,
    Name,
    Number,
    SomeCount,
    Word,
)
from computesim.scenario.questions import Draft, Question
from computesim.study.rl.gaps import USUAL_GROUP, USUAL_PROMPT
from computesim.workload.transformer import training_load

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator
    from computesim.workload.architecture import Architecture

Seconds = Annotated[float, Number("s", minimum=0)]
SomeTokens = Annotated[float | None, Number("token", minimum=1, maximum=1e7)]


class RLQuestion(Question):
    """One step of RL post-training on one machine, simulated rollout by rollout."""

    model: Annotated[str, Name("models")] = required("A model of `computesim list models`.")
    accelerator: Annotated[str, Name("accelerators")] = required(
        "An accelerator of `computesim list accelerators`."
    )
    count: Count = required("Accelerators of the job.")
    prompts: Count = required("Prompts of a step.")
    group_size: Count = optional(USUAL_GROUP, "Rollouts of a prompt (the G of GRPO).")
    prompt_tokens: Annotated[float, Number("token", minimum=0, maximum=1e7)] = optional(
        USUAL_PROMPT, "Mean of a prompt."
    )
    output_tokens: SomeTokens = optional(
        None, "Mean of a rollout, all turns together; left out, a usual share of the longest."
    )
    max_output_tokens: SomeTokens = optional(
        None, "Where a rollout is cut; left out, four times the mean."
    )
    spread: Annotated[float, Number(positive=True, maximum=4)] = optional(
        SPREAD, "Sd of ln(output tokens) before the cut."
    )
    steps: SomeCount = optional(None, "Steps of the run.")
    learner: Annotated[int, Number(minimum=0, whole=True)] = optional(
        0, "Accelerators that learn; left out, those that do not generate, or all in turn."
    )
    rollout: Annotated[int, Number(minimum=0, whole=True)] = optional(
        0, "Accelerators that generate; left out, those that do not learn, or all in turn."
    )
    staleness: Annotated[float, Number(minimum=0, maximum=1000)] = optional(
        0.0, "Steps that rollouts run ahead of the learner."
    )
    partial_rollouts: bool | None = optional(
        None, "Unfinished rollouts go on with new weights; left out, where the staleness needs it."
    )
    recompute_cache: bool = optional(False, "They then read all that they have again.")
    tp_rollout: SomeCount = optional(None, "Accelerators of a replica; left out, the best.")
    dtype: Dtype = optional("bf16", "Of the learner.")
    rollout_dtype: Annotated[str | None, Word(*DTYPE_BYTES)] = optional(
        None, "Of the weights that generate; that of the learner if left out."
    )
    kv_dtype: Dtype = optional("bf16", "Of the KV cache.")
    minibatches: Count = optional(1, "Optimiser steps of a pass over the rollouts.")
    updates: Annotated[float, Number(positive=True, maximum=1000)] = optional(
        1.0, "Passes over the rollouts that are kept."
    )
    chunks: Count = optional(1, "Parts of a batch that the learner takes as each is finished.")
    keep_share: Annotated[float, Number(minimum=0.01, maximum=1)] = optional(
        1.0, "Groups that are not discarded (dynamic sampling)."
    )
    old_log_probs: bool = optional(True, "The learner computes log-probabilities again.")
    reference: bool = optional(False, "A frozen reference scores each rollout (KL penalty).")
    critic: bool = optional(False, "A critic of the policy's size is trained as well (PPO).")
    turns: Count = optional(1, "Of an agent.")
    tool_seconds: Seconds = optional(0.0, "Mean wait after each turn but the last.")
    tool_tokens: Annotated[float, Number("token", minimum=0, maximum=1e7)] = optional(
        0.0, "Read after each turn but the last."
    )
    verifier_seconds: Seconds = optional(0.0, "Until the verdict on a rollout.")
    verifier_cores: Annotated[int, Number(minimum=0, whole=True)] = optional(
        0, "Rollouts judged at once; 0: all."
    )
    speculation: Annotated[float, Number(minimum=1, maximum=100)] = optional(
        1.0, "Rate of decoding with drafted tokens over the rate without."
    )
    site: Annotated[str, Name("sites")] = optional(
        "hyperscale-us", "As in `computesim list sites`: PUE of the energy."
    )
    seed: Annotated[int, Number(minimum=0, whole=True)] = optional(1, "Seed of all random streams.")

    @classmethod
    def clashes(cls, draft: Draft[Any]) -> None:
        """Note what says nothing by itself."""
        if not draft.stated("output_tokens", "max_output_tokens"):
            draft.fault("output_tokens", "not given", "needed, or max_output_tokens")
        if draft.stated("recompute_cache") and not draft.stated("staleness", "partial_rollouts"):
            draft.fault("recompute_cache", "no rollout outlives a step", "staleness above 0")
        for key in ("tool_seconds", "tool_tokens"):
            if draft.stated(key) and not draft.stated("turns"):
                draft.fault(key, "a single turn calls no tool", "turns above 1")


def check(
    question: RLQuestion,
    model: Architecture,
    accelerator: Accelerator,
    output: tuple[float, float],
    generating: int,
) -> None:
    """Refuse a step that nobody could make, all faults at once.

    Parameters
    ----------
    question : RLQuestion
    model : Architecture
    accelerator : Accelerator
    output : tuple of two float, token
        Mean of a rollout and its cap, gaps filled.
    generating : int
        Accelerators of the rollouts.

    Raises
    ------
    QuestionError
        With what would be possible.
    """
    faults = [
        *_of_sides(question),
        *_of_lengths(question, model, *output),
        *_of_replica(question, model, accelerator, generating),
    ]
    if faults:
        raise QuestionError(faults, "rl")


def _of_sides(question: RLQuestion) -> Iterator[Fault]:
    learner, rollout, count = question.learner, question.rollout, question.count
    if learner == rollout == count:
        return  # both on all of them, in turn
    if learner + rollout > count:
        yield question.fault("learner, rollout", f"{learner + rollout:,} of {count:,} accelerators",
                             f"together at most {count:,}; none where they take turns")  # fmt: skip
    elif max(learner, rollout) == count:
        name = "learner" if learner else "rollout"
        yield question.fault(name, f"all of the {count:,} accelerators",
                             f"1 to {count - 1:,}; left out where they take turns")  # fmt: skip


def _of_lengths(
    question: RLQuestion, model: Architecture, mean: float, cap: float
) -> Iterator[Fault]:
    key = "max_output_tokens" if question.max_output_tokens else "output_tokens"
    if mean > cap:
        yield question.fault("output_tokens", f"a mean of {mean:,.0f} beyond the cap of {cap:,.0f}",
                             f"at most {cap:,.0f}")  # fmt: skip
    before = question.prompt_tokens + (question.turns - 1) * question.tool_tokens
    if before + cap > model.context_length:
        what = f"rollouts of up to {before + cap:,.0f} tokens; {model.name} reads "
        most = max(model.context_length - before, 0)
        yield question.fault(
            key, f"{what}{model.context_length:,}", f"a cap of at most {most:,.0f}"
        )


def _of_replica(
    question: RLQuestion, model: Architecture, accelerator: Accelerator, generating: int
) -> Iterator[Fault]:
    tp, domain, load = question.tp_rollout, accelerator.scaleup_domain, training_load(model, 128)
    inside = [n for n in range(1, domain + 1) if divides(load, n)]
    beyond = range(2 * domain, generating + 1, domain) if accelerator.nic_bandwidth > 0 else []
    possible = [n for n in (*inside, *beyond) if n <= generating]
    if tp is not None and tp not in possible:
        what = (
            f"{tp} of {generating:,} accelerators in domains of {domain} do not share {model.name}"
        )
        yield question.fault("tp_rollout", what, f"possible: {listed(possible)}")
