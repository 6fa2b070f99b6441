"""Predictions of serving cases: time per output token, time to first token, throughput."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from computesim.catalog import Catalog
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import ServingLayout, serving_layout, serving_step
from computesim.hardware.serving_engine import (
    ENGINES,
    NOBODY,
    USUAL,
    ServingEngine,
    bands,
    coefficients,
    serving_efficiency,
    serving_engine,
)
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad
from computesim.study.cases import Case
from computesim.study.serving_bench import Bench, Measured, play
from computesim.study.verify import Prediction
from computesim.study.verify_training import dtype_of
from computesim.workload.transformer import serving_load

# what a case does not tell; all of them estimates
USUAL_PROMPT: Final = 1024  #: tokens
USUAL_OUTPUT: Final = 1024  #: tokens
USUAL_CLIENTS: Final = 32
#: engines that store the KV cache as the weights are stored: those of 8 bits or fewer in fp8
NARROW_CACHE: Final = ("trtllm",)


@dataclass(frozen=True, slots=True)
class ServingPredictor:
    """Predicts serving cases; a benchmark that several metrics share is simulated once."""

    _played: dict[tuple[Point, str], Measured] = field(default_factory=dict)

    def predict(self, case: Case, catalog: Catalog) -> Prediction:
        """Return the prediction for a case, and the one of a fit without its model.

        Parameters
        ----------
        case : Case
        catalog : Catalog

        Returns
        -------
        Prediction

        Raises
        ------
        CatalogError, CapacityError, SimulationError, ValueError
            If there is none, with the reason.
        """
        point = point_of(case, catalog)
        held_out = None
        if coefficients(point.load.name) != coefficients():
            held_out = _value(case, self._measured(point, point.load.name))
        value = _value(case, self._measured(point, NOBODY))
        low, high = bands().get(case.metric, (math.nan, math.nan))
        band = None if math.isnan(low) else (value * low, value * high)
        return Prediction(value, _described(point), held_out, band)

    def _measured(self, point: Point, left_out: str) -> Measured:
        """Return a benchmark, simulated if it is new."""
        if (point, left_out) not in self._played:
            self._played[point, left_out] = play(bench_of(point, left_out))
        return self._played[point, left_out]


@dataclass(frozen=True, slots=True)
class Point:
    """One measured point, before anything is said about coefficients."""

    load: ServingLoad
    machine: Accelerator
    layout: ServingLayout
    engine: str
    prompt_tokens: int
    output_tokens: int
    clients: int

    def bench(self, step: StepModel, costs: ServingEngine) -> Bench:
        """Return the benchmark on a replica with given step times."""
        lengths = self.prompt_tokens, self.output_tokens
        return Bench(step, self.engine, costs, *lengths, self.clients)


def point_of(case: Case, catalog: Catalog) -> Point:
    """Return what a case measures, its gaps filled.

    Parameters
    ----------
    case : Case
    catalog : Catalog

    Returns
    -------
    Point
    """
    machine = catalog.accelerator(case.text("accelerator"))
    engine = case.text("engine", USUAL).lower()
    dtype = dtype_of(case)
    kv_dtype = case.text("kv_dtype") or usual_cache(engine, dtype)
    load = serving_load(catalog.model(case.text("model")), dtype, kv_dtype)
    layout = _layout(case, load.n_experts > 0)
    if layout is None:
        own, costs = serving_efficiency(machine, engine), serving_engine(engine)
        context = float(sum(_lengths(case)))
        layout = serving_layout(load, machine, context, coefficients=own, engine=costs)
    clients = case.count("concurrency") or USUAL_CLIENTS
    return Point(load, machine, layout, engine, *_lengths(case), clients)


def bench_of(point: Point, left_out: str = NOBODY) -> Bench:
    """Return the benchmark of a point with the shipped coefficients.

    Parameters
    ----------
    point : Point
    left_out : str
        Model whose measurements took no part in the fit.

    Returns
    -------
    Bench
    """
    costs = serving_engine(point.engine, left_out)
    own = serving_efficiency(point.machine, point.engine, left_out)
    step = serving_step(point.load, point.machine, point.layout, coefficients=own, engine=costs)
    return point.bench(step, costs)


def usual_cache(engine: str, dtype: str) -> str:
    """Return the dtype of the KV cache that an engine takes where nobody says.

    Parameters
    ----------
    engine, dtype : str
    """
    return "fp8" if engine in NARROW_CACHE and dtype != "bf16" else "bf16"


def _lengths(case: Case) -> tuple[int, int]:
    """Return prompt and output of each request, tokens."""
    return case.count("isl") or USUAL_PROMPT, case.count("osl") or USUAL_OUTPUT


def _layout(case: Case, experts: bool) -> ServingLayout | None:
    """Return the layout of a case; None where it tells none."""
    degrees = {name: case.count(name) or 1 for name in ("tp", "pp", "ep", "dp")}
    if not any(case.count(name) for name in ("tp", "pp", "ep")):
        return None
    tp, pp, ep, dp = degrees.values()
    if dp > 1 and experts:  # attention groups: tp counts all accelerators, or those of one group
        whole = max(tp, dp)
        return ServingLayout(tp=max(whole // dp, 1), ep=whole, pp=pp, dp=dp)
    if not experts or tp % ep:
        ep = 1
    return ServingLayout(tp=tp, ep=ep, pp=pp)


def _value(case: Case, found: Measured) -> float:
    """Return a metric of a benchmark."""
    if case.metric == "tpot_ms":
        return found.tpot * 1e3
    if case.metric == "ttft_ms":
        return found.ttft * 1e3
    if case.metric == "output_tokens_per_s_per_accelerator":
        return found.output_rate
    raise CapacityError(f"no prediction of {case.metric}")


def _described(point: Point) -> str:
    """Return engine and size of a replica in words."""
    engine = point.engine if point.engine in ENGINES else "usual engine"
    return f"{engine}, replica of {point.layout.n_accelerators}"
