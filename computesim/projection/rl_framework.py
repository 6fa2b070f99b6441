"""What an RL framework takes beyond kernels and collectives: fitted, or read off other runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from computesim.errors import CapacityError
from computesim.projection.rl_plan import RLPlan
from computesim.workload.parameters import weight_bytes

#: weights over a node: 8 NICs deliver this share of their rate. checkpoint-engine on 8 H800 and 16
#: H20: 3.5 s for 212 GB, 6.2 s for 470 GB, 10.2 s for 671 GB, 14.4 s for 1,043 GB
SYNC_SHARE: Final = 0.23
SYNC_FIXED: Final = 2.0  # s, intercept of the same points
MASTER: Final = "bf16"  #: dtype of the learner's weights, whatever it multiplies in


@dataclass(frozen=True, slots=True)
class Framework:
    """What an RL framework needs beyond kernels and collectives at their measured best."""

    layer: float  #: of a layer in each step of the engine: eager launches, sampling, s
    learner: float  #: seconds of the learner ÷ those of a tuned pretraining step
    colocated: float  #: the same where it shares the accelerators with the engine: less memory
    per_byte: float  #: of a step and a byte of weights: unloading, resharding, loading, s/B
    fixed: float  #: of a step: waking engines, packing, logging, s


# One calibration for all generations: the runs do not tell H100 and GB200 apart.
# layer, learner, colocated: one least-squares fit over 26 step times of NeMo RL 0.5 and 0.6 (four
# models, H100 and GB200, on policy and one step off); the same for both generations. Median error
# 8 % (p90 13 %); 8 % (18 %) on models left out of the fit. per_byte, fixed: not fitted but the
# line through verl's weight updates of Qwen3-30B and 235B (4.4 and 23.7 s).
FRAMEWORK: Final = Framework(
    layer=0.16e-3, learner=1.11, colocated=1.65, per_byte=4.7e-11, fixed=1.5
)


def slowness(plan: RLPlan) -> float:
    """Return the seconds of the learner ÷ those of a tuned pretraining step."""
    return FRAMEWORK.colocated if plan.colocated else FRAMEWORK.learner


def overhead_seconds(plan: RLPlan) -> float:
    """Return the seconds of a step that the framework takes around engine and learner."""
    return FRAMEWORK.fixed + FRAMEWORK.per_byte * weight_bytes(plan.model, MASTER)


def sync_seconds(plan: RLPlan) -> float:
    """Return the seconds that bring new weights to the engine, almost whatever its size.

    Source
    ------
    checkpoint-engine README (2025-09), NeMo RL refit (9 to 15 s for DeepSeek-V3).
    """
    machine = plan.accelerator
    node = 8.0 * (machine.nic_bandwidth or machine.scaleup_bandwidth)
    if node <= 0:
        raise CapacityError(f"{machine.name} has no link that could carry new weights")
    return SYNC_FIXED + weight_bytes(plan.model, plan.engine_dtype) / (SYNC_SHARE * node)
