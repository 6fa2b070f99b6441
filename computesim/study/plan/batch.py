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


#: Published schedules, tokens of a step by tokens trained. A gradual rise is cut into equal parts
#: with the mean of each; that it is linear is said for GPT-3 only and assumed for DeepSeek.
#: Llama 3: section 3.4.1 and table 4 (16 M are 128 replicas with 16 sequences of 8,192).
#: DeepSeek-V3: section 4.2, 3,072 to 15,360 sequences of 4,096 over 469 B
#: tokens. DeepSeek-V2: section 3.1.2, 2,304 to 9,216 over 225 B. GPT-3: table 2.1 and appendix B,
#: from 32 k to 3.2 M tokens over the first 12 B, the most that it gives for any size.
BATCH_SCHEDULES: Final[dict[str, tuple[BatchStage, ...]]] = {
    "llama-3-405b": (
        BatchStage(252e6, 4.0 * 2**20),
        BatchStage(2.87e12, 8.0 * 2**20),
        BatchStage(float("inf"), 16.0 * 2**20),
    ),
    "deepseek-v3": (
        BatchStage(156e9, 5120 * 4096.0),
        BatchStage(313e9, 9216 * 4096.0),
        BatchStage(469e9, 13312 * 4096.0),
        BatchStage(float("inf"), 15360 * 4096.0),
    ),
    "deepseek-v2": (
        BatchStage(75e9, 3456 * 4096.0),
        BatchStage(150e9, 5760 * 4096.0),
        BatchStage(225e9, 8064 * 4096.0),
        BatchStage(float("inf"), 9216 * 4096.0),
    ),
    "gpt-3": (
        BatchStage(6e9, 0.82e6),
        BatchStage(12e9, 2.41e6),
        BatchStage(float("inf"), 3.2e6),
    ),
}
#: their sources, keys of `sources.csv`
SCHEDULE_SOURCES: Final = {
    "llama-3-405b": "llama3-herd",
    "deepseek-v3": "deepseek-v3-technical-report",
    "deepseek-v2": "deepseek-v2-technical-report",
    "gpt-3": "gpt-3",
}


def batch_schedule(name: str) -> tuple[BatchStage, ...]:
    """Return a published batch schedule.

    Parameters
    ----------
    name : str
        llama-3-405b, deepseek-v3, deepseek-v2 or gpt-3.

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
