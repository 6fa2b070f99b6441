"""Calibration of the laws of quality: a few coefficients, with standard errors, from cases.

`python -m tools.calibrate_quality` fits anew and writes the table that the package
ships, in some seconds. Only rows marked `fit` take part, with the rows marked `given` of their
series; `computesim verify quality` predicts the held-out ones.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from computesim.catalog import Catalog, load_catalog
from computesim.study.verify.cases import FIT, QUALITY, Case, shipped_cases
from computesim.study.verify.quality_fit import (
    TABLE,
    Fit,
    noise,
)
from computesim.study.verify.quality_laws import (
    PRETRAINING_REFERENCE,
    given_of,
    group_of,
    law_of,
    predicted,
    series_of,
)
from tools.fit_quality import least_squares_fit, write_fits

#: where the fits begin
START: Final = {
    "rivalry": 0.5,
    "concentration": 0.5,
    "verifier": 10.0,
    "ceiling": 0.9,
    "half": 16.0,
    "loss": 0.4,
    "level": 0.5,
}
#: standard deviation of the logarithm of concentrations, where one benchmark is known (estimate)
UNKNOWN_SPREAD: Final = 0.8
#: published sigmoids of RL, whose spread is that of `rl_slope`
RL_CURVES: Final = ("scalerl-scout", "scalerl-8b-bs512", "scalerl-8b-bs2048",
                    "scalerl-8b-mathcode-math", "scalerl-8b-mathcode-code")  # fmt: skip

_Series = dict[tuple[str, str, str], list[Case]]


def fits(cases: Sequence[Case] | None = None, catalog: Catalog | None = None) -> list[Fit]:
    """Return every fit of the laws of quality.

    Parameters
    ----------
    cases : sequence of Case, optional
        Those of the package if not given.
    catalog : Catalog, optional

    Returns
    -------
    list of Fit
    """
    rows = shipped_cases(QUALITY) if cases is None else cases
    given, groups = given_of(rows), _grouped(rows)
    found: list[Fit] = []
    for label, members in groups.items():  # samples come first: a verifier chooses among them
        samples = found[0].known if label[0] == "verifier" else {}
        fit = _fitted(label, members, given, samples)
        found.append(_with_pools(fit) if label[0] == "samples" else fit)
    return [*found, rl_slope(catalog or load_catalog())]


def _grouped(cases: Iterable[Case]) -> dict[tuple[str, str], list[Case]]:
    """Return the cases to fit by law and group; tuned coverages only show what tuning adds."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if case.text("held_out").lower() == FIT:
            found.setdefault((law_of(case), group_of(case)), []).append(case)
    return dict(sorted(found.items(), key=lambda item: item[0][0] != "samples"))


def _fitted(
    label: tuple[str, str], members: list[Case], given: _Series, samples: dict[str, float]
) -> Fit:
    """Return the fit of a group."""
    told = [(case, given.get(series_of(case), [])) for case in members]
    if label[0] == "samples":
        told += list(_anchors(members, given))
    start = dict(_start(label[0], [case for case, _ in told]))

    def residuals(known: dict[str, float]) -> list[float]:
        return [
            (100 * predicted(case, rows, samples | known) - case.value)
            / noise(case.number("problems"))
            for case, rows in told
        ]

    places = [case.number("x") or 0.0 for case, rows in told]
    from_one = [1.0] if label[0] in ("samples", "verifier") else []  # pass@1 is given
    return least_squares_fit(label, start, residuals, places + from_one)


def _anchors(members: Iterable[Case], given: _Series) -> Iterator[tuple[Case, list[Case]]]:
    """Yield coverages that a series is given as well, against the concentration of its benchmark.

    Yields
    ------
    tuple
        A further point, and the row of pass@1 alone.
    """
    for series in dict.fromkeys(series_of(case) for case in members):
        rows = [row for row in given.get(series, []) if row.metric == "coverage"]
        alone = [row for row in rows if row.number("x") == 1]
        yield from ((row, alone) for row in rows if row.number("x") != 1)


def _start(law: str, cases: Sequence[Case]) -> Iterator[tuple[str, float]]:
    """Yield the coefficients of a law for some cases, and where their fit begins."""
    x = [case.number("x") or 0.0 for case in cases]
    if law == "samples":
        for name in dict.fromkeys(n for case in cases for n in _sample_coefficients(case)):
            yield name, START[name.split()[0]]
    elif law == "verifier":
        yield "verifier", START["verifier"]
    elif law in ("effort", "loss"):
        yield "midpoint", (min(x) * 0.7 if law == "effort" else statistics.mean(x))
        yield "slope", (1.0 if law == "effort" else 4.0)
        for model in dict.fromkeys(case.text("model") for case in cases) if law == "effort" else ():
            best = max(case.value for case in cases if case.text("model") == model) / 100
            yield f"ceiling {model}", best + 0.3 * (1 - best)
        if law == "loss":
            yield "ceiling", START["ceiling"]
    elif law == "staleness":
        yield from ((name, START[name]) for name in ("loss", "half"))
    elif law == "pretraining":
        yield "slope", 0.3
        for model in dict.fromkeys(case.text("model") for case in cases):
            yield f"level {model}", START["level"]
    else:
        yield from (("midpoint", statistics.median(x)), ("scale", 500.0))


def _sample_coefficients(case: Case) -> Iterator[str]:
    """Yield the names of the coefficients that a case of samples tells something about."""
    yield f"concentration {case.text('benchmark')}"
    if case.metric == "consensus":
        yield f"rivalry {case.text('answers')}"


def _with_pools(fit: Fit) -> Fit:
    """Return a fit of samples with the concentration of a benchmark that was not fitted.

    It is the geometric mean of the benchmarks, give or take their spread.
    """
    logs = [math.log(v) for n, v in fit.known.items() if n.startswith("concentration")]
    mean = math.exp(statistics.mean(logs))
    spread = statistics.stdev(logs) if len(logs) > 1 else UNKNOWN_SPREAD
    names = tuple(f"concentration {answers}" for answers in ("open", "choice", "mixed", "program"))
    covariance = np.zeros((len(fit.names) + len(names),) * 2)
    covariance[: len(fit.names), : len(fit.names)] = fit.covariance
    np.fill_diagonal(covariance[len(fit.names) :, len(fit.names) :], (mean * spread) ** 2)
    return Fit(
        fit.law,
        fit.group,
        (*fit.names, *names),
        (*fit.values, *[mean] * len(names)),
        covariance,
        fit.rows,
        fit.x_range,
        fit.scatter,
    )


def rl_slope(catalog: Catalog) -> Fit:
    """Return mean and spread of the exponents that ScaleRL published; it shows no single points.

    Parameters
    ----------
    catalog : Catalog

    Returns
    -------
    Fit
        The standard error is that of one more run: the standard deviation between runs.
    """
    exponents = [catalog.value("quality", name, "exponent") for name in RL_CURVES]
    midpoints = [catalog.value("quality", name, "midpoint") for name in RL_CURVES]
    return Fit(
        "rl",
        "scalerl",
        ("slope",),
        (statistics.mean(exponents),),
        np.array([[statistics.variance(exponents)]]),
        len(exponents),
        (min(midpoints), max(midpoints)),
        1.0,
    )


def write(path: Path = TABLE) -> None:
    """Fit everything and write the table.

    Parameters
    ----------
    path : Path
    """
    write_fits(fits(), path)


if __name__ == "__main__":
    write()
    print(f"written: {TABLE}; PRETRAINING_REFERENCE {PRETRAINING_REFERENCE:g} FLOP")
