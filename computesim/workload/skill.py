"""How well a family of models does a task, from RL compute, chain length and samples.

Pass@1 is ``guess + (ceiling - guess) (h + (1 - h) s(C)) s(T)``, two sigmoids in the logarithm,
``s(x) = 1 / (1 + (midpoint / x)^slope)``, of RL compute C and of tokens T per response. At a
given length it is the curve of ScaleRL in C (arXiv 2510.13786), whose asymptote rises with the
length; without RL the share h of it is there. Problems differ by a Beta law of that mean, from
which votes, a verifier's choice and coverage follow (`quality`, `choice`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from computesim.errors import CatalogError, Fault, near_miss
from computesim.workload.beta import BetaLaw, beta_law, coverage
from computesim.workload.choice import mean_best_of, mean_consensus
from computesim.workload.links import moved_share, retained_gain
from computesim.workload.quality import sigmoid_in_log

#: ways to use several samples
METHODS = ("single", "consensus", "best_of", "coverage")
TABLE = "quality"
_UNIT_SHARES = ("guess", "rl_head_start", "rivalry", "staleness_loss")
_POSITIVE = ("rl_midpoint", "rl_slope", "token_midpoint", "token_slope", "concentration",
             "verifier", "staleness_half", "pretraining_flop")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Skill:
    """One task and one family of models: accuracy as a function of what is spent on it."""

    name: str
    ceiling: float  #: pass@1 with unlimited RL and tokens, staleness 0
    rl_midpoint: float  #: RL compute that brings half of RL's gain, FLOP
    rl_slope: float  #: exponent of the sigmoid in RL compute
    rl_head_start: float  #: share of the ceiling that a model has before RL
    token_midpoint: float  #: tokens of a response at half of the way, token
    token_slope: float  #: exponent of the sigmoid in tokens
    concentration: float  #: alpha + beta of the law of problems; small where easy or hopeless
    rivalry: float  #: share of wrong responses that agree on one rival answer
    verifier: float  #: odds with which the scorer of best-of-k ranks right above wrong
    guess: float = 0.0  #: accuracy without any thought: a quarter with four choices
    staleness_loss: float = 0.0  #: share of RL's gain lost with unbounded staleness
    staleness_half: float = 1.0  #: steps of staleness that lose half of that
    pretraining_flop: float = 1.0  #: compute of the base model of the family, FLOP
    pretraining_slope: float = 0.0  #: logits of ceiling and head start per e-fold of it
    staleness: float = 0.0  #: steps by which rollouts lag behind the learner

    def __post_init__(self) -> None:
        wrong = [n for n in _UNIT_SHARES if not 0.0 <= getattr(self, n) <= 1.0]
        wrong += [n for n in _POSITIVE if not 0.0 < getattr(self, n) < math.inf]
        wrong += [n for n in ("staleness", "pretraining_slope") if getattr(self, n) < 0]
        if not self.guess < self.ceiling < 1.0:
            wrong.append("ceiling")
        if wrong:
            found = ", ".join(f"{n} {getattr(self, n):g}" for n in wrong)
            raise ValueError(f"skill {self.name}: {found} out of range")

    def pass_at_1(self, rl_flop: float, tokens: float) -> float:
        """Return the accuracy of one response.

        Parameters
        ----------
        rl_flop : float, FLOP
            Compute of RL: rollouts and learning.
        tokens : float, token
            Mean length of a response, reasoning included.

        Returns
        -------
        float
            Rises strictly with both.
        """
        learnt = self.retained * sigmoid_in_log(rl_flop, 1.0, self.rl_midpoint, self.rl_slope)
        thought = sigmoid_in_log(tokens, 1.0, self.token_midpoint, self.token_slope)
        share = self.rl_head_start + (1.0 - self.rl_head_start) * learnt
        return self.guess + (self.ceiling - self.guess) * share * thought

    @property
    def retained(self) -> float:
        """Share of RL's gain that the staleness of its rollouts leaves."""
        return retained_gain(self.staleness, self.staleness_loss, self.staleness_half)

    def accuracy(
        self, rl_flop: float, tokens: float, samples: float = 1, method: str = "consensus"
    ) -> float:
        """Return the accuracy of several responses to a problem, used in a given way.

        Parameters
        ----------
        rl_flop : float, FLOP
        tokens : float, token
            Of one response.
        samples : float
            Responses to a problem, at least 1; need not be whole (a mean over problems).
        method : str
            `single` uses the first, `consensus` the most frequent answer, `best_of` the one that
            an imperfect verifier prefers, `coverage` any that is right.

        Returns
        -------
        float
            Rises strictly with `rl_flop` and `tokens`, and smoothly with all three.

        Raises
        ------
        ValueError
            If the method is unknown, or samples are not between 1 and 2^20.
        """
        if method not in METHODS:
            hint = near_miss(method, METHODS) or f"accepted: {', '.join(METHODS)}"
            raise ValueError(f"unknown method '{method}'; {hint}")
        if samples < 1:
            raise ValueError(f"{samples:g} samples are less than one")
        alone = self.pass_at_1(rl_flop, tokens)
        if method == "single" or samples == 1 or not 0.0 < alone < 1.0:
            return alone
        return self._chosen(beta_law(alone, self.concentration), samples, method)

    def _chosen(self, law: BetaLaw, samples: float, method: str) -> float:
        """Return the accuracy of several samples under a law of the problems."""
        if method == "consensus":
            return mean_consensus(law, samples, self.rivalry)
        if method == "best_of":
            return mean_best_of(law, samples, self.verifier)
        return coverage(law, samples)

    def stale(self, steps: float) -> Skill:
        """Return the skill with rollouts that lag behind the learner by so many steps.

        Parameters
        ----------
        steps : float
            0 is synchronous RL.
        """
        return replace(self, staleness=steps)

    def pretrained(self, flop: float) -> Skill:
        """Return the skill of the family on a base model of another pretraining compute.

        Parameters
        ----------
        flop : float, FLOP

        Returns
        -------
        Skill
            Ceiling and head start moved by ``pretraining_slope ln(flop / pretraining_flop)``
            on the scale of logits.
        """
        moved = self.pretraining_slope * math.log(flop / self.pretraining_flop)
        return replace(self.lifted(moved), pretraining_flop=flop)

    def lifted(self, logits: float) -> Skill:
        """Return the skill with ceiling and head start moved on the scale of logits.

        Parameters
        ----------
        logits : float
            Of the ceiling above guessing, and of the head start.
        """
        above = moved_share((self.ceiling - self.guess) / (1.0 - self.guess), logits)
        return replace(
            self,
            ceiling=self.guess + (1.0 - self.guess) * above,
            rl_head_start=moved_share(self.rl_head_start, logits),
        )


