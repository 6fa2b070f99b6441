"""How requests are served: what of production engines a pool uses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Final

from computesim.hardware.replica import ServingLayout
from computesim.hardware.serving_efficiency import Engine
from computesim.hardware.speculation import Speculation
from computesim.hardware.transfer import Tier

#: DeepSeek's 3FS: up to 40 GiB/s of KV cache into a node of eight, B/s of an accelerator
STORAGE_BANDWIDTH: Final = 40 * 2**30 / 8


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """Where the prompts of a stream wait for a request that begins with them."""

    tier: Tier = "host"
    retention: float = 300.0  #: from a request until its prompt is used again or given up, s
    storage_bandwidth: float = STORAGE_BANDWIDTH  #: of one accelerator, B/s


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """How a pool serves."""

    separate_prefill: bool = False  #: some replicas read prompts and others decode
    shared_prompts: bool = True  #: samples of a request hold one copy of its prompt
    two_batches: bool = False
    """traffic of experts of half a batch under the work of the other half, where it serves more"""
    speculation: Speculation | None = None  #: drafted tokens, where they serve more
    layouts: tuple[ServingLayout, ...] = ()
    """of all replicas, or of those that read and those that decode; searched where empty"""
    counts: tuple[int, ...] = ()  #: of these replicas; found where empty

    def engines(self, engine: Engine) -> tuple[Engine, ...]:
        """Return the ways in which an engine may run its batches."""
        halves = (replace(engine, two_batches=True),) if self.two_batches else ()
        return (engine, *halves)

    def ways(self, engine: Engine) -> tuple[tuple[Engine, Speculation | None], ...]:
        """Return the ways in which it may decode; the one that serves most is taken."""
        drafts = (None,) if self.speculation is None else (None, self.speculation)
        return tuple(itertools.product(self.engines(engine), drafts))
