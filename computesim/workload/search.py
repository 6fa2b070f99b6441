"""Search over responses, in training and at the time of use.

Whatever the method, a search is a list of segments: so many sequences that each
generate so many tokens after a prefix which is in the cache already. Generated
tokens, reused tokens and exact attention all follow from the segments.

======== ==================================================== ==================
method   what one problem does                                completions
======== ==================================================== ==================
samples  independent responses, the best is chosen            samples
consensus the same, the most frequent answer is chosen        samples
beam     at each of `depth` steps `width` prefixes are        width
         extended `branching` ways, the best `width` are kept
tree     from the root `branching` children, the best `width` leaves kept
         are expanded again (all of them where width is 0)
mcts     `simulations` expansions of `branching` children,    width, or all
         `width` at a time                                    rollouts
revision `depth` responses in a row, each sees the earlier    depth · samples
======== ==================================================== ==================

A node is valued by a process reward model or by `rollouts` completions from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from computesim.errors import near_miss
from computesim.traced import count, least, named, number, steered
from computesim.workload.architecture import Architecture
from computesim.workload.attention import attention_flop, cache_bytes_read
from computesim.workload.parameters import parameter_count


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How responses to one problem are searched for; fields not used by the method are idle."""

    method: str = "samples"  #: samples, consensus, beam, tree, mcts or revision
    samples: int = 1  #: independent responses, or chains of revisions
    depth: int = 1  #: steps of a tree, or revisions in a row
    branching: int = 1  #: children of an expanded node
    width: int = 1  #: nodes kept at each step; mcts: expansions at a time
    simulations: int = 0  #: mcts: expansions in all
    rollouts: int = 0  #: completions that value each new node of a tree, each mcts expansion
    step_tokens: float = 0.0  #: tokens of a step; 0 divides the response into `depth` steps
    scored: bool = False  #: a reward model reads every generated token once, prefixes cached

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            hint = near_miss(self.method, _METHODS) or f"accepted: {', '.join(_METHODS)}"
            raise ValueError(f"unknown search method '{self.method}'; {hint}")
        for field in ("samples", "depth", "branching"):
            if getattr(self, field) < 1:
                raise ValueError(f"search {field} must be at least 1")
        if self.method == "mcts" and (self.simulations < 1 or self.width < 1):
            raise ValueError("mcts needs simulations and width of at least 1")
        if self.method == "beam" and self.width < 1:
            raise ValueError("beam search needs width of at least 1")