class QualityFigures(Protocol):
    """What is asked of a catalog; this room lies below that of the catalog."""

    def figure(self, table: str, name: str, parameter: str) -> Any:
        """Return a figure, with `number` and `bounds` in base units."""

    def has(self, table: str, name: str, parameter: str = "") -> bool:
        """Tell whether a name, or one figure of it, is there."""

    def names(self, table: str) -> Iterable[str]:
        """Return the names in a table."""


def skills(catalog: QualityFigures) -> tuple[str, ...]:
    """Return the names of the skills in a catalog: what has a `rl_midpoint` in the quality table.

    Parameters
    ----------
    catalog : Catalog
    """
    return tuple(n for n in catalog.names(TABLE) if catalog.has(TABLE, n, "rl_midpoint"))


def skill_named(name: str, catalog: QualityFigures) -> Skill:
    """Return a skill from its figures in the quality table.

    Parameters
    ----------
    name : str
        One of `skills`.
    catalog : Catalog

    Raises
    ------
    CatalogError
        If there is no such skill, with the near miss, or its figures make none.
    """
    known = skills(catalog)
    if name not in known:
        accepted = f"accepted: {', '.join(known)}"
        fault = Fault(TABLE, f"unknown skill '{name}'", accepted, hint=near_miss(name, known))
        raise CatalogError([fault], "catalog")
    figures = {
        f.name: catalog.figure(TABLE, name, f.name).number
        for f in fields(Skill)
        if f.name != "name" and catalog.has(TABLE, name, f.name)
    }
    try:
        return Skill(name=name, **figures)
    except (TypeError, ValueError) as error:
        accepted = "expected all figures that a skill needs"
        raise CatalogError([Fault(f"{TABLE}.{name}", str(error), accepted)], "catalog") from error
