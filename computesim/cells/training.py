"""Goodput of pretraining: FLOP/s that one accelerator of a job delivers, failures included."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from computesim.cells.jobs import PretrainingDemand
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.parallel import TrainingStep, best_layout
from computesim.hardware.reliability import Failures
from computesim.hardware.training_job import TrainingJob
from computesim.records import quantity
from computesim.workload.transformer import train_flop_per_token, training_load

SMALLEST_JOB = 64  #: accelerators
LARGEST_JOB = 2**22  #: accelerators
#: twice the accelerators must speed a run up by this factor to be used: those that are added do
#: at least half of what the others do (estimate)
WORTH_GROWING = 1.5
#: why a job has other accelerators than were asked for
RESIZED = {
    "memory": "fewer do not hold the model",
    "batch": "its batch feeds no more",
    "failures": "more would fail too often to be much faster",
    "duration": "fewer do not end the run in time",
}


@dataclass(frozen=True, slots=True)
class TrainingCell:
    """What one accelerator of a pretraining job gets done."""

    #: model FLOP/s per accelerator, failures included; 0: it does not fit
    flop: float = quantity("FLOP/s", 0.0)
    mfu: float = quantity("1", 0.0)  #: while running, fraction of the dense bf16 peak
    compute: float = quantity("1", 0.0)  #: HFU at the executed dtype, mean of the step
    bandwidth: float = quantity("1", 0.0)  #: likewise, fraction of the memory bandwidth
    busy: float = quantity("1", 0.0)  #: share of a step in which the accelerator computes
    effective: float = quantity("1", 0.0)  #: share of wall time with progress (ETTR)
    accelerators: int = 0  #: of one job
    requested: int = 0  #: accelerators that were asked for
    resized: str = ""  #: why it has others: a key of `RESIZED`, empty where it has these

    @property
    def speed(self) -> float:
        """Model FLOP/s of the whole job."""
        return self.flop * self.accelerators

    @property
    def pace(self) -> float:
        """Model FLOP/s of the whole job while nothing fails."""
        return self.speed / self.effective if self.effective else 0.0


def measure(
    demand: PretrainingDemand, accelerator: Accelerator, failures: Failures
) -> TrainingCell:
    """Return what one accelerator does in a pretraining run.

    Parameters
    ----------
    demand : PretrainingDemand
        A job has `accelerators`, or as many more as its duration asks for, as long as it pays:
        the last doubling must make the run 1.5 times as fast. A job that its batch does not feed,
        or that fails too often, is halved for as long as that costs less than this factor.
    accelerator : Accelerator
    failures : Failures

    Returns
    -------
    TrainingCell
        All zero if the model does not fit on the job; `resized` says why a job has other
        accelerators than asked for.
    """
    if accelerator.nic_bandwidth <= 0 and accelerator.scaleup_domain < demand.accelerators:
        return TrainingCell()
    requested = round_up(demand.accelerators)
    best = _first_that_runs(demand, accelerator, failures)
    reason = "batch" if best.accelerators < requested else "memory"
    while best.accelerators > SMALLEST_JOB:
        smaller = _job(demand, accelerator, failures, round_up(best.accelerators / 2))
        if smaller.speed * WORTH_GROWING <= best.speed:
            break
        unfed = smaller.pace * WORTH_GROWING > best.pace
        best, reason = smaller, "batch" if unfed else "failures"
    while 0 < best.speed * demand.duration < demand.run_flop:
        larger = _job(demand, accelerator, failures, round_up(best.accelerators * 2))
        if larger.speed < WORTH_GROWING * best.speed:
            break  # the run takes longer instead
        best, reason = larger, "duration"
    if not best.accelerators:
        return best
    same = best.accelerators == requested
    return replace(best, requested=round(demand.accelerators), resized="" if same else reason)


def _first_that_runs(
    demand: PretrainingDemand, accelerator: Accelerator, failures: Failures
) -> TrainingCell:
    """Return the job of the size asked for, or of the nearest size that holds model and batch."""
    asked = round_up(demand.accelerators)
    sizes = [asked]
    while sizes[-1] > SMALLEST_JOB:
        sizes.append(round_up(sizes[-1] / 2))
    larger = asked
    while larger < LARGEST_JOB:
        larger = round_up(larger * 2)
        sizes.append(larger)
    for size in sizes:
        cell = _job(demand, accelerator, failures, size)
        if cell.flop > 0:
            return cell
    return TrainingCell()


def _job(
    demand: PretrainingDemand, accelerator: Accelerator, failures: Failures, size: int
) -> TrainingCell:
    """Return what one accelerator of a job of so many does."""
    load = training_load(demand.model, demand.seq_len)
    try:
        step = best_layout(
            TrainingJob.of(load, accelerator, demand.batch_tokens, demand.dtype), size
        )
    except (CapacityError, ValueError):  # does not fit, or less than a sequence a step
        return TrainingCell()
    effective = failures.effective_time(size)
    per_token = train_flop_per_token(demand.model, demand.seq_len)
    return TrainingCell(
        flop=per_token * step.tokens_per_second * effective,
        mfu=step.mfu,
        compute=hardware_share(step, accelerator, demand.dtype),
        bandwidth=step.bandwidth,
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
