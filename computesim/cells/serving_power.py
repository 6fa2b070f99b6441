"""Watts of a serving pool over time: reading prompts, decoding, waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.power import (
    Site,
    accelerator_watts,
    cluster_watts,
    facility_watts,
    node_watts,
)
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad
from computesim.sim.fluid import MeanLengths
from computesim.sim.records import Records
from computesim.sim.runs import Timeline

PHASES: Final = ("prefill", "decode", "idle")


@dataclass(frozen=True, slots=True)
class TokenWork:
    """What one token takes of a model, attention over its mean context included."""

    prefill: float  #: FLOP/token
    decode: float  #: FLOP/token
    context: float  #: tokens whose cache a decoded token reads


@dataclass(frozen=True, slots=True)
class PowerTimeline:
    """Watts by phase over time; kinds are those of the timeline that it was made of."""

    width: float  #: of an interval, s
    it: Floats  #: at the machines, shape (kinds, phases, intervals), W
    facility: Floats  #: at the meter, shape (kinds, phases, intervals), W

    @property
    def joules(self) -> dict[str, float]:
        """Energy at the meter by phase, J."""
        total = self.facility.sum(axis=(0, 2)) * self.width
        return dict(zip(PHASES, total.tolist(), strict=True))

    def mean_watts(self, start: float, end: float) -> float:
        """Return the mean draw at the meter over the whole intervals between two times, W.

        Over all intervals where no whole one lies between.
        """
        total = self.facility.sum(axis=(0, 1))
        first, last = int(np.ceil(start / self.width)), int(end // self.width)
        return float((total[first:last] if last > first else total).mean())


def token_work(load: ServingLoad, lengths: MeanLengths) -> TokenWork:
    """Return what tokens that are read and that are written take.

    Parameters
    ----------
    load : ServingLoad
    lengths : MeanLengths
        Of the requests: what a token attends to on average.
    """
    plain = load.flop_per_token + load.attention_flop_per_token
    pair = load.attention_flop_per_pair
    decode = plain + pair * lengths.context
    return TokenWork(plain + pair * lengths.pairs / lengths.fresh, decode, lengths.context)


def bandwidth_in_use(step: StepModel, row: Records | np.void, context: float) -> float:
    """Return the fraction of the memory bandwidth in use while steps of an interval run.

    Parameters
    ----------
    step : StepModel
        Of a replica.
    row : record of records.BIN
        What the replicas did.
    context : float, token
        Of a decoding sequence.

    Returns
    -------
    float

    Notes
    -----
    An interval does not count its steps: there are as many as give each running sequence its
    tokens, and enough to read the prompts in full chunks. All are taken to be alike.
    """
    busy = float(row["prefill_seconds"] + row["decode_seconds"])
    if busy <= 0.0:
        return 0.0
    read, written = float(row["prefill_tokens"]), float(row["decode_tokens"])
    running = max(float(row["batch_seconds"]) / busy, 1.0)
    steps = max(written / running, read / step.token_budget)
    if steps <= 0.0:
        return 0.0
    resident, sequences = written * context / steps, written / steps
    moved = steps * step.traffic_seconds((read + written) / steps, resident, sequences)
    return min(moved / busy, 1.0)


def power_over_time(
    timeline: Timeline,
    accelerator: Accelerator,
    site: Site,
    step: StepModel,
    work: TokenWork,
    dtype: str,
) -> PowerTimeline:
    """Return the watts of a pool by phase in each interval of a timeline.

    Parameters
    ----------
    timeline : Timeline
        What the replicas did.
    accelerator : Accelerator
    site : Site
        PUE.
    step : StepModel
        Of one replica.
    work : TokenWork
        Of a token.
    dtype : str
        Of the matrix multiplications.

    Returns
    -------
    PowerTimeline
        Only replicas that are paid for draw power: one that the autoscaler has switched off
        draws none, one that starts or is repaired idles.

    Notes
    -----
    `prefill` is every step that reads a prompt, whatever decodes besides; `decode` the other
    steps. An interval knows its tokens, not which step had which: decoded tokens and memory
    traffic are shared out between the two in proportion to their time (estimate). Matrix FLOP are
    those of the tokens, attention those of a mean context.
    Node, cluster and site overheads are affine in the load, so that phases add up to the whole.
    """
    bins, peak = timeline.bins, step.n_accelerators * accelerator.peak(dtype)
    it = np.zeros((bins.shape[0], len(PHASES), bins.shape[1]))
    facility = np.zeros_like(it)
    draws = _Draws(accelerator, site)
    for place in np.ndindex(bins.shape):
        row = bins[place]
        read, decoded = float(row["prefill_seconds"]), float(row["decode_seconds"])
        busy = read + decoded
        seconds = (read, decoded, max(float(row["on_seconds"]) - busy, 0.0))
        if busy > 0.0:
            bandwidth = bandwidth_in_use(step, row, work.context)
            decoding = work.decode * float(row["decode_tokens"]) / busy / peak
            reading = work.prefill * float(row["prefill_tokens"]) / read / peak if read else 0.0
            intensity = (min(reading + decoding, 1.0), min(decoding, 1.0))
        for phase, spent in enumerate(seconds):
            if spent <= 0.0:
                continue
            own = draws.idle if phase == 2 else draws.busy(intensity[phase], bandwidth)
            share = step.n_accelerators * spent / timeline.width
            it[place[0], phase, place[1]] = own[0] * share
            facility[place[0], phase, place[1]] = own[1] * share
    return PowerTimeline(timeline.width, it, facility)


class _Draws:
    """IT watts and watts at the meter of one accelerator with its share of all around it."""

    def __init__(self, accelerator: Accelerator, site: Site) -> None:
        self._accelerator, self._site = accelerator, site
        self._design = cluster_watts(accelerator.tdp + accelerator.node_overhead)
        self.idle = self._around(accelerator_watts(accelerator, 0.0, 0.0, busy=0.0), 0.0)

    def busy(self, compute: float, bandwidth: float) -> tuple[float, float]:
        """Return the watts while a step runs."""
        return self._around(accelerator_watts(self._accelerator, compute, bandwidth), 1.0)

    def _around(self, chip: float, load: float) -> tuple[float, float]:
        """Return the watts of a chip with node, cluster and site."""
        it = cluster_watts(node_watts(self._accelerator, chip, load))
        return it, facility_watts(self._site, it, self._design)
