"""Predictions of training cases: throughput, step time, days and accelerator-hours."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from computesim.catalog import Catalog
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.parallel import TrainingStep
from computesim.quantities import DTYPE_BYTES, TrainingLoad
from computesim.study.plan.partial_layout import described, step_of
from computesim.study.plan.run_level import Reliability
from computesim.study.verify.cases import Case
from computesim.study.verify.prediction import Verdict
from computesim.workload.architecture import Architecture
from computesim.workload.pretraining import hardware_flop_per_token
from computesim.workload.transformer import training_load

USUAL_SEQ_LEN: Final = 4096  #: tokens, where a case does not say; shorter if the context is
TOKENS_PER_ACCELERATOR: Final = 16384.0  #: of a step, where neither batch nor tokens are known
LONGEST_RUN: Final = 90 * 86400.0  #: s, of a run whose machine is unknown (estimate)
USUAL_MFU: Final = 0.4  #: for the size of a machine that a case does not tell (estimate)
USUAL_JOB: Final = 2048  #: accelerators, where neither machine nor tokens are known
#: optimal batch in tokens = factor · FLOP ** exponent. Source: DeepSeek LLM 2024, equation 1
BATCH_LAW: Final = (0.2920, 0.3271)
LARGEST_USUAL_BATCH: Final = 64e6  #: tokens: the largest published ones
LARGEST_BENCHMARK_BATCH: Final = 32e6  #: tokens, where only the machine is known (estimate)

_DTYPES: Final = {"fp16": "bf16", "float16": "bf16", "bfloat16": "bf16", "nvfp4": "fp4"}


@dataclass(frozen=True, slots=True)
class _Job:
    """A case with its gaps filled."""

    model: Architecture
    load: TrainingLoad
    accelerator: Accelerator
    n_accelerators: int
    batch_tokens: float
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Predictor:
    """Predicts training cases; a layout that several metrics share is searched once."""

    _steps: dict[tuple[str, ...], tuple[_Job, TrainingStep]] = field(default_factory=dict)

    def predict(self, case: Case, catalog: Catalog) -> Verdict:
        """Return the verdict on a case: see `checks.Predict`."""
        if case.metric == "flop_per_token":
            return Verdict(case, _load(case, catalog).flop_per_token)
        own = {"id", "metric", "value", "source", "note", "held_out"}
        key = tuple(text for name, text in case.cells.items() if name not in own)
        if key not in self._steps:
            self._steps[key] = _played(case, catalog)
        job, step = self._steps[key]
        return Verdict(case, _value(case.metric, job, step, catalog), note=described(step))


def _played(case: Case, catalog: Catalog) -> tuple[_Job, TrainingStep]:
    job = _job(case, catalog)
    degrees = ("tp", "pp", "dp", "ep", "cp", "vp", "micro_batch", "zero")
    known: dict[str, int | str | None] = {name: case.count(name) for name in degrees}
    known["recompute"] = case.text("recompute").lower() or None
    if known["dp"] is not None and set(known.values()) == {known["dp"], None}:
        known["dp"] = None  # alone it says nothing that n_accelerators does not
    step = step_of(
        job.load, job.accelerator, job.n_accelerators, job.batch_tokens, dtype_of(case), known
    )
    return job, step


def _load(case: Case, catalog: Catalog) -> TrainingLoad:
    model = catalog.model(case.text("model"))
    seq_len = case.count("seq_len") or int(min(model.context_length or 2048, USUAL_SEQ_LEN))
    return training_load(model, seq_len, mtp=case.text("mtp") != "no")


def _job(case: Case, catalog: Catalog) -> _Job:
    load, accelerator = _load(case, catalog), catalog.accelerator(case.text("accelerator"))
    tokens = case.number("tokens")
    n = case.count("n_accelerators") or _product(case) or _usual_size(load, accelerator, tokens)
    batch = case.number("global_batch_tokens") or _usual_batch(load, tokens, n)
    return _Job(catalog.model(case.text("model")), load, accelerator, n, batch, tokens)


def _product(case: Case) -> int | None:
    """Return the accelerators that the degrees need, if they are known."""
    if case.count("dp") is None:
        return None
    return math.prod(case.count(name) or 1 for name in ("tp", "pp", "cp", "dp"))


def _usual_size(load: TrainingLoad, accelerator: Accelerator, tokens: float | None) -> int:
    """Return the power of two that ends a run in time, for a case that tells no size."""
    if tokens is None:
        return USUAL_JOB
    rate = USUAL_MFU * accelerator.peak("bf16")
    needed = load.flop_per_token * tokens / rate / LONGEST_RUN
    return max(64, int(2 ** math.ceil(math.log2(needed))))


def _usual_batch(load: TrainingLoad, tokens: float | None, n: int) -> float:
    """Return the tokens of a step of a case that does not tell them, in whole sequences."""
    batch = min(TOKENS_PER_ACCELERATOR * n, LARGEST_BENCHMARK_BATCH)
    if tokens is not None:
        factor, exponent = BATCH_LAW
        law = factor * math.pow(load.flop_per_token * tokens, exponent)
        batch = min(law, LARGEST_USUAL_BATCH)
    return max(math.pow(2, round(math.log2(batch / load.seq_len))), 1.0) * load.seq_len


def dtype_of(case: Case, column: str = "dtype") -> str:
    """Return the dtype of the matrix multiplications of a case: bf16, fp8 or fp4.

    Parameters
    ----------
    case : Case
    column : str
        `mxfp8` is fp8, `nvfp4` is fp4, `fp16` and an empty cell are bf16.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    word = case.text(column, "bf16").lower()
    word = _DTYPES.get(word, word)
    for dtype in ("fp8", "bf16"):  # fp8-cs, mxfp8, bf16-mixed
        if dtype in word:
            return dtype
    if word not in DTYPE_BYTES:
        raise ValueError(f"unknown {column} '{word}'; accepted: {', '.join(DTYPE_BYTES)}")
    return word


def _value(metric: str, job: _Job, step: TrainingStep, catalog: Catalog) -> float:
    rate = step.tokens_per_second
    if metric == "tokens_per_s_per_accelerator":
        return rate
    if metric == "model_tflops_per_accelerator":
        return rate * job.load.flop_per_token / 1e12
    if metric == "hardware_tflops_per_accelerator":
        return rate * _hardware_flop(job, step) / 1e12
    if metric == "mfu":
        return step.mfu
    if metric == "step_seconds":
        return step.seconds
    if job.tokens is None:
        raise CapacityError(f"{metric} needs the column tokens")
    hours = job.tokens / rate / 3600.0
    if metric == "days":
        return hours / 24.0 / step.n_accelerators
    return hours / Reliability.of(catalog).failures.effective_time(step.n_accelerators)


def _hardware_flop(job: _Job, step: TrainingStep) -> float:
    """Return the FLOP of a token with recomputation and full attention, as Narayanan 2021."""
    again = step.layout.recompute
    return hardware_flop_per_token(job.model, job.load.seq_len, again, causal=False)
