"""What an RL step comes to: records whose numbers know their units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from computesim.records import derived, optional, quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class RLFacts:
    """What is done, and on what, with names resolved and gaps filled."""

    model: str
    accelerator: str
    accelerators: int
    learner: int  #: accelerators of the learner
    rollout: int  #: accelerators that generate; the same ones where they take turns
    in_turn: bool
    dtype: str
    rollout_dtype: str
    prompts: float
    group_size: int
    sequences: int  #: rollouts that the learner takes of one step
    prompt_tokens: float = quantity("token")
    output_tokens: float = quantity("token")
    max_output_tokens: float = quantity("token")
    staleness: float
    partial_rollouts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSplit:
    """The mean step, and where its time goes."""

    seconds: float = quantity("s")
    rollout: float = quantity("s")  #: in turn: until the last one; ahead: in which the engine works
    waiting: float = quantity("s")  #: of it the mean replica has nothing left to do
    verify: float = quantity("s")  #: after the last rollout
    log_probs: float = quantity("s")  #: old, reference and critic values
    learner: float = quantity("s")
    weight_sync: float = quantity("s")
    overhead: float = quantity("s")  #: of the framework
    batch_latency: float = quantity("s")  #: of a batch, from its start to its last verdict
    rollout_idle: float = quantity("1")  #: of the accelerators that generate
    learner_idle: float = quantity("1")  #: of those that learn
    rollout_fraction: float = quantity("1")
    generated_tokens: float = quantity("token")
    tokens_per_second_per_accelerator: float = quantity("token/s")  #: prompts and outputs learnt
    flop: float = quantity("FLOP")
    utilisation: float = quantity("1")  #: of the dense bf16 peak
    watts: float = quantity("W")  #: of the site, mean of the step
    joules: float = quantity("J")  #: of the site, a step


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMemory:
    """What an accelerator that generates holds."""

    replicas: int
    accelerators_per_replica: int
    layout: str
    weights: float = quantity("B")
    cache: float = quantity("B")
    capacity: float = quantity("B")  #: what the framework gives the engine
    cache_tokens: float = quantity("token")  #: of a replica
    rollouts_at_once: float = quantity("1")  #: of mean length, a replica
    rollouts: float = quantity("1")  #: of a batch, a replica


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerMemory:
    """What the fullest accelerator of the learner holds."""

    layout: str
    weights: float = quantity("B")
    gradients: float = quantity("B")
    optimiser: float = quantity("B")
    activations: float = quantity("B")
    capacity: float = quantity("B")
    host: float = quantity("B")


@dataclass(frozen=True, slots=True, kw_only=True)
class RLRun:
    """What a run of many steps takes."""

    steps: int
    running: float = quantity("s")  #: in mean steps, nothing fails
    played: float = quantity("s")  #: the same, each step with a tail of its own
    step_p50: float = quantity("s")
    step_p90: float = quantity("s")
    goodput: float = quantity("1")  #: share of wall time in which steps are made
    seconds: float = quantity("s")  #: wall time, failures included
    accelerators: int
    joules: float = quantity("J")

    @property
    @derived("h")
    def accelerator_hours(self) -> float:
        """Accelerator-hours of wall time."""
        return self.accelerators * self.seconds / 3600.0


@dataclass(frozen=True, slots=True)
class RLAnswer:
    """A step and, where its steps are counted, the run."""

    job: RLFacts
    step: StepSplit
    bottleneck: str
    memory: Mapping[str, EngineMemory | LearnerMemory]  #: of `rollout` and `learner`
    notes: list[str]
    run: RLRun | None = optional()
