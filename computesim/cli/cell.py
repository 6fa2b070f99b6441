"""A pool of replicas: what it is asked, how it is laid out, what it does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from computesim.cli.recorded import Excerpt, recorded

if TYPE_CHECKING:
    from computesim.hardware.serving import ServingLayout, StepModel
    from computesim.quantities import ServingLoad
    from computesim.sim.engine import ServingRun
    from computesim.sim.trace import Trace

_LAYOUT_TPOT = 0.05  # s/token that the choice of a layout aims at where nothing is promised


class Promise(NamedTuple):
    """What 90 % of the requests are promised; None for nothing."""

    ttft: float | None  #: s
    tpot: float | None  #: s/token


class Drawn(NamedTuple):
    """Requests that are drawn, not recorded."""

    requests: int
    prompt_tokens: float  #: mean
    output_tokens: float  #: mean
    spread: float  #: sd of the logarithm of the output
    cached_share: float
    burstiness: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of a simulation."""

    trace: Trace
    recorded: str  #: the file; empty where they are drawn


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas of one model on one kind of accelerator."""

    model: str
    accelerator: str
    load: ServingLoad
    layout: ServingLayout
    step: StepModel
    replicas: int


def asked_for(excerpt: Excerpt | None, rate: float | None, drawn: Drawn, seed: int) -> Asked:
    """Return recorded requests, or drawn ones.

    Parameters
    ----------
    excerpt : Excerpt or None
        Of a trace.
    rate : float or None, 1/s
        At which a trace is replayed, or requests are drawn (1 by default).
    drawn : Drawn
        What is drawn where there is no trace.
    seed : int
    """
    from computesim.sim.trace import Lengths, generate

    if excerpt is not None:
        return Asked(recorded(excerpt, rate, seed).trace, str(excerpt.file))
    prompt = Lengths(drawn.prompt_tokens, 0.0)
    output = Lengths(drawn.output_tokens, drawn.spread)
    share, variation = drawn.cached_share, drawn.burstiness
    return Asked(generate(seed, drawn.requests, rate or 1.0, prompt, output, share, variation), "")


def pool_of(
    served: tuple[str, str, str],
    machine: str,
    degrees: tuple[int | None, int | None, int | None],
    replicas: int,
    asked: Asked,
    promise: Promise,
    overlay: Path | None,
) -> Pool:
    """Return the pool that serves requests.

    Parameters
    ----------
    served : tuple of str
        Model, dtype of the weights, dtype of the KV cache.
    machine : str
        Accelerator.
    degrees : tuple of int or None
        tp, ep, pp; where all are None the best layout that holds the longest request is chosen.
    replicas : int
    asked : Asked
    promise : Promise
    overlay : Path or None
        Folder of the user's own catalog tables.

    Raises
    ------
    CapacityError
        If the model does not fit.
    ValueError
        If the degrees make no layout.
    """
    from computesim import load_catalog
    from computesim.hardware.serving import ServingLayout, serving_layout, serving_step
    from computesim.workload.transformer import serving_load

    catalog = load_catalog(overlay)
    name, dtype, kv_dtype = served
    load, chip = serving_load(catalog.model(name), dtype, kv_dtype), catalog.accelerator(machine)
    if any(degrees):
        tp, ep, pp = (degree or 1 for degree in degrees)
        layout = ServingLayout(tp=tp, ep=ep, pp=pp, dp=max(1, ep // tp))
    else:
        longest = float((asked.trace.prompt_tokens + asked.trace.output_tokens).max())
        layout = serving_layout(load, chip, _context(asked.trace), promise.tpot or _LAYOUT_TPOT)
        if serving_step(load, chip, layout).kv_capacity_tokens < longest:
            layout = serving_layout(load, chip, longest, promise.tpot or _LAYOUT_TPOT)
    step = serving_step(load, chip, layout)
    return Pool(catalog.resolve("models", name), chip.name, load, layout, step, replicas)


def _context(trace: Trace) -> float:
    """Return the mean context of a sequence that is found decoding, tokens."""
    from computesim.sim.fluid import mean_lengths

    return mean_lengths(trace).context


def play(
    pool: Pool, asked: Asked, promise: Promise, engine: Literal["numba", "simpy"], seed: int
) -> dict[str, Any]:
    """Simulate a pool and return what is worth telling, in base units.

    Parameters
    ----------
    pool : Pool
    asked : Asked
        Drawn requests meet a pool in its steady state; a trace begins with an empty one.
    promise : Promise
    engine : {"numba", "simpy"}
    seed : int

    Returns
    -------
    dict
        Keys `pool`, `step`, `requests`, `figures` (`sim.output.summarise`, throughputs while
        requests arrive), `promise`.
    """
    from computesim.projection.serving import as_service
    from computesim.sim.capacity import in_flight
    from computesim.sim.engine import simulate_serving
    from computesim.sim.fluid import mean_lengths, steady_state
    from computesim.sim.output import summarise
    from computesim.sim.service import check_service

    service, table = check_service(as_service(pool.step), pool.step.weight_seconds)
    trace, lengths = asked.trace, mean_lengths(asked.trace)
    if not asked.recorded:
        state = steady_state(trace.rate / pool.replicas, lengths, service, table)
        trace = in_flight(trace, round(state.batch * pool.replicas), seed)
    skip = len(trace) - len(asked.trace)
    run = simulate_serving(trace, service, table, pool.replicas, engine=engine)
    figures = {**summarise(run, skip), **_throughput(run, skip)}
    figures["requests"] = len(run.requests) - skip
    machines = pool.replicas * pool.step.n_accelerators
    figures["output_tokens_per_second_per_accelerator"] = (
        figures["output_tokens_per_second"] / machines
    )
    return {
        "pool": _pool_data(pool, machines),
        "step": _step_data(pool, lengths.context, float(asked.trace.prompt_tokens.mean())),
        "requests": _request_data(asked),
        "figures": figures,
        "promise": _verdict(promise, figures),
    }


def _throughput(run: ServingRun, skip: int) -> dict[str, float]:
    """Return the throughputs while requests arrive: the run drains after the last arrival.

    A sequence in the middle of its output counts with the share of time that has passed, and a
    prompt with its first token; those in flight at the start count with what is left of them.
    """
    import numpy as np

    seen, end = run.requests, float(run.requests["arrival"][-1])
    if end <= 0.0:  # everything arrives at once
        return {}
    began = seen["first"] <= end
    decoding = np.maximum(seen["finish"] - seen["first"], 1e-12)
    share = np.clip((end - seen["first"]) / decoding, 0.0, 1.0)
    tokens = np.where(began, 1.0 + share * (seen["output_tokens"] - 1.0), 0.0)
    return {
        "requests_per_second": float((seen["finish"] <= end).sum()) / end,
        "prompt_tokens_per_second": float(seen["prompt_tokens"][skip:][began[skip:]].sum()) / end,
        "output_tokens_per_second": float(tokens.sum()) / end,
    }


def _pool_data(pool: Pool, machines: int) -> dict[str, Any]:
    """Return what serves."""
    layout = pool.layout
    return {
        "model": pool.model,
        "dtype": pool.load.weight_dtype,
        "accelerator": pool.accelerator,
        "replicas": pool.replicas,
        "accelerators_per_replica": layout.n_accelerators,
        "accelerators": machines,
        "tp": layout.tp,
        "ep": layout.ep,
        "pp": layout.pp,
        "dp": layout.dp,
    }


def _step_data(pool: Pool, context: float, prompt: float) -> dict[str, float]:
    """Return what a step takes, s, and what a replica holds."""
    step = pool.step
    most = max(1.0, min(float(step.max_batch), step.kv_capacity_tokens / context))
    return {
        "fixed": step.fixed,
        "decode_one": step.decode_seconds(1.0, context),
        "decode_full": step.decode_seconds(math.floor(most), context),
        "full_batch": math.floor(most),
        "prefill": step.prefill_seconds(prompt),
        "context": context,
        "kv_capacity_tokens": step.kv_capacity_tokens,
        "token_budget": step.token_budget,
    }


def _request_data(asked: Asked) -> dict[str, Any]:
    """Return what is asked."""
    trace = asked.trace
    return {
        "trace": asked.recorded,
        "rate": trace.rate,
        "prompt_tokens": float(trace.prompt_tokens.mean()),
        "cached_tokens": float(trace.cached_tokens.mean()),
        "output_tokens": float(trace.output_tokens.mean()),
    }


def _verdict(promise: Promise, figures: dict[str, Any]) -> dict[str, Any]:
    """Return what was promised and whether it is kept; nothing where nothing was."""
    terms = {name: value for name, value in promise._asdict().items() if value is not None}
    if not terms:
        return {}
    kept = all(figures[f"{name}_p90"] <= value for name, value in terms.items())
    return {**terms, "kept": kept and not figures["saturated"]}
