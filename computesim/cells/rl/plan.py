"""What an RL step is asked to do, and what its prediction says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from computesim.cells.rl.framework import Framework, calibration_of
from computesim.hardware.accelerator import Accelerator
from computesim.lengths import LengthLaw, lognormal_length, representative_lengths
from computesim.quantities import ServingLoad
from computesim.workload.architecture import Architecture
from computesim.workload.post_training import rl_step
from computesim.workload.rl_recipe import RLRecipe, Turns
from computesim.workload.transformer import serving_load

#: standard deviation of ln(length) of chains of thought on one benchmark: 0.70 to 0.79 for five
#: reasoning models on GPQA (ML.ENERGY leaderboard v3, 2,772 to 34,848 answers each)
SPREAD: Final = 0.75
#: a mean this near the cap needs an ever larger uncut mean; the rest are rollouts at the cap
NEAREST: Final = 0.97
LENGTHS: Final = 8  #: rollouts that stand for all where FLOP are counted


@dataclass(frozen=True, slots=True)
class RLPlan:
    """One RL step on one machine; zero stands for a value that the model chooses."""

    model: Architecture
    accelerator: Accelerator
    n_accelerators: int
    sequences: int  #: rollouts that the learner takes of one step
    prompt_tokens: float
    mean_output_tokens: float  #: of one trajectory, all turns together, cut at the cap
    max_output_tokens: float
    n_learner: int = 0  #: both 0: colocated, or half and half where rollouts run ahead
    n_rollout: int = 0
    group_size: int = 1  #: rollouts that share a prompt
    output_spread: float = 0.0  #: standard deviation of the logarithm before the cap; 0: `SPREAD`
    staleness: float = 0.0  #: steps that rollouts run ahead; between 0 and 1 a share of a batch
    partial_rollouts: bool = False  #: unfinished rollouts go on with new weights
    recompute_cache: bool = False  #: after reading again all that they have, as new weights see it
    dtype: str = "bf16"  #: of the learner
    rollout_dtype: str = ""  #: of the engine; empty: that of the learner
    kv_dtype: str = "bf16"
    updates: float = 1.0  #: passes over the kept sequences
    minibatches: int = 1  #: optimiser steps of one pass
    keep_share: float = 1.0  #: groups that are not discarded
    old_log_probs: bool = True  #: computed again by the learner's engine
    reference: bool = False
    critic: bool = False  #: of the policy's size
    turns: int = 1  #: of an agent
    tool_seconds: float = 0.0  #: mean of an exponential wait after each turn but the last, s
    tool_tokens: float = 0.0  #: read after each turn but the last
    verifier_seconds: float = 0.0  #: of one trajectory, s
    verifier_cores: int = 0  #: trajectories judged at once; 0: as many as there are
    tp_rollout: int = 0  #: accelerators of one rollout replica
    speculation: float = 1.0  #: rate of decoding with drafted tokens ÷ rate without
    flop: float = 0.0  #: of a step, by all networks; 0: from the fields above
    learner_flop: float = 0.0  #: of these all that follows the rollouts; 0: from the fields above
    simulated: int = 0  #: rollouts that are simulated at most; 0: all
    chunks: int = 1  #: parts of a batch that the learner takes as soon as each is finished
    framework: Framework | None = None  #: another calibration than the shipped one

    def __post_init__(self) -> None:
        counts = (self.n_accelerators, self.sequences, self.group_size, self.turns, self.chunks)
        if min(counts) < 1:
            raise ValueError("accelerators, sequences, group, turns and chunks are at least 1")
        if not 0 < self.mean_output_tokens <= self.max_output_tokens:
            raise ValueError(
                f"a mean of {self.mean_output_tokens:g} output tokens does not go with a cap of "
                f"{self.max_output_tokens:g}"
            )
        if self.n_learner + self.n_rollout > self.n_accelerators:
            raise ValueError("learner and rollout have more accelerators than the job")
        if (self.n_learner > 0) != (self.n_rollout > 0):
            raise ValueError("give both n_learner and n_rollout, or neither")
        if self.speculation < 1:
            raise ValueError(f"a speculation gain of {self.speculation:g} is below 1")
        if not 0 < self.keep_share <= 1 or self.staleness < 0:
            raise ValueError("keep_share is above 0 to 1, and staleness is not negative")

    @property
    def split(self) -> tuple[int, int]:
        """Accelerators of rollout and learner; the same ones if the job is colocated."""
        if self.n_rollout:
            return self.n_rollout, self.n_learner
        if not self.colocated:
            half = max(self.n_accelerators // 2, 1)
            return self.n_accelerators - half, half
        return self.n_accelerators, self.n_accelerators

    def working(self, generating: float, learning: float) -> tuple[float, float]:
        """Return the accelerator-time of engine and learner ÷ that of the job.

        Parameters
        ----------
        generating, learning : float
            Shares of a step in which either works.
        """
        n_rollout, n_learner = (n / self.n_accelerators for n in self.split)
        return n_rollout * min(generating, 1.0), n_learner * min(learning, 1.0)

    @property
    def colocated(self) -> bool:
        """Whether rollout and learner take turns on the same accelerators."""
        return not self.n_rollout and self.staleness == 0

    @property
    def in_turn(self) -> bool:
        """Whether the learner begins when all rollouts of a step have ended."""
        return self.staleness == 0 and (self.chunks == 1 or self.colocated)

    @property
    def coefficients(self) -> Framework:
        """What the framework takes: given, or calibrated for the accelerator's generation."""
        return self.framework or calibration_of(self.accelerator).framework

    @property
    def engine_memory(self) -> float:
        """Share of an accelerator's memory that the rollout engine has."""
        own = self.coefficients
        return own.memory_colocated if self.colocated else own.memory

    @property
    def engine_dtype(self) -> str:
        """Dtype of the rollout engine's weights."""
        return self.rollout_dtype or self.dtype

    @property
    def drawn(self) -> int:
        """Rollouts that are generated for one step, discarded groups included."""
        return math.ceil(self.sequences / self.keep_share)

    @property
    def observed_tokens(self) -> float:
        """Tokens of one trajectory that tools wrote."""
        return (self.turns - 1) * self.tool_tokens

    @property
    def trajectory_tokens(self) -> float:
        """Tokens of one trajectory that the learner sees."""
        return self.prompt_tokens + self.mean_output_tokens + self.observed_tokens

    @property
    def attended_tokens(self) -> float:
        """Length of the trajectory in which the average token stands: attention grows with it."""
        return self.lengths.token_mean(self.prompt_tokens + self.observed_tokens)

    @property
    def load(self) -> ServingLoad:
        """What the rollout engine's model asks."""
        windows = self.model.n_window_layers
        context = (self.prompt_tokens + self.attended_tokens) / 2.0 if windows else None
        return serving_load(self.model, self.engine_dtype, self.kv_dtype, context=context)

    @property
    def lengths(self) -> LengthLaw:
        """Law of the outputs: lognormal, cut at the cap, with the mean that the run published."""
        cap, spread = self.max_output_tokens, self.output_spread or SPREAD
        return lognormal_length(min(self.mean_output_tokens, NEAREST * cap), spread, cap)

    @property
    def recipe(self) -> RLRecipe:
        """The step as papers describe it; a critic is of the policy's size."""
        return RLRecipe(
            prompts=self.sequences / self.group_size,
            group_size=self.group_size,
            prompt_tokens=self.prompt_tokens,
            response_lengths=representative_lengths(self.lengths, LENGTHS),
            turns=Turns(self.turns, self.tool_tokens, self.tool_seconds),
            keep_share=self.keep_share,
            updates=self.updates,
            old_log_probs=self.old_log_probs,
            reference=self.reference,
            critic=self.model if self.critic else None,
            rollout_dtype=self.engine_dtype,
            kv_dtype=self.kv_dtype,
        )

    @property
    def model_flop(self) -> float:
        """Model FLOP of a step: all groups generated, the kept ones learnt from."""
        return self.flop or rl_step(self.model, self.recipe).total.flop


