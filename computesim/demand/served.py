"""How products are served: what of production engines their pools use, and where prefixes wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from computesim.cells.serving_options import PrefixCache, ServingOptions
from computesim.hardware.speculation import Speculation

if TYPE_CHECKING:
    from computesim.hardware.transfer import Tier
    from computesim.scenario import Moment


def options_at(moment: Moment, name: str = "") -> ServingOptions:
    """Return how the pool of a product serves, or that of any product that says nothing.

    Parameters
    ----------
    moment : Moment
    name : str, optional
        Key of the product.
    """
    drafted = round(_at(moment, name, "speculation", "drafted"))
    drafts = None
    if drafted:
        drafts = Speculation(drafted, _at(moment, name, "speculation", "acceptance"))
    return ServingOptions(
        separate_prefill=_at(moment, name, "separate_prefill") == "yes",
        shared_prompts=_at(moment, name, "shared_prompts") == "yes",
        two_batches=_at(moment, name, "two_batch_overlap") == "yes",
        speculation=drafts,
    )


def prefix_cache_at(moment: Moment, name: str) -> PrefixCache:
    """Return where the prompts of a product wait.

    Parameters
    ----------
    moment : Moment
    name : str
        Key of the product.
    """
    return PrefixCache(
        cast("Tier", _at(moment, name, "prefix_cache", "tier")),
        _at(moment, name, "prefix_cache", "retention"),
        _at(moment, name, "prefix_cache", "storage_bandwidth"),
    )


def _at(moment: Moment, name: str, *path: str) -> Any:
    """Return a product's own entry of its serving, or that of all products, in a year."""
    scenario = moment.scenario
    own = (scenario.products[name].serving,) if name else ()
    for branch in (*own, scenario.serving):
        entry: Any = branch
        for key in path:
            entry = getattr(entry, key)
        if entry is not None:
            return entry.at(moment.year)
    raise KeyError(".".join(path))
