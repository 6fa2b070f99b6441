"""Calibration of RL steps: a few coefficients, fitted to all models and without each of them.

`python -m tools.calibrate_rl` fits anew and writes the table that the package ships:
a quarter of an hour on one core.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from computesim.arrays import Floats
from computesim.catalog import Catalog, load_catalog
from computesim.cells.rl.framework import FITTED, NOBODY, TABLE, Calibration, Framework
from computesim.cells.rl.step import RLPlan, rl_step_times
from computesim.errors import CapacityError
from computesim.study.verify.cases import RL, Case, shipped_cases
from computesim.study.verify.rl import plan_of

#: where a fit begins, and what it is drawn to where the runs of a generation do not tell the
#: coefficients apart: layer (s), learner (a fifth slower than a tuned pretraining step), colocated
#: (4/3 of that: with less memory everything is computed again), mean output ÷ cap; estimates
START: Final = (2.5e-4, 1.2, 1.6, 0.55)
SPREAD: Final = 0.3  #: standard deviation of the logarithms that this prior allows
LEAST: Final = (1e-5, 0.7, 0.7, 0.15)
MOST: Final = (2e-3, 4.0, 4.0, 0.7)
OUTLIER: Final = 0.2  #: logarithmic error beyond which a row counts linearly, not squared
STRIDE: Final = 0.05  #: of a logarithm, for derivatives: wider than the noise of a simulation
SIMULATED: Final = 2048  #: rollouts of a step at most, on as many replicas as go with them
HEAD: Final = ("left_out", "generation", *FITTED, "mean_share", "rows", "cost")


@dataclass(frozen=True, slots=True)
class Sample:
    """Published step times of one hardware generation, and what they are compared with."""

    generation: str
    cases: tuple[Case, ...]
    catalog: Catalog

    def without(self, model: str) -> Sample:
        """Return the sample without the runs of a model."""
        kept = tuple(case for case in self.cases if case.text("model") != model)
        return replace(self, cases=kept)

    @property
    def models(self) -> list[str]:
        """Models of the sample, in order."""
        return list(dict.fromkeys(case.text("model") for case in self.cases))

    def residuals(self, calibration: Calibration) -> Floats:
        """Return ln(predicted ÷ published) of each case, shape (n,)."""
        known: dict[RLPlan, float] = {}
        found = []
        for case in self.cases:
            plan = replace(plan_of(case, self.catalog, calibration), simulated=SIMULATED)
            if plan not in known:
                known[plan] = rl_step_times(plan).step_seconds
            found.append(math.log(known[plan] / case.value))
        return np.array(found)

    @property
    def lacks_means(self) -> bool:
        """Whether some runs publish only the cap of their outputs."""
        return any(not case.text("mean_output_tokens") for case in self.cases)

    def cost(self, calibration: Calibration) -> float:
        """Return what `fitted` makes as small as it can: half the sum of the losses."""
        prior = np.log(np.divide(coefficients(calibration), START)) * OUTLIER / SPREAD
        ratio = (np.concatenate([self.residuals(calibration), prior]) / OUTLIER) ** 2
        return float(OUTLIER**2 * np.sum(np.sqrt(1.0 + ratio) - 1.0))


def samples(catalog: Catalog | None = None) -> list[Sample]:
    """Return the shipped step times that can be predicted, by hardware generation.

    Parameters
    ----------
    catalog : Catalog, optional
    """
    book = catalog or load_catalog()
    found: dict[str, list[Case]] = {}
    for case in shipped_cases(RL):
        if case.metric == "step_seconds" and _fits(case, book):
            generation = book.accelerator(case.text("accelerator")).generation
            found.setdefault(generation, []).append(case)
    return [Sample(generation, tuple(cases), book) for generation, cases in found.items()]


def _fits(case: Case, catalog: Catalog) -> bool:
    """Tell whether the model of a case fits on its accelerators."""
    try:
        rl_step_times(plan_of(case, catalog, _calibration(_unknowns(START))))
    except CapacityError:
        return False
    return True


def fitted(sample: Sample, start: Sequence[float] = START) -> Calibration:
    """Return the coefficients of least error.

    Parameters
    ----------
    sample : Sample
    start : sequence of float
        layer, learner, colocated, mean output ÷ cap.

    Returns
    -------
    Calibration

    Notes
    -----
    Least squares of ``ln(predicted ÷ published)`` with the loss ``2 (sqrt(1 + z) − 1)`` of
    ``z = (error ÷ OUTLIER)²``, over the logarithms of the coefficients; each of them counts as one
    more run that says `START`, give or take `SPREAD`.
    """

    def residuals(unknowns: Floats) -> Floats:
        prior = (unknowns - 1.0) * OUTLIER / SPREAD
        return np.concatenate([sample.residuals(_calibration(unknowns)), prior])

    result = least_squares(
        residuals,
        _unknowns(start),
        bounds=(_unknowns(LEAST), _unknowns(MOST)),
        loss="soft_l1",
        f_scale=OUTLIER,
        diff_step=[STRIDE] * len(START),
        xtol=2e-3,
        ftol=1e-3,
        max_nfev=6,
    )
    return _calibration(result.x)


def _unknowns(values: Sequence[float]) -> Floats:
    """Return 1 + ln(value ÷ start): near 1, of which scipy takes `STRIDE` as its step."""
    return 1.0 + np.log(np.divide(values, START))


def _calibration(unknowns: Floats) -> Calibration:
    """Return the coefficients of given unknowns."""
    *own, mean_share = (float(x) for x in np.exp(unknowns - 1.0) * START)
    return Calibration(Framework(*own), mean_share)


def coefficients(calibration: Calibration) -> tuple[float, ...]:
    """Return layer, learner, colocated and mean output ÷ cap of a calibration."""
    own = calibration.framework
    return own.layer, own.learner, own.colocated, calibration.mean_share


def rows(sample: Sample) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table for a generation: all models, then each left out.

    Parameters
    ----------
    sample : Sample
    """
    whole = fitted(sample)
    yield _row(NOBODY, sample, whole)
    for model in sample.models:
        rest = sample.without(model)
        yield _row(model, rest, fitted(rest))  # from the start: nothing of the model is in it


def _row(left_out: str, sample: Sample, found: Calibration) -> tuple[str, ...]:
    """Return a row of the table."""
    *own, mean_share = (f"{x:.4g}" for x in coefficients(found))
    told = mean_share if sample.lacks_means else ""
    cost = f"{sample.cost(found):.4g}"
    return left_out, sample.generation, *own, told, str(len(sample.cases)), cost


def write(path: Path = TABLE) -> None:
    """Fit everything and write the table.

    Parameters
    ----------
    path : Path
    """
    lines: list[tuple[str, ...]] = [HEAD]
    for sample in samples():
        for row in rows(sample):
            print(*row, flush=True)
            lines.append(row)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


if __name__ == "__main__":
    write()
