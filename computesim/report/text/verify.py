"""Verifications as text: a table for the terminal and the page docs/verification.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from computesim.report.text.tables import table
from computesim.study.verify.cases import FORMATS
from computesim.study.verify.checks import Verification
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.quality_o1 import o1_figures
from computesim.study.verify.ratios import ratios
from computesim.study.verify.sim import Check

SUMMARY_HEAD: Final = ("metric", "cases", "n", "failed", "median", "p90", "bias")
IN_POINTS: Final = ("within 3", "within band")
SIZES: Final = ("median_absolute_error", "p90_absolute_error")
KINDS: Final = {
    "training": "Training",
    "serving": "Serving",
    "rl": "RL post-training",
    "network": "Network",
    "quality": "Quality",
}


def case_rows(verification: Verification) -> list[tuple[str, ...]]:
    """Return ours, theirs, error and source of every case, below a head.

    Parameters
    ----------
    verification : Verification
    """
    head = ("case", "metric", "ours", "theirs", "error", "source")
    return [head, *(_case_row(verdict, verification.kind) for verdict in verification.verdicts)]


def _error_text(verdict: Verdict, in_points: bool) -> str:
    """Return the error of a case, or why there is no prediction.

    In points: a difference, with a mark where the prediction is an extrapolation.
    """
    if not in_points:
        error = verdict.relative_error
        return verdict.error if error is None else _percent(error)
    if verdict.points is None:
        return verdict.error
    mark = ", extrapolated" if verdict.extrapolated else ""
    return f"{round(verdict.points, 1) + 0.0:+.1f} points{mark}"


def _case_row(verdict: Verdict, kind: str) -> tuple[str, ...]:
    case, in_points = verdict.case, FORMATS[kind].in_points
    written = "{:.1f}".format if in_points else _short
    ours = "-" if verdict.predicted is None else written(verdict.predicted)
    text = _error_text(verdict, in_points)
    return case.text("id"), case.metric, ours, _short(case.value), text, case.text("source")


def ratio_rows(verification: Verification) -> list[tuple[str, ...]]:
    """Return gains and scaling, ours and theirs, below a head; empty where there are none.

    Parameters
    ----------
    verification : Verification
    """
    rows: list[tuple[str, ...]] = [
        (f.name, f"{f.ours:.2f}", f"{f.theirs:.2f}", f"{f.ours - f.theirs + 0.0:+.2f}")
        for f in ratios(verification)
    ]
    return [("ratio", "ours", "theirs", "difference"), *rows] if rows else []


def o1_rows() -> list[tuple[str, ...]]:
    """Return what OpenAI published about o1, ours and theirs, below a head."""
    rows = [
        (f.name, f"{f.ours:.1f}", f"{f.published:.1f}", f"{f.points + 0.0:+.1f} points", f.held_out)
        for f in o1_figures()
    ]
    return [("figure of o1's post", "ours", "theirs", "error", "held out"), *rows]


def summary_of(verification: Verification) -> list[tuple[str, ...]]:
    """Return count, failures, errors and bias by metric and split, below a head.

    Parameters
    ----------
    verification : Verification
        Errors are in points where its values are percent.
    """
    in_points = FORMATS[verification.kind].in_points
    rows: list[tuple[str, ...]] = [SUMMARY_HEAD + (IN_POINTS if in_points else ())]
    for metric, whole in verification.summary.items():
        parts = {name: part for name, part in whole.items() if isinstance(part, Mapping)}
        for split, part in {"all": whole, **parts}.items():
            cells = _in_points(part) if in_points else _in_percent(part)
            rows.append((metric, split, str(part["n"]), str(part["n_failed"]), *cells))
    return rows


def _in_percent(part: Mapping[str, Any]) -> Iterator[str]:
    for name in SIZES:
        yield f"{100 * part[name]:.1f} %" if part[name] is not None else "-"
    yield _percent(part["bias"]) if part["bias"] is not None else "-"


def _in_points(part: Mapping[str, Any]) -> Iterator[str]:
    for name in (*SIZES, "bias"):
        yield f"{100 * part[name]:.1f}" if part[name] is not None else "-"
    for name in ("share_within_3_points", "share_within_band"):
        yield f"{100 * part[name]:.0f} %" if part[name] is not None else "-"


def check_rows(checks: Sequence[Check]) -> list[list[str]]:
    """Return ours, theirs and error of checks, below a head.

    Parameters
    ----------
    checks : sequence of Check
    """
    return table(checks, {
        "check": "{0.name}",
        "ours": lambda c: _short(c.ours),
        "theirs": lambda c: _short(c.theirs),
        "error": lambda c: _percent(c.relative_error),
        "holds": lambda c: "yes" if c.holds else "NO",
        "source": "{0.source}",
    })  # fmt: skip


def _short(value: float) -> str:
    """Return a number in four digits."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e8 else f"{value:.4g}"


def _percent(share: float) -> str:
    """Return a signed share in percent."""
    return f"{round(100 * share, 1) + 0.0:+.1f} %"


def verification_tables(verification: Verification) -> list[list[tuple[str, ...]]]:
    """Return every case, gains and scaling, and the summary, without those that are empty.

    Parameters
    ----------
    verification : Verification
    """
    tables = [case_rows(verification), ratio_rows(verification), summary_of(verification)]
    return [*filter(None, tables), *([o1_rows()] if verification.kind == "quality" else [])]
