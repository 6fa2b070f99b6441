"""The fullest microbatch of a step, which sets its pace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from computesim.arrays import Floats


@dataclass(frozen=True, slots=True)
class Fullest:
    """What the fullest microbatch holds."""

    decoding: int  #: sequences
    resident: int  #: context tokens that they read
    pace: int  #: prompt tokens
    pairs: int  #: of all its tokens with their contexts

    @classmethod
    def of(
        cls, contexts: list[int], prompts: list[tuple[int, int]], microbatches: int, room: int
    ) -> Fullest:
        """Return what it holds of a step.

        Parameters
        ----------
        contexts : list of int
            Of the sequences that decode, which are spread evenly.
        prompts : list of tuple of int
            Tokens of each prompt that are in the cache, and those that are read. The longest
            piece lies in one microbatch.
        microbatches : int
        room : int
            Prompt tokens that a microbatch has room for.
        """
        n, everything = len(contexts), sum(chunk for _, chunk in prompts)
        decoding = -(-n // microbatches)
        resident = sum(contexts) * decoding // n if n else 0
        pace, pairs = 0, 0
        if everything:
            pace = max(-(-everything // microbatches), *(min(chunk, room) for _, chunk in prompts))
            whole = sum(chunk * read + chunk * (chunk + 1) // 2 for read, chunk in prompts)
            pairs = whole * pace // everything
        # a token attends to its context and to itself
        return cls(decoding, resident, pace, pairs + resident + decoding)

    def sides(
        self, cost: Any, weights: Floats, read: int, decoded: int
    ) -> tuple[float, float, float]:
        """Return the compute side, the memory side and the rest of the step time, s.

        `read` and `decoded` count the tokens of all microbatches, whose groups share experts.
        """
        tokens, groups, stages = self.decoding + self.pace, int(cost["groups"]), int(cost["stages"])
        shared = decoded / (groups * stages) + max(self.pace, read / stages) / groups
        compute = cost["compute_offset"] + cost["per_token"] * tokens
        compute = compute + cost["per_shared_token"] * shared + cost["per_pair"] * self.pairs
        reading = cost["per_kv_token"] * self.resident + cost["per_sequence"] * self.decoding
        budget = int(cost["token_budget"]) // (groups * stages)
        memory = multiplications(weights, tokens, shared, groups, budget) + reading
        return compute, memory, cost["fixed"] + cost["wire"] * tokens


def multiplications(weights: Floats, tokens: int, shared: float, groups: int, budget: int) -> float:
    """Return the seconds of multiplications, the experts of all groups by the mean group."""
    everything, experts, least = weights
    index = min(tokens, budget)
    if groups == 1:
        return float(everything[index])
    below = min(int(shared), budget - 1)
    between = (shared - below) * (experts[below + 1] - experts[below])
    seconds = everything[index] + (experts[below] + between - experts[index])
    return float(max(seconds, least[index]))
