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
    """Return the row of a case."""
    case, in_points = verdict.case, FORMATS[kind].in_points
    told = "{:.1f}".format if in_points else short
    ours = "-" if verdict.predicted is None else told(verdict.predicted)
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
    for metric, found in summary.items():
        rows.append(_summary_row(metric, "all", found))
        parts = {name: part for name, part in found.items() if isinstance(part, Mapping)}
        rows += [_summary_row(metric, name, part) for name, part in parts.items()]
    return rows


def _summary_row(metric: str, split: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one row of a summary."""
    median, p90 = found["median_absolute_error"], found["p90_absolute_error"]
    shares = [f"{100 * x:.1f} %" if x is not None else "-" for x in (median, p90)]
    bias = percent(found["bias"]) if found["bias"] is not None else "-"
    return metric, split, str(found["n"]), str(found["n_failed"]), *shares, bias


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
    for metric, found in summary.items():
        parts = {name: part for name, part in found.items() if isinstance(part, Mapping)}
        for split, part in {"all": found, **parts}.items():
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
    """Return whether a check holds, in a word."""
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


def page() -> str:
    """Return docs/verification.md: every check and every shipped case.

    Returns
    -------
    str
        Markdown.
    """
    parts = [_HEAD]
    for kind, title in KINDS.items():
        found = verify(kind)
        parts += [f"## {title}", "", _table(summary_of(found)), ""]
        if kind == "quality":
            parts += ["### What OpenAI published about o1", "", _table(o1_rows()), ""]
        if pairs := ratio_rows(found):
            parts += ["### Gains and scaling", "", _table(pairs), ""]
        parts += ["### Every case", "", _table(case_rows(found)), ""]
    for name, check in CHECKS.items():
        parts += [f"## {name.capitalize()}", "", _table(check_rows(check())), ""]
    parts += ["## Format of case files", "", _FORMAT]
    for kind, form in FORMATS.items():
        columns = ", ".join(f"`{name}`" for name in form.columns)
        metrics = ", ".join(f"`{name}`" for name in form.metrics)
        parts += [f"- **{kind}**: {columns}; `metric` is one of {metrics}."]
    return "\n".join([*parts, "", "## Sources", "", *_sources(), ""])


def _sources() -> list[str]:
    """Return the bibliography of the shipped cases."""
    lines = []
    for source in cited_sources():
        where = f"<{source.url}>" if source.url else "no address"
        lines.append(f"- `{source.key}`: {source.title}, {source.date}. {where}")
    return lines


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    head, *body = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_HEAD: Final = """\
# Verification

<!-- Written by computesim.report.text.verify; a test keeps it current. -->

Predictions beside published figures, as `computesim verify` prints them. An error is ours ÷ theirs
− 1; median and p90 are of its absolute value, bias is its median. The coefficients of a generation
of accelerators are fitted to the cases of some models (`fit`); those of the others are `held-out`
and take no part in the fit, though the form of the model was chosen with both in sight. What a case
does not tell (an empty cell: a degree of parallelism, the recomputation, the batch) is chosen by
the model: the fastest layout that fits.

`accelerator_hours` of a training run count interruptions, `days` and those of RL do not.
`known_layout` are the training cases that tell tensor and pipeline parallelism. OPT-175B counts as
recomputed in full, because its logbook counts 1.35 times the model FLOP; the cell was filled in
when a mended formula had moved that case from +13 to −22 %, and left empty it makes the p90 of the
held-out known layouts 20 instead of 19 %.

Serving: coefficients of kernels (Hopper, Blackwell) and of engines (vLLM, SGLang, TensorRT-LLM) are
fitted to measured points of Llama-3.1-70B, DeepSeek-R1 and V3 and gpt-oss-120b by
`benchmarks/fit_serving.py`; Llama-3.1-8B, Qwen3-32B and Qwen3.5-397B-A17B are left out. The cases
below are every eighth point. Over all 1,560, median and p90: TPOT 8.6 and 30.8 % in the fit, 10.4
and 27.4 % left out (outputs of 8,192 tokens: median 9.2 %); TTFT 27.6 and 71 %, 26.7 and 75 %. With
each family left out in turn TPOT is 13.7 and 37.4 %, TTFT 29.0 and 83 %: without gpt-oss nothing
tells how vLLM serves experts. The terms of the model were chosen with both halves in sight. Each
case is a closed loop of clients that all begin at once; published times behave as means over all
requests, that burst included. A prediction carries the band in which four of five measurements of
models left out lie. The nodes of DeepSeek (full at all times) and the slots of full caches took no
part in the fit.

RL: three coefficients of a generation (seconds of a layer in each step of the engine, slowness of
the learner, alone and colocated) are fitted to all step times that can be predicted: NeMo RL,
AReaL, verl and R1-Zero together; with them, for runs that publish only the cap of their outputs
(AReaL 7B, 14B, 32B), the mean length ÷ cap. `fit` are the errors of that calibration, which is the
one that "ours" and all other predictions use; `held-out` are those of the same cases, each
predicted by a calibration without any run of its model (`data/calibration/rl.csv`, written by
`python -m tools.calibrate_rl`). The aims on models left out, a median of 15 % and a p90
of 40 % of the step time, are missed: without the runs of Qwen2.5-7B little bounds the learner, the
code outputs of AReaL 14B are longer than the mathematics of the others and published nowhere, and
Qwen3-30B on 16 GB200 is published as slower when it runs ahead.

Not fitted, and estimates: the mean length of verl's runs (derived from the seconds of its learner),
of R1-Zero, and the gain of its speculative decoding; that of AReaL 1.5B follows from tokens/s in a
figure of the paper. The seconds of loading weights are a line through verl's measurements.

Quality: values are percent and errors points. Rows marked `given` (pass@1 and, of some series, one
further point) are told to the laws and are no cases; coefficients come from the rows marked `fit`
(`data/calibration/quality.csv`, written by `python -m tools.calibrate_quality`), and the
`held-out` ones are of other models, or of another point of the curve. `one_further_point` are votes
and coverages of series with two given rows: there the aim of 3 points is for. A band holds 80 % of
published points, benchmarks of 30 problems scatter by 4. `coverage_tuned` is published at the best
temperature for each number of samples, which is no curve of one law. Losses below those of the fit
(7B and 13B) are extrapolated: HellaSwag holds, ARC-Challenge, of which the fit sees only the first
rise above guessing, does not. See docs/quality.md.
"""

_FORMAT: Final = """\
CSV in UTF-8 with a header, gzipped or not. An empty cell is unknown; other columns are kept. Names
are those of the catalog or aliases (`computesim list models`); `--catalog DIR` adds your own.
"""
