"""Goodput of pretraining: FLOP/s that one accelerator of a job delivers, failures included."""

from __future__ import annotations

import math
from dataclasses import dataclass

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.parallel import TrainingStep, best_layout
from computesim.hardware.reliability import effective_time
from computesim.projection.demand import PretrainingDemand
from computesim.workload.transformer import train_flop_per_token, training_load

SMALLEST_JOB = 64  # accelerators
#: twice the accelerators must speed a run up by this factor to be used
WORTH_GROWING = 1.4


@dataclass(frozen=True, slots=True)
class Failures:
    """How often nodes fail and what a failure costs a job."""

    per_node_day: float = 0.0
    restart: float = 0.0  #: s
    checkpoint_interval: float = 1800.0  #: s
    checkpoint_stall: float = 0.0  #: s

    def effective_time(self, accelerators: float, accelerator: Accelerator) -> float:
        """Return the share of wall time in which a job of so many accelerators makes progress.

        The interval between checkpoints is halved until a failure costs no more than a checkpoint:
        operators of large jobs checkpoint more often.
        """
        nodes = accelerators / accelerator.node_accelerators
        interval = self.checkpoint_interval
        best = 0.0
        while interval >= max(self.checkpoint_stall, 1.0):
            share = effective_time(
                nodes, self.per_node_day, self.restart, interval, self.checkpoint_stall
            )
            if share <= best:
                break
            best, interval = share, interval / 2
        return best


@dataclass(frozen=True, slots=True)
class TrainingCell:
    """What one accelerator of a pretraining job gets done."""

    flop: float = 0.0  #: model FLOP/s per accelerator, failures included; 0: it does not fit
    mfu: float = 0.0  #: while running, fraction of the dense bf16 peak
    compute: float = 0.0  #: HFU at the executed dtype, mean of the step
    busy: float = 0.0  #: share of a step in which the accelerator computes
    effective: float = 0.0  #: share of wall time with progress (ETTR)
    accelerators: int = 0  #: of one job

    @property
    def speed(self) -> float:
        """Model FLOP/s of the whole job."""
        return self.flop * self.accelerators


def measure(
    demand: PretrainingDemand, accelerator: Accelerator, failures: Failures
) -> TrainingCell:
    """Return what one accelerator does in a pretraining run.

    Parameters
    ----------
    demand : PretrainingDemand
        A job has `accelerators`, or as many more as its duration asks for, as long as it pays:
        the last doubling must make the run 1.4 times as fast. A job that its batch does not feed
        is halved until it does.
    accelerator : Accelerator
    failures : Failures

    Returns
    -------
    TrainingCell
        All zero if the model does not fit on the job.
    """
    if accelerator.nic_bandwidth <= 0 and accelerator.scaleup_domain < demand.accelerators:
        return TrainingCell()
    best = _job(demand, accelerator, failures, round_up(demand.accelerators))
    while best.accelerators > SMALLEST_JOB:  # a batch that does not feed so many
        smaller = _job(demand, accelerator, failures, round_up(best.accelerators / 2))
        if best.speed >= WORTH_GROWING * smaller.speed > 0:
            break
        best = smaller
    while 0 < best.speed * demand.duration < demand.run_flop:
        larger = _job(demand, accelerator, failures, round_up(best.accelerators * 2))
        if larger.speed < WORTH_GROWING * best.speed:
            break  # the run takes longer instead
        best = larger
    return best if best.flop > 0 else TrainingCell()


def _job(
    demand: PretrainingDemand, accelerator: Accelerator, failures: Failures, size: int
) -> TrainingCell:
    """Return what one accelerator of a job of so many does."""
    load = training_load(demand.model, demand.seq_len)
    try:
        step = best_layout(load, accelerator, size, demand.batch_tokens, demand.dtype)
    except CapacityError:
        return TrainingCell(accelerators=size)
    effective = failures.effective_time(size, accelerator)
    per_token = train_flop_per_token(demand.model, demand.seq_len)
    return TrainingCell(
        flop=per_token * step.tokens_per_second * effective,
        mfu=step.mfu,
        compute=hardware_share(step, accelerator, demand.dtype),
        busy=step.busy,
        effective=effective,
        accelerators=size,
    )


def hardware_share(step: TrainingStep, accelerator: Accelerator, dtype: str) -> float:
    """Return HFU at the peak of the executed dtype; `step.hfu` counts the bf16 peak."""
    return min(step.hfu * accelerator.peak("bf16") / accelerator.peak(dtype), 1.0)


def round_up(accelerators: float) -> int:
    """Return the next size that many layouts divide: a power of two, or three quarters of one."""
    power = 2 ** math.ceil(math.log2(max(accelerators, 8)))
    return int(power * 3 // 4) if power * 3 // 4 >= accelerators else int(power)
