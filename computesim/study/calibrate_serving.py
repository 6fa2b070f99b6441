"""Calibration of serving: a few coefficients, fitted to all models and without each of them.

`python -m computesim.study.calibrate_serving CASES` fits to a case file of `verify serving` and
writes the table that the package ships: a quarter of an hour on one core.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from computesim.catalog import Catalog, load_catalog
from computesim.errors import CapacityError, CatalogError, SimulationError
from computesim.hardware.serving import serving_step
from computesim.hardware.serving_engine import (
    BANDS,
    ENGINES,
    EVERYTHING,
    MEMORY,
    NOBODY,
    TABLE,
    coefficients,
    efficiency_of,
    engine_of,
)
from computesim.study.cases import SERVING, Case, read_cases
from computesim.study.serving_bench import play
from computesim.study.verify import verify
from computesim.study.verify_serving import Point, point_of

Floats = npt.NDArray[np.float64]
Owner = tuple[str, str]  #: owner and name of a coefficient


@dataclass(frozen=True, slots=True)
class Prior:
    """Where a coefficient begins, how far it may go, and the most that it can be."""

    value: float
    spread: float  #: standard deviation of its logarithm
    most: float = math.inf


# Attained shares: medians of kernel measurements (aiconfigurator, see efficiency.py), never above
# 0.97. Overheads: of the order of the step fits of the same project; estimates.
_SHARE, _TIME = 0.25, 0.7
_ENGINE: Final = {
    "step": Prior(1.5e-3, _TIME),
    "layer": Prior(30e-6, _TIME),
    "sequence": Prior(10e-6, _TIME),
    "launch": Prior(0.3e-3, _TIME),
    "moe_layer": Prior(15e-6, _TIME),
    "moe_launch": Prior(0.3e-3, _TIME),
    "request": Prior(30e-3, _TIME),
    "waves": Prior(10.0, _TIME),
}
_HOPPER: Final = {
    "bf16": Prior(0.80, _SHARE, 0.97),
    "fp8": Prior(0.58, _SHARE, 0.97),
    "half_rows": Prior(48.0, _TIME),
    "hbm": Prior(0.80, _SHARE, 0.97),
    "kv_hbm": Prior(0.58, _SHARE, 0.97),
    "small_message": Prior(3.1e-6, _TIME),
    "attention": Prior(0.55, _SHARE, 0.97),
    "grouped": Prior(0.6, 0.1, 0.97),  # kernels reach 0.8; TTFT alone would say 0.2
}
_BLACKWELL: Final = {
    **_HOPPER,
    "bf16": Prior(0.68, 0.12, 0.97),  # only one model was measured in bf16
    "fp8": Prior(0.50, _SHARE, 0.97),
    "fp4": Prior(0.45, _SHARE, 0.97),
    "half_rows": Prior(192.0, _TIME),
    "hbm": Prior(0.75, _SHARE, 0.97),
    "small_message": Prior(5e-6, _TIME),
    "attention": Prior(0.50, _SHARE, 0.97),
}
PRIORS: Final[dict[Owner, Prior]] = {
    **{("hopper", name): prior for name, prior in _HOPPER.items()},
    **{("blackwell", name): prior for name, prior in _BLACKWELL.items()},
    **{(engine, name): prior for engine in ENGINES for name, prior in _ENGINE.items()},
    (EVERYTHING, "imbalance"): Prior(1.2, 0.1),  # redundant experts even loads out; estimate
}
OUTLIER: Final = 0.2  #: logarithmic error beyond which a point counts linearly, not squared
TTFT_WEIGHT: Final = 0.6  #: of a time to first token beside a time per output token
STRIDE: Final = 3  #: every third point is fitted
STEP: Final = 0.02  #: of a logarithm, for derivatives
EVALUATIONS: Final = 8  #: of residuals with derivatives, at most
FACTOR: Final = 0.2  #: weight of the priors: `OUTLIER` times the root of points per 200
#: accelerators whose published points rise and fall at random with the number of clients
#: (Qwen3-32B on GB200: 21, 51, 94, 103, 133, 72 ms for 2 to 128 clients): not fitted, but judged
ERRATIC: Final = ("gb200",)
HEAD: Final = ("left_out", "owner", "name", "value")


@dataclass(frozen=True, slots=True)
class Sample:
    """Measured points, each with its median TPOT and its TTFT."""

    points: tuple[Point, ...]
    tpot: Floats  #: ms
    ttft: Floats  #: ms

    def without(self, model: str) -> Sample:
        """Return the sample without the points of a model."""
        kept = np.array([point.load.name != model for point in self.points])
        points = tuple(p for p, k in zip(self.points, kept, strict=True) if k)
        return Sample(points, self.tpot[kept], self.ttft[kept])

    @property
    def models(self) -> list[str]:
        """Models of the sample, in order."""
        return list(dict.fromkeys(point.load.name for point in self.points))

    def residuals(self, values: dict[Owner, float]) -> Floats:
        """Return ln(predicted ÷ measured) of both times of each point, shape (n, 2)."""
        found = np.zeros((len(self.points), 2))
        for i, point in enumerate(self.points):
            times = times_of(point, values)
            if times is not None:
                found[i] = np.log(np.multiply(times, 1e3) / (self.tpot[i], self.ttft[i]))
        return found


def sample(cases: Sequence[Case], catalog: Catalog) -> Sample:
    """Return the points that tell both times and can be predicted.

    Parameters
    ----------
    cases : sequence of Case
    catalog : Catalog
    """
    both: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    rows: dict[tuple[tuple[str, str], ...], Case] = {}
    for case in cases:
        cells = {k: v for k, v in case.cells.items() if k not in ("metric", "value")}
        cells["id"] = cells["id"].rsplit(":", 1)[0].removesuffix("-tpot").removesuffix("-ttft")
        key = tuple(cells.items())
        both.setdefault(key, {})[case.metric] = case.value
        rows[key] = case
    points, tpot, ttft = [], [], []
    for key, found in both.items():
        if len(found) < 2 or rows[key].text("accelerator") in ERRATIC:
            continue
        try:
            points.append(point_of(rows[key], catalog))
        except (CatalogError, CapacityError, ValueError):
            continue
        tpot.append(found["tpot_ms"])
        ttft.append(found["ttft_ms"])
    return Sample(tuple(points), np.array(tpot), np.array(ttft))


def times_of(point: Point, values: dict[Owner, float]) -> tuple[float, float] | None:
    """Return TPOT and TTFT of a point with given coefficients, s; None where it does not fit.

    Parameters
    ----------
    point : Point
    values : dict
        (owner, name) -> coefficient.
    """
    costs = engine_of(values, point.engine)
    reserve, share = MEMORY[point.engine]
    own = efficiency_of(values, point.machine, costs)
    own = replace(own, memory_reserve=reserve, cache_share=share)
    try:
        step = serving_step(point.load, point.machine, point.layout, coefficients=own, engine=costs)
        found = play(point.bench(step, costs))
    except (CapacityError, SimulationError):
        return None
    return found.tpot, found.ttft


def fitted(points: Sample, start: dict[Owner, float] | None = None) -> dict[Owner, float]:
    """Return the coefficients of least error.

    Parameters
    ----------
    points : Sample
    start : dict, optional
        Where to begin; the priors by default.

    Returns
    -------
    dict
        (owner, name) -> coefficient.

    Notes
    -----
    Least squares of ``ln(predicted ÷ measured)`` with the loss ``2 (sqrt(1 + z) − 1)`` of
    ``z = (error ÷ OUTLIER)²``, over the logarithms of the coefficients, with their priors.
    """
    names = list(PRIORS)
    begin = np.array([math.log(start[n] / PRIORS[n].value) if start else 0.0 for n in names])
    most = np.array([min(math.log(PRIORS[n].most / PRIORS[n].value), 3.0) for n in names])
    spread = np.array([PRIORS[n].spread for n in names])
    weight = FACTOR * math.sqrt(len(points.points) / 200.0)

    def values(x: Floats) -> dict[Owner, float]:
        return {n: PRIORS[n].value * math.exp(v) for n, v in zip(names, x, strict=True)}

    def residuals(x: Floats) -> Floats:
        errors = points.residuals(values(x)) * (1.0, TTFT_WEIGHT)
        return np.concatenate([errors.ravel(), x / spread * weight])

    result = least_squares(
        residuals,
        np.minimum(begin, most - 1e-6),
        bounds=(np.full(len(names), -3.0), most),
        loss="soft_l1",
        f_scale=OUTLIER,
        diff_step=[STEP] * len(names),
        max_nfev=EVALUATIONS,
    )
    return values(result.x)


def rows(points: Sample) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table: the fit to all models, then without each.

    Parameters
    ----------
    points : Sample
    """
    whole = fitted(points)
    yield from _rows(NOBODY, whole)
    for model in points.models:
        yield from _rows(model, fitted(points.without(model), whole))


