"""Where a balance is looked for: a skill used in one way, and how much of everything is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

TIGHT: Final = 1e-10  #: of a logarithm, where a search ends
RL_ROOM: Final = 1e4  #: times and part of the midpoint of RL compute that are searched
TOKEN_ROOM: Final = 100.0  #: likewise of the midpoint in tokens
SHORTEST: Final = 10.0  #: tokens of a response that is still one
RUNG: Final = 1.4  #: ratio of the sample counts that are tried first


class Measured(Protocol):
    """What is asked of a skill (`computesim.workload.skill.Skill`)."""

    @property
    def rl_midpoint(self) -> float:
        """RL compute of half of RL's gain, FLOP."""

    @property
    def token_midpoint(self) -> float:
        """Tokens of a response at half of the way."""

    def pass_at_1(self, rl_flop: float, tokens: float) -> float:
        """Return the accuracy of one response; it rises with both."""

    def accuracy(self, rl_flop: float, tokens: float, samples: float, method: str) -> float:
        """Return the accuracy of several; it depends on the first two through `pass_at_1`."""


@dataclass(frozen=True)
class Room:
    """Where a balance is looked for."""

    rl_flop: tuple[float, float]  #: least and most, FLOP
    tokens: tuple[float, float]  #: of a response, least and most
    samples: int = 1  #: at most

    def __post_init__(self) -> None:
        for low, high in (self.rl_flop, self.tokens):
            if not 0 < low < high < math.inf:
                raise ValueError(f"room from {low:g} to {high:g} is none")
        if self.samples < 1:
            raise ValueError(f"{self.samples} samples are less than one")

    @cached_property
    def rungs(self) -> tuple[int, ...]:
        """Sample counts that are tried first: 1, 2, 3, 4, 6, 8, 11 … and the most."""
        found = {1, self.samples}
        count = 2.0
        while count < self.samples:
            found.add(round(count))
            count = max(count * RUNG, count + 1.0)
        return tuple(sorted(found))


def room_of(skill: Measured, longest: float, samples: int) -> Room:
    """Return a wide room around the midpoints of a skill.

    Parameters
    ----------
    skill : Measured
    longest : float, token
        Response that fits into the context of the model.
    samples : int
        At most.

    Returns
    -------
    Room
        Four decades of RL compute and two of tokens on both sides.
    """
    rl, tokens = skill.rl_midpoint, skill.token_midpoint
    shortest = min(max(tokens / TOKEN_ROOM, SHORTEST), longest / 2.0)
    return Room(
        (rl / RL_ROOM, rl * RL_ROOM), (shortest, min(tokens * TOKEN_ROOM, longest)), samples
    )


@dataclass(frozen=True)
class Quality:
    """A skill used in one way, in the room that is allowed."""

    skill: Measured
    method: str
    room: Room

    def single(self, ln_rl: float, ln_tokens: float) -> float:
        """Return the accuracy of one response."""
        return self.skill.pass_at_1(math.exp(ln_rl), math.exp(ln_tokens))

    def of(self, rl_flop: float, tokens: float, samples: float) -> float:
        """Return the accuracy of an answer."""
        return self.skill.accuracy(rl_flop, tokens, samples, self.method)

    def highest(self) -> float:
        """Return the highest accuracy of the room."""
        return max(self.of(self.room.rl_flop[1], self.room.tokens[1], k) for k in self.room.rungs)

    def lowest(self) -> float:
        """Return the lowest accuracy of the room."""
        return min(self.of(self.room.rl_flop[0], self.room.tokens[0], k) for k in self.room.rungs)

    def needed(self, target: float, samples: int) -> float | None:
        """Return the accuracy of one response with which an answer has the target.

        Parameters
        ----------
        target : float
        samples : int

        Returns
        -------
        float or None
            None where so many samples do not reach it; that of the least RL and the shortest chain
            where these exceed it.
        """
        top = math.log(self.room.tokens[1])
        low, high = map(math.log, self.room.rl_flop)

        def short(ln_rl: float) -> float:
            return self.of(math.exp(ln_rl), self.room.tokens[1], samples) - target

        if short(high) < 0.0:
            return None
        if short(low) < 0.0:
            return self.single(zero_of(short, low, high), top)
        few, (low, high) = self.room.rl_flop[0], map(math.log, self.room.tokens)

        def shorter(ln_tokens: float) -> float:
            return self.of(few, math.exp(ln_tokens), samples) - target

        start = low if shorter(low) >= 0.0 else zero_of(shorter, low, high)
        return self.single(math.log(few), start)


def zero_of(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function that changes its sign is zero.

    Parameters
    ----------
    function : callable
    low, high : float
        Ends, at which its signs differ.

    Returns
    -------
    float
        Within `TIGHT`.
    """
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=TIGHT, rtol=1e-12))
