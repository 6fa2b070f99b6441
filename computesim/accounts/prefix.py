"""Memory in which prompts wait to be found again, by where they wait."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from computesim.cells.prefix_cache import waiting_of
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import opaque
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import serving_load

WHERE: Final = {"hbm": "HBM", "host": "Host memory", "storage": "Storage"}


def rows(world: World) -> Yearly:
    """Yield the bytes that wait in every year, by tier of memory and by product.

    Yields
    ------
    tuple of str and float
        `Prefix cache|tier of memory|product`, B at the mean load of the day, of all that is asked.
    """
    return (_pairs(year) for year in world.years)


def _pairs(year: Year) -> Iterator[tuple[str, float]]:
    """Yield the bytes of one year."""
    held: dict[str, float] = {}
    for demand in year.demand.serving:
        size = _token_bytes(demand.model, demand.dtype, demand.kv_dtype)
        for stream, place in demand.cached:
            if stream.cached_share > 0:
                name = f"Prefix cache|{WHERE[place.tier]}|{stream.name}"
                waiting = stream.rate * waiting_of(stream, place) * size
                held[name] = held.get(name, 0.0) + waiting
    yield from held.items()


@opaque("KV cache of a token", unit="B/token")
@cache
def _token_bytes(model: Architecture, dtype: str, kv_dtype: str) -> float:
    """Return the bytes of cache of one token of context."""
    return serving_load(model, dtype, kv_dtype).kv_bytes_per_token
