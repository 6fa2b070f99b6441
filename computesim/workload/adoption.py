"""People and agents into tokens: flows per day, sessions, price and the hours of use."""

from __future__ import annotations

from dataclasses import dataclass

from computesim.traced import least, most, named, number
from computesim.workload.requests import RequestStream


@dataclass(frozen=True, slots=True)
class Usage:
    """How one product is used, on the mean day of a period."""

    users: float
    requests_per_user: float  #: requests/user/day
    request: RequestStream  #: one request; only those that reason have reasoning and samples
    reasoning_share: float = 0.0  #: of the requests
    on_device_share: float = 0.0  #: of the requests

    def __post_init__(self) -> None:
        for field in ("reasoning_share", "on_device_share"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field} of {getattr(self, field):g} is not between 0 and 1")
        for field in ("users", "requests_per_user"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} must not be negative")


@dataclass(frozen=True, slots=True)
class TokenFlow:
    """Tokens of one day by kind."""

    requests: float = 0.0
    reasoning_requests: float = 0.0
    fresh_prompt: float = 0.0  #: prompt tokens that must be read
    cached_prompt: float = 0.0  #: prompt tokens found in a cache
    reasoning: float = 0.0
    answer: float = 0.0

    @property
    def prompt(self) -> float:
        """All prompt tokens."""
        return self.fresh_prompt + self.cached_prompt

    @property
    def output(self) -> float:
        """All generated tokens."""
        return self.reasoning + self.answer

    def __add__(self, other: TokenFlow) -> TokenFlow:
        return TokenFlow(
            self.requests + other.requests,
            self.reasoning_requests + other.reasoning_requests,
            self.fresh_prompt + other.fresh_prompt,
            self.cached_prompt + other.cached_prompt,
            self.reasoning + other.reasoning,
            self.answer + other.answer,
        )

    def __mul__(self, factor: float) -> TokenFlow:
        return TokenFlow(
            self.requests * factor,
            self.reasoning_requests * factor,
            self.fresh_prompt * factor,
            self.cached_prompt * factor,
            self.reasoning * factor,
            self.answer * factor,
        )

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True)
class DailyTokens:
    """Tokens of one day by where they are computed."""

    cloud: TokenFlow
    device: TokenFlow

    @property
    def total(self) -> TokenFlow:
        """Everywhere."""
        return self.cloud + self.device


def daily_tokens(usage: Usage, factor: float = 1.0) -> DailyTokens:
    """Return the tokens that a product takes in a day.

    Parameters
    ----------
    usage : Usage
    factor : float
        Multiplies the requests, for instance `price_factor`.

    Notes
    -----
    Every sample of a reasoning request has its own reasoning and answer; the prompt is read once.
    Requests on the device are like the others.
    """
    request = usage.request
    requests = usage.users * usage.requests_per_user * factor
    thinking = requests * usage.reasoning_share
    prompt = requests * request.prompt_tokens
    everywhere = TokenFlow(
        requests=requests,
        reasoning_requests=thinking,
        fresh_prompt=prompt * (1.0 - request.cached_share),
        cached_prompt=prompt * request.cached_share,
        reasoning=thinking * request.samples * request.reasoning_tokens,
        answer=(requests - thinking + thinking * request.samples) * request.answer_tokens,
    )
    device = usage.on_device_share
    return DailyTokens(everywhere * (1.0 - device), everywhere * device)


@named()
def price_factor(price: float, reference_price: float, elasticity: float) -> float:
    """Return by how much use differs from that at the reference price.

    Parameters
    ----------
    price, reference_price : float, USD/token
        Any unit, the same for both.
    elasticity : float
        Constant elasticity, positive: 1 leaves spending as it is, more than 1 lets it rise when
        the price falls.

    Returns
    -------
    float
        ``(price / reference_price) ** -elasticity``.
    """
    if price <= 0 or reference_price <= 0:
        raise ValueError("prices must be positive")
    return number((price / reference_price) ** -elasticity)


@dataclass(frozen=True, slots=True)
class SessionPrompts:
    """The prompts of the turns of one session, on the average over turns."""

    prompt_tokens: float
    cached_share: float  #: token by token


@named(unit="token")
def growing_prompts(
    first: float,
    added: float,
    turns: float,
    variation: float = 0.0,
    hits: float = 1.0,
    prefix: float = 0.0,
) -> SessionPrompts:
    """Return the mean prompt of a session whose context grows, and what of it is cached.

    Parameters
    ----------
    first : float, token
        Prompt of the first turn.
    added : float, token
        By which the prompt of a turn is longer than that of the turn before.
    turns : float
        Mean turns of a session, at least 1.
    variation : float
        Standard deviation of the turns over their mean.
    hits : float
        Share of the later turns that find the prompt of the turn before in a cache.
    prefix : float, token
        Beginning of all prompts that is always cached; not more than `first` counts.

    Notes
    -----
    Turn k reads ``P_k = first + (k-1) added``, of which ``P_(k-1)`` was the prompt before and is
    found again. A session of n turns has the sums ``n first + added n(n-1)/2`` of prompts and,
    without the last of them, ``(n-1) first + added (n-1)(n-2)/2`` of prompts that are found.
    Their means over sessions need only the mean and the variance of n. Answers and reasoning are
    taken to be read again where they are kept: a dropped chain of thought moves all that follows.
    """
    if turns < 1 or least(first, added, variation, prefix) < 0 or not 0 <= hits <= 1:
        raise ValueError("turns are at least 1, hits 0 to 1, nothing else is negative")
    part = turns % 1.0  # whole turns of a mean of 2.5 vary, 2 or 3, whatever is said
    square = turns**2 + most((variation * turns) ** 2, part * (1.0 - part))
    total = turns * first + added * (square - turns) / 2.0
    found = (turns - 1.0) * first + added * (square - 3.0 * turns + 2.0) / 2.0
    prefix = least(prefix, first)
    cached = prefix + (turns - 1.0) * (1.0 - hits) * prefix + hits * found
    share = cached / total if total > 0 else 0.0
    return SessionPrompts(total / turns, least(share, 1.0))
