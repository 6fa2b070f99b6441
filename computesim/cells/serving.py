"""Goodput of serving: the rate that one accelerator keeps at its service level, simulated.

A cell is one model with its mix of requests on one accelerator. The layout
comes from the hardware floor, the rate from the discrete-event simulation; the
same requests (common random numbers) are played on every accelerator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.cells.jobs import ServingDemand
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import Requests
from computesim.hardware.serving_efficiency import GENERAL_ENGINE, Engine
from computesim.hardware.step import StepModel
from computesim.lengths import lognormal_counts
from computesim.quantities import ServingLoad
from computesim.records import quantity
from computesim.sim.chains import Chains
from computesim.sim.fluid import (
    MeanLengths,
    SteadyState,
)
from computesim.sim.levels import ServiceLevel
from computesim.sim.output import quantile
from computesim.sim.records import RECOMPUTE
from computesim.sim.service import Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace

PAGE = 16  #: tokens of a page of the KV cache, as in vLLM
WATERMARK = 0.01  #: share of the cache that admission leaves free, as in vLLM
#: ln-sd of visible answers: 18 chat models on LM Arena, 1.1 to 1.4 (ML.ENERGY leaderboard v3)
ANSWER_SPREAD = 1.1
#: ln-sd of prompts within one product; estimate, production traces span products and show more
PROMPT_SPREAD = 0.8


@dataclass(frozen=True, slots=True)
class Cell:
    """What one accelerator of a pool gets done, and how hard it works."""

    #: requests/s per accelerator at the service level; 0: it cannot
    requests: float = quantity("request/s", 0.0)
    output_tokens: float = quantity("token/s", 0.0)  #: tokens/s per accelerator at that rate
    ttft: float = quantity("s", float("inf"))  #: p90 at that rate, s
    tpot: float = quantity("s/token", float("inf"))  #: p90 at that rate, s/token
    compute: float = quantity("1", 0.0)  #: at the mean load of the day, fraction of the dense peak
    bandwidth: float = quantity("1", 0.0)  #: likewise, fraction of the memory bandwidth
    busy: float = quantity("1", 0.0)  #: likewise, share of the time with a step in progress
    batch: float = quantity("1", 0.0)  #: mean running sequences of a replica at the mean load
    accelerators: int = 0  #: of one replica
    #: share of the step time that reading prompts adds, at the mean load
    reading: float = quantity("1", 0.0)


@dataclass(frozen=True, slots=True)
class Play:
    """How a cell is simulated."""

    seed: int = 1
    requests: int = 1000
    burstiness: float = 1.0  #: coefficient of variation of the time between requests
    peak_to_mean: float = 1.0
    kernel: Literal["numba", "simpy"] = "numba"


def sample_trace(demand: ServingDemand, play: Play) -> Trace:
    """Return requests of a mix of streams at a rate of 1/s; parallel samples arrive together.

    Parameters
    ----------
    demand : ServingDemand
        Streams are chosen in proportion to their request rates.
    play : Play

    Returns
    -------
    Trace
        About `play.requests` sequences, cut at the context of the model. The first sample of a
        request reads the prompt beyond its cached part, the others find all of it.
    """
    streams = demand.streams
    weight = np.array([s.rate for s in streams])
    samples = np.array([s.samples for s in streams])
    n = max(50, round(play.requests / float(np.average(samples, weights=weight))))
    uniform = stream(play.seed, "product").random((2, n))
    product = np.searchsorted(np.cumsum(weight) / weight.sum(), uniform[0], side="right")
    product = product.clip(max=len(streams) - 1)
    repeats = np.floor(samples[product] + uniform[1]).astype(np.int64)  # 2.5 is two or three
    each = np.repeat(np.arange(n), repeats)  # the request of every sequence
    of = product[each]  # its stream

    context = demand.model.context_length
    prompt = _lengths(play, "prompt_tokens", [s.prompt_tokens for s in streams], product)
    prompt = prompt.clip(min=1, max=context - 1)[each]
    share = np.array([s.cached_share for s in streams])[of]
    opens = np.diff(each, prepend=-1) > 0
    cached = np.where(opens, np.floor(prompt * share).astype(np.int64), prompt)
    spreads = [s.spread for s in streams]
    means = [s.reasoning_tokens for s in streams]
    reasoning = _lengths(play, "reasoning_tokens", means, of, spreads)
    answer = _lengths(
        play, "answer_tokens", [s.answer_tokens for s in streams], of, [ANSWER_SPREAD]
    )
    output = np.minimum((reasoning + answer).clip(min=1), context - prompt)
    return Trace(np.cumsum(_gaps(n, play))[each], prompt, cached, output)


def _lengths(
    play: Play, name: str, means: list[float], of: Ints, spreads: Sequence[float] = (PROMPT_SPREAD,)
) -> Ints:
    """Return lognormal lengths, one for each entry of `of`, the stream that it belongs to."""
    mean = np.array(means)[of]
    sd = np.array(spreads)[of] if len(spreads) > 1 else spreads[0]
    normal = stream(play.seed, name).standard_normal(len(of))
    return lognormal_counts(mean, sd, normal)


def as_service(
    step: StepModel, engine: Engine = GENERAL_ENGINE, held_steps: float | None = None
) -> Service:
    """Return the step model of the hardware floor as the parameters of the simulation.

    Parameters
    ----------
    step : StepModel
    engine : Engine
        Whether it reads prompts in the steps that decode.
    held_steps : float, optional
        Steps that clients of the engine wait besides (`Engine.held`); where it is left out, times
        are counted from the arrival at the replica.
    """
    clients = held_steps is not None
    return Service(
        fixed=step.fixed,
        wire=step.wire,
        compute_offset=step.compute_offset,
        per_token=step.per_token,
        per_pair=step.per_pair,
        per_kv_token=step.per_kv_token,
        per_sequence=step.per_sequence,
        kv_capacity_tokens=int(step.kv_capacity_tokens),
        max_batch=step.max_batch,
        token_budget=step.token_budget,
        groups=step.groups,
        stages=step.stages,
        per_shared_token=step.per_shared_token,
        prompt_gap=step.prompt_gap,
        mixes=int(engine.mixes),
        request_seconds=engine.request if clients else 0.0,
        held_steps=held_steps or 0.0,
    )


def paged_service(step: StepModel, engine: Engine = GENERAL_ENGINE) -> Service:
    """Return a replica whose cache is taken page by page, as vLLM and SGLang do.

    Parameters
    ----------
    step : StepModel
    engine : Engine

    Returns
    -------
    Service
        A request is admitted when its prompt fits; when the cache is full the newest sequence
        goes, and is read again later.
    """
    plain = as_service(step, engine)
    page = max(1, min(PAGE, plain.kv_capacity_tokens))
    spare = int(WATERMARK * plain.kv_capacity_tokens)
    return plain._replace(block_tokens=page, when_full=RECOMPUTE, watermark_tokens=spare)


def _gaps(n: int, play: Play) -> Floats:
    """Return gamma distributed times between requests with mean 1 s."""
    shape = 1.0 / max(play.burstiness, 1e-3) ** 2
    gaps: Floats = stream(play.seed, "arrivals").gamma(shape, 1.0 / shape, n)
    return gaps


def opening(trace: Trace) -> Ints:
    """Return the indices of the sequences that open a request.

    Its samples arrive together, with one prompt; so do, in bursts, different requests.
    """
    later = np.diff(trace.arrival, prepend=-1.0) > 0
    return np.flatnonzero(later | (np.diff(trace.prompt_tokens, prepend=-1) != 0))


def shared_prompts(trace: Trace) -> Chains | None:
    """Return which sequences of a trace share a prompt, None if all stand alone."""
    first = opening(trace)
    if first.size == len(trace):
        return None
    stage = np.searchsorted(first, np.arange(len(trace)), side="right") - 1
    n = first.size
    return Chains(stage, np.full(n, -1), np.zeros(n), np.ones(n, bool))


def prompt_sharers(trace: Trace) -> Ints:
    """Return how many samples of a request share the prompt of each sequence."""
    first = opening(trace)
    each = np.diff(first, append=len(trace))
    return np.repeat(each, each)


def held_beyond(engine: Engine, accelerator: Accelerator) -> float:
    """Return the steps that a client waits for its first token, beyond those of no engine.

    Parameters
    ----------
    engine : Engine
    accelerator : Accelerator
    """
    return max(engine.held(accelerator) - GENERAL_ENGINE.held(accelerator), 0.0)


def requests_of(trace: Trace, load: ServingLoad, ttft: float) -> Requests:
    """Return what a layout is chosen for.

    Parameters
    ----------
    trace : Trace
        The prompts that nine of ten do not exceed have to keep the time to first token.
    load : ServingLoad
    ttft : float, s
    """
    new, cached = long_prompt(trace, load, ServiceLevel().share)
    return Requests(
        prompt=float((trace.prompt_tokens - trace.computed_from).mean()),
        output=float(trace.output_tokens.mean()),
        longest=new,
        cached=cached,
        ttft=ttft,
    )


def long_prompt(trace: Trace, load: ServingLoad, share: float) -> tuple[float, float]:
    """Return the prompt whose FLOP a share of the prompts do not exceed.

    Parameters
    ----------
    trace : Trace
    load : ServingLoad
    share : float
        Of the sequences that open a request: others find all of their prompt.

    Returns
    -------
    tuple of float
        Its new tokens, and the cached ones before them that they attend to.
    """
    first = opening(trace)
    cached = trace.computed_from[first]
    new = trace.prompt_tokens[first] - cached
    pairs = new * (cached + (new + 1) / 2)
    flop = new * load.flop_per_token + pairs * load.attention_flop_per_pair
    chosen = np.flatnonzero(flop == quantile(flop, share))[0]
    return float(new[chosen]), float(cached[chosen])


def intensity(
    state: SteadyState,
    rate: float,
    lengths: MeanLengths,
    step: StepModel,
    load: ServingLoad,
    accelerator: Accelerator,
) -> tuple[float, float]:
    """Return the fractions of peak FLOP/s and of memory bandwidth in use at a rate per replica.

    Parameters
    ----------
    state : SteadyState
    rate : float, 1/s
        Sequences of one replica.
    lengths : MeanLengths
    step : StepModel
    load : ServingLoad
    accelerator : Accelerator

    Returns
    -------
    tuple of two float
        The fluid limit is enough here: at the mean load of the day nothing waits.
    """
    per_token = load.flop_per_token + load.attention_flop_per_token
    pairs = lengths.pairs + lengths.later * lengths.context
    flop = (lengths.fresh + lengths.later) * per_token + pairs * load.attention_flop_per_pair
    compute = rate * flop / (step.n_accelerators * accelerator.peak(load.weight_dtype))
    tokens = state.batch + rate * lengths.fresh * state.step_seconds
    moved = step.traffic_seconds(tokens, state.batch * lengths.context, state.batch)
    return min(compute, 1.0), min(moved / state.step_seconds, 1.0)
