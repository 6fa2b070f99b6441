"""The program that serves a tier, and what it does for products: prefix caches, drafts, pools."""

from __future__ import annotations

from typing import Annotated, Final

from computesim.scenario.fields import EngineName, Quantity, Word
from computesim.scenario.part import Part, optional
from computesim.scenario.values import Choice, Value

_TIERS, _SWITCH = Word("hbm", "host", "storage"), Word("no", "yes")
_DRAFTS = Quantity("1", minimum=0, maximum=16)
_BANDWIDTH = Quantity("B/s", minimum=1)
_SECONDS, _SHARE = Quantity("s", minimum=0), Quantity("1", minimum=0, maximum=1)

TIER: Final = (
    "Where prompts wait to be found again: `hbm` takes cache of the accelerators that serve, "
    "`host` memory of the server, `storage` a storage service."
)
RETENTION: Final = (
    "Time that a prompt waits, until it is used again or given up: a mean. Rate x time x tokens is "
    "what the tier holds."
)
STORAGE: Final = "Rate at which one accelerator takes prefixes back from storage."
APART: Final = (
    "`yes`: some replicas read prompts and others decode, in the ratio that serves most; only "
    "where the accelerator has a NIC, over which the KV cache moves."
)
OVERLAP: Final = (
    "`yes`: where experts are spread over accelerators, each batch runs as two halves, and the "
    "traffic of the experts of one hides under the multiplications of the other."
)
DRAFTED: Final = (
    "Tokens drafted ahead of each verified one (multi-token prediction, a draft model), where that "
    "is faster; 0 for none."
)
ACCEPTANCE: Final = "Probability that a drafted token is kept, if all before it are."
SHARED: Final = "`yes`: the samples of a request hold one copy of its prompt in the KV cache."


class TierServing(Part):
    """The program that serves a tier."""

    engine: Annotated[Choice, EngineName()] = optional(
        "general",
        "The program that serves: `vllm`, `sglang` or `trtllm`, with or without a version; "
        "`general` lies between them.",
    )


class PrefixCache(Part):
    """Where cached prompts wait, and for how long."""

    tier: Annotated[Choice, _TIERS] = optional(
        {"value": "host", "source": "estimate"},
        TIER,
    )
    retention: Annotated[Value, _SECONDS] = optional(
        {
            "value": "5 min",
            "source": "openai-prompt-caching",
            "note": "prefixes stay for 5 to 10 minutes of inactivity; found ones wait less",
        },
        RETENTION,
    )
    storage_bandwidth: Annotated[Value, _BANDWIDTH] = optional(
        {
            "value": "5.4 GB/s",
            "source": "deepseek-3fs",
            "note": "up to 40 GiB/s of KV cache into a node of eight",
        },
        STORAGE,
    )


class Speculation(Part):
    """Tokens that are drafted and then verified together."""

    drafted: Annotated[Value, _DRAFTS] = optional(0, DRAFTED)
    acceptance: Annotated[Value, _SHARE] = optional(
        {
            "value": 0.85,
            "source": "deepseek-v3-technical-report",
            "note": "85 to 90 % of second tokens are kept; 1.8 times the tokens/s",
        },
        ACCEPTANCE,
    )


class Serving(Part):
    """How all products are served, unless they say otherwise."""

    prefix_cache: PrefixCache = optional({}, "Where cached prompts wait, and for how long.")
    separate_prefill: Annotated[Choice, _SWITCH] = optional("no", APART)
    two_batch_overlap: Annotated[Choice, _SWITCH] = optional("no", OVERLAP)
    speculation: Speculation = optional({}, "Tokens that are drafted.")
    shared_prompts: Annotated[Choice, _SWITCH] = optional(
        {"value": "yes", "source": "vllm-pagedattention"}, SHARED
    )


class OwnPrefixCache(Part):
    """Where cached prompts of one product wait; what is left out is as in `serving`."""

    tier: Annotated[Choice | None, _TIERS] = optional(None, TIER)
    retention: Annotated[Value | None, _SECONDS] = optional(None, RETENTION)
    storage_bandwidth: Annotated[Value | None, _BANDWIDTH] = optional(None, STORAGE)


class OwnSpeculation(Part):
    """Tokens that are drafted for one product; what is left out is as in `serving`."""

    drafted: Annotated[Value | None, _DRAFTS] = optional(None, DRAFTED)
    acceptance: Annotated[Value | None, _SHARE] = optional(None, ACCEPTANCE)


class OwnServing(Part):
    """How one product is served; what is left out is as in `serving`.

    Products of a tier that differ in more than their prefix cache have pools of their own.
    """

    prefix_cache: OwnPrefixCache = optional({}, "Where cached prompts wait, and for how long.")
    separate_prefill: Annotated[Choice | None, _SWITCH] = optional(None, APART)
    two_batch_overlap: Annotated[Choice | None, _SWITCH] = optional(None, OVERLAP)
    speculation: OwnSpeculation = optional({}, "Tokens that are drafted.")
    shared_prompts: Annotated[Choice | None, _SWITCH] = optional(None, SHARED)