def _rows(left_out: str, values: dict[Owner, float]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one fit."""
    for (owner, name), value in values.items():
        yield left_out, owner, name, f"{value:.5g}"


def write(cases: Path, path: Path = TABLE) -> None:
    """Fit everything and write the table.

    Parameters
    ----------
    cases : Path
        Case file of `verify serving`.
    path : Path
    """
    found = sample(read_cases(cases, SERVING), load_catalog())
    part = Sample(found.points[::STRIDE], found.tpot[::STRIDE], found.ttft[::STRIDE])
    lines: list[tuple[str, ...]] = [HEAD]
    for row in rows(part):
        lines.append(row)
        if row[1:3] == (EVERYTHING, "imbalance"):
            print(row[0], flush=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def write_bands(cases: Path, path: Path = BANDS) -> None:
    """Write between which factors of a prediction measurements lie, each model left out.

    Parameters
    ----------
    cases : Path
        Case file of `verify serving`.
    path : Path
    """
    found: dict[str, list[float]] = {}
    for verdict in verify("serving", cases).verdicts:
        if verdict.held_out:
            found.setdefault(verdict.case.metric, []).append(verdict.case.value / verdict.held_out)
    lines: list[tuple[str, ...]] = [("metric", "n", "low", "high")]
    for metric, ratios in found.items():
        low, high = np.quantile(ratios, (0.1, 0.9))
        lines.append((metric, str(len(ratios)), f"{low:.3f}", f"{high:.3f}"))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m computesim.study.calibrate_serving CASES")
    write(Path(sys.argv[1]))
    coefficients.cache_clear()
    write_bands(Path(sys.argv[1]))
