"""Memory in which prompts wait to be found again, by where they wait, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from computesim.accounts.cost import tco
from computesim.calendar import HOURS
from computesim.cells.prefix_cache import waiting_of
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import opaque
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import serving_load

WHERE: Final = {"hbm": "HBM", "host": "Host memory", "storage": "Storage"}


def rows(world: World) -> Yearly:
    """Yield the bytes that wait in every year, by kind of memory and by product, and their cost.

    Yields
    ------
    tuple of str and float
        `Prefix cache|memory|product`, B at the mean load of the day, of all that is asked, and
        `Cost of prefix cache|memory|product`, USD/year. HBM costs accelerators, which the cost
        of cached tokens holds.
    """
    return (_pairs(year) for year in world.years)


def _pairs(year: Year) -> Iterator[tuple[str, float]]:
    """Yield bytes and cost of one year."""
    held: dict[tuple[str, str], float] = {}
    for demand in year.demand.serving:
        size = _token_bytes(demand.model, demand.dtype, demand.kv_dtype)
        for stream, place in demand.cached:
            if stream.cached_share > 0:
                key = str(place.tier), stream.name
                held[key] = held.get(key, 0.0) + stream.rate * waiting_of(stream, place) * size
    prices, terms = year.moment.scenario.prices, tco.terms_at(year.moment)
    usd = {"host": prices.host_memory, "storage": prices.storage}
    for (tier, product), size in held.items():
        yield f"Prefix cache|{WHERE[tier]}|{product}", size
        if tier in usd:
            outlay = tco.Outlay(0.0, size * usd[tier].at(year.year), 0.0, 0.0)
            cost = tco.total(tco.fixed_cost(outlay, terms)) * HOURS
            yield f"Cost of prefix cache|{WHERE[tier]}|{product}", cost


@opaque("KV cache of a token", unit="B/token")
@cache
def _token_bytes(model: Architecture, dtype: str, kv_dtype: str) -> float:
    """Return the bytes of cache of one token of context."""
    return serving_load(model, dtype, kv_dtype).kv_bytes_per_token
