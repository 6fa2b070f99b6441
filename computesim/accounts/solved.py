"""What is solved: how limits of supply stand, the world without them, and what labs balance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from computesim.accounts import capex, machines, power
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import decided, dot

PREFIX = "Unconstrained|"
#: what is told of a world without limits
GROUPS = (
    "H100-equivalents",
    "Accelerators|Shipped",
    "Power|Provisioned",
    "Energy",
    "Capex",
)


def unconstrained(world: World) -> Yearly:
    """Yield what would be in every year without any limit; nothing if there is none."""
    if world.unlimited is None:
        return
    wanted = tuple(f"{group}|" for group in GROUPS)
    rooms = (room.rows(world.unlimited) for room in (machines, power, capex))
    for parts in zip(*rooms, strict=True):
        pairs = chain(*parts)
        yield [(PREFIX + name, value) for name, value in pairs if name.startswith(wanted)]


def standings(world: World) -> Yearly:
    """Yield how every limit stands in every year."""
    return (_standings(year) for year in world.years)


def _standings(year: Year) -> Iterator[tuple[str, float]]:
    """Yield what there is of everything, what is used, what binds, and what relief would give."""
    then = {standing.then for standing in year.fleet.standings if standing.binding}
    for standing in year.fleet.standings:
        yield f"Supply|Available|{standing.name}", standing.limit
        yield f"Supply|Used|{standing.name}", standing.used
        yield f"Supply|Binding|{standing.name}", decided(standing.binding, year.fleet)
        relief = dot(standing.relief, year.h100_equivalents)
        yield f"Supply|Relief|{standing.name}", decided(relief, year.fleet)
        yield f"Supply|Next|{standing.name}", decided(standing.name in then, year.fleet)


def policies(world: World) -> Yearly:
    """Yield the balances that labs which follow the least cost have solved."""
    return (_policies(year) for year in world.years)


def _policies(year: Year) -> Iterator[tuple[str, float]]:
    """Yield the solved balance of every lab that follows one."""
    for lab, solved in year.demand.policies.items():
        balance = solved.balance
        yield f"Balance|RL compute|{lab}", solved.rl_flop
        yield f"Balance|Chain length|{lab}", balance.tokens
        yield f"Balance|Samples|{lab}", balance.samples
        yield f"Balance|Accuracy|{lab}", balance.accuracy
        yield f"Balance|RL share of spending|{lab}", balance.rl_share
        yield f"Balance|Requests|{lab}", solved.requests
