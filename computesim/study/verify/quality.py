"""Predictions of quality cases, from the shipped coefficients and the given rows of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

from computesim.catalog import Catalog
from computesim.study.verify.cases import Case
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.quality_fit import Fit, read_fits
from computesim.study.verify.quality_laws import (
    given_of,
    group_of,
    law_of,
    predicted,
    series_of,
)


@cache
def shipped_fits() -> dict[tuple[str, str], Fit]:
    """Return the coefficients of the package by law and group, read once."""
    return read_fits()


@dataclass(frozen=True, slots=True)
class QualityPredictor:
    """Predicts cases of quality; knows which rows the laws are told."""

    given: dict[tuple[str, str, str], list[Case]]

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Self:
        """Return the predictor for the cases of a file.

        Parameters
        ----------
        cases : sequence of Case
        """
        return cls(given_of(cases))

    def predict(self, case: Case, catalog: Catalog) -> Verdict:
        """Return the verdict on a case in percent, with its 80 % interval: see `checks.Predict`.

        The catalog is not asked: the coefficients are those of `calibration/quality.csv`.
        """
        fit, told = _fit_of(case), self.given.get(series_of(case), [])
        samples = shipped_fits()["samples", "all"].known if law_of(case) == "verifier" else {}

        def percent(known: dict[str, float]) -> float:
            return 100.0 * predicted(case, told, samples | known)

        x, (low, high) = case.number("x") or 0.0, fit.x_range
        outside = fit.extrapolated(x)
        note = f"x {x:g} outside of the fitted {low:g} to {high:g}" if outside else ""
        band = fit.band(percent, case.number("problems"))
        return Verdict(
            case, percent(fit.known), note=note, band=band, extrapolated=outside, told=len(told)
        )


def _fit_of(case: Case) -> Fit:
    """Return the fit that predicts a case, or say with a ValueError which there are."""
    label = law_of(case), group_of(case)
    known = shipped_fits()
    if label not in known:
        groups = ", ".join(group for law, group in known if law == label[0])
        raise ValueError(f"no coefficients of {label[0]} for {label[1]}; fitted are: {groups}")
    return known[label]
