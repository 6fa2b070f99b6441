"""Verifications as text: a table for the terminal and the page docs/verification.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from computesim.study.verify.cases import FORMATS, cited_sources
from computesim.study.verify.checks import Verification, verify
from computesim.study.verify.prediction import Verdict
from computesim.study.verify.quality_o1 import o1_figures
from computesim.study.verify.ratios import ratios
from computesim.study.verify.sim import CHECKS, Check

SUMMARY_HEAD: Final = ("metric", "cases", "n", "failed", "median", "p90", "bias")
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


def error_text(verdict: Verdict, in_points: bool) -> str:
    """Return the error of a case, or why there is no prediction.

    Parameters
    ----------
    verdict : Verdict
    in_points : bool
        As a difference, with a mark where the prediction is an extrapolation.
    """
    if not in_points:
        error = verdict.relative_error
        return verdict.error if error is None else percent(error)
    if verdict.points is None:
        return verdict.error
    mark = ", extrapolated" if verdict.extrapolated else ""
    return f"{round(verdict.points, 1) + 0.0:+.1f} points{mark}"


def _case_row(verdict: Verdict, kind: str) -> tuple[str, ...]:
    case, in_points = verdict.case, FORMATS[kind].in_points
    written = "{:.1f}".format if in_points else short
    ours = "-" if verdict.predicted is None else written(verdict.predicted)
    text = error_text(verdict, in_points)
    return case.text("id"), case.metric, ours, short(case.value), text, case.text("source")


def summary_rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return count, failures, median, p90 and bias by metric and split, below a head.

    Parameters
    ----------
    summary : mapping
        `Verification.summary`.
    """
    rows: list[tuple[str, ...]] = [SUMMARY_HEAD]
    for metric, errors in summary.items():
        rows.append(_summary_row(metric, "all", errors))
        parts = {name: part for name, part in errors.items() if isinstance(part, Mapping)}
        rows += [_summary_row(metric, name, part) for name, part in parts.items()]
    return rows


def _summary_row(metric: str, split: str, errors: Mapping[str, Any]) -> tuple[str, ...]:
    median, p90 = errors["median_absolute_error"], errors["p90_absolute_error"]
    shares = [f"{100 * x:.1f} %" if x is not None else "-" for x in (median, p90)]
    bias = percent(errors["bias"]) if errors["bias"] is not None else "-"
    return metric, split, str(errors["n"]), str(errors["n_failed"]), *shares, bias


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


def quality_summary_rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return errors in points by metric and split, below a head.

    Parameters
    ----------
    summary : mapping
        `Verification.summary` of quality.
    """
    head = ("metric", "cases", "n", "failed", "median", "p90", "bias", "within 3", "within band")
    rows: list[tuple[str, ...]] = [head]
    for metric, errors in summary.items():
        parts = {name: part for name, part in errors.items() if isinstance(part, Mapping)}
        for split, part in {"all": errors, **parts}.items():
            named = ("median_absolute_error", "p90_absolute_error", "bias")
            errors = [f"{100 * part[n]:.1f}" if part[n] is not None else "-" for n in named]
            shares = (part["share_within_3_points"], part["share_within_band"])
            inside = [f"{100 * x:.0f} %" if x is not None else "-" for x in shares]
            rows.append((metric, split, str(part["n"]), str(part["n_failed"]), *errors, *inside))
    return rows


def summary_of(verification: Verification) -> list[tuple[str, ...]]:
    """Return the summary of a verification, in points where its values are percent.

    Parameters
    ----------
    verification : Verification
    """
    in_points = FORMATS[verification.kind].in_points
    return (quality_summary_rows if in_points else summary_rows)(verification.summary)


def check_rows(checks: Sequence[Check]) -> list[tuple[str, ...]]:
    """Return ours, theirs and error of checks, below a head.

    Parameters
    ----------
    checks : sequence of Check
    """
    head = ("check", "ours", "theirs", "error", "holds", "source")
    return [
        head,
        *(
            (c.name, short(c.ours), short(c.theirs), percent(c.relative_error), _yes(c), c.source)
            for c in checks
        ),
    ]


def _yes(check: Check) -> str:
    return "yes" if check.holds else "NO"


def short(value: float) -> str:
    """Return a number in four digits.

    Parameters
    ----------
    value : float
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e8 else f"{value:.4g}"


def percent(share: float) -> str:
    """Return a signed share in percent.

    Parameters
    ----------
    share : float
    """
    return f"{round(100 * share, 1) + 0.0:+.1f} %"


def verification_tables(verification: Verification) -> list[list[tuple[str, ...]]]:
    """Return every case, gains and scaling, and the summary, without those that are empty.

    Parameters
    ----------
    verification : Verification
    """
    tables = [case_rows(verification), ratio_rows(verification), summary_of(verification)]
    return [*filter(None, tables), *([o1_rows()] if verification.kind == "quality" else [])]


def page(about: str) -> str:
    """Return docs/verification.md: every check and every shipped case.

    Parameters
    ----------
    about : str
        The page as it stands: what is above its first section is kept.

    Returns
    -------
    str
        Markdown.
    """
    parts = [about[: about.index("\n## ")]]
    for kind, title in KINDS.items():
        verification = verify(kind)
        parts += [f"## {title}", "", _table(summary_of(verification)), ""]
        if kind == "quality":
            parts += ["### What OpenAI published about o1", "", _table(o1_rows()), ""]
        if pairs := ratio_rows(verification):
            parts += ["### Gains and scaling", "", _table(pairs), ""]
        parts += ["### Every case", "", _table(case_rows(verification)), ""]
    for name, check in CHECKS.items():
        parts += [f"## {name.capitalize()}", "", _table(check_rows(check())), ""]
    parts += ["## Format of case files", "", _FORMAT]
    for kind, form in FORMATS.items():
        columns = ", ".join(f"`{name}`" for name in form.columns)
        metrics = ", ".join(f"`{name}`" for name in form.metrics)
        parts += [f"- **{kind}**: {columns}; `metric` is one of {metrics}."]
    return "\n".join([*parts, "", "## Sources", "", *_sources(), ""])


def _sources() -> list[str]:
    lines = []
    for source in cited_sources():
        where = f"<{source.url}>" if source.url else "no address"
        lines.append(f"- `{source.key}`: {source.title}, {source.date}. {where}")
    return lines


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_FORMAT: Final = """\
CSV in UTF-8 with a header, gzipped or not. An empty cell is unknown; other columns are kept. Names
are those of the catalog or aliases (`computesim list models`); `--catalog DIR` adds your own.
"""
