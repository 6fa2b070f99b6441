"""Which choices of a balance lie outside of the data of its skill."""

from __future__ import annotations

import math
from collections.abc import Mapping

from computesim.workload.balance import Balance
from computesim.workload.skill_range import SkillRange

Ranges = Mapping[str, tuple[float, float]]


def beyond(known: SkillRange, at: Balance) -> list[str]:
    """Return the axes on which a balance of a skill extrapolates, that of its base model too.

    Parameters
    ----------
    known : SkillRange
    at : Balance

    Returns
    -------
    list of str
        `outside`, and `pretraining` where the base model is no more like those of the fit.
    """
    low, high = known.ranges.get("pretraining", (0.0, math.inf))
    is_far = not low <= known.skill.pretraining_flop <= high
    return [*outside(known.ranges, at), *(["pretraining"] if is_far else [])]


def outside(ranges: Ranges, at: Balance) -> list[str]:
    """Return the axes on which a balance extrapolates.

    Parameters
    ----------
    ranges : mapping of str to tuple of two float
        Of the data, by axis: `SkillRange.ranges`.
    at : Balance

    Returns
    -------
    list of str
        Of `rl_flop`, `tokens`, `samples`; an axis without a range always extrapolates. A single
        sample needs no law of samples.
    """
    values = {"rl_flop": at.rl_flop, "tokens": at.tokens}
    if at.samples > 1:
        values["samples"] = float(at.samples)
    return [
        axis
        for axis, value in values.items()
        if axis not in ranges or not ranges[axis][0] <= value <= ranges[axis][1]
    ]
