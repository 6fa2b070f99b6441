"""What an RL framework takes beyond kernels and collectives: fitted, or read off other runs."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from computesim.catalog.rows import DATA

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator

TABLE: Final = DATA / "calibration" / "rl.csv"
FITTED: Final = ("layer", "learner", "colocated")
NOBODY: Final = "none"  #: in the column `left_out`: the calibration on all models
#: generations without runs of their own use the coefficients of this one
USUAL_GENERATION: Final = "hopper"


@dataclass(frozen=True, slots=True)
class Framework:
    """What an RL framework needs beyond kernels and collectives at their measured best."""

    layer: float  #: of a layer in each step of the engine: eager launches, sampling, s
    learner: float  #: seconds of the learner ÷ those of a tuned pretraining step
    colocated: float  #: the same where it shares the accelerators with the engine: less memory
    #: of a step and a byte of weights: unloading, resharding, loading, s/B; not fitted but, with
    #: `fixed`, the line through verl's weight updates of Qwen3-30B and 235B (4.4 and 23.7 s)
    per_byte: float = 4.7e-11
    fixed: float = 1.5  #: of a step: waking engines, packing, logging, s
    #: share of the memory for weights and cache of an engine that shares the accelerators
    #: with the learner, and of one of its own. Recipes of NeMo RL set `gpu_memory_utilization` to
    #: 0.6 (default) and to 0.8 (0.88 for Qwen3-235B); activations take some 2 of the 85.9 GB of
    #: an H100
    memory_colocated: float = 0.5774
    memory: float = 0.8103


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that is fitted to published RL steps."""

    framework: Framework
    mean_share: float  #: mean output ÷ cap of runs that publish only the cap


@cache
def calibrations() -> dict[tuple[str, str], Calibration]:
    """Return the shipped coefficients by model left out of the fit and hardware generation.

    Returns
    -------
    dict
        (left_out, generation) -> Calibration; left_out is `NOBODY` for the fit to all models.

    Source
    ------
    `tools.calibrate_rl`, which writes the table.
    """
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shares = {row["left_out"]: float(row["mean_share"]) for row in rows if row["mean_share"]}
    return {
        (row["left_out"], row["generation"]): Calibration(
            Framework(*(float(row[name]) for name in FITTED)),
            shares.get(row["left_out"], shares[NOBODY]),  # no matter of hardware
        )
        for row in rows
    }


def calibration_of(accelerator: Accelerator, left_out: str = NOBODY) -> Calibration:
    """Return the coefficients of an accelerator's generation.

    Parameters
    ----------
    accelerator : Accelerator
    left_out : str
        Model whose runs took no part in the fit.

    Returns
    -------
    Calibration
        That of the fit to all models where the model had no part in it.
    """
    known = calibrations()
    generation = accelerator.generation
    if (NOBODY, generation) not in known:
        generation = USUAL_GENERATION
    return known.get((left_out, generation)) or known[NOBODY, generation]
