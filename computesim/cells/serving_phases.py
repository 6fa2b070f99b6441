"""Which part of a replica's time reads new prompts, attends to cached ones, and writes.

A replica reads and writes in the same steps, so that its time has no split of its own. What is
shared out is the time that each phase would take alone on the same replica: prompts in full
chunks, output at the batch of the mean load.
"""

from __future__ import annotations

from dataclasses import dataclass

from computesim.cells.jobs import ServingDemand
from computesim.cells.serving import Play, replica
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.step import StepModel
from computesim.workload.requests import RequestStream

FRESH, CACHED, OUTPUT = "Fresh input", "Cached input", "Output"
KINDS = (FRESH, CACHED, OUTPUT)


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds of a replica in one second of the mean load, by stream of a demand."""

    fresh: list[float]  #: reading new tokens as if nothing stood before them
    cached: list[float]  #: what the attention of new tokens to a cached prefix adds
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
    written half of theirs. Where a cache is kept, and on what, costs nothing here.
    """
    step = replica(demand, accelerator, play)
    rates = [s.rate / demand.requests for s in demand.streams]
    read = [_read(step, s) for s in demand.streams]
    return Phases(
        [rate * alone for rate, (alone, _) in zip(rates, read, strict=True)],
        [rate * (all_of_it - alone) for rate, (alone, all_of_it) in zip(rates, read, strict=True)],
        [
            rate * _written(step, stream, max(batch, 1.0))
            for rate, stream in zip(rates, demand.streams, strict=True)
        ],
    )


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
