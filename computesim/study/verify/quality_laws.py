"""The laws of quality as functions of their coefficients, for fits and for predictions.

======================== ====================== ======== =====================================
metric of a case         law                    x        told by the series' `given` rows
======================== ====================== ======== =====================================
coverage, consensus,     samples, verifier:     samples  pass@1 (coverage at 1) and perhaps one
best_of, coverage_tuned  one Beta law                    further point (else the concentration
                                                         of the benchmark)
effort                   sigmoid in log         tokens   its ceiling, if no coefficient is
loss                     sigmoid                nats
before_rl, stale         share of gain kept     steps    accuracy before RL, and without delay
pretraining              logit in log           FLOP     another size of the same recipe
rating                   logistic               Elo
======================== ====================== ======== =====================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from scipy.optimize import brentq

from computesim.study.verify.cases import GIVEN, Case
from computesim.workload.beta import BetaLaw, beta_law, coverage, fit_beta_law
from computesim.workload.choice import mean_best_of, mean_consensus
from computesim.workload.links import accuracy_at_loss, moved_share, rated_above, retained_gain
from computesim.workload.quality import sigmoid_in_log

Coefficients = Mapping[str, float]
LAWS: Final = {
    **dict.fromkeys(("coverage", "coverage_tuned", "consensus"), "samples"),
    "best_of": "verifier",
    **dict.fromkeys(("before_rl", "stale"), "staleness"),
    "effort": "effort",
    "loss": "loss",
    "pretraining": "pretraining",
    "rating": "rating",
}
#: accuracy of a guess, by benchmark: one over the number of choices
GUESS: Final = {"gpqa-diamond": 0.25, "mmlu-pro": 0.1, "arc-challenge": 0.25, "hellaswag": 0.25}
_CONCENTRATIONS: Final = (1e-5, 1e4)  # between which a further point may put it


def law_of(case: Case) -> str:
    """Return the law that a case is about."""
    return LAWS[case.metric]


def group_of(case: Case) -> str:
    """Return what shares coefficients: a benchmark, an algorithm of RL, or everything.

    Parameters
    ----------
    case : Case
        Of staleness the last word of `model` names the algorithm.
    """
    law = law_of(case)
    if law == "samples":
        return "all"
    return case.text("model").split()[-1] if law == "staleness" else case.text("benchmark")


def given_of(cases: Iterable[Case]) -> dict[tuple[str, str, str], list[Case]]:
    """Return the rows that the laws are told, by law, benchmark and model.

    Parameters
    ----------
    cases : iterable of Case
    """
    found: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases:
        if case.text("held_out").lower() == GIVEN:
            found.setdefault(series_of(case), []).append(case)
    return found


def series_of(case: Case) -> tuple[str, str, str]:
    """Return law, benchmark and model of a case; what a verifier chooses from are samples."""
    law = law_of(case)
    return "samples" if law == "verifier" else law, case.text("benchmark"), case.text("model")


def predicted(case: Case, given: Iterable[Case], known: Coefficients) -> float:
    """Return what a law says about a case.

    Parameters
    ----------
    case : Case
    given : iterable of Case
        Rows of its series that the law is told.
    known : mapping of str to float
        Coefficients of the law and group.

    Returns
    -------
    float
        Accuracy as a share.

    Raises
    ------
    ValueError
        If a coefficient or a given row is missing, or no law has the given rows.
    """
    return _PREDICT[law_of(case)](case, list(given), known)


def _samples(case: Case, given: list[Case], known: Coefficients) -> float:
    """Return coverage, vote or choice under the Beta law of the series."""
    law, k = _law_of_series(case, given, known), case.number("x") or 0.0
    if case.metric == "consensus":
        return mean_consensus(law, k, _known(known, _rivalry(case)))
    if case.metric == "best_of":
        return mean_best_of(law, k, _known(known, "verifier"))
    return coverage(law, k)


def _law_of_series(case: Case, given: list[Case], known: Coefficients) -> BetaLaw:
    """Return the Beta law of the given rows; of pass@1 alone with the benchmark's spread."""
    points = {(row.metric, row.number("x")): row.value / 100 for row in given}
    covered = sorted((x or 0.0, y) for (m, x), y in points.items() if m.startswith("coverage"))
    voted = [(x or 0.0, y) for (m, x), y in points.items() if m == "consensus"]
    if not covered:
        raise ValueError("no given row tells pass@1: coverage at x = 1")
    if len(covered) > 1:
        return _through(covered[0], covered[1])
    alone = covered[0][1]
    if voted:
        (k, share), rivalry = voted[0], _known(known, _rivalry(case))
        return beta_law(
            alone, _root(lambda c: mean_consensus(beta_law(alone, c), k, rivalry), share)
        )
    names = (f"concentration {case.text('benchmark')}", f"concentration {case.text('answers')}")
    return beta_law(
        alone, next((known[n] for n in names if n in known), 0.0) or _known(known, names[0])
    )


