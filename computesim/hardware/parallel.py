"""Seconds of a training step under a layout, its MFU, and the best layout of a job."""

from __future__ import annotations

from computesim.arrays import Floats
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.layout import LayoutGrid, TrainingLayout
from computesim.hardware.training_job import TrainingJob
from computesim.hardware.training_job import TrainingStep as TrainingStep
from computesim.quantities import TrainingLoad


def training_step(job: TrainingJob, layout: TrainingLayout) -> TrainingStep:
    """Return the optimiser step of a job under a given layout.

    Parameters
    ----------
    job : TrainingJob
    layout : TrainingLayout
        Degrees of parallelism; their product is the number of accelerators.

    Returns
    -------
    TrainingStep
        `memory.fits` says whether the layout can run at all; the time is given either way.

    Raises
    ------
    CapacityError
        If tensor parallelism leaves the scale-up domain.

    Notes
    -----
    ``M (compute + exposed) (1 + (pp − 1)/(vp M)) + exposed gradients + optimiser``, stretched by
    uneven stages and by jitter, which grows with the logarithm of the job. M is rounded up to whole
    microbatches.

    Source
    ------
    Narayanan 2021 (interleaved pipelines), Korthikanti 2022 (sequence parallelism, selective
    recomputation), Rajbhandari 2020 (ZeRO), DeepSeek-V3 report (expert all-to-all).
    """
    if layout.tp > job.accelerator.scaleup_domain:
        raise CapacityError(
            f"tensor parallelism {layout.tp} leaves the scale-up domain of {job.accelerator.name} "
            f"({job.accelerator.scaleup_domain} accelerators)"
        )
    return job.step(LayoutGrid.of([layout]), 0, layout.n_accelerators)


def best_layout(job: TrainingJob, n_accelerators: int, offload: str = "never") -> TrainingStep:
    """Return the fastest step of a job over the layouts that fit.

    Parameters
    ----------
    job : TrainingJob
    n_accelerators : int
        Accelerators of the job; those that no layout divides are idle but counted in MFU.
    offload : str
        Whether state may move to host memory; see `TrainingJob.layouts`.

    Raises
    ------
    CapacityError
        If no layout fits, saying how many GB the nearest one lacks on each accelerator.

    Notes
    -----
    All candidates (up to some ten thousand) are evaluated at once in numpy, in a few ms.
    """
    grid = job.layouts(n_accelerators, offload)
    if not len(grid):
        raise CapacityError(f"{n_accelerators} accelerators are too few for any layout")
    fits = job.fitting(grid)
    if not fits.any():
        raise CapacityError(
            no_fit(job.load, job.accelerator, n_accelerators, job.memory(grid).shortage)
        )
    return job.step(job.fastest(grid.select(fits)), 0, int(n_accelerators))


def no_fit(
    load: TrainingLoad, accelerator: Accelerator, n_accelerators: int, shortage: Floats
) -> str:
    """Return what to say where no layout fits.

    Parameters
    ----------
    load : TrainingLoad
    accelerator : Accelerator
    n_accelerators : int
    shortage : array of float64, shape (k,), B
        What each layout lacks.
    """
    return (
        f"{load.name} does not fit on {n_accelerators} x {accelerator.name} in training: "
        f"{max(float(shortage.min()) / 1e9, 0.1):.1f} GB too much on each under the leanest layout"
    )
