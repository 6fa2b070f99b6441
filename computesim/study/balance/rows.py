"""The rows of a balance: a choice, and what it takes; base units."""

from __future__ import annotations

from dataclasses import dataclass

from computesim.records import quantity


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How much RL, how long chains, how many samples."""

    rl_flop: float = quantity("FLOP")  #: of the skill
    tokens: float = quantity("token")  #: of a response
    samples: int = quantity("1")
    tokens_of_request: float = quantity("token")  #: of all samples
    accuracy: float = quantity("1")


@dataclass(frozen=True, kw_only=True)
class _Served:
    """On what, and how much."""

    price_ratio: float | None = quantity("1", None, optional=True)  #: of RL over serving time
    accelerator: str
    rl_accelerator: str
    requests: float = quantity("request")  #: over the life of the model


@dataclass(frozen=True, kw_only=True)
class Balanced(Choice, _Served):
    """The balance on a machine, in all units."""

    accuracy_low: float = quantity("1")
    accuracy_high: float = quantity("1")
    extrapolated: list[str]  #: axes on which the choice lies outside of the data
    total: float = quantity("of the objective")
    rl_share: float = quantity("1")
    rl_flop_total: float = quantity("FLOP")  #: research beside the run included
    request_flop_total: float = quantity("FLOP")
    rl_accelerator_seconds: float = quantity("s")
    request_accelerator_seconds: float = quantity("s")
    rl_accelerators: float = quantity("accelerator")  #: mean of the life
    request_accelerators: float = quantity("accelerator")
    rl_usd: float = quantity("USD")
    request_usd: float = quantity("USD")
    rl_joules: float = quantity("J")  #: at the meter
    request_joules: float = quantity("J")
    rl_watts: float = quantity("W")
    request_watts: float = quantity("W")
    tokens_elasticity: float = quantity("1")
    flop_elasticity: float = quantity("1")
    flop_per_flop: float = quantity("1")
    saved_per_spent: float = quantity("1")
    shadow_price: float = quantity("of the objective")
    next_point: float | None = quantity("of the objective")  #: None: out of reach


@dataclass(frozen=True)
class Unable:
    """A machine that cannot, and why."""

    accelerator: str
    rl_accelerator: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class _AtTarget:
    target: float = quantity("1")


@dataclass(frozen=True, kw_only=True)
class ByTarget(Choice, _AtTarget):
    """The least spending for an accuracy."""

    extrapolated: list[str]
    on_rl: float = quantity("of the objective")
    on_requests: float = quantity("of the objective")
    total: float = quantity("of the objective")
    next_point: float | None = quantity("of the objective")


@dataclass(frozen=True, kw_only=True)
class OnCurve(Choice, _AtTarget):
    """A point of an iso-quality curve."""

    extrapolated: list[str]
    request_flop: float = quantity("FLOP")
    request_flop_total: float = quantity("FLOP")
    flop_elasticity: float = quantity("1")
    flop_per_flop: float = quantity("1")


@dataclass(frozen=True, kw_only=True)
class _OfBudget:
    budget: float = quantity("of the objective")


@dataclass(frozen=True, kw_only=True)
class ByBudget(Choice, _OfBudget):
    """What a budget buys."""

    extrapolated: list[str]
    rl_share: float = quantity("1")


@dataclass(frozen=True, kw_only=True)
class OfLab:
    """What a lab decides in a year."""

    year: int
    lab: str
    skill: str
    objective: str
    requests: float = quantity("request")
    rl_flop_of_run: float = quantity("FLOP")
    rl_flop: float = quantity("FLOP")
    tokens: float = quantity("token")
    samples: int = quantity("1")
    accuracy: float = quantity("1")
    rl_share: float = quantity("1")
    total: float = quantity("of the objective")
    rl_accelerator: str
    serving_accelerator: str
    extrapolated: list[str]
