"""What makes the same work take less: software and algorithms, apart from hardware."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import Quantity
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Value

Gain = Annotated[Value, Quantity("1", minimum=0.001)]


class Algorithms(Part):
    """How much less computation gives the same capability."""

    training: Gain = optional(
        1,
        "By how much less FLOP final runs and RL runs reach what the scenario plans for them; "
        "1 where `flop` and `steps` are what is really spent, as in the baseline.",
    )
    inference: Gain = optional(
        1,
        "By how much less computation a token of equal capability takes, beyond the models that "
        "the tiers name; 1 where those models are the ones that are served, as in the baseline.",
    )


class Progress(Part):
    """Multipliers over years; hardware is not among them, it comes out of the shipments."""

    serving_software: Gain = optional(
        1,
        "Requests of one accelerator at its service level, over those of the engines to which "
        "serving is calibrated.",
    )
    training_software: Gain = optional(
        1,
        "FLOP/s of pretraining and steps/s of RL on the same accelerators, over those of the "
        "frameworks to which training is calibrated.",
    )
    algorithms: Algorithms = optional({}, "Less computation for the same capability.")