@dataclass(frozen=True, slots=True)
class RLStepTimes:
    """The mean step of an RL run in its steady state, and where its time goes."""

    step_seconds: float
    rollout_seconds: float  #: sync: until the last rollout; async: between batches of the engine
    latency_seconds: float  #: of a batch, first token to last rollout, s
    verify_seconds: float  #: after the last rollout, s
    log_prob_seconds: float  #: old, reference and critic values, s
    learner_seconds: float
    sync_seconds: float  #: new weights for the engine, s
    overhead_seconds: float  #: of the framework, s
    rollout_idle: float  #: share of the step in which the rollout accelerators do nothing
    learner_idle: float  #: likewise of the learner's; colocated ones count as both
    rollout_fraction: float  #: rollout (async: engine) time in the step
    tokens_per_second_per_accelerator: float  #: prompts and outputs of the learner's sequences
    generated_tokens: float  #: of a step, discarded groups included
    flop: float  #: model FLOP of a step
    utilisation: float  #: of the dense bf16 peak
    watts: float  #: IT watts per accelerator, mean over the step, node included
    compute: float  #: fraction of the peak of the executed dtype
    bandwidth: float  #: fraction of the memory bandwidth
    n_accelerators: int
    n_rollout: int
    n_learner: int
    replicas: int  #: of the rollout engine
    replica_accelerators: int

    @property
    def accelerator_seconds(self) -> float:
        """Accelerator-seconds of one step."""
        return self.step_seconds * self.n_accelerators

    @property
    def joules(self) -> float:
        """Energy of one step at the nodes, J."""
        return self.watts * self.accelerator_seconds

    def accelerator_hours(self, steps: float) -> float:
        """Return the accelerator-hours of so many steps without interruption."""
        return steps * self.accelerator_seconds / 3600.0
