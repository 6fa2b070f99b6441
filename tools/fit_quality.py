"""Least squares fits of the laws of quality, and the table of their coefficients."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from computesim.arrays import Floats
from computesim.study.verify.quality_fit import SHARES, TABLE, Fit

HEAD: Final = ("law", "group", "coefficient", "value", "standard_error", "low", "high",
               "rows", "x_low", "x_high", "scatter", "correlations")  # fmt: skip
#: what a coefficient of a law is drawn to where the cases do not tell it, and how loosely (standard
#: deviation of its logit or logarithm): a ceiling near 0.9, odds of a verifier near 10, an exponent
#: of chain length near 1; estimates
PRIOR: Final = {
    ("effort", "ceiling"): (0.9, 1.5),
    ("effort", "slope"): (1.0, 0.7),
    ("loss", "ceiling"): (0.9, 1.5),
    ("verifier", "verifier"): (10.0, 1.5),
}
LEAST_SCATTER: Final = 0.5  #: a fit through few rows is not more certain than this times the noise


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
