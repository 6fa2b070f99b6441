"""What serving costs: by product, per million tokens, per request."""

from __future__ import annotations

from collections.abc import Sequence

from computesim.accounts.cost.tokens import MILLION
from computesim.cells.serving_phases import KINDS
from computesim.study.explain.inputs import HOURS_PER_YEAR
from computesim.study.explain.node import Node, constant, product, quotient, total
from computesim.study.explain.parts.accounts import (
    Own,
    hourly_requests,
    streams,
    tokens,
    usd,
    watts,
)
from computesim.study.explain.parts.ownership import HOUR
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World

TOKENS = constant("tokens of a million", MILLION, "token/Mtoken")


def _of_product(world: World, t: int, name: str) -> list[Own]:
    """Return the streams of a product."""
    return [own for own in streams(world, t) if own.stream(world, t).name == name]


def _paid(world: World, t: int, owns: Sequence[Own], kinds: Sequence[str] = KINDS) -> Node:
    """Return what some streams cost in an hour."""
    parts = [usd(world, t, own, kind) for own in owns for kind in kinds]
    return total("cost of an hour", HOUR, parts)


@explains("Cost of serving")
def serving(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a product pays for a workload in a year."""
    owns = [own for own in _of_product(world, t, rest[0]) if own.task.workload == rest[1]]
    return product("cost of a year", "USD/year", _paid(world, t, owns), HOURS_PER_YEAR)


def _per_token(world: World, t: int, owns: Sequence[Own], kinds: Sequence[str]) -> Node:
    """Return what a million tokens of some streams cost."""
    kinds = kinds or KINDS
    every = [tokens(world, t, own, kind) for own in owns for kind in kinds]
    each = quotient("cost of a token", "USD/token", _paid(world, t, owns, kinds),
                    total("tokens of an hour", "token/h", every))  # fmt: skip
    return product("cost of a million tokens", "USD/Mtoken", each, TOKENS)


@explains("Cost of tokens")
def of_tokens(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a million tokens of a product cost, or those of a kind."""
    return _per_token(world, t, _of_product(world, t, rest[0]), rest[1:])


@explains("Cost of tokens by tier")
def of_tier(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a million tokens of a tier cost, or those of a kind."""
    owns = [own for own in streams(world, t) if own.task.part == rest[0]]
    return _per_token(world, t, owns, rest[1:])


def _requests(world: World, t: int, owns: Sequence[Own]) -> Node:
    """Return the requests of some streams in an hour."""
    every = [hourly_requests(world, t, own) for own in owns]
    return total("requests of an hour", "request/h", every)


@explains("Cost of a request")
def of_request(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a request of a product costs."""
    owns = _of_product(world, t, rest[0])
    return quotient("cost of a request", "USD", _paid(world, t, owns), _requests(world, t, owns))


@explains("Energy of a request")
def energy_of_request(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the electricity of a request of a product."""
    owns = _of_product(world, t, rest[0])
    every = total("watts of all its requests", "W", [watts(world, t, own) for own in owns])
    return quotient("energy of a request", "Wh", every, _requests(world, t, owns))
