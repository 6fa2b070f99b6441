"""The layout of a training case of which only some degrees were published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.layout import RECOMPUTE, TrainingLayout
from computesim.hardware.layout_degrees import (
    MOST_EP,
    expert_degrees,
    interleavings,
    powers,
    tensor_degrees,
)
from computesim.hardware.parallel import TrainingStep, best_layout, training_step
from computesim.hardware.training_job import TrainingJob
from computesim.quantities import TrainingLoad

LONGEST_SHARD: Final = 8192  #: tokens of a sequence on one context rank before cp is tried
ROUNDED: Final = 0.05  #: published batches (`2 M tokens`) are rounded by this much at most
DEGREES: Final = ("tp", "pp", "dp", "ep", "cp", "vp", "micro_batch", "zero", "recompute")

Known = Mapping[str, int | str | None]


def step_of(
    load: TrainingLoad,
    accelerator: Accelerator,
    n_accelerators: int,
    batch_tokens: float,
    dtype: str,
    known: Known,
) -> TrainingStep:
    """Return the fastest step among the layouts that agree with what is known.

    Parameters
    ----------
    load : TrainingLoad
    accelerator : Accelerator
    n_accelerators : int
        Degrees that do not divide it are not tried; `dp` follows from the others.
    batch_tokens : float, token
        Of one optimiser step.
    dtype : str
    known : mapping
        `DEGREES` -> the published value, None where unknown.

    Returns
    -------
    TrainingStep
        Of a layout that fits; where none does, of the one that lacks least: it did run.

    Raises
    ------
    CapacityError
        If no layout agrees with what is known.
    """
    if all(known.get(name) is None for name in DEGREES):
        return best_layout(TrainingJob.of(load, accelerator, batch_tokens, dtype), n_accelerators)
    steps = [
        training_step(
            TrainingJob.of(load, accelerator, _whole(batch_tokens, layout, load), dtype), layout
        )
        for layout in _agreeing(load, accelerator, n_accelerators, batch_tokens, known)
    ]
    if not steps:
        raise CapacityError(
            f"no layout of {n_accelerators} x {accelerator.name} agrees with {_shown(known)}"
        )
    return min(steps, key=lambda step: (step.memory.shortage, step.seconds))


def described(step: TrainingStep) -> str:
    """Return a layout in words: `tp8 pp4 dp16, micro-batch 1, full recomputation`.

    Parameters
    ----------
    step : TrainingStep
    """
    layout = step.layout
    names = ("tp", "pp", "vp", "cp", "ep", "dp")
    degrees = [f"{n}{getattr(layout, n)}" for n in names if getattr(layout, n) > 1]
    text = (
        f"{' '.join(degrees) or 'one accelerator'}, zero {layout.zero}, "
        f"micro-batch {layout.microbatch}, recompute {layout.recompute}"
    )
    if layout.offload != "none":
        text += f", offload {layout.offload}"
    lack = step.memory.shortage / 1e9
    return f"{text}; {lack:.0f} GB more than fits" if lack > 0 else text


def _agreeing(
    load: TrainingLoad, accelerator: Accelerator, n: int, batch_tokens: float, known: Known
) -> Iterator[TrainingLayout]:
    """Yield the layouts that agree with what is known."""
    sequences = batch_tokens / load.seq_len
    experts = (load.n_experts or MOST_EP) if load.n_moe_layers else 1
    for tp, pp, cp in product(
        _settled(known, "tp", tensor_degrees(load, accelerator.scaleup_domain)),
        _settled(known, "pp", [p for p in powers(64) if p <= load.n_layers]),
        _settled(known, "cp", powers(max(load.seq_len // LONGEST_SHARD, 1))),
    ):
        dp = n // (tp * pp * cp)
        if dp < 1 or n % (tp * pp * cp):
            continue
        for vp, ep, micro, zero, again in product(
            _settled(known, "vp", interleavings(load.n_layers, pp, load.n_layers)),
            _settled(known, "ep", expert_degrees(experts)),
            _settled(
                known, "micro_batch", [m for m in (1, 2, 4, 8) if m * dp <= max(sequences, dp)]
            ),
            _settled(known, "zero", [1, 3] if pp == 1 and dp > 1 else [1]),
            [known["recompute"]] if known.get("recompute") else RECOMPUTE,
        ):
            if (tp * cp * dp) % ep == 0:
                pieces = vp if pp > 1 else 1  # one stage is not interleaved
                yield TrainingLayout(tp, pp, dp, ep, cp, pieces, zero, micro, str(again))


def _whole(batch_tokens: float, layout: TrainingLayout, load: TrainingLoad) -> float:
    """Return the batch in whole microbatches where a published one differs by its rounding only."""
    unit = layout.dp * layout.microbatch * load.seq_len
    whole = max(round(batch_tokens / unit), 1) * unit
    return whole if abs(whole / batch_tokens - 1.0) <= ROUNDED else batch_tokens


def _settled(known: Known, name: str, otherwise: list[int]) -> list[int]:
    """Return the known degree alone, or what is tried where it is unknown."""
    value = known.get(name)
    return otherwise if value is None else [int(value)]


def _shown(known: Known) -> str:
    return ", ".join(f"{name} {known[name]}" for name in DEGREES if known.get(name) is not None)
