"""How sure an accuracy of a skill is: its interval, and whether it extrapolates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from computesim.workload.skill import TABLE, QualityFigures, Skill, skill_named

_HALF_WIDTH = 1.96  # standard deviations from a value to an end of its 95 % range
_BAND = 1.2816  # standard deviations that hold 80 %
#: coefficients that are shares: their logit is uncertain, of the others the logarithm
_SHARES = ("ceiling", "rl_head_start", "rivalry", "staleness_loss")
_RANGES = {"rl_flop": "rl_flop_range", "tokens": "token_range", "samples": "sample_range",
           "pretraining": "pretraining_range"}  # fmt: skip
_STEP = 0.05  # of a standard deviation, for derivatives


@dataclass(frozen=True, slots=True)
class Assessed:
    """An accuracy with its uncertainty."""

    accuracy: float
    low: float  #: end of the 80 % interval that the coefficients leave
    high: float
    extrapolated: tuple[
        str, ...
    ]  #: which of the axes of `SkillRange.ranges` lie outside of the data

    def __str__(self) -> str:
        """As a line: percent, interval and what is extrapolated."""
        text = f"{100 * self.accuracy:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"
        return (
            f"{text}, extrapolated in {' and '.join(self.extrapolated)}"
            if self.extrapolated
            else text
        )


@dataclass(frozen=True)
class SkillRange:
    """A skill with the uncertainty of its coefficients and the range of its data."""

    skill: Skill
    deviations: Mapping[str, float]  #: standard deviations of logits and logarithms
    #: rl_flop, tokens, samples and pretraining of the data
    ranges: Mapping[str, tuple[float, float]]
    e_folds: float = 0.0  #: by which the base model was moved from that of the family

    def pretrained(self, flop: float) -> SkillRange:
        """Return the skill on a base model of another pretraining compute, and how sure it is.

        Parameters
        ----------
        flop : float, FLOP

        Returns
        -------
        SkillRange
            Wider the farther the base model is from that of the family.
        """
        moved = math.log(flop / self.skill.pretraining_flop)
        skill = self.skill.pretrained(flop)
        return replace(self, skill=skill, e_folds=self.e_folds + moved)

    def assess(
        self, rl_flop: float, tokens: float, samples: float = 1, method: str = "consensus"
    ) -> Assessed:
        """Return `Skill.accuracy` with its 80 % interval.

        Parameters
        ----------
        rl_flop : float, FLOP
        tokens : float, token
        samples : float
        method : str
            As in `Skill.accuracy`.

        Returns
        -------
        Assessed
            The interval is that of the logit of the accuracy, linear in logits and logarithms of
            the coefficients, which count as independent: wider than where they were fitted
            together. Benchmarks of few problems scatter in addition.
        """
        at = {"rl_flop": rl_flop, "tokens": tokens, "samples": samples,
              "pretraining": self.skill.pretraining_flop}  # fmt: skip
        best = self.skill.accuracy(rl_flop, tokens, samples, method)
        variance = 0.0
        for name, deviation in self.deviations.items():
            other = _moved(self.skill, name, _STEP * deviation, self.e_folds).accuracy(
                rl_flop, tokens, samples, method
            )
            variance += ((_logit(other) - _logit(best)) / _STEP) ** 2
        reach = _BAND * math.sqrt(variance)
        outside = tuple(n for n, (low, high) in self.ranges.items() if not low <= at[n] <= high)
        return Assessed(best, _share(_logit(best) - reach), _share(_logit(best) + reach), outside)


def _moved(skill: Skill, name: str, by: float, e_folds: float) -> Skill:
    """Return a skill with a coefficient moved down on its scale, where nothing ends."""
    value: float = getattr(skill, name)
    lower = _share(_logit(value) - by) if name in _SHARES else value * math.exp(-by)
    changed: dict[str, Any] = {name: lower}
    if name == "pretraining_slope" and e_folds:  # it has moved ceiling and head start already
        return replace(skill.lifted((lower - value) * e_folds), **changed)
    return replace(skill, **changed)


def _logit(share: float) -> float:
    inside = min(max(share, 1e-12), 1.0 - 1e-12)
    return math.log(inside / (1.0 - inside))


def _share(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(logit, -700.0), 700.0)))


def skill_range(name: str, catalog: QualityFigures) -> SkillRange:
    """Return a skill with its uncertainty, from the low and high ends of its figures.

    Parameters
    ----------
    name : str
        One of `skill.skills`.
    catalog : Catalog

    Returns
    -------
    SkillRange
        A coefficient without a range counts as certain, an axis without one as never extrapolated.

    Raises
    ------
    CatalogError
        If there is no such skill.
    """
    skill, deviations = skill_named(name, catalog), {}
    for field in (f for f in Skill.__dataclass_fields__ if f != "name"):
        if catalog.has(TABLE, name, field):
            low, high = catalog.figure(TABLE, name, field).bounds
            scale = _logit if field in _SHARES else math.log
            if 0 < low < high:
                deviations[field] = (scale(high) - scale(low)) / (2 * _HALF_WIDTH)
    found = {axis: row for axis, row in _RANGES.items() if catalog.has(TABLE, name, row)}
    ranges = {axis: catalog.figure(TABLE, name, row).bounds for axis, row in found.items()}
    return SkillRange(skill, deviations, ranges)
