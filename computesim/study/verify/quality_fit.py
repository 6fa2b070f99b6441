"""A fit of one law of quality, with the uncertainty of its coefficients and predictions."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from computesim.arrays import Floats
from computesim.catalog.rows import DATA

TABLE: Final = DATA / "calibration" / "quality.csv"
#: coefficients that are shares and fitted by their logit; of the others the logarithm is
SHARES: Final = ("rivalry", "ceiling", "loss", "level")
FLOOR: Final = 1.0  #: points by which published rows scatter: rounding, prompts, harness (estimate)
#: points² by which they scatter for one problem: 4 points on the 30 of AIME, a good 1 on 500
#: (estimate: a vote is a coin's throw for a twentieth of the problems)
OF_PROBLEMS: Final = 480.0
BAND: Final = 1.2816  #: standard deviations that hold 80 %
_STEP: Final = 0.02  # of a standard error, for derivatives


@dataclass(frozen=True)
class Fit:
    """Coefficients of a law for a group of cases."""

    law: str
    group: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    covariance: Floats  #: of the values, shape (n, n)
    rows: int  #: cases fitted
    x_range: tuple[float, float]  #: of the cases fitted
    scatter: float  #: of the cases about the law, in units of their `noise`

    @cached_property
    def known(self) -> dict[str, float]:
        """Coefficients by name."""
        return dict(zip(self.names, self.values, strict=True))

    @cached_property
    def standard_errors(self) -> tuple[float, ...]:
        """Standard errors of the values."""
        return tuple(float(math.sqrt(v)) for v in np.diag(self.covariance))

    def extrapolated(self, x: float) -> bool:
        """Tell whether x lies outside of the cases fitted."""
        return not self.x_range[0] * (1 - 1e-9) <= x <= self.x_range[1] * (1 + 1e-9)

    def band(
        self, predict: Callable[[dict[str, float]], float], problems: float | None
    ) -> tuple[float, float]:
        """Return the 80 % interval of a prediction: of the coefficients and of single cases.

        Parameters
        ----------
        predict : callable
            Points as a function of the coefficients.
        problems : float, optional
            Of the benchmark.

        Returns
        -------
        tuple of float
            Within 0 and 100.
        """
        center = predict(self.known)
        slopes = np.zeros(len(self.names))
        for i, (name, value, error) in enumerate(
            zip(self.names, self.values, self.standard_errors, strict=True)
        ):
            step = min(_STEP * error, 1e-3 * abs(value))
            if step > 0:  # away from the end of a share
                near = value - step if name.startswith(SHARES) and value > 0.5 else value + step
                slopes[i] = (predict({**self.known, name: near}) - center) / (near - value)
        variance = float(slopes @ self.covariance @ slopes) + (self.scatter * noise(problems)) ** 2
        reach = BAND * math.sqrt(max(variance, 0.0))
        return max(center - reach, 0.0), min(center + reach, 100.0)


def noise(problems: float | None) -> float:
    """Return by how many points published rows of a benchmark scatter.

    Parameters
    ----------
    problems : float, optional
        Of the benchmark; many if not known.

    Returns
    -------
    float
        ``sqrt(FLOOR² + OF_PROBLEMS / problems)``
    """
    return math.sqrt(FLOOR**2 + (OF_PROBLEMS / problems if problems else 0.0))


def read_fits(path: Path = TABLE) -> dict[tuple[str, str], Fit]:
    """Return the fits of a table by law and group.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
    """
    grouped: dict[tuple[str, str], list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            grouped.setdefault((row["law"], row["group"]), []).append(row)
    return {label: _fit_of(label, rows) for label, rows in grouped.items()}


def _fit_of(label: tuple[str, str], rows: Sequence[dict[str, str]]) -> Fit:
    """Return the fit that some rows describe."""
    errors = np.array([float(row["standard_error"]) for row in rows])
    correlation = np.eye(len(rows))
    for i, row in enumerate(rows):
        for j, told in enumerate(filter(None, row["correlations"].split(";"))):
            correlation[i, j] = correlation[j, i] = float(told)
    return Fit(
        *label,
        tuple(row["coefficient"] for row in rows),
        tuple(float(row["value"]) for row in rows),
        correlation * np.outer(errors, errors),
        int(rows[0]["rows"]),
        (float(rows[0]["x_low"]), float(rows[0]["x_high"])),
        float(rows[0]["scatter"]),
    )
