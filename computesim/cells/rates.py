"""What an accelerator gets done of RL and of serving, by formula: what a balance weighs.

The cells of a projection are simulated, for one mix of requests. A balance asks for many chain
lengths, and here the fluid limit of the same step model answers: no tails, no bursts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np

from computesim.arrays import Floats
from computesim.cells.jobs import RLDemand
from computesim.cells.prefix_cache import loads_of, waiting_of
from computesim.cells.rl.cell import plan_of
from computesim.cells.rl.cluster import learner, mean_effort
from computesim.cells.rl.overhead import overhead_seconds, sync_seconds
from computesim.cells.rl.plan import RLPlan
from computesim.cells.rl.replica import batch_seconds, rollout_replica
from computesim.cells.serving import Play, intensity, paged_service
from computesim.cells.serving_options import PrefixCache, ServingOptions
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import Requests, ServingLayout, serving_layout, serving_step
from computesim.hardware.serving_efficiency import GENERAL_ENGINE, Engine
from computesim.hardware.speculation import Speculation, speculative
from computesim.hardware.step import StepModel
from computesim.hardware.transfer import tier_bandwidth
from computesim.lengths import quantile
from computesim.quantities import ServingLoad
from computesim.sim.fluid import MeanLengths, fluid_rate, steady_state
from computesim.sim.pool import Pool
from computesim.sim.service import Service, check_service
from computesim.workload.architecture import Architecture
from computesim.workload.requests import RequestStream
from computesim.workload.transformer import serving_load

NODES: Final = 15  #: chain lengths at which serving is worked out; between them it is interpolated
HALVINGS: Final = 6  #: of the 5 % within which `fluid_rate` answers


@dataclass(frozen=True, slots=True)
class Pace:
    """One accelerator at full load."""

    per_second: float  #: FLOP of RL, or sequences served
    compute: float  #: fraction of the dense peak of the executed dtype
    bandwidth: float  #: fraction of the memory bandwidth
    busy: float = 1.0  #: share of the time in which it works


@dataclass(frozen=True, slots=True)
class Served:
    """A stream that a balance serves: its chains follow the responses of a skill."""

    model: Architecture
    dtype: str
    kv_dtype: str
    tpot: float  #: s/token, at most
    stream: RequestStream  #: its rate is its share of all requests
    length_ratio: float = 1.0  #: reasoning tokens ÷ tokens of a response of the skill
    scored: bool = False  #: a verifier of the model's size reads every sample, if there are several
    options: ServingOptions = field(default_factory=ServingOptions)
    cache: PrefixCache = field(default_factory=PrefixCache)  #: where its prompts wait

    def with_chains(self, tokens: float, samples: float = 1.0) -> RequestStream:
        """Return the requests at a length of the skill's responses and a number of samples."""
        reasoning = self.length_ratio * tokens
        return replace(self.stream, reasoning_tokens=reasoning, samples=samples)

    @property
    def alike(self) -> Served:
        """All that the pace of a sequence depends on, its length left out."""
        stream = replace(
            self.stream, rate=1.0, answer_tokens=0.0, reasoning_tokens=0.0, samples=1.0
        )
        return replace(self, stream=stream, length_ratio=1.0)


@lru_cache(maxsize=256)
def rl_pace(demand: RLDemand, accelerator: Accelerator) -> Pace:
    """Return the FLOP/s of one accelerator of an RL job, failures left out.

    Parameters
    ----------
    demand : RLDemand
        `RLDemand.job` of one step.
    accelerator : Accelerator

    Raises
    ------
    CapacityError
        If the model does not fit.

    Notes
    -----
    Engine and learner take turns, or run side by side and the slower one sets the pace. The
    engine decodes full batches; a batch ends with its longest rollout, which only partial rollouts
    need not wait for. Within a quarter of the simulated step (tests).
    """
    plan = plan_of(demand, accelerator, Play())
    load = plan.load
    (_, step), taught = rollout_replica(plan, load), learner(plan)
    rollouts = batch_seconds(plan, step, tail=False)
    learning = taught.seconds + taught.log_probs
    around = overhead_seconds(plan) + sync_seconds(plan)
    after = learning + around
    period = max(rollouts, after)
    if not plan.partial_rollouts:  # a batch waits for its longest rollout, ahead or not
        period = max(period, (rollouts + _tail(plan, step) + after) / (1.0 + plan.staleness))
    shares = plan.working(rollouts / period, learning / period)
    batch = max(1, min(step.max_batch, int(step.kv_capacity_tokens / plan.trajectory_tokens)))
    seconds = step.decode_seconds(batch, plan.trajectory_tokens)
    rate = batch / seconds / step.n_accelerators
    context = plan.trajectory_tokens * load.attention_flop_per_pair
    decoding = rate * (load.flop_per_token + load.attention_flop_per_token + context)
    moved = step.traffic_seconds(batch, batch * plan.trajectory_tokens, batch)
    peak = accelerator.peak(load.weight_dtype)
    engine = (min(decoding / peak, 1.0), min(moved / seconds, 1.0))
    return Pace(
        plan.model_flop / (period * plan.n_accelerators),
        *mean_effort(shares, (engine, taught.effort(plan))),
        min(sum(shares), 1.0),
    )


