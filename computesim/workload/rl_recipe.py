"""How a lab runs its RL: what papers disclose about one step, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from computesim.errors import near_miss
from computesim.workload.architecture import Architecture
from computesim.workload.search import SearchPlan

#: Steps by which a rollout may lag behind the learner; ScaleRL (arXiv 2510.13786) runs 8.
STALENESS = {"synchronous": 0, "one-step-off": 1, "asynchronous": 8}
_VERIFIERS = ("rule", "reward_model", "sandbox")


@dataclass(frozen=True, slots=True)
class Verifier:
    """What judges a finished response."""

    kind: str = "rule"  #: rule (no accelerator), reward_model or sandbox
    seconds: float = 0.0  #: of one verification, s
    cores: float = 1.0  #: processor cores that it occupies meanwhile
    model: Architecture | None = None  #: the reward model

    def __post_init__(self) -> None:
        if self.kind not in _VERIFIERS:
            hint = near_miss(self.kind, _VERIFIERS) or f"accepted: {', '.join(_VERIFIERS)}"
            raise ValueError(f"unknown verifier '{self.kind}'; {hint}")
        if self.kind == "reward_model" and self.model is None:
            raise ValueError("a verifier of kind reward_model needs its model")


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of an agent: it generates, a tool answers, the context grows."""

    turns: int = 1
    tool_tokens: float = 0.0  #: read after each turn but the last
    tool_seconds: float = 0.0  #: wait for the tool in each turn but the last, s
    cached_share: float = 1.0  #: of the contexts still in the cache when the tool has answered
    cores: float = 1.0  #: processor cores held by the environment of one trajectory


@dataclass(frozen=True, slots=True)
class Schedule:
    """How rollouts and learner take turns; staleness 0 means that one waits for the other."""

    mode: str = "synchronous"
    staleness: int | None = None  #: steps; by default that of the mode

    def __post_init__(self) -> None:
        if self.mode not in STALENESS:
            hint = near_miss(self.mode, STALENESS) or f"accepted: {', '.join(STALENESS)}"
            raise ValueError(f"unknown mode '{self.mode}'; {hint}")
        if (self.mode == "synchronous") != (self.max_staleness == 0):
            raise ValueError(f"mode {self.mode} with a staleness of {self.max_staleness}")

    @property
    def max_staleness(self) -> int:
        """Steps by which a rollout may be older than the weights that learn from it."""
        return STALENESS[self.mode] if self.staleness is None else self.staleness

    @property
    def overlapped(self) -> bool:
        """Whether rollout and learning run at the same time."""
        return self.max_staleness > 0


@dataclass(frozen=True, slots=True)
class RLRecipe:
    """One RL step, as papers describe it."""

    prompts: float  #: groups that the learner uses in one step
    group_size: float  #: searches (plain: responses) per prompt
    prompt_tokens: float
    response_lengths: tuple[float, ...]  #: equally likely lengths of one response, token
    search: SearchPlan = field(default_factory=SearchPlan)
    trained_per_search: float = 0.0  #: sequences that the learner takes of a search; 0 is all
    turns: Turns = field(default_factory=Turns)
    keep_share: float = 1.0  #: generated groups that dynamic sampling keeps
    updates: float = 1.0  #: passes over the kept sequences
    old_log_probs: bool = True  #: computed again by the learner's engine
    reference: bool = False  #: log-probs of a reference, for a KL term
    reference_model: Architecture | None = None  #: another model than the policy: a teacher
    critic: Architecture | None = None
    verifier: Verifier = field(default_factory=Verifier)
    process_reward_model: Architecture | None = None  #: scores the steps of the search
    schedule: Schedule = field(default_factory=Schedule)
    rollout_dtype: str = "bf16"
    kv_dtype: str = "bf16"

    def __post_init__(self) -> None:
        if not 0 < self.keep_share <= 1:
            raise ValueError(f"keep_share of {self.keep_share:g} is not between 0 and 1")
        if not self.response_lengths or min(self.response_lengths) <= 0:
            raise ValueError("response_lengths must be positive, and at least one")
        if self.turns.turns > 1 and self.search.method not in ("samples", "consensus"):
            raise ValueError(f"an agent of several turns cannot search by {self.search.method}")
