"""Tokens of a training step: published schedules, and a power law of the compute budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from computesim.errors import near_miss


@dataclass(frozen=True, slots=True)
class BatchStage:
    """A part of a run with one batch size."""

    until_tokens: float  #: tokens trained when it ends; infinity for the last
    batch_tokens: float


#: Published schedules, tokens of a step by tokens trained, recalled and not read again: estimates
#: until they are checked. Llama 3: report, section 3.4.1.
#: DeepSeek-V3: report, section 4.2, sequences 3,072 -> 15,360 of 4,096 "gradually" over 469 B
#: tokens: three equal parts with the mean of each. GPT-3: Brown 2020, appendix B, linear from
#: 32 k tokens over the first 12 B for the largest model: two parts with their means.
BATCH_SCHEDULES: Final[dict[str, tuple[BatchStage, ...]]] = {
    "llama-3-405b": (
        BatchStage(252e6, 4.0e6),
        BatchStage(2.87e12, 8.0e6),
        BatchStage(float("inf"), 16.0e6),
    ),
    "deepseek-v3": (
        BatchStage(156e9, 5120 * 4096.0),
        BatchStage(313e9, 9216 * 4096.0),
        BatchStage(469e9, 13312 * 4096.0),
        BatchStage(float("inf"), 15360 * 4096.0),
    ),
    "gpt-3": (
        BatchStage(6e9, 0.82e6),
        BatchStage(12e9, 2.41e6),
        BatchStage(float("inf"), 3.2e6),
    ),
}


def batch_schedule(name: str) -> tuple[BatchStage, ...]:
    """Return a published batch schedule.

    Parameters
    ----------
    name : str
        llama-3-405b, deepseek-v3 or gpt-3.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if name not in BATCH_SCHEDULES:
        known = ", ".join(BATCH_SCHEDULES)
        hint = near_miss(name, BATCH_SCHEDULES)
        raise ValueError(f"{name!r} is not one of {known}. {hint}".strip())
    return BATCH_SCHEDULES[name]


def batch_for_compute(flop: float) -> float:
    """Return the batch size that suits a compute budget, tokens.

    Parameters
    ----------
    flop : float, FLOP
        Of the whole run.

    Returns
    -------
    float, token

    Notes
    -----
    ``0.2920 C^0.3271``, fitted up to 2e19 FLOP and used by its authors for 7 B (9.4 M) and 67 B
    (18.9 M tokens) models. Beyond 1e24 it is an extrapolation: DeepSeek-V3 took twice as much,
    Llama 3 405B a quarter.

    Source
    ------
    DeepSeek LLM (arXiv 2401.02954), section 3.1.
    """
    if not flop > 0:
        raise ValueError(f"a budget of {flop:g} FLOP trains nothing")
    return float(0.2920 * flop**0.3271)
