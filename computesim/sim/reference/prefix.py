"""The prefix cache of a replica, as the twin keeps it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class PrefixBlocks:
    """Blocks of prompts, the least recently used goes first."""

    most: int  #: blocks that are kept
    kept: OrderedDict[int, None] = field(default_factory=OrderedDict)  #: the newest last

    def leading(self, blocks: list[int]) -> int:
        """Return how many leading blocks of a prompt are cached."""
        n = 0
        while n < len(blocks) and blocks[n] in self.kept:
            n += 1
        return n

    def use(self, blocks: Iterable[int]) -> None:
        """Make blocks the newest ones, one after the other."""
        for block in blocks:
            self.kept[block] = None
            self.kept.move_to_end(block)
            if len(self.kept) > self.most:
                self.kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them."""
        self.kept.clear()