def _tail(plan: RLPlan, step: StepModel) -> float:
    """Return the seconds in which the longest rollout of a batch is generated almost alone.

    Its length is the most likely one of the largest of n, the quantile at 1 - 1/n.
    """
    longest = quantile(plan.lengths, 1.0 - 1.0 / max(plan.drawn, 3))
    more = max(longest - plan.mean_output_tokens, 0.0)
    return more * step.decode_seconds(1, plan.prompt_tokens + longest)


@dataclass(frozen=True)
class ServingPaces:
    """Sequences of all chain lengths on one accelerator."""

    tokens: tuple[float, ...]  #: of an output, rising
    first: tuple[Pace, ...]  #: a sequence that reads its prompt
    later: tuple[Pace, ...]  #: a further sample, which finds it in the cache

    def seconds(self, tokens: float, samples: float) -> float:
        """Return the accelerator-seconds of a request at full load.

        Parameters
        ----------
        tokens : float, token
            Of the output of one sample; at the ends of the table it goes on by its slope.
        samples : float

        Returns
        -------
        float, s
        """
        return self._of("first", tokens) + (samples - 1.0) * self._of("later", tokens)

    def pace(self, tokens: float) -> Pace:
        """Return the pace of single samples of a length, within the table.

        Parameters
        ----------
        tokens : float, token
            Of the output of one sample.
        """
        x, at = np.log(self.tokens), math.log(tokens)
        columns = zip(*((p.per_second, p.compute, p.bandwidth) for p in self.first), strict=True)
        return Pace(*(float(np.interp(at, x, column)) for column in columns))

    def _of(self, kind: str, tokens: float) -> float:
        """Return the seconds of a sequence, a smooth and rising function of its tokens."""
        return math.exp(float(self._curves[kind](math.log(tokens))))

    @cached_property
    def _curves(self) -> dict[str, Any]:
        """Monotone cubics (Fritsch and Carlson) through ln seconds over ln tokens."""
        from scipy.interpolate import PchipInterpolator

        x = np.log(self.tokens)
        found = {}
        for kind in ("first", "later"):
            seconds = np.array([1.0 / pace.per_second for pace in getattr(self, kind)])
            # another layout may suit a longer chain better; it would suit the shorter one as well
            rising = np.minimum.accumulate(seconds[::-1])[::-1]
            found[kind] = PchipInterpolator(x, np.log(rising), extrapolate=True)
        return found


def serving_paces(
    served: Served, accelerator: Accelerator, shortest: float, longest: float
) -> ServingPaces:
    """Return what one accelerator serves within its time per token, by chain length.

    Parameters
    ----------
    served : Served
    accelerator : Accelerator
    shortest, longest : float, token
        Ends of the outputs of interest.

    Returns
    -------
    ServingPaces
        Lengths that no layout serves within the time per token are left out.

    Raises
    ------
    CapacityError
        If the model does not fit, or no length is served fast enough.
    """
    return _serving_paces(served.alike, accelerator, shortest, longest)


@lru_cache(maxsize=256)
def _serving_paces(
    served: Served, accelerator: Accelerator, shortest: float, longest: float
) -> ServingPaces:
    """Return the paces of streams that are alike."""
    longest = min(longest, served.model.context_length - served.stream.prompt_tokens)
    lengths = np.geomspace(shortest, max(longest, 1.001 * shortest), NODES).tolist()
    rows = []
    for tokens in lengths:
        first = _sequence(served, accelerator, tokens, reads=True)
        later = _sequence(served, accelerator, tokens, reads=False)
        if first.per_second > 0 and later.per_second > 0:
            rows.append((tokens, first, later))
    if len(rows) < 2:
        raise CapacityError(
            f"{served.model.name} on {accelerator.name} writes no token within "
            f"{1e3 * served.tpot:.4g} ms"
        )
    return ServingPaces(*(tuple(column) for column in zip(*rows, strict=True)))


