"""How accelerators are run: what of them is in service, and how their cells are measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from computesim.cells.serving import Play
from computesim.hardware.reliability import Failures, availability
from computesim.traced import least

if TYPE_CHECKING:
    from computesim.scenario import Moment


@dataclass(frozen=True, slots=True)
class Operation:
    """How the fleet is run."""

    play: Play = field(default_factory=Play)
    failures: Failures = field(default_factory=Failures)
    availability: float = 1.0  #: share of time in which a node is in service
    spare_share: float = 0.0  #: spares over nodes in use
    operational_share: float = 1.0  #: of training accelerators, with a job on them
    serving_share: float = 1.0  #: of serving accelerators, in a pool sized for its busiest hour

    @property
    def kept(self) -> float:
        """Share of accelerators that are neither spares nor missing."""
        # spares stand in for nodes in repair; what they do not cover is missing
        return least(self.availability, 1.0 / (1.0 + self.spare_share))


def operation_at(moment: Moment, replication: int = 0) -> Operation:
    """Return how the fleet is run in a year."""
    scenario, year = moment.scenario, moment.year
    reliability = scenario.reliability
    failures = Failures(
        reliability.failures_per_node_day.at(year),
        reliability.restart.at(year),
        reliability.checkpoint_interval.at(year),
        reliability.checkpoint_stall.at(year),
        reliability.repair.at(year),
        reliability.spare_share.at(year),
    )
    return Operation(
        play=Play(
            seed=scenario.setting("simulation.seed") + replication,
            requests=scenario.setting("simulation.requests"),
            burstiness=scenario.traffic.burstiness.at(year),
            peak_to_mean=scenario.traffic.peak_to_mean.at(year),
            kernel=scenario.setting("simulation.kernel"),
        ),
        failures=failures,
        availability=availability(failures.per_node_day, failures.repair),
        spare_share=failures.spare_share,
        operational_share=reliability.operational_share.at(year),
        serving_share=scenario.traffic.serving_share.at(year),
    )
