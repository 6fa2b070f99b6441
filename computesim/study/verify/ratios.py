"""Ratios of two cases: gains and scaling, where errors that both cases share cancel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from computesim.study.verify.checks import Verification


@dataclass(frozen=True, slots=True)
class Ratio:
    """One case divided by another."""

    name: str
    above: str  #: id of the case that is divided
    below: str  #: id of the case that divides
    factor: float = 1.0  #: by which the ratio is multiplied


@dataclass(frozen=True, slots=True)
class Found:
    """A ratio as predicted and as published."""

    name: str
    ours: float
    theirs: float


def _gain(name: str, sync: str, ahead: str) -> Ratio:
    """Return a gain in time: synchronous ÷ asynchronous."""
    return Ratio(f"synchronous ÷ asynchronous, {name}", f"{sync}-step", f"{ahead}-step")


def _doubled(name: str, small: str, large: str) -> Ratio:
    """Return the efficiency with which twice the accelerators do the same step."""
    return Ratio(f"twice the accelerators, {name}", f"{small}-step", f"{large}-step", 0.5)


_NEMO: Final = "nemo-rl-v0.6"
RATIOS: Final = (
    Ratio(
        "efficiency of 8,192 against 512, Llama-3.1-405B",
        "mlperf-v5.0-llama-3.1-405b-h100-sxm-8192",
        "mlperf-v5.0-llama-3.1-405b-h100-sxm-512",
    ),
    Ratio(
        "efficiency of 4,608 against 96, GPT 177B",
        "megatron-core-177b-strong-4608",
        "megatron-core-177b-strong-96",
    ),
    Ratio(
        "efficiency of 12,288 against 3,072, MegaScale 175B",
        "megascale-table-2-megascale-12288-6144",
        "megascale-table-2-megascale-3072-6144",
    ),
    Ratio(
        "ZeRO-3 at 768 against 384, GPT 175B",
        "megatron-table-2-zero3-174-768-tf",
        "megatron-table-2-zero3-174-384-tf",
    ),
    Ratio(
        "ZeRO-3 at 1,536 against 384, GPT 175B",
        "megatron-table-2-zero3-174-1536-tf",
        "megatron-table-2-zero3-174-384-tf",
    ),
    _doubled(
        "DeepSeek-V3 on 256 H100",
        f"{_NEMO}-deepseek-v3-h100-sxm-256-sync",
        f"{_NEMO}-deepseek-v3-h100-sxm-512-sync",
    ),
    _doubled(
        "Qwen3-235B on 128 H100",
        f"{_NEMO}-qwen3-235b-a22b-h100-sxm-128-sync",
        f"{_NEMO}-qwen3-235b-a22b-h100-sxm-256-sync",
    ),
    _doubled(
        "DeepSeek-V3 on 128 GB200",
        f"{_NEMO}-deepseek-v3-gb200-128-sync",
        f"{_NEMO}-deepseek-v3-gb200-256-sync",
    ),
    _doubled(
        "Qwen3-235B on 64 GB200",
        f"{_NEMO}-qwen3-235b-a22b-gb200-64-sync",
        f"{_NEMO}-qwen3-235b-a22b-gb200-128-sync",
    ),
    *(
        _gain(
            f"AReaL {size.upper()} on the same machine", f"areal-{size}-sync", f"areal-{size}-areal"
        )
        for size in ("1.5b", "7b", "14b", "32b")
    ),
    *(
        _gain(f"{model} on {n} {machine}", f"{stem}-sync", f"{stem}-async")
        for model, n, machine, stem in (
            ("DeepSeek-V3", 512, "H100", f"{_NEMO}-deepseek-v3-h100-sxm-512"),
            ("Qwen3-235B", 256, "H100", f"{_NEMO}-qwen3-235b-a22b-h100-sxm-256"),
            ("DeepSeek-V3", 256, "GB200", f"{_NEMO}-deepseek-v3-gb200-256"),
            ("Qwen3-235B", 128, "GB200", f"{_NEMO}-qwen3-235b-a22b-gb200-128"),
            ("Qwen3-30B", 32, "H100", f"{_NEMO}-qwen3-30b-a3b-h100-sxm-32"),
            ("Qwen3-30B", 16, "GB200", f"{_NEMO}-qwen3-30b-a3b-gb200-16"),
            ("Llama-3.1-8B", 16, "H100", "nemo-rl-v0.5-llama-3.1-8b-h100-sxm-16"),
            ("Llama-3.1-8B", 8, "GB200", "nemo-rl-v0.5-llama-3.1-8b-gb200-8"),
        )
    ),
    *(
        _gain(f"verl 7B on {2 * half} H20", f"verl-colo-{2 * half}", f"verl-async-{half}-{half}")
        for half in (16, 32, 64)
    ),
)


def ratios(verification: Verification) -> Iterator[Found]:
    """Yield the ratios of which both cases are there and predicted; services as disclosed.

    Parameters
    ----------
    verification : Verification
    """
    if verification.kind == "serving":
        from computesim.study.verify.disclosure import disclosed

        yield from (Found(*row) for row in disclosed())
    known = {v.case.text("id"): v for v in verification.verdicts if v.predicted}
    for ratio in RATIOS:
        above, below = known.get(ratio.above), known.get(ratio.below)
        if above and below and above.predicted and below.predicted:
            yield Found(
                ratio.name,
                ratio.factor * above.predicted / below.predicted,
                ratio.factor * above.case.value / below.case.value,
            )
