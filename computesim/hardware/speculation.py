"""Decoding with drafted tokens: multi-token prediction, or a small model ahead of the large one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from computesim.hardware.step import StepModel

#: a draft pass ÷ a step of the model: one layer and the LM head of some sixty layers, estimate
DRAFT_COST: Final = 0.03


@dataclass(frozen=True, slots=True)
class Speculation:
    """Tokens that are drafted and then verified in one step of the model."""

    drafted: int  #: tokens ahead of each verified one
    acceptance: float  #: probability that a drafted token is kept, if all before it are
    draft_cost: float = DRAFT_COST  #: seconds of one draft pass ÷ those of a step

    def __post_init__(self) -> None:
        if self.drafted < 1 or not 0.0 <= self.acceptance <= 1.0 or self.draft_cost < 0.0:
            raise ValueError("at least one drafted token, kept with a probability from 0 to 1")

    @property
    def tokens(self) -> float:
        """Tokens of one step and sequence, on average.

        ``Σ_{i=0..k} a^i`` for k drafted tokens of acceptance a.

        Source
        ------
        Leviathan et al., Fast inference from transformers via speculative decoding (2023), eq. 1.
        """
        return float(sum(self.acceptance**i for i in range(self.drafted + 1)))


def speculative(step: StepModel, how: Speculation) -> StepModel:
    """Return a replica that drafts, with the time of a step spread over the tokens that it emits.

    Parameters
    ----------
    step : StepModel
        Without drafted tokens.
    how : Speculation

    Returns
    -------
    StepModel
        Its steps emit one token each, and last as long as the share of a real step that one
        token is: a batch of n sequences verifies n (k + 1) tokens.

    Notes
    -----
    The mean acceptance is applied to every step; its scatter is left out. Prompts are read at
    the pace without drafts: their multiplications are not spread, those of decoded tokens count
    once instead of (k + 1) ÷ tokens times, 8 % too little for one draft kept at 85 %.
    """
    tokens, width = how.tokens, how.drafted + 1
    rows = step.weight_stream.size
    index = np.minimum(np.arange(rows) * width, rows - 1)
    dearer = (1.0 + how.drafted * how.draft_cost) / tokens
    return replace(
        step,
        fixed=step.fixed * dearer,
        compute_offset=step.compute_offset / tokens,
        per_kv_token=step.per_kv_token / tokens,
        per_sequence=step.per_sequence / tokens,
        weight_seconds=step.weight_seconds[:, index] * dearer,
        weight_stream=step.weight_stream[index] * dearer,
    )
