"""Predictions of serving cases: a closed-loop benchmark on one replica, simulated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from computesim.arrays import Ints
from computesim.catalog import Catalog
from computesim.cells.serving import as_service
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import ServingLayout, serving_layout, serving_step
from computesim.hardware.serving_efficiency import BANDS, Engine, engine_named
from computesim.quantities import ServingLoad
from computesim.sim.service import Service
from computesim.study.verify.cases import Case
from computesim.study.verify.closed_loop import ROUNDS, Played, play
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.training import dtype_of
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import serving_load

#: prompts and outputs of InferenceX, which draws both from 80 to 100 % of these lengths
INFERENCEX_SHAPES: Final = ((1024, 1024), (1024, 8192), (8192, 1024))
INFERENCEX_RANGE: Final = (0.8, 1.0)
#: others ask for exact lengths. Where prompts are read between decodes, clients fall out of step
#: all the same (time to first token does not depend on the output length); a spread stands in
LOOSE_RANGE: Final = (0.9, 1.1)
EXACT_RANGE: Final = (1.0, 1.0)
#: dtype in which a family is published, where a case tells none
NATIVE: Final = {"deepseek": "fp8", "kimi": "fp8", "gpt-oss": "fp4"}
FOUR_BITS: Final = ("fp4", "int4")
SEED: Final = 1


class Benchmark(NamedTuple):
    """A case with its gaps filled."""

    load: ServingLoad
    machine: Accelerator
    layout: ServingLayout
    engine: Engine
    prompt_tokens: int
    output_tokens: int
    clients: int  #: of one replica
    bounds: tuple[float, float]  #: of a length, ÷ what the case says
    held_steps: float  #: steps after the first token until the client has it


@dataclass(frozen=True, slots=True)
class ServingPredictor:
    """Predicts serving cases; a benchmark that several metrics share is played once."""

    _played: dict[Benchmark, Played] = field(default_factory=dict)
    _steps: dict[tuple[object, ...], tuple[Service, np.ndarray]] = field(default_factory=dict)

    def predict(self, case: Case, catalog: Catalog) -> Verdict:
        """Return the verdict on a case, with the band in which four of five measurements lie.

        See `checks.Predict`; the band is that of models that were not fitted.
        """
        asked = benchmark_of(case, catalog)
        value = measured(case, asked, self.played(asked))
        low, high = BANDS[case.metric]
        note = _described(asked, self._played[asked])
        return Verdict(case, value, note=note, band=(low * value, high * value))

    def played(self, asked: Benchmark) -> Played:
        """Return what the clients of a benchmark see, played if it is new.

        Parameters
        ----------
        asked : Benchmark
        """
        if asked not in self._played:
            self._played[asked] = self._play(asked)
        return self._played[asked]

    def _play(self, asked: Benchmark) -> Played:
        key = (asked.load, asked.machine.name, asked.layout, asked.engine)
        if key not in self._steps:
            step = serving_step(asked.load, asked.machine, asked.layout, engine=asked.engine)
            self._steps[key] = as_service(step), step.weight_seconds
        service, table = self._steps[key]
        prompt, output = lengths(asked)
        longest = int((prompt + output).max())
        if longest > service.kv_capacity_tokens:
            raise CapacityError(
                f"the cache holds {service.kv_capacity_tokens} tokens, fewer than one request "
                f"of {longest}"
            )
        engine = asked.engine
        return play(service, table, prompt, output, asked.clients, engine.mixes, engine.request)


def benchmark_of(case: Case, catalog: Catalog) -> Benchmark:
    """Return the benchmark of a case, its gaps filled.

    Parameters
    ----------
    case : Case
    catalog : Catalog

    Returns
    -------
    Benchmark
        Without a degree of parallelism the layout is chosen. Four-bit checkpoints of models with
        experts keep 16 bits in everything else. The cache has the dtype that the engine takes by
        default.

    Raises
    ------
    CatalogError, CapacityError, ValueError
    """
    model = catalog.model(case.text("model"))
    machine = catalog.accelerator(case.text("accelerator"))
    engine = engine_named(case.text("engine"))
    weights = _weight_dtype(case, model)
    dense = "bf16" if model.n_experts and weights in FOUR_BITS else ""
    cache = dtype_of(case, "kv_dtype") if case.text("kv_dtype") else ""
    load = serving_load(model, weights, cache or engine.kv_dtype(weights, machine), dense)
    layout, replicas = _layout(case, load, machine, engine)
    prompt, output = _length(case, "isl"), _length(case, "osl")
    if (prompt, output) in INFERENCEX_SHAPES:
        bounds = INFERENCEX_RANGE
    else:
        bounds = LOOSE_RANGE if engine.mixes else EXACT_RANGE
    held = case.number("stream_interval")
    return Benchmark(
        load=load,
        machine=machine,
        layout=layout,
        engine=engine,
        prompt_tokens=prompt,
        output_tokens=output,
        clients=max(_length(case, "concurrency") // replicas, 1),
        bounds=bounds,
        held_steps=engine.held_steps if held is None else held,
    )


def _length(case: Case, column: str) -> int:
    number = case.count(column)
    if number is None:
        raise ValueError(f"{column} is empty")
    return number


def _weight_dtype(case: Case, model: Architecture) -> str:
    """Return the dtype of the routed experts, or of all weights of a dense model."""
    columns = ("moe_dtype", "dtype", "gemm_dtype") if model.n_experts else ("dtype", "gemm_dtype")
    for column in columns:
        if case.text(column):
            return dtype_of(case, column)
    return next((dtype for family, dtype in NATIVE.items() if family in model.name), "bf16")


def _layout(
    case: Case, load: ServingLoad, machine: Accelerator, engine: Engine
) -> tuple[ServingLayout, int]:
    """Return the layout of one replica, and how many replicas share the clients."""
    tp, pp, ep, dp = (case.count(name) or 0 for name in ("tp", "pp", "ep", "dp"))
    if not (tp or pp or ep > 1 or dp > 1):
        context = _length(case, "isl") + _length(case, "osl")
        return serving_layout(load, machine, context, engine=engine), 1
    tp, pp, ep = max(tp, 1), max(pp, 1), max(ep, 1)
    if not load.n_experts:
        return ServingLayout(tp=tp, pp=pp), max(dp, 1)
    dp = dp or max(ep // tp, 1)
    if dp > 1:  # attention groups share experts that are spread over all of them
        return ServingLayout(tp=tp, pp=pp, dp=dp, ep=tp * dp), 1
    return ServingLayout(tp=tp, pp=pp, ep=ep if tp % ep == 0 else tp), 1


def lengths(asked: Benchmark) -> tuple[Ints, Ints]:
    """Return the prompts and outputs of all requests of a benchmark, the same for all replicas.

    Parameters
    ----------
    asked : Benchmark

    Returns
    -------
    tuple of array of int, token
        Shape (10 · clients,) each, uniform between the bounds.
    """
    low, high = asked.bounds
    share = low + (high - low) * np.random.default_rng(SEED).random((2, ROUNDS * asked.clients))
    prompt = np.maximum(np.rint(asked.prompt_tokens * share[0]), 1)
    output = np.maximum(np.rint(asked.output_tokens * share[1]), 2)
    return prompt.astype(np.int64), output.astype(np.int64)


def measured(case: Case, asked: Benchmark, played: Played) -> float:
    """Return what a benchmark reports.

    Parameters
    ----------
    case : Case
        Its column `statistic` may say median; published figures of the shipped sources are means
        over all requests, those of the opening burst included.
    asked : Benchmark
    played : Played

    Returns
    -------
    float
        In the unit of the metric.
    """
    centre = np.median if case.text("statistic").lower() == "median" else np.mean
    tpot = float(centre(played.tpot))
    if case.metric == "tpot_ms":
        return tpot * 1e3
    if case.metric == "ttft_ms":
        return (float(centre(played.ttft)) + asked.held_steps * tpot) * 1e3
    tokens = float(lengths(asked)[1].sum())
    return tokens / played.seconds / asked.layout.n_accelerators


def _described(asked: Benchmark, played: Played) -> str:
    degrees = {"tp": asked.layout.tp, "pp": asked.layout.pp, "dp": asked.layout.dp}
    degrees["ep"] = asked.layout.ep
    words = " ".join(f"{name} {n}" for name, n in degrees.items() if n > 1) or "tp 1"
    return f"{words}, weights {asked.load.weight_dtype}, {played.batch:.0f} sequences decode"
