"""Who asks for how many tokens: products, their service levels, and how requests arrive."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, model_validator

from computesim.scenario.context import Complaint, Context, rejected
from computesim.scenario.diffusion import Diffusion
from computesim.scenario.fields import (
    AtLeastOne,
    CalendarYear,
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
from computesim.scenario.serving import OwnServing, TierServing
from computesim.scenario.values import Choice, Value


class ContextGrowth(Part):
    """A prompt that grows from turn to turn of a session, and is found in a cache again."""

    tokens_per_turn: Tokens = required(
        "Tokens by which the prompt of a turn is longer than that of the turn before: the answer, "
        "results of tools, the next message."
    )
    turns_variation: Count = optional(
        0,
        "Spread of the turns of a session: standard deviation over mean. Long sessions have the "
        "long prompts.",
    )
    hits: Share = optional(
        1,
        "Share of the turns after the first that still find the prompt of the turn before in a "
        "prefix cache.",
    )
    shared_prefix: Tokens = optional(
        0,
        "Tokens at the beginning of every prompt that are alike in all sessions, and cached; "
        "never more than the prompt of the first turn.",
    )


class Price(Part):
    """What users pay for a token, and how use answers to it."""

    level: Annotated[Value | None, Quantity("1", minimum=1e-12)] = optional(
        None,
        "Price path in any unit, such as USD per million tokens or an index: only its ratio to "
        "the reference year counts.",
    )
    follows: Literal["progress", "software"] | None = optional(
        None,
        "Instead of a level: `progress` lets the price fall with hardware per USD x serving "
        "software x algorithms of inference, `software` leaves hardware out.",
    )
    reference_year: CalendarYear = required(
        "When use is what the product's other entries say; a price of another year changes it."
    )
    elasticity: Annotated[Value, Quantity("1", minimum=0, maximum=10)] = required(
        "Use is (price / reference price) ^ -elasticity times the reference use: at 1 the money "
        "spent stays as it is."
    )

    @model_validator(mode="after")
    def _refers_to_the_horizon(self, info: ValidationInfo) -> Price:
        """Refuse a reference year of which the scenario says nothing."""
        years = info.context.years if isinstance(info.context, Context) else ()
        found = self.reference_year.at(0)
        if years and not years[0] <= found < years[-1] + 1:
            told = (f"{found:g}", f"a year of the horizon, {years[0]}-{years[-1]}")
            complaint = Complaint(("reference_year",), *told)
            raise rejected([complaint])
        return self


class Product(Part):
    """A product that turns people, agents or programs into requests, and requests into tokens."""

    label: str = optional("", "Name in charts and tables; the product's key when left out.")
    users: Annotated[Value | None, Quantity("user", minimum=0)] = optional(
        None,
        "People, agents or programs that use the product; weekly users if not noted otherwise. "
        "Either this or `diffusion` is required.",
    )
    diffusion: Diffusion | None = optional(None, "Users by a law of diffusion.")
    requests_per_user_per_day: Annotated[Value | None, Quantity("1", minimum=0)] = optional(
        None,
        "Requests of one user on one day, averaged over the week; a plain number per day. Either "
        "this or sessions and turns are required.",
    )
    sessions_per_user_per_day: Annotated[Value | None, Quantity("1", minimum=0)] = optional(
        None, "Conversations or tasks that one user begins on one day; a plain number per day."
    )
    turns_per_session: Annotated[Value | None, Quantity("1", minimum=1)] = optional(
        None, "Requests of one session: messages of a conversation, steps of an agent."
    )
    prompt_tokens: Tokens = required(
        "Mean tokens that go into one request: instructions, history, documents, tool results. "
        "With `context_growth`, those of the first turn of a session."
    )
    cached_share: Annotated[Value | None, Quantity("1", minimum=0, maximum=1)] = optional(
        None,
        "Share of the prompt tokens whose keys and values are found in a prefix cache; none when "
        "left out, and the outcome of `context_growth` where that is given.",
    )
    context_growth: ContextGrowth | None = optional(
        None, "How the prompt grows along the turns of a session; the cached share comes out."
    )
    price: Price | None = optional(None, "Price and elasticity of use; none when left out.")
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
    serving: OwnServing = optional({}, "How it is served, where that differs from `serving`.")


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
    serving: TierServing = optional({}, "How the requests are served.")


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
