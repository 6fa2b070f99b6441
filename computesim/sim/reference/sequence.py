"""A request on its way through a pool, as the twin sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from computesim.sim.records import FRESH


def blocks(tokens: int, size: int) -> int:
    """Return the tokens of the blocks that some tokens need."""
    return -(-tokens // size) * size


@dataclass(slots=True, eq=False)
class Sequence:
    """A request on its way."""

    index: int
    record: Any  #: its row in the requests
    prompt: int  #: tokens
    output: int  #: tokens
    stage: int  #: -1 for none
    shares: bool  #: its prompt is kept once for the stage
    lane: int  #: priority
    blocks: list[int] = field(default_factory=list)  #: of its prompt, for the prefix cache
    state: int = FRESH
    generated: int = 0  #: output tokens so far
    read: int = 0  #: tokens of prompt and earlier output in the KV cache while it is read
    missing: int = 0  #: prompt tokens that its replica has to read, as the routing saw it

    @property
    def target(self) -> int:
        """Tokens that have to be read before it decodes; all over again after it lost its place."""
        return self.prompt + self.generated

    @property
    def context(self) -> int:
        """Tokens in the KV cache while it decodes: all but the newest."""
        return self.prompt + self.generated - 1
