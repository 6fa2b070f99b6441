"""Which choices of a balance lie outside of the points that its skill was fitted to."""

from __future__ import annotations

from collections.abc import Mapping

from computesim.workload.balance import Balance
from computesim.workload.skill import Skill

Range = tuple[float, float]


def fitted(skill: Skill) -> Mapping[str, Range]:
    """Return the range of the points that a skill was fitted to, by axis.

    Parameters
    ----------
    skill : Skill

    Returns
    -------
    mapping of str to tuple of two float
        `rl_flop` (FLOP), `tokens`, `samples`; an axis that was assumed and not fitted is left out.
    """
    found = {}
    for axis, name in (("rl_flop", "rl_range"), ("tokens", "token_range"),
                       ("samples", "sample_range")):  # fmt: skip
        span = getattr(skill, name, None)
        if span:
            found[axis] = (float(span[0]), float(span[1]))
    return found


def outside(skill: Skill, at: Balance) -> list[str]:
    """Return the axes on which a balance extrapolates.

    Parameters
    ----------
    skill : Skill
    at : Balance

    Returns
    -------
    list of str
        Of `rl_flop`, `tokens`, `samples`; an axis without a fitted range always does. A single
        sample needs no law of samples.
    """
    known = fitted(skill)
    values = {"rl_flop": at.rl_flop, "tokens": at.tokens}
    if at.samples > 1:
        values["samples"] = float(at.samples)
    return [
        axis
        for axis, value in values.items()
        if axis not in known or not known[axis][0] <= value <= known[axis][1]
    ]
