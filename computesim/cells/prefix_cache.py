"""What cached tokens take: memory while they wait, and a link when they come back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from computesim.cells.jobs import ServingDemand
from computesim.cells.serving import PROMPT_SPREAD
from computesim.cells.serving_options import PrefixCache
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.replica import ServingLayout
from computesim.hardware.transfer import lone_bandwidth, tier_bandwidth
from computesim.quantities import ServingLoad
from computesim.workload.requests import RequestStream

#: a prompt at the 90th percentile over the mean one
LONG_PROMPT: Final = math.exp(1.2816 * PROMPT_SPREAD - PROMPT_SPREAD**2 / 2.0)
JUDGED_SHARE: Final = 0.9  #: of the requests, promised a time to the first token


@dataclass(frozen=True, slots=True)
class Loading:
    """Cached prefixes on their way back to a replica."""

    seconds: float = 0.0  #: before a prompt is read, at the 90th percentile, s
    link: float = 0.0  #: accelerator-seconds of a link for one sequence, a mean, s


def waiting_tokens(demand: ServingDemand, *tiers: str) -> float:
    """Return the tokens that wait in some tiers for one sequence/s, a mean over streams, token·s.

    Parameters
    ----------
    demand : ServingDemand
    *tiers : str
        hbm, host, storage.

    Notes
    -----
    Little's law: rate × time that a prompt waits × its tokens. Every prompt of a stream with a
    cached share waits, found again or not; reasoning and answers are read anew, as chat templates
    leave reasoning out. A beginning that all sessions share is counted once for each of them.
    """
    waiting = sum(s.rate * waiting_of(s, cache) for s, cache in _cached(demand, *tiers))
    return waiting / _sequences(demand)


def waiting_of(stream: RequestStream, cache: PrefixCache) -> float:
    """Return the tokens that wait for one request/s of a stream, token·s."""
    return cache.retention * stream.prompt_tokens


def loading(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, layout: ServingLayout
) -> Loading:
    """Return what it takes to bring cached prefixes back to the replicas that read prompts.

    Parameters
    ----------
    demand : ServingDemand
    load : ServingLoad
        Bytes of its cache.
    accelerator : Accelerator
    layout : ServingLayout
        Of a replica: each accelerator loads its part of a sequence.

    Notes
    -----
    A prefix is there before its prompt is read; loads do not wait for one another, but no link
    carries more than it can. Layers that are loaded while others compute would hide a part.
    """
    alone: list[tuple[float, float]] = []
    busy = 0.0  # of one link, for a request
    for stream, cache in _cached(demand, "host", "storage"):
        size = stream.cached_tokens * load.kv_bytes_per_token + load.state_bytes_per_sequence
        place = (cache.tier, accelerator, cache.storage_bandwidth)
        share = stream.rate / demand.requests
        alone.append((LONG_PROMPT * size / lone_bandwidth(*place, layout), share))
        busy += share * size / tier_bandwidth(*place)
    left = 1.0 - sum(share for _, share in alone)  # streams that load nothing
    return Loading(_percentile([(0.0, left), *alone]), busy * demand.requests / _sequences(demand))


def loads_of(stream: RequestStream, cache: PrefixCache) -> float:
    """Return the tokens that a request of a stream loads from outside of the accelerator."""
    return 0.0 if cache.tier == "hbm" else stream.cached_tokens


def _sequences(demand: ServingDemand) -> float:
    """Return the sequences/s of a demand: all samples of all requests."""
    return sum(stream.rate * stream.samples for stream in demand.streams)


def _cached(demand: ServingDemand, *tiers: str) -> Iterator[tuple[RequestStream, PrefixCache]]:
    """Yield the streams that find some of their prompts in one of some tiers."""
    for stream, cache in demand.cached:
        if stream.cached_share > 0.0 and cache.tier in tiers:
            yield stream, cache


def _percentile(weighted: list[tuple[float, float]]) -> float:
    """Return the value that the judged share of the weights does not exceed."""
    behind = 0.0
    for value, weight in sorted(weighted):
        behind += weight
        if behind >= JUDGED_SHARE - 1e-9:
            return value
    return max(value for value, _ in weighted)