def _rivalry(case: Case) -> str:
    """Return the name of the rivalry of a case's answers."""
    if not case.text("answers"):
        raise ValueError("a vote needs the column answers: open, choice or mixed")
    return f"rivalry {case.text('answers').lower()}"


def _through(first: tuple[float, float], second: tuple[float, float]) -> BetaLaw:
    """Return the Beta law with two coverages."""
    (k, low), (more, high) = first, second
    if k == 1:
        return fit_beta_law(low, high, more)

    def concentrated(mean: float) -> BetaLaw:
        return beta_law(mean, _root(lambda c: coverage(beta_law(mean, c), k), low))

    most, least = 0.99 * low, 1.02 * (1.0 - (1.0 - low) ** (1.0 / k))
    mean = brentq(lambda p: coverage(concentrated(p), more) - high, least, most)
    return concentrated(float(mean))


def _root(rising: Callable[[float], float], share: float) -> float:
    """Return the concentration at which something is a given share."""
    low, high = (math.log(c) for c in _CONCENTRATIONS)
    ends = rising(math.exp(low)) - share, rising(math.exp(high)) - share
    if ends[0] * ends[1] > 0:
        raise ValueError(f"no Beta law of this pass@1 has {100 * share:g} % there")
    return math.exp(float(brentq(lambda ln: rising(math.exp(ln)) - share, low, high, xtol=1e-9)))


def _effort(case: Case, given: list[Case], known: Coefficients) -> float:
    guess = GUESS.get(case.text("benchmark"), 0.0)
    curve = {"midpoint": _known(known, "midpoint"), "slope": _known(known, "slope")}
    told = known.get(f"ceiling {case.text('model')}")
    if told is None:
        if not given:
            raise ValueError(f"no ceiling of {case.text('model')} and no given row")
        reached = sigmoid_in_log(given[0].number("x") or 0.0, 1.0, **curve)
        told = min(guess + (given[0].value / 100 - guess) / reached, 1.0)
    return sigmoid_in_log(case.number("x") or 0.0, told, floor=guess, **curve)


def _loss(case: Case, given: list[Case], known: Coefficients) -> float:
    names = ("midpoint", "slope", "ceiling")
    midpoint, slope, ceiling = (_known(known, name) for name in names)
    guess = GUESS.get(case.text("benchmark"), 0.0)
    return accuracy_at_loss(case.number("x") or 0.0, midpoint, slope, ceiling, guess)


def _stale(case: Case, given: list[Case], known: Coefficients) -> float:
    """Return accuracy after RL with stale rollouts."""
    before = [row.value / 100 for row in given if row.metric == "before_rl"]
    prompt = [row.value / 100 for row in given if row.metric == "stale" and row.number("x") == 0]
    if not before or not prompt:
        raise ValueError("given rows must tell before_rl, and stale at x = 0")
    steps, loss, half = case.number("x") or 0.0, _known(known, "loss"), _known(known, "half")
    return before[0] + (prompt[0] - before[0]) * retained_gain(steps, loss, half)


def _pretraining(case: Case, given: list[Case], known: Coefficients) -> float:
    """Return accuracy of the same recipe on a base model of other compute."""
    flop, model = case.number("x") or 0.0, case.text("model")
    guess = GUESS.get(case.text("benchmark"), 0.0)
    start = known.get(f"level {model}")
    if start is None:
        if not given:
            raise ValueError(f"no level of {model} and no given row")
        reference, start = given[0].number("x") or 1.0, given[0].value / 100
    else:
        reference = PRETRAINING_REFERENCE
    above = (start - guess) / (1.0 - guess)
    return guess + (1.0 - guess) * moved_share(
        above, _known(known, "slope") * math.log(flop / reference)
    )


def _rating(case: Case, given: list[Case], known: Coefficients) -> float:
    """Return the share of contestants below a rating."""
    return rated_above(case.number("x") or 0.0, _known(known, "midpoint"), _known(known, "scale"))


def _known(known: Coefficients, name: str) -> float:
    if name not in known:
        raise ValueError(f"no coefficient '{name}'; fitted are: {', '.join(known) or 'none'}")
    return known[name]


PRETRAINING_REFERENCE: Final = 1e24  #: FLOP at which levels of `pretraining` are told

_PREDICT: Final = {
    "samples": _samples,
    "verifier": _samples,
    "effort": _effort,
    "loss": _loss,
    "staleness": _stale,
    "pretraining": _pretraining,
    "rating": _rating,
}
