"""Ours, theirs and the error: predictions set beside published figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from computesim.catalog import Catalog, load_catalog
from computesim.errors import CapacityError, CatalogError, SimulationError
from computesim.study.cases import FORMATS, Case, CaseFormat, read_cases, shipped_cases

SPLITS: Final = ("fit", "held-out")  #: values of the column `held_out` of the shipped cases

Predict = Callable[[Case, Catalog], "Prediction"]
Told = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says about a case."""

    value: float  #: in the unit of the metric
    note: str = ""  #: what the model chose where the case was silent
    band: tuple[float, float] | None = None  #: in which measurements are expected, p10 to p90


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case with its prediction, or with the reason why there is none."""

    case: Case
    predicted: float | None = None
    error: str = ""  #: why there is no prediction
    note: str = ""
    band: tuple[float, float] | None = None

    @property
    def relative_error(self) -> float | None:
        """Predicted ÷ published − 1; infinite where none was published and some predicted."""
        if self.predicted is None:
            return None
        if self.case.value == 0:
            return math.inf if self.predicted else 0.0
        return self.predicted / self.case.value - 1.0

    def row(self, form: CaseFormat) -> dict[str, Any]:
        """Return the row of the case file with the prediction added.

        Parameters
        ----------
        form : CaseFormat
        """
        return {
            **self.case.typed(form),
            "predicted": self.predicted,
            "relative_error": self.relative_error,
            "error": self.error,
            "chosen": self.note,
            **(
                {"predicted_low": self.band[0], "predicted_high": self.band[1]} if self.band else {}
            ),
        }


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
            error), and the same under `fit` and `held-out`. `all` is over all metrics,
            `known_layout` over the training cases that tell tensor and pipeline parallelism.
        """
        metrics = dict.fromkeys(v.case.metric for v in self.verdicts)
        found = {m: self._errors([v for v in self.verdicts if v.case.metric == m]) for m in metrics}
        found["all"] = self._errors(self.verdicts)
        told = [v for v in self.verdicts if v.case.count("tp") and v.case.count("pp")]
        return {**found, "known_layout": self._errors(told)} if told else found

    def _errors(self, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        """Return the errors of some verdicts, and of their splits."""
        parts = {s: [v for v in verdicts if v.case.text("held_out") == s] for s in SPLITS}
        splits = {split: errors(part) for split, part in parts.items() if part}
        return {**errors(verdicts), **splits}

    def as_dict(self) -> dict[str, Any]:
        """Return rows and summary, as `--json` prints them."""
        return {"rows": [v.row(FORMATS[self.kind]) for v in self.verdicts], "summary": self.summary}


def errors(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return count, failures, median and p90 absolute error and bias of some verdicts.

    Parameters
    ----------
    verdicts : iterable of Verdict

    Returns
    -------
    dict
        Errors are fractions; None where nothing was predicted. p90 is interpolated linearly.
    """
    both = [(v, v.relative_error) for v in verdicts]
    signed = [error for _, error in both if error is not None]
    size = sorted(map(abs, signed))
    return {
        "n": len(both),
        "n_failed": len(both) - len(signed),
        "median_absolute_error": statistics.median(size) if size else None,
        "p90_absolute_error": _quantile(size, 0.9) if size else None,
        "bias": statistics.median(signed) if signed else None,
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of ordered numbers, interpolated linearly."""
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
        training, rl, network or serving.
    cases : str or Path, optional
        A case file; the shipped one if not given.
    catalog : str or Path, optional
        Folder with accelerators and models of one's own.
    told : callable, optional
        Called with cases done, cases in all and the present one.

    Returns
    -------
    Verification

    Raises
    ------
    CaseError
        If the file is faulty; all faults are named.
    """
    form = FORMATS[kind]
    rows = shipped_cases(form) if cases is None else read_cases(cases, form)
    book, predict = load_catalog(catalog), _predictor(kind)
    verdicts = []
    for done, case in enumerate(rows):
        if told:
            told(done, len(rows), case.text("id"))
        verdicts.append(_judged(case, book, predict))
    return Verification(kind, tuple(verdicts))


def _predictor(kind: str) -> Predict:
    """Return what predicts the cases of a kind."""
    if kind == "training":
        from computesim.study.verify_training import Predictor

        return Predictor().predict
    if kind == "rl":
        from computesim.study.verify_rl import RLPredictor

        return RLPredictor().predict
    if kind == "serving":
        from computesim.study.verify_serving import ServingPredictor

        return ServingPredictor().predict
    from computesim.study.verify_network import predict

    return predict


def _judged(case: Case, catalog: Catalog, predict: Predict) -> Verdict:
    """Return the verdict on a case; what cannot be predicted says why."""
    try:
        prediction = predict(case, catalog)
    except CatalogError as error:
        return Verdict(case, error="; ".join(f"{f.found} {f.hint}".strip() for f in error.faults))
    except (CapacityError, SimulationError, ValueError) as error:
        return Verdict(case, error=str(error))
    return Verdict(case, prediction.value, note=prediction.note, band=prediction.band)
