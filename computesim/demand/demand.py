"""Everything that is asked at one time: what cells do, tokens, and the progress behind both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from computesim.cells.jobs import PretrainingDemand, RLDemand, ServingDemand
from computesim.workload.adoption import DailyTokens, TokenFlow

if TYPE_CHECKING:
    from computesim.workload.balance import Balance


@dataclass(frozen=True, slots=True)
class Followed:
    """What a lab of a group does in a year, solved."""

    balance: Balance  #: RL compute in that of the skill
    rl_flop: float  #: of one run, FLOP
    requests: float  #: over the life of a model
    rl_accelerator: str
    serving_accelerator: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Multipliers of one year; 1 is what the engines and models of the catalog do."""

    serving_software: float = 1.0
    training_software: float = 1.0
    training: float = 1.0  #: by how much less FLOP for what training plans
    inference: float = 1.0  #: by how much less computation for a token of equal capability

    @property
    def serving(self) -> float:
        """Requests of one accelerator over those of the calibrated engines."""
        return self.serving_software * self.inference


@dataclass(frozen=True, slots=True)
class ProductDemand:
    """What one product asks."""

    tokens: dict[str, DailyTokens]  #: by workload
    price: float | None = None  #: over that of its reference year; None without a price
    response: float = 1.0  #: of use to the price


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything that is asked at one time."""

    serving: tuple[ServingDemand, ...]
    pretraining: tuple[PretrainingDemand, ...]
    rl: tuple[RLDemand, ...]
    experiments: dict[str, tuple[float, float]]  #: lab -> (multiple of final runs, efficiency)
    cloud: dict[str, TokenFlow]  #: workload -> tokens per day in data centres
    device: dict[str, TokenFlow]  #: workload -> tokens per day on devices
    policies: dict[str, Followed] = field(default_factory=dict)  #: lab -> what it balanced
    products: dict[str, ProductDemand] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    other_ai: float = 0.0  #: H100-equivalents of other AI, where they are no share of the fleet
