"""What surrounds engine and learner in a step: slowness, overheads, new weights."""

from __future__ import annotations

from typing import Final

from computesim.cells.rl.plan import RLPlan
from computesim.errors import CapacityError
from computesim.workload.parameters import weight_bytes

#: weights over a node: 8 NICs deliver this share of their rate. checkpoint-engine on 8 H800 and 16
#: H20: 3.5 s for 212 GB, 6.2 s for 470 GB, 10.2 s for 671 GB, 14.4 s for 1,043 GB
SYNC_SHARE: Final = 0.23
SYNC_FIXED: Final = 2.0  # s, intercept of the same points
MASTER: Final = "bf16"  #: dtype of the learner's weights, whatever it multiplies in


def slowness(plan: RLPlan) -> float:
    """Return the seconds of the learner ÷ those of a tuned pretraining step."""
    return plan.coefficients.colocated if plan.colocated else plan.coefficients.learner


def overhead_seconds(plan: RLPlan) -> float:
    """Return the seconds of a step that the framework takes around engine and learner."""
    own = plan.coefficients
    return own.fixed + own.per_byte * weight_bytes(plan.model, MASTER)


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
