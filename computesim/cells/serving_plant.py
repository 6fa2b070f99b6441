"""The replicas of a serving cell: of one kind, or some that read prompts and others that decode."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.cells.jobs import ServingDemand
from computesim.cells.prefix_cache import Loading, waiting_tokens
from computesim.cells.serving import PAGE, long_prompt, paged_service, prompt_sharers, requests_of
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import (
    ServingLayout,
    StepModel,
    serving_layout,
    serving_layouts,
    serving_step,
    tuned,
)
from computesim.hardware.serving_efficiency import Engine, engine_named
from computesim.hardware.speculation import Speculation, speculative
from computesim.hardware.transfer import transfer_seconds
from computesim.quantities import ServingLoad
from computesim.sim.fluid import MeanLengths, SteadyState, mean_lengths, steady_state
from computesim.sim.pool import Pool
from computesim.sim.service import Service, check_service
from computesim.sim.trace import Trace

MOST_REPLICAS: Final = 4  #: of one cell; larger pools share load a little better
ENOUGH_ACCELERATORS: Final = 32  #: of one cell: large replicas smooth their load by themselves
MOST_OF_A_KIND: Final = 6  #: replicas that read, or decode: their ratio is within some per cent
NEAR_TIE: Final = 0.97  #: a smaller pool wins within this share of the best ratio
STEPS: Final = 0.5  #: of readers ÷ time to the first token at most: one to wait for, one to be in
PAGES: Final = (
    3  #: that rounding takes of the cache of a sequence: its prompt, its output, its group
)
LONG: Final = 0.9  #: quantile of the prompts that is a long one


class Kind(NamedTuple):
    """Replicas that are alike, at a rate of the plant."""

    step: StepModel
    replicas: int
    state: SteadyState
    rate: float  #: sequences/s of one replica
    lengths: MeanLengths  #: of what it does of a request

    @property
    def accelerators(self) -> int:
        """Of all its replicas."""
        return self.replicas * self.step.n_accelerators


@dataclass(frozen=True, slots=True)
class Plant:
    """Replicas on which a demand is played: of one kind, or that read and that decode."""

    layouts: tuple[ServingLayout, ...]
    steps: tuple[StepModel, ...]
    pool: Pool
    counts: tuple[int, ...]
    lengths: MeanLengths  #: of the sequences that it was chosen for

    @property
    def accelerators(self) -> int:
        """Of all replicas."""
        return sum(n * s.n_accelerators for n, s in zip(self.counts, self.steps, strict=True))

    def with_readers(self, more: int) -> Plant:
        """Return the plant with more replicas that read prompts."""
        return replace(self, counts=(self.counts[0] + more, *self.counts[1:]))

    def rate(self, tpot: float) -> float:
        """Return the sequences/s of the plant in the fluid limit."""
        return self.pool.rate(self.counts, self.lengths, tpot)

    def alone(self, trace: Trace, load: ServingLoad, share: float) -> float:
        """Return the time to the first token that a share of some requests keeps, s, if alone."""
        return self.steps[0].prefill_seconds(*long_prompt(trace, load, share))

    def most(self, loads: Loading, longest: int) -> float:
        """Return the sequences/s beyond which cached prefixes find no link or no memory.

        Parameters
        ----------
        loads : Loading
            Of prefixes that come back.
        longest : int
            Tokens of a request for which the prompts that wait in HBM leave room.
        """
        reading, service = self.counts[0], self.pool.service
        link = reading * self.steps[0].n_accelerators / loads.link if loads.link else math.inf
        free = service.kv_capacity_tokens - service.watermark_tokens
        free -= service.groups * (longest + 2 * service.block_tokens)
        kept = self.lengths.kept
        return min(link, reading * max(free, 0) / kept if kept else math.inf)

    def holds(self, trace: Trace) -> bool:
        """Tell whether every request of a trace fits, where it is read and where it decodes."""
        longest = _held(trace.prompt_tokens + trace.output_tokens)
        return all(step.sequence_tokens >= longest for step in self.steps)

    def kinds(self, rate: float) -> list[Kind]:
        """Return what every kind of replicas does at a rate of the plant, sequences/s."""
        found = []
        parts = zip(self.pool.kinds, self.pool.parts(self.lengths), strict=True)
        for step, count, (kind, lengths) in zip(self.steps, self.counts, parts, strict=True):
            each = rate / count
            state = steady_state(each, lengths, kind.service, kind.weight_seconds)
            found.append(Kind(step, count, state, each, lengths))
        return found

    def holding(self, rate: float) -> Plant:
        """Return the plant whose first kind keeps the prompts that wait at a rate, sequences/s.

        The rate is not above `most`.
        """
        kept = int(rate / self.counts[0] * self.lengths.kept)
        if kept == 0:
            return self
        service = self.pool.service
        service = service._replace(kv_capacity_tokens=service.kv_capacity_tokens - kept)
        return replace(
            self, pool=replace(self.pool, service=service), lengths=self.lengths._replace(kept=0.0)
        )


def plant_of(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, trace: Trace
) -> Plant:
    """Return the replicas on which a demand is played.

    Parameters
    ----------
    demand : ServingDemand
    load : ServingLoad
    accelerator : Accelerator
    trace : Trace
        Its requests.

    Returns
    -------
    Plant
        Prefill and decode are apart where the demand asks for it and the accelerator has a NIC.

    Raises
    ------
    CapacityError
        If the model does not fit.
    """
    sharers = prompt_sharers(trace) if demand.options.shared_prompts else None
    lengths = mean_lengths(trace, sharers)._replace(kept=waiting_tokens(demand, "hbm"))
    if _separates(demand, accelerator):
        return _apart(demand, load, accelerator, trace, lengths)
    return _together(demand, load, accelerator, trace, lengths)


def _separates(demand: ServingDemand, accelerator: Accelerator) -> bool:
    """Tell whether some replicas read and others decode: only where a NIC carries the cache."""
    return demand.options.separate_prefill and accelerator.nic_bandwidth > 0


def _together(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, trace: Trace,
    lengths: MeanLengths,
) -> Plant:  # fmt: skip
    """Return replicas that do both."""
    found = []
    for engine, drafts in demand.options.ways(engine_named(demand.engine)):
        layout, step = _replica(demand, load, accelerator, trace, engine, drafts)
        pool = _pool(step, engine)
        count = max(1, min(MOST_REPLICAS, ENOUGH_ACCELERATORS // step.n_accelerators))
        found.append(Plant((layout,), (step,), pool, (count,), lengths))
    return max(found, key=lambda plant: plant.rate(demand.tpot) / plant.accelerators)


def _apart(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, trace: Trace,
    lengths: MeanLengths,
) -> Plant:  # fmt: skip
    """Return replicas that read prompts and others that decode, as many as suit one another."""
    reads, reader = _reader(demand, load, accelerator, trace, lengths)
    found = []
    for engine, drafts in demand.options.ways(engine_named(demand.engine)):
        layout, step = _replica(demand, load, accelerator, trace, engine, drafts)
        sent = transfer_seconds(load, accelerator, reads, layout)
        decoder = _sharing(_pool(step, engine), lengths)
        pool = Pool(*_pooled(reader, engine), decoder, *sent)
        mean = lengths._replace(shared=0.0)
        halves = pool.halves(mean, demand.tpot, STEPS * demand.ttft)
        sizes = reader.n_accelerators, step.n_accelerators
        counts = demand.options.counts or _ratio(halves, sizes)
        found.append(Plant((reads, layout), (reader, step), pool, counts, mean))
    return max(found, key=lambda plant: plant.rate(demand.tpot) / plant.accelerators)


def _replica(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, trace: Trace,
    engine: Engine, drafts: Speculation | None,
) -> tuple[ServingLayout, StepModel]:  # fmt: skip
    """Return the best layout that decodes and holds the longest request of a trace, and its step.

    Where tokens are drafted, a step may last as long as all tokens that it emits.
    """
    stated, output = demand.options.layouts, trace.output_tokens
    context = float(np.average(trace.prompt_tokens + output / 2, weights=output))
    longest = _held(trace.prompt_tokens + output)
    tpot = demand.tpot * (drafts.tokens if drafts else 1.0)
    read = None if _separates(demand, accelerator) else requests_of(trace, load, demand.ttft)
    best = partial(serving_layout, load, accelerator, tpot=tpot, engine=engine, requests=read)
    layout = stated[-1] if stated else best(context)
    step = serving_step(load, accelerator, layout, engine=engine)
    if step.sequence_tokens < longest and not stated:
        layout = best(longest)
        step = serving_step(load, accelerator, layout, engine=engine)
    if read is not None:
        step = tuned(step, context, tpot, read)
    return layout, speculative(step, drafts) if drafts else step


def _held(tokens: Ints) -> float:
    """Return the cache that the longest of some sequences takes, tokens."""
    return float(tokens.max()) + PAGES * PAGE


def _reader(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, trace: Trace,
    lengths: MeanLengths,
) -> tuple[ServingLayout, StepModel]:  # fmt: skip
    """Return the layout that reads most prompts with an accelerator, and its step.

    A long prompt that waits for a step in progress keeps the time to the first token if any layout
    allows; layouts beyond a scale-up domain only where nothing inside fits.
    """
    options = demand.options
    # who is in flight when a run begins passes the readers with all that is written
    longest = _held(trace.prompt_tokens + trace.output_tokens)
    prompt = long_prompt(trace, load, LONG)
    found: list[tuple[bool, float, ServingLayout, StepModel]] = []
    limit, shortage = STEPS * demand.ttft, ""
    for layout in options.layouts[:1] or serving_layouts(load, accelerator):
        wide = layout.pp > 1 or layout.n_accelerators > accelerator.scaleup_domain
        if found and wide:
            break
        for engine in options.engines(engine_named(demand.engine)):
            try:
                step = serving_step(load, accelerator, layout, engine=engine)
            except CapacityError as error:
                shortage = str(error)
                continue
            if step.sequence_tokens >= longest:
                first = _in_progress(step, trace, load) + step.prefill_seconds(*prompt)
                rate = _pool(step, engine).reading_rate(lengths, limit) / step.n_accelerators
                quick = first <= demand.ttft
                found.append((quick, rate if quick else -first, layout, step))
    if not found:
        raise CapacityError(shortage or f"{load.name} leaves no room for {longest:g} tokens")
    *_, layout, step = max(found, key=lambda row: row[:2])
    return layout, step


def _in_progress(step: StepModel, trace: Trace, load: ServingLoad) -> float:
    """Return the seconds of a step that reads a prompt in each of its microbatches.

    It lasts as the longest of them, or a chunk of it.
    """
    n = step.microbatches
    new, cached = long_prompt(trace, load, n / (n + 1.0))
    return step.prefill_seconds(min(new, step.room(0.0)), cached)


def _ratio(halves: tuple[float, float], sizes: tuple[int, int]) -> tuple[int, int]:
    """Return how many replicas read and how many decode, of their rates and accelerators."""
    reads, writes = halves
    if min(reads, writes) <= 0.0:
        return 1, 1
    several = range(1, MOST_OF_A_KIND + 1)
    rows = []
    for counts in itertools.product(several, several):
        size = counts[0] * sizes[0] + counts[1] * sizes[1]
        rows.append((min(counts[0] * reads, counts[1] * writes) / size, size, counts))
    best = max(rate for rate, *_ in rows)
    return min((size, counts) for rate, size, counts in rows if rate >= NEAR_TIE * best)[1]


def _sharing(decoder: Pool, lengths: MeanLengths) -> Pool:
    """Return replicas that hold so many more sequences as their samples share prompts.

    The simulation of separate pools knows of no shared prompts: the mean is kept.
    """
    if lengths.shared == 0.0:
        return decoder
    more = lengths.context / (lengths.context - lengths.shared)
    capacity = int(decoder.service.kv_capacity_tokens * more)
    return replace(decoder, service=decoder.service._replace(kv_capacity_tokens=capacity))


def _pool(step: StepModel, engine: Engine) -> Pool:
    """Return replicas of a step model."""
    return Pool(*_pooled(step, engine))


def _pooled(step: StepModel, engine: Engine) -> tuple[Service, Floats]:
    """Return a checked service with its table."""
    return check_service(paged_service(step, engine), step.weight_seconds)
