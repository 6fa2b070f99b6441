"""The operations of expression trees: numbers in, one number out."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, reduce

from computesim.hardware.power import Site, facility_watts
from computesim.hardware.reliability import availability
from computesim.lengths import lognormal_length, representative_lengths
from computesim.workload.adoption import growing_prompts
from computesim.workload.attention import attended_tokens
from computesim.workload.diffusion import bass, logistic, logistic_through

Operation = Callable[..., float]


def _weighted(*pairs: float) -> float:
    """Return the mean of the pairs (v1, w1), (v2, w2) and so on."""
    values, weights = pairs[::2], pairs[1::2]
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def _logarithmic_mean(before: float, after: float) -> float:
    """Return the mean of what grows at a constant rate from one number to another."""
    if math.isclose(before, after, rel_tol=1e-9):
        return after
    return (after - before) / math.log(after / before)


def _in_service(lifetime: float, age: float) -> float:
    """Return the share of a cohort that is not retired; both in years."""
    return min(1.0, max(0.0, lifetime - age))


def _facility(it: float, design: float, pue: float, half: float) -> float:
    """Return the watts at the meter of IT watts, PUE given at full and half of the design."""
    return facility_watts(Site("", pue, half), it, design)


@lru_cache(maxsize=256)
def _lengths(mean: float, spread: float, cap: float, n: int) -> tuple[float, ...]:
    """Return the equally likely lengths of a cut lognormal law."""
    return representative_lengths(lognormal_length(mean, spread, cap), n)


def _length(mean: float, spread: float, cap: float, n: float, index: float) -> float:
    """Return one of n equally likely lengths of a cut lognormal law, the first is 1."""
    return _lengths(mean, spread, cap, int(n))[int(index) - 1]


def _through_two(year: float, first: float, low: float, second: float, high: float) -> float:
    """Return the share of a ceiling on the logistic curve through two (year, share)."""
    if low == high:
        return low
    midpoint, rate = logistic_through((first, low), (second, high), 1.0)
    return logistic(year, 1.0, midpoint, rate)


def _year_mean(*values: float) -> float:
    """Return the mean of a path that is read at equal steps, straight lines between them."""
    return (sum(values) - (values[0] + values[-1]) / 2.0) / (len(values) - 1)


#: name -> what it does to the values of the children, in their order
OPERATIONS: dict[str, Operation] = {
    "sum": lambda *terms: sum(terms),
    "product": lambda *factors: reduce(lambda a, b: a * b, factors),
    "quotient": lambda over, under: over / under,
    "difference": lambda whole, part: whole - part,
    "complement": lambda share: 1.0 - share,
    "power": lambda base, exponent: base**exponent,
    "mean": lambda *values: sum(values) / len(values),
    "weighted mean": _weighted,
    "maximum": lambda *values: max(values),
    "minimum": lambda *values: min(values),
    "rounded": lambda value: float(round(value)),
    "whole quotient": lambda over, under: over // under,
    "saturation": lambda use, knee: 1.0 - math.exp(-use / knee),
    "logarithmic mean": _logarithmic_mean,
    "share in service": _in_service,
    "availability": availability,
    "facility power": _facility,
    "attended tokens": attended_tokens,
    "representative length": _length,
    "logistic curve": lambda year, midpoint, rate: logistic(year, 1.0, midpoint, rate),
    "logistic curve through two points": _through_two,
    "bass curve": lambda years, p, q: bass(years, 1.0, p, q),
    "prompt of a session": lambda *told: growing_prompts(*told).prompt_tokens,
    "cached share of a session": lambda *told: growing_prompts(*told).cached_share,
    "mean of a path": _year_mean,
}

#: what an operation does, where its name does not say it
MEANINGS: dict[str, str] = {
    "complement": "1 - a",
    "whole quotient": "a / b, rounded down",
    "saturation": "1 - exp(-a / b)",
    "logarithmic mean": "(b - a) / ln(b / a): the mean of constant growth from a to b",
    "share in service": "min(1, max(0, lifetime - age))",
    "availability": "1 / (1 + failures per day * repair / day)",
    "facility power": "IT power and overhead, affine through both PUE figures",
    "attended tokens": "sum over the new positions of the tokens that each attends to",
    "representative length": "one of n equally likely lengths of a cut lognormal law",
    "logistic curve": "1 / (1 + exp(-rate (year - midpoint)))",
    "logistic curve through two points": "the logistic curve of (year, share) through two of them",
    "bass curve": "(1 - e^-(p+q)t) / (1 + (q/p) e^-(p+q)t)",
    "prompt of a session": "mean prompt of the turns: `growing_prompts` in workload/adoption.py",
    "cached share of a session": "cached over all prompt tokens of the turns: `growing_prompts`",
    "mean of a path": "trapezoids between equal steps of time",
}