def _sequence(served: Served, accelerator: Accelerator, tokens: float, reads: bool) -> Pace:
    """Return the pace of sequences of a length, each with its prompt to read or not."""
    whole = float(served.model.context_length)
    stream = served.stream
    output = min(tokens * math.exp(stream.spread**2), whole)  # of the sequence found decoding
    prompt, cached = stream.prompt_tokens, stream.cached_tokens
    context = min(prompt + output / 2.0, whole)
    fresh = prompt - cached if reads else 0.0
    pairs = (prompt**2 - cached**2) / 2.0 if reads else 0.0
    if served.scored:
        fresh += prompt + tokens
        pairs += (prompt + tokens) ** 2 / 2.0
    kept, loaded = _cached(served, reads)
    lengths = MeanLengths(
        fresh,
        pairs,
        max(tokens - 1.0, 0.0),
        context,
        prompt + output + 1.0,
        0.0 if reads or not served.options.shared_prompts else prompt,
        kept,
    )
    near = min(2.0 ** math.ceil(math.log2(context)), whole)
    read = Requests(prompt - cached, 2.0 * max(near - prompt, 0.5))
    alike = (served, accelerator, near, read, lengths)
    paces = [_paced(*alike, *way) for way in served.options.ways(GENERAL_ENGINE)]
    best = max(paces, key=lambda pace: pace.per_second)
    load = serving_load(served.model, served.dtype, served.kv_dtype, context=near)
    bandwidth = tier_bandwidth(served.cache.tier, accelerator, served.cache.storage_bandwidth)
    most = bandwidth / (loaded * load.kv_bytes_per_token) if loaded else math.inf
    slower = min(most / best.per_second, 1.0) if best.per_second else 1.0
    return Pace(*(part * slower for part in (best.per_second, best.compute, best.bandwidth)))


def _cached(served: Served, reads: bool) -> tuple[float, float]:
    """Return what a sequence leaves in HBM, token·s, and the tokens that it loads from outside."""
    stream, cache = served.stream, served.cache
    if not reads or stream.cached_share == 0.0:
        return 0.0, 0.0
    if cache.tier == "hbm":
        return waiting_of(stream, cache), 0.0
    return 0.0, loads_of(stream, cache)


def _paced(
    served: Served,
    accelerator: Accelerator,
    context: float,
    requests: Requests,
    lengths: MeanLengths,
    engine: Engine,
    drafts: Speculation | None,
) -> Pace:
    """Return the pace of sequences, read and decoded on one kind of replicas or on two.

    Apart, the layout is that of decoding for both: what reads is full of prompts at all times, and
    as many accelerators read as those that decode need.
    """
    load = serving_load(served.model, served.dtype, served.kv_dtype, context=context)
    step, pool = _replica(load, accelerator, context, served.tpot, requests, engine, drafts)
    apart = served.options.separate_prefill and accelerator.nic_bandwidth > 0 < lengths.fresh
    if not apart:
        return _full(step, pool, lengths, load, accelerator, served.tpot)
    reads, writes = replace(pool, decoder=pool).parts(lengths)
    halves = (
        _full(step, pool, reads, load, accelerator, math.inf),
        _full(step, pool, writes, load, accelerator, served.tpot),
    )
    if min(half.per_second for half in halves) <= 0.0:
        return Pace(0.0, 0.0, 0.0)
    taken = [1.0 / half.per_second for half in halves]
    compute, bandwidth = (
        sum(share * getattr(half, name) for share, half in zip(taken, halves, strict=True))
        / sum(taken)
        for name in ("compute", "bandwidth")
    )
    return Pace(1.0 / sum(taken), compute, bandwidth)


def _full(
    step: StepModel,
    pool: Pool,
    lengths: MeanLengths,
    load: ServingLoad,
    accelerator: Accelerator,
    tpot: float,
) -> Pace:
    """Return the pace of replicas that are full."""
    rate = _sustained(lengths, pool.service, pool.weight_seconds, tpot)
    if rate <= 0.0:
        return Pace(0.0, 0.0, 0.0)
    state = steady_state(rate, lengths, pool.service, pool.weight_seconds)
    compute, bandwidth = intensity(state, rate, lengths, step, load, accelerator)
    return Pace(rate / step.n_accelerators, compute, bandwidth)


@lru_cache(maxsize=64)
def _replica(
    load: ServingLoad,
    accelerator: Accelerator,
    context: float,
    tpot: float,
    requests: Requests,
    engine: Engine,
    drafts: Speculation | None,
) -> tuple[StepModel, Pool]:
    """Return the replica for sequences of about a context."""
    step_limit = tpot * (drafts.tokens if drafts else 1.0)
    layout = serving_layout(
        load, accelerator, context, step_limit, engine=engine, requests=requests
    )
    return _laid_out(load, accelerator, layout, engine, drafts)


@lru_cache(maxsize=16)  # tables of some MB
def _laid_out(
    load: ServingLoad,
    accelerator: Accelerator,
    layout: ServingLayout,
    engine: Engine,
    drafts: Speculation | None,
) -> tuple[StepModel, Pool]:
    """Return a replica of a layout."""
    step = serving_step(load, accelerator, layout, engine=engine)
    step = speculative(step, drafts) if drafts else step
    return step, Pool(*check_service(paged_service(step), step.weight_seconds))


def _sustained(lengths: MeanLengths, service: Service, table: Floats, tpot: float) -> float:
    """Return the rate per replica that the fluid limit sustains, within 0.1 %."""
    low = fluid_rate(lengths, service, table, tpot)
    high = 1.06 * low
    for _ in range(HALVINGS if low > 0.0 else 0):
        middle = math.sqrt(low * high)
        state = steady_state(middle, lengths, service, table)
        kept = not state.bounded and state.step_seconds <= tpot
        low, high = (middle, high) if kept else (low, middle)
    return low
