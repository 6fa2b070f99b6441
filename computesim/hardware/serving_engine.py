"""What serving attains of a datasheet, and what the engine costs beside its kernels: one fit.

The coefficients stand in a table that `computesim.study.calibrate_serving` writes: of each
generation of accelerators, of each engine, and once more with each model left out.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, Final

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, efficiency

TABLE: Final = Path(__file__).parents[1] / "data" / "calibration" / "serving.csv"
BANDS: Final = TABLE.with_name("serving_bands.csv")
ENGINES: Final = ("vllm", "sglang", "trtllm")
USUAL: Final = "usual"  #: an engine that nobody names: the geometric mean of the others
NOBODY: Final = "none"  #: in the column `left_out`: the fit to all models
EVERYTHING: Final = "all"  #: owner of what belongs to no generation and no engine
GRAPH_TOKENS: Final = 512  #: larger steps are launched kernel by kernel (vLLM's largest graph)
#: generation -> generation of the fit
FITTED: Final = {
    "hopper": "hopper",
    "blackwell": "blackwell",
    "grace-blackwell": "blackwell",
    "rubin": "blackwell",
}
_DTYPES: Final = {"bf16": "bf16", "fp16": "bf16", "fp8": "fp8", "int8": "fp8", "fp4": "fp4"}
#: coefficients of a generation, as `Efficiency` calls them
_FIELDS: Final = {
    "half_rows": "half_rows",
    "hbm": "hbm",
    "kv_hbm": "kv_hbm",
    "small_message": "small_message",
    "attention": "prefill_attention",
    "grouped": "grouped_gemm",
}


#: engine -> (share of the nominal memory that it leaves alone, share of the rest for the cache).
#: A nominal GB is a GiB of HBM, 1.074e9 B: vLLM and SGLang take 0.9 of it for everything and some
#: 2 GB for activations; TensorRT-LLM takes 0.9 of what weights leave
MEMORY: Final = {"vllm": (0.05, 1.0), "sglang": (0.05, 1.0), "trtllm": (-0.0737, 0.9)}
#: engines that admit a request only when its whole output fits (TensorRT-LLM's default policy)
PROMISING: Final = ("trtllm",)


@dataclass(frozen=True, slots=True)
class ServingEngine:
    """Seconds that an engine takes beside its kernels."""

    step: float  #: of a step: scheduler, sampler, s
    layer: float  #: of a layer in each step: kernels that do not shrink with the batch, s
    moe_layer: float  #: the same, more, of a layer of experts: routing, gathering, s
    sequence: float  #: of a running sequence in each step, s
    launch: float  #: of a layer where a step is launched kernel by kernel, hidden by its work, s
    moe_launch: float  #: the same, more, of a layer of experts, s
    request: float  #: of a request before and after its prompt is read: tokens, transport, s
    waves: float  #: requests of a benchmark ÷ clients; the first wave comes all at once


@cache
def coefficients(left_out: str = NOBODY) -> dict[tuple[str, str], float]:
    """Return the fitted coefficients by owner and name.

    Parameters
    ----------
    left_out : str
        Model whose measurements took no part in the fit.

    Returns
    -------
    dict
        (owner, name) -> value; those of the fit to all models where the model had no part.

    Source
    ------
    `computesim.study.calibrate_serving`, which writes the table.
    """
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = {row["left_out"] for row in rows}
    wanted = left_out if left_out in known else NOBODY
    return {(r["owner"], r["name"]): float(r["value"]) for r in rows if r["left_out"] == wanted}


@cache
def bands() -> dict[str, tuple[float, float]]:
    """Return, by metric, between which factors of a prediction 80 % of measurements lie.

    Returns
    -------
    dict
        metric -> 10 % and 90 % quantile of measured ÷ predicted, each model left out of the fit.

    Source
    ------
    `computesim.study.calibrate_serving`, which writes the table.
    """
    with BANDS.open(encoding="utf-8", newline="") as file:
        return {r["metric"]: (float(r["low"]), float(r["high"])) for r in csv.DictReader(file)}


def serving_engine(name: str = USUAL, left_out: str = NOBODY) -> ServingEngine:
    """Return what an engine costs.

    Parameters
    ----------
    name : str
        vllm, sglang, trtllm or usual.
    left_out : str
        Model whose measurements took no part in the fit.

    Returns
    -------
    ServingEngine

    Raises
    ------
    ValueError
        If no such engine was measured.
    """
    if name not in (*ENGINES, USUAL):
        raise ValueError(f"unknown engine '{name}'; expected {', '.join(ENGINES)} or {USUAL}")
    return engine_of(coefficients(left_out), name)


def engine_of(values: dict[tuple[str, str], float], name: str) -> ServingEngine:
    """Return an engine from coefficients by owner and name.

    Parameters
    ----------
    values : dict
        As `coefficients` returns them.
    name : str
        vllm, sglang, trtllm or usual.
    """
    owners = ENGINES if name == USUAL else (name,)
    fields = ServingEngine.__dataclass_fields__
    means = {f: prod(values[owner, f] for owner in owners) ** (1 / len(owners)) for f in fields}
    return ServingEngine(**means)


def serving_efficiency(
    accelerator: Accelerator, engine: str = USUAL, left_out: str = NOBODY
) -> Efficiency:
    """Return the coefficients of an accelerator in serving.

    Parameters
    ----------
    accelerator : Accelerator
    engine : str
        vllm, sglang, trtllm or usual.
    left_out : str
        Model whose measurements took no part in the fit.

    Returns
    -------
    Efficiency
        Of the fit for Hopper, Blackwell and what follows; the general table for others, with
        the overheads of the engine except on devices.
    """
    own = efficiency_of(coefficients(left_out), accelerator, serving_engine(engine, left_out))
    if accelerator.kind == "device":
        return own
    reserve, share = MEMORY.get(engine, MEMORY["vllm"])
    return replace(own, memory_reserve=reserve, cache_share=share)


def efficiency_of(
    values: dict[tuple[str, str], float], accelerator: Accelerator, costs: ServingEngine
) -> Efficiency:
    """Return the coefficients of an accelerator from those by owner and name.

    Parameters
    ----------
    values : dict
        As `coefficients` returns them.
    accelerator : Accelerator
    costs : ServingEngine
    """
    own = efficiency(accelerator)
    if accelerator.kind == "device":
        return own
    own = replace(
        own,
        step_overhead=costs.step,
        layer_overhead=costs.layer,
        sequence_overhead=costs.sequence,
    )
    owner = FITTED.get(accelerator.generation)
    if owner is None:
        return own
    gemm = {d: values[owner, n] for d, n in _DTYPES.items() if (owner, n) in values}
    found: dict[str, Any] = {field: values[owner, name] for name, field in _FIELDS.items()}
    return replace(
        own, serving_gemm=gemm, expert_imbalance=values[EVERYTHING, "imbalance"], **found
    )
