"""Ours, theirs and the error: predictions set beside published figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from computesim.catalog import Catalog, load_catalog
from computesim.errors import CapacityError, CatalogError, SimulationError
from computesim.study.verify.cases import (
    FORMATS,
    GIVEN,
    Case,
    read_cases,
    shipped_cases,
)
from computesim.study.verify.prediction import Verdict

SPLITS: Final = ("fit", "held-out")  #: values of the column `held_out` of training cases

CURVES: Final = ("coverage", "consensus")  #: metrics that are points of one curve over samples
CLOSE: Final = 3.0  #: points within which a quality is well predicted

#: what makes a verdict of a case and the catalog; without one it raises a CatalogError,
#: CapacityError, SimulationError or ValueError that says why
Predict = Callable[[Case, Catalog], Verdict]
Told = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Verification:
    """All verdicts of one kind."""

    kind: str
    verdicts: tuple[Verdict, ...]

    @property
    def summary(self) -> dict[str, Any]:
        """Errors by metric and of all, each also by split where the cases tell one.

        Returns
        -------
        dict
            metric -> n, n_failed, median_absolute_error, p90_absolute_error, bias (median signed
            error), and the same under `fit` and `held-out`: cases of models that were fitted and
            of those that were not, or, where each model was left out once, all cases in the fit
            and with their model left out. `all` is over all metrics,
            `known_layout` over the training cases that tell tensor and pipeline parallelism.
            Errors of quality are points ÷ 100; `one_further_point` are votes and coverages of
            series of which the law is told pass@1 and one further point.
        """
        metrics = dict.fromkeys(v.case.metric for v in self.verdicts)
        found = {m: self._errors([v for v in self.verdicts if v.case.metric == m]) for m in metrics}
        found["all"] = self._errors(self.verdicts)
        if curves := [v for v in self.verdicts if v.told > 1 and v.case.metric in CURVES]:
            found["one_further_point"] = self._errors(curves)
        told = [v for v in self.verdicts if v.case.count("tp") and v.case.count("pp")]
        return {**found, "known_layout": self._errors(told)} if told else found

    def _errors(self, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        parts = {s: [v for v in verdicts if v.case.text("held_out") == s] for s in SPLITS}
        if both := [v for v in verdicts if v.held_out is not None]:
            parts = dict(zip(SPLITS, (both, [v.left_out() for v in both]), strict=True))
        points = FORMATS[self.kind].in_points
        splits = {split: errors(part, points) for split, part in parts.items() if part}
        return {**errors(verdicts, points), **splits}

    def as_dict(self) -> dict[str, Any]:
        """Return rows and summary, as `--json` prints them."""
        return {"rows": [v.row(FORMATS[self.kind]) for v in self.verdicts], "summary": self.summary}


def errors(verdicts: Iterable[Verdict], in_points: bool = False) -> dict[str, Any]:
    """Return count, failures, median and p90 absolute error and bias of some verdicts.

    Parameters
    ----------
    verdicts : iterable of Verdict
    in_points : bool
        Of differences, not of ratios; also the share within 3 points, and within the band.

    Returns
    -------
    dict
        Errors are fractions; None where nothing was predicted. p90 is interpolated linearly.
    """
    if in_points:
        return _errors_in_points(list(verdicts))
    return _statistics([v.relative_error for v in verdicts])


def _errors_in_points(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the errors of differences, and how many are small or expected."""
    found = [v for v in verdicts if v.points is not None]
    within = sum(abs(v.points or 0.0) <= CLOSE for v in found)
    banded = [v for v in found if v.band is not None]
    held = sum(v.band[0] <= v.case.value <= v.band[1] for v in banded if v.band)
    return {
        **_statistics([None if v.points is None else v.points / 100 for v in verdicts]),
        "share_within_3_points": within / len(found) if found else None,
        "share_within_band": held / len(banded) if banded else None,
    }


def _statistics(found: Sequence[float | None]) -> dict[str, Any]:
    signed = [error for error in found if error is not None]
    size = sorted(map(abs, signed))
    return {
        "n": len(found),
        "n_failed": len(found) - len(signed),
        "median_absolute_error": statistics.median(size) if size else None,
        "p90_absolute_error": _quantile(size, 0.9) if size else None,
        "bias": statistics.median(signed) if signed else None,
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def verify(
    kind: str,
    cases: str | Path | None = None,
    catalog: str | Path | None = None,
    told: Told | None = None,
) -> Verification:
    """Predict every case of a file, or of the package, and set it beside what was published.

    Parameters
    ----------
    kind : str
        training, serving, rl, network or quality.
    cases : str or Path, optional
        A case file; the shipped one if not given.
    catalog : str or Path, optional
        Folder with accelerators and models of one's own.
    told : callable, optional
        Called with cases done, cases in all and the present one.

    Raises
    ------
    CaseError
        If the file is faulty; all faults are named.
    """
    form = FORMATS[kind]
    rows = shipped_cases(form) if cases is None else read_cases(cases, form)
    book, predict = load_catalog(catalog), _predictor(kind, rows, shipped=cases is None)
    rows = [case for case in rows if case.text("held_out").lower() != GIVEN]
    verdicts = []
    for done, case in enumerate(rows):
        if told:
            told(done, len(rows), case.text("id"))
        verdicts.append(_judged(case, book, predict))
    return Verification(kind, tuple(verdicts))


def _predictor(kind: str, rows: Sequence[Case], shipped: bool) -> Predict:
    """Return what predicts the cases of a kind; shipped ones also with their model left out."""
    if kind == "quality":
        from computesim.study.verify.quality import QualityPredictor

        return QualityPredictor.of(rows).predict
    if kind == "training":
        from computesim.study.verify.training import Predictor

        return Predictor().predict
    if kind == "rl":
        from computesim.study.verify.rl import RLPredictor

        return RLPredictor(leave_out=shipped).predict
    if kind == "serving":
        from computesim.study.verify.serving import ServingPredictor

        return ServingPredictor().predict
    from computesim.study.verify.network import predict

    return predict


def _judged(case: Case, catalog: Catalog, predict: Predict) -> Verdict:
    """Return the verdict on a case; what cannot be predicted says why."""
    try:
        return predict(case, catalog)
    except CatalogError as error:
        return Verdict(case, error="; ".join(f"{f.found} {f.hint}".strip() for f in error.faults))
    except (CapacityError, SimulationError, ValueError) as error:
        return Verdict(case, error=str(error))
