"""The smallest machine that trains a run before a deadline."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from computesim.errors import CapacityError
from computesim.hardware.reliability import NODE
from computesim.hardware.training_job import TrainingJob, TrainingStep
from computesim.study.plan.layouts import reach
from computesim.study.plan.run_level import Reliability, goodput

LARGEST_MACHINE: Final = 2**20  #: accelerators; where the search for a machine gives up
_SIZES: Final = (4, 5, 6, 7)  #: quarters of an octave at which machines are tried
_NO_HOPE: Final = 1.3  #: times the seconds of the fastest, after which no smaller one is tried


@dataclass(frozen=True, slots=True)
class Machine:
    """A job on a number of accelerators that trains a run in time."""

    n_accelerators: int
    step: TrainingStep
    goodput: float  #: share of wall time in which full-speed steps are made
    seconds: float  #: wall time of the run, s


def smallest_machine(
    job: TrainingJob,
    tokens: float,
    deadline: float,
    reliability: Reliability | None = None,
    largest: int = LARGEST_MACHINE,
    offload: str = "never",
) -> Machine:
    """Return the smallest machine that trains a run before a deadline.

    Parameters
    ----------
    job : TrainingJob
        Model, accelerator, batch and dtype.
    tokens : float, token
        Tokens of the run.
    deadline : float, s
        Wall time allowed, failures and stragglers included.
    reliability : Reliability, optional
        How often nodes fail and what that costs; not given, nothing fails.
    largest : int
        Accelerators above which the search gives up.
    offload : str
        Whether state may move to host memory; see `TrainingJob.layouts`.

    Returns
    -------
    Machine
        Of whole nodes; one node less does not make it. A ladder of sizes is climbed, four
        an octave, then the gap between the last that is too small and the first that is not
        is halved.

    Raises
    ------
    CapacityError
        If no machine up to `largest` makes it, with the time of the fastest one tried.
    """
    accelerator = job.accelerator
    peak = accelerator.peak(job.dtype)
    least = tokens * job.load.flop_per_token / (peak * deadline)
    node = accelerator.node_accelerators
    largest = int(min(largest, reach(accelerator)))
    fastest: Machine | None = None
    too_small = max(-(-least // node) - 1, 0) * node
    for size in _ladder(least, largest, node):
        machine = _machine(job, size, tokens, reliability, offload)
        if machine is not None and machine.seconds <= deadline:
            return _shrunk(job, machine, int(too_small), tokens, deadline, reliability, offload)
        if machine is not None and (fastest is None or machine.seconds < fastest.seconds):
            fastest = machine
        too_small = size
    raise CapacityError(_too_late(job, deadline, largest, least, fastest))


def sooner_on_fewer(
    job: TrainingJob,
    n_accelerators: int,
    tokens: float,
    reliability: Reliability | None = None,
    offload: str = "never",
) -> Machine | None:
    """Return a smaller machine that ends a run sooner with the same batch per accelerator.

    Parameters
    ----------
    job : TrainingJob
        Model, accelerator, dtype, and the batch of all `n_accelerators`.
    n_accelerators : int
    tokens : float, token
        Tokens of the run.
    reliability : Reliability, optional
        How often nodes fail and what that costs; not given, nothing fails.
    offload : str
        Whether state may move to host memory; see `TrainingJob.layouts`.

    Returns
    -------
    Machine or None
        The fastest of the sizes that are tried, four an octave; None where the machine is as fast
        as any of them.

    Notes
    -----
    n nodes that fail at rate r and restart in R do ``n exp(−n r R)`` of work: the most at one
    failure per restart, less and less beyond. Counts that no good layout divides lose as well.
    """
    machine = _machine(job, n_accelerators, tokens, reliability, offload)
    if machine is None:
        return None
    best, seq_len = machine, job.load.seq_len
    sizes = list(_ladder(1.0, n_accelerators, job.accelerator.node_accelerators))
    for size in reversed([size for size in sizes if size < n_accelerators]):
        whole = max(round(job.batch_tokens * size / n_accelerators / seq_len), 1) * seq_len
        tried = _machine(
            replace(job, batch_tokens=float(whole)), size, tokens, reliability, offload
        )
        if tried is None or tried.seconds > _NO_HOPE * best.seconds:
            break
        best = min(best, tried, key=lambda one: one.seconds)
    return None if best is machine else best


def _shrunk(
    job: TrainingJob,
    machine: Machine,
    too_small: int,
    tokens: float,
    deadline: float,
    reliability: Reliability | None,
    offload: str,
) -> Machine:
    """Return a machine of whole nodes that makes it and is one node above one that does not."""
    node = job.accelerator.node_accelerators
    while machine.n_accelerators - too_small > node:
        size = (machine.n_accelerators + too_small) // 2 // node * node
        if size <= too_small:
            size = too_small + node
        tried = _machine(job, size, tokens, reliability, offload)
        if tried is not None and tried.seconds <= deadline:
            machine = tried
        else:
            too_small = size
    return machine


def _ladder(least: float, largest: int, node: int) -> Iterator[int]:
    """Yield machine sizes in whole nodes from `least` to `largest`, four an octave."""
    last, octave = 0, node
    while octave <= largest:
        for part in _SIZES:
            size = -(-octave * part // (4 * node)) * node
            if last < size <= largest and size >= least:
                yield size
                last = size
        octave *= 2
    if last < largest and largest >= least:
        yield largest


def _machine(
    job: TrainingJob, size: int, tokens: float, reliability: Reliability | None, offload: str
) -> Machine | None:
    """Return a run on a machine of one size, or None where it does not fit or never ends."""
    grid = job.layouts(size, offload)
    grid = grid.select(job.fitting(grid))
    if not len(grid):
        return None
    step = job.step(job.fastest(grid), 0, size)
    share = 1.0
    if reliability is not None:
        share = goodput(size / NODE, reliability, step.jitter).share
    seconds = tokens / job.batch_tokens * step.seconds
    return Machine(size, step, share, seconds / share) if share > 0 else None


def _too_late(
    job: TrainingJob, deadline: float, largest: int, least: float, fastest: Machine | None
) -> str:
    """Return what to say where no machine is fast enough."""
    what = f"{job.load.name} on up to {largest:,} x {job.accelerator.name}"
    late = f"{what}: not done in {deadline / 86400:.3g} days"
    if fastest is not None:
        days = fastest.seconds / 86400
        return f"{late}; the fastest, {fastest.n_accelerators:,}, takes {days:.3g} days"
    if least > largest:
        return f"{late}; that takes {math.ceil(least):,} even at their peak rate"
    return f"{late}; it fits on none of the sizes that could be in time"
