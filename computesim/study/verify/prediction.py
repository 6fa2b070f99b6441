"""A case, what the models say about it, and how far off that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from computesim.study.verify.cases import Case, CaseFormat


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case with its prediction, or with the reason why there is none."""

    case: Case
    predicted: float | None = None
    error: str = ""  #: why there is no prediction
    note: str = ""  #: what the model chose where the case was silent
    held_out: float | None = None  #: prediction of a calibration without the case's model
    band: tuple[float, float] | None = None  #: where 80 % of measurements lie
    extrapolated: bool = False  #: outside of what the coefficients were fitted to
    told: int = 0  #: given rows of the same series that the prediction rests on

    @property
    def points(self) -> float | None:
        """Predicted − published."""
        return None if self.predicted is None else self.predicted - self.case.value

    @property
    def relative_error(self) -> float | None:
        """Predicted ÷ published − 1; infinite where none was published and some predicted."""
        if self.predicted is None:
            return None
        if self.case.value == 0:
            return math.inf if self.predicted else 0.0
        return self.predicted / self.case.value - 1.0

    def left_out(self) -> Verdict:
        """Return the verdict on the prediction of a calibration without the case's model."""
        return replace(self, predicted=self.held_out)

    def row(self, form: CaseFormat) -> dict[str, Any]:
        """Return the row of the case file with the prediction added.

        Parameters
        ----------
        form : CaseFormat
        """
        found = {
            **self.case.typed(form),
            "predicted": self.predicted,
            "relative_error": self.relative_error,
            "error": self.error,
            "chosen": self.note,
        }
        if form.in_points:
            del found["relative_error"]
            found |= {"error_points": self.points, "extrapolated": self.extrapolated}
        if self.held_out is not None:
            found["predicted_held_out"] = self.held_out
        if self.band is not None:
            found["predicted_low"], found["predicted_high"] = self.band
        return found