@dataclass(frozen=True, slots=True)
class Segment:
    """Sequences that each generate `tokens` after `prefix` cached tokens of the response."""

    count: float
    prefix: float
    tokens: float


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What the search for one problem generates and keeps."""

    segments: tuple[Segment, ...]
    critical_tokens: float  #: tokens that can only be generated one after another
    completions: float  #: finished responses at the end
    sequences: float  #: sequences that hold them; a chain of revisions is one
    sequence_tokens: float  #: response tokens of one such sequence
    scoring_rounds: float  #: times that generation waits for a score
    scored: bool

    @property
    def generated_tokens(self) -> float:
        """Tokens generated in all."""
        return sum(s.count * s.tokens for s in self.segments)

    @property
    def scored_tokens(self) -> float:
        """Tokens read by the reward model; prefixes are in its cache."""
        return self.generated_tokens if self.scored else 0.0

    @property
    def reused_tokens(self) -> float:
        """Prefix tokens that shared caches save from being generated or read again."""
        return sum(s.count * s.prefix for s in self.segments)


@steered
def search_cost(plan: SearchPlan, response_tokens: float) -> SearchCost:
    """Return what a search generates for one problem.

    Parameters
    ----------
    plan : SearchPlan
    response_tokens : float, token
        Length of one finished response.

    Raises
    ------
    ValueError
        If the steps of the plan are longer than the response.
    """
    step = plan.step_tokens or response_tokens / plan.depth
    if plan.method in ("beam", "tree", "mcts") and plan.depth * step > response_tokens * (1 + 1e-9):
        raise ValueError(
            f"{plan.depth} steps of {step:g} tokens are longer than "
            f"the response of {response_tokens:g}"
        )
    return _METHODS[plan.method](plan, response_tokens, step)


def _samples(plan: SearchPlan, response: float, step: float) -> SearchCost:
    """Independent responses; only the prompt is shared."""
    rounds = 1 if plan.scored else 0
    segments = [Segment(plan.samples, 0.0, response)]
    return _searched(plan, segments, response, plan.samples, response, rounds)


def _revision(plan: SearchPlan, response: float, step: float) -> SearchCost:
    """Responses in a row, each with the earlier ones in its context."""
    chain = tuple(Segment(plan.samples, i * response, response) for i in range(count(plan.depth)))
    rounds = plan.depth if plan.scored else 0
    length, done = plan.depth * response, plan.samples * plan.depth
    return SearchCost(chain, length, done, plan.samples, length, rounds, plan.scored)


def _beam(plan: SearchPlan, response: float, step: float) -> SearchCost:
    """Width times branching candidates at every step."""
    steps = [Segment(plan.width * plan.branching, i * step, step) for i in range(count(plan.depth))]
    steps.append(Segment(plan.width, plan.depth * step, response - plan.depth * step))
    return _searched(plan, steps, response, plan.width, response, plan.depth)


def _tree(plan: SearchPlan, response: float, step: float) -> SearchCost:
    """A tree whose levels grow by branching until width cuts them."""
    segments, kept, critical = [], 1, plan.depth * step
    for level in range(1, count(plan.depth) + 1):
        nodes = kept * plan.branching
        segments.append(Segment(nodes, (level - 1) * step, step))
        if plan.rollouts:
            segments.append(Segment(nodes * plan.rollouts, level * step, response - level * step))
            critical += response - level * step
        kept = least(nodes, plan.width) if plan.width else nodes
    if plan.rollouts:  # the rollouts of the kept leaves are their completions
        return _searched(plan, segments, critical, kept * plan.rollouts, response, plan.depth)
    rest = response - plan.depth * step
    segments.append(Segment(kept, plan.depth * step, rest))
    return _searched(plan, segments, critical + rest, kept, response, plan.depth)


def _mcts(plan: SearchPlan, response: float, step: float) -> SearchCost:
    """Expansions spread evenly over the depths of the tree, the first child rolled out."""
    segments, rest = [], 0.0
    share = plan.simulations / plan.depth
    for level in range(count(plan.depth)):
        left = response - (level + 1) * step
        segments.append(Segment(share * plan.branching, level * step, step))
        if plan.rollouts:
            segments.append(Segment(share * plan.rollouts, (level + 1) * step, left))
            rest += left / plan.depth
    rounds = math.ceil(plan.simulations / plan.width)
    critical = rounds * (step + rest)
    if plan.rollouts:
        done = number(plan.simulations * plan.rollouts)
        return _searched(plan, segments, critical, done, response, rounds)
    left = response - plan.depth * step
    segments.append(Segment(plan.width, plan.depth * step, left))
    return _searched(plan, segments, critical + left, plan.width, response, rounds)


def _searched(
    plan: SearchPlan,
    segments: list[Segment],
    critical: float,
    completions: float,
    response: float,
    rounds: float,
) -> SearchCost:
    """Return the cost of a search whose every completion is a sequence of its own."""
    return SearchCost(
        tuple(segments), critical, completions, completions, response, rounds, plan.scored
    )


_METHODS: dict[str, Callable[[SearchPlan, float, float], SearchCost]] = {
    "samples": _samples,
    "consensus": _samples,
    "beam": _beam,
    "tree": _tree,
    "mcts": _mcts,
    "revision": _revision,
}


@named(unit="FLOP")
def search_flop(
    arch: Architecture, cost: SearchCost, prompt: float = 0.0, absorbed: bool = False
) -> float:
    """Return the FLOP that generate (or, for a reward model, read) the tokens of a search.

    Parameters
    ----------
    arch : Architecture
    cost : SearchCost
    prompt : float, token
        Prompt before the response, in the cache.
    absorbed : bool
        Latent attention in its decoding form; a reward model that reads uses the other.

    Returns
    -------
    float, FLOP
        ``2 N`` per generated token and exact attention to prompt and prefix.
    """
    attention = sum(
        s.count * attention_flop(arch, prompt + s.prefix + s.tokens, prompt + s.prefix, absorbed)
        for s in cost.segments
    )
    return 2.0 * parameter_count(arch).matmul * cost.generated_tokens + attention


@named(unit="B")
def search_cache_bytes(
    arch: Architecture, cost: SearchCost, prompt: float = 0.0, element_bytes: float = 2.0
) -> float:
    """Return the bytes of cache read to generate the tokens of a search.

    Parameters
    ----------
    arch : Architecture
    cost : SearchCost
    prompt : float, token
    element_bytes : float, B

    Returns
    -------
    float, B
        Every sequence reads its whole prefix; what kernels save on shared prefixes is left out.
    """
    return sum(
        s.count
        * cache_bytes_read(arch, prompt + s.prefix + s.tokens, prompt + s.prefix, element_bytes)
        for s in cost.segments
    )
