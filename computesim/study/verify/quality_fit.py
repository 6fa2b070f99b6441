"""A fit of one law of quality, with the uncertainty of its coefficients and predictions."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from computesim.arrays import Floats
from computesim.catalog.rows import DATA

TABLE: Final = DATA / "calibration" / "quality.csv"
HEAD: Final = ("law", "group", "coefficient", "value", "standard_error", "low", "high",
               "rows", "x_low", "x_high", "scatter", "correlations")  # fmt: skip
#: coefficients that are shares and fitted by their logit; of the others the logarithm is
SHARES: Final = ("rivalry", "ceiling", "loss", "level")
#: what a coefficient of a law is drawn to where the cases do not tell it, and how loosely (standard
#: deviation of its logit or logarithm): a ceiling near 0.9, odds of a verifier near 10, an exponent
#: of chain length near 1; estimates
PRIOR: Final = {
    ("effort", "ceiling"): (0.9, 1.5),
    ("effort", "slope"): (1.0, 0.7),
    ("loss", "ceiling"): (0.9, 1.5),
    ("verifier", "verifier"): (10.0, 1.5),
}
FLOOR: Final = 1.0  #: points by which published rows scatter: rounding, prompts, harness (estimate)
#: points² by which they scatter for one problem: 4 points on the 30 of AIME, a good 1 on 500
#: (estimate: a vote is a coin's throw for a twentieth of the problems)
OF_PROBLEMS: Final = 480.0
LEAST_SCATTER: Final = 0.5  #: a fit through few rows is not more certain than this times the noise
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


def least_squares_fit(
    label: tuple[str, str],
    start: dict[str, float],
    residuals: Callable[[dict[str, float]], Sequence[float]],
    x: Iterable[float],
) -> Fit:
    """Return the coefficients of least squared error.

    Parameters
    ----------
    label : tuple of str
        Law and group.
    start : dict of str to float
        Where the fit begins, by name of the coefficient.
    residuals : callable
        Predicted minus published, in units of `noise`, as a function of the coefficients.
    x : iterable of float
        Of the cases, for the range of validity.

    Returns
    -------
    Fit
        The covariance is ``s² (JᵀJ)⁻¹``, s the scatter of the rows, at least `LEAST_SCATTER`, and 1
        where there are no more rows than coefficients. A `PRIOR` counts as one more row.
    """
    names = tuple(start)

    def known(unknowns: Floats) -> dict[str, float]:
        return {n: _value(n, float(u)) for n, u in zip(names, unknowns, strict=True)}

    def weighed(unknowns: Floats) -> Floats:
        return np.array([*residuals(known(unknowns)), *_priors(label[0], names, unknowns)])

    begin = [_unknown(name, value) for name, value in start.items()]
    found = least_squares(weighed, begin, diff_step=[1e-4], x_scale="jac", bounds=(-60.0, 60.0))
    of_prior = len(list(_priors(label[0], names, found.x)))
    rows, free = len(found.fun) - of_prior, len(found.fun) - len(names)
    scatter = math.sqrt(float(found.fun @ found.fun) / free) if free > 0 else 1.0
    scatter = max(scatter, LEAST_SCATTER)
    scale = np.array([_scale(n, float(u)) for n, u in zip(names, found.x, strict=True)])
    jacobian = np.asarray(found.jac, dtype=np.float64)
    covariance = np.linalg.pinv(jacobian.T @ jacobian, rcond=1e-10) * scatter**2
    values, places = tuple(known(found.x).values()), list(x)
    natural: Floats = np.asarray(covariance * np.outer(scale, scale), dtype=np.float64)
    return Fit(*label, names, values, natural, rows, (min(places), max(places)), scatter)


def _priors(law: str, names: Iterable[str], unknowns: Floats) -> Iterable[float]:
    """Yield how far coefficients are from what they are drawn to, in standard deviations."""
    for name, unknown in zip(names, unknowns, strict=True):
        if (prior := PRIOR.get((law, name.split()[0]))) is not None:
            yield (float(unknown) - _unknown(name, prior[0])) / prior[1]


def _unknown(name: str, value: float) -> float:
    """Return the logit or the logarithm of a coefficient."""
    return math.log(value / (1.0 - value)) if name.startswith(SHARES) else math.log(value)


def _value(name: str, unknown: float) -> float:
    """Return the coefficient of a logit or logarithm."""
    return 1.0 / (1.0 + math.exp(-unknown)) if name.startswith(SHARES) else math.exp(unknown)


def _scale(name: str, unknown: float) -> float:
    """Return the derivative of the coefficient by its logit or logarithm."""
    value = _value(name, unknown)
    return value * (1.0 - value) if name.startswith(SHARES) else value


def write_fits(fits: Iterable[Fit], path: Path = TABLE) -> None:
    """Write fits as a table, one coefficient a row.

    Parameters
    ----------
    fits : iterable of Fit
    path : Path
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        for fit in fits:
            writer.writerows(_rows(fit))


def _rows(fit: Fit) -> Iterable[tuple[str, ...]]:
    """Yield the rows of a fit; correlations are those with the coefficients above it."""
    errors = np.array(fit.standard_errors)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = np.nan_to_num(fit.covariance / np.outer(errors, errors))
    for i, (name, value) in enumerate(fit.known.items()):
        with_others = ";".join(f"{r:.3f}" for r in correlations[i, :i])
        numbers = (value, errors[i], *_interval(name, value, float(errors[i])), fit.rows,
                   *fit.x_range, fit.scatter)  # fmt: skip
        yield fit.law, fit.group, name, *(f"{n:.6g}" for n in numbers), with_others


def _interval(name: str, value: float, error: float) -> tuple[float, float]:
    """Return the 95 % interval, symmetric in the logit or the logarithm."""
    unknown = _unknown(name, min(value, 1 - 1e-9) if name.startswith(SHARES) else value)
    reach = min(1.96 * error / max(_scale(name, unknown), 1e-12), 30.0)
    return _value(name, unknown - reach), _value(name, unknown + reach)


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
