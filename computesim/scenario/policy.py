"""Whether a group of labs takes RL and chain length as inputs, or balances them."""

from __future__ import annotations

from typing import Annotated, Literal

from computesim.scenario.fields import Name, Quantity
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Choice, Value

Rent = Annotated[Value | None, Quantity("USD/h", minimum=1e-4, base="USD/s")]


class Policy(Part):
    """How the labs of a group decide on RL steps and on the chains of their products.

    `given` takes both as they stand. `least_cost` solves for the least spending over the life of
    a model that reaches a target accuracy; docs/balance.md says how.
    """

    kind: Literal["given", "least_cost"] = optional(
        "given",
        "`given` takes RL steps and reasoning tokens as inputs; `least_cost` solves for them.",
    )
    skill: str = optional("", "The skill whose accuracy is the target; see docs/balance.md.")
    target: Annotated[Value | None, Quantity("1", minimum=0.001, maximum=0.999)] = optional(
        None, "Accuracy on the skill, usually a path over years."
    )
    method: Literal["single", "consensus", "best_of"] = optional(
        "single", "How several samples are used."
    )
    samples: Annotated[Value | None, Quantity("1", minimum=1, maximum=1024)] = optional(
        None, "Samples of a reasoning request at most; 1 when left out."
    )
    objective: Literal["flop", "cost", "power"] = optional("cost", "What is least.")
    products: dict[str, Annotated[Value, Quantity("1", minimum=1e-4, maximum=100)]] = optional(
        {},
        "Products whose chains follow, each with its mean reasoning tokens over those of the "
        "skill's problems.",
    )
    market_share: Annotated[Value | None, Quantity("1", minimum=0, maximum=1)] = optional(
        None, "Share of the requests of these products that models of the group answer; 1."
    )
    rl_scale: Annotated[Value | None, Quantity("1", minimum=1e-6)] = optional(
        None,
        "RL compute of a run over that of the skill alone: breadth of the tasks, size of the "
        "model; 1 when left out.",
    )
    follow_pretraining: bool = optional(
        False,
        "Whether ceiling and head start of the skill follow the FLOP of the lab's final runs; "
        "the base model of the skill's family otherwise.",
    )
    rl_accelerator: Annotated[Choice | None, Name("accelerators")] = optional(
        None, "On which RL is priced; the most shipped one that can when left out."
    )
    serving_accelerator: Annotated[Choice | None, Name("accelerators")] = optional(
        None, "On which requests are priced; the most shipped one that can when left out."
    )
    rl_price: Rent = optional(
        None,
        "Price of an accelerator of RL; server and electricity over its lifetime when left out.",
    )
    serving_price: Rent = optional(None, "Price of an accelerator that serves, likewise.")
