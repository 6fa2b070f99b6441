"""Which part of a replica's time reads new prompts, attends to cached ones, and writes.

A replica reads and writes in the same steps, so that its time has no split of its own. What is
shared out is the time that each phase would take alone on the same replica: prompts in full
chunks, output at the batch of the mean load.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from computesim.cells.jobs import ServingDemand
from computesim.cells.prefix_cache import loading, loads_of, waiting_of
from computesim.cells.serving import Play, sample_trace
from computesim.cells.serving_plant import Plant, plant_of
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.step import StepModel
from computesim.workload.requests import RequestStream

FRESH, CACHED, OUTPUT = "Fresh input", "Cached input", "Output"
KINDS = (FRESH, CACHED, OUTPUT)


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds of a replica in one second of the mean load, by stream of a demand."""

    fresh: list[float]  #: reading new tokens as if nothing stood before them
    cached: list[float]  #: attention of new tokens to a cached prefix, and what keeping it costs
    output: list[float]  #: writing all samples

    def shares(self) -> list[dict[str, float]]:
        """Return the share of every stream and kind in the whole; in sum 1, if any takes time."""
        whole = sum(self.fresh) + sum(self.cached) + sum(self.output) or 1.0
        return [
            {FRESH: f / whole, CACHED: c / whole, OUTPUT: o / whole}
            for f, c, o in zip(self.fresh, self.cached, self.output, strict=True)
        ]


def measure(demand: ServingDemand, accelerator: Accelerator, play: Play, batch: float) -> Phases:
    """Return how the time of a replica is divided among streams and phases.

    Parameters
    ----------
    demand : ServingDemand
    accelerator : Accelerator
        One that serves it (`Cell.requests` above 0).
    play : Play
    batch : float, sequences
        That run together at the mean load, `Cell.batch`; never less than 1 counts.

    Returns
    -------
    Phases
        For the mean lengths of each stream and its share of the requests.

    Notes
    -----
    A prompt of n new tokens behind c cached ones takes ``n / T`` chunks of T tokens whose mean
    context is ``c + n / 2``; an output token takes ``1 / b`` of a step of b sequences that have
    written half of theirs. Time counts by accelerators where readers are apart. What waits in HBM
    displaces sequences, what waits elsewhere comes back over a link: by how much less the
    replicas then do, cached tokens cost more. Memory of hosts and storage is not in here.
    """
    load = demand.load
    trace = sample_trace(demand, play)
    plant = plant_of(demand, load, accelerator, trace)
    reader, writer = plant.steps[0], plant.steps[-1]
    rates = [s.rate / demand.requests for s in demand.streams]
    read = [_read(reader, s) for s in demand.streams]
    size = reader.n_accelerators / writer.n_accelerators
    fresh = [rate * size * alone for rate, (alone, _) in zip(rates, read, strict=True)]
    cached = [rate * size * (both - alone) for rate, (alone, both) in zip(rates, read, strict=True)]
    output = [
        rate * _written(writer, stream, max(batch, 1.0))
        for rate, stream in zip(rates, demand.streams, strict=True)
    ]
    whole = sum(fresh) + sum(cached) + sum(output)
    loads = loading(demand, load, accelerator, plant.layouts[0])
    most = plant.most(loads, int((trace.prompt_tokens + trace.output_tokens).max()))
    waiting = _waiting(demand, plant, most)
    lost = sum(waiting)  # share of the replicas that would do without, were no prompt to wait
    more = whole / (1.0 - lost) if lost < 1.0 else 0.0
    return Phases(fresh, [c + w * more for c, w in zip(cached, waiting, strict=True)], output)


def _waiting(demand: ServingDemand, plant: Plant, most: float) -> list[float]:
    """Return the share of the replicas that the cached prompts of each stream cost by waiting.

    By how much less the fluid limit does: with the memory that prompts in HBM take, shared by the
    tokens that wait, and within what links can load, shared by the tokens that are loaded.
    """
    free = replace(plant, lengths=plant.lengths._replace(kept=0.0)).rate(demand.tpot)
    held = min(plant.rate(demand.tpot), free)
    done = min(held, most)
    if free <= 0.0:
        return [0.0] * len(demand.streams)
    waits = [s.rate * waiting_of(s, cache) * (cache.tier == "hbm") for s, cache in demand.cached]
    loaded = [s.rate * loads_of(s, cache) for s, cache in demand.cached]
    memory, links = 1.0 - held / free, (held - done) / free
    return [
        memory * w / (sum(waits) or 1.0) + links * n / (sum(loaded) or 1.0)
        for w, n in zip(waits, loaded, strict=True)
    ]


def _read(step: StepModel, stream: RequestStream) -> tuple[float, float]:
    """Return the seconds that read the new tokens of a prompt, without and with its prefix."""
    cached = stream.cached_tokens
    fresh = stream.prompt_tokens - cached
    full = float(step.token_budget)

    def seconds(context: float) -> float:
        return fresh / full * step.step_seconds(full, full * context, 0.0, 0.0)

    return seconds(fresh / 2.0), seconds(cached + fresh / 2.0)


def _written(step: StepModel, stream: RequestStream, batch: float) -> float:
    """Return the seconds of a replica that write all samples of a request."""
    context = stream.prompt_tokens + stream.sample_tokens / 2.0
    return stream.output_tokens * step.decode_seconds(batch, context) / batch
