"""Who asks for how many tokens: products, their service levels, and how requests arrive."""

from __future__ import annotations

from typing import Annotated

from computesim.scenario.fields import (
    AtLeastOne,
    Count,
    Dtype,
    Model,
    Name,
    Quantity,
    Seconds,
    Share,
    Tokens,
)
from computesim.scenario.part import Part, optional, required
from computesim.scenario.values import Choice, Value


class Product(Part):
    """A product that turns people, agents or programs into requests, and requests into tokens."""

    label: str = optional("", "Name in charts and tables; the product's key when left out.")
    users: Annotated[Value, Quantity("user", minimum=0)] = required(
        "People, agents or programs that use the product; weekly users if not noted otherwise."
    )
    requests_per_user_per_day: Count = required(
        "Requests of one user on one day, averaged over the week; a plain number per day."
    )
    prompt_tokens: Tokens = required(
        "Mean tokens that go into one request: instructions, history, documents, tool results."
    )
    cached_share: Share = optional(
        0, "Share of the prompt tokens whose keys and values are found in a prefix cache."
    )
    answer_tokens: Tokens = required("Mean visible tokens of one answer.")
    reasoning_share: Share = required("Share of the requests that are answered with reasoning.")
    reasoning_tokens: Tokens = required(
        "Mean hidden chain-of-thought tokens of one request that reasons; the answer comes on top."
    )
    reasoning_spread: Count = optional(
        {"value": 0.9, "source": "estimate"},
        "Spread of the reasoning length: standard deviation of its logarithm.",
    )
    samples: AtLeastOne = optional(
        1, "Chains sampled in parallel for one reasoning request (best-of-n, majority vote)."
    )
    on_device_share: Share = optional(
        0, "Share of the requests answered on the user's own device, outside data centres."
    )
    tier: Annotated[Choice, Name("tiers")] = required("The tier that serves it, a key of `tiers`.")


class Tier(Part):
    """A class of service: which model answers, in which number format, how fast."""

    model: Model = required("The model served, a name of `computesim list models`.")
    dtype: Dtype = optional(
        "fp8",
        "Number format of weights and matrix multiplications; "
        "an accelerator without it uses the next wider one.",
    )
    kv_dtype: Dtype = optional("bf16", "Number format of the KV cache.")
    ttft: Seconds = optional("2 s", "Time to the first token that 90 % of the requests must meet.")
    tpot: Annotated[Value, Quantity("s", minimum=0)] = optional(
        "30 ms", "Time per output token that 90 % of the requests must meet."
    )


class Traffic(Part):
    """How requests arrive over the day and from second to second."""

    peak_to_mean: AtLeastOne = optional(
        {"value": 1.6, "source": "estimate"},
        "Requests in the busiest hour of the day over the mean of the day.",
    )
    burstiness: Count = optional(
        {"value": 1.5, "source": "estimate"},
        "Coefficient of variation of the time between requests; 1 for a Poisson stream.",
    )
    serving_share: Annotated[Value, Quantity("1", minimum=0.01, maximum=1)] = optional(
        {"low": 0.3, "central": 0.55, "high": 0.78, "source": "estimate"},
        "Share of the serving accelerators that belong to a pool sized for its busiest hour; the "
        "rest is spread over regions, model versions and redundancy, which is not simulated.",
    )
