"""How a product is used in a year: its users, requests, prompts, and what a price does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from computesim.demand.progress import hardware_per_usd, progress_at
from computesim.traced import least, named
from computesim.workload.adoption import (
    SessionPrompts,
    Usage,
    growing_prompts,
    price_factor,
)
from computesim.workload.diffusion import bass, logistic, logistic_through
from computesim.workload.requests import RequestStream

if TYPE_CHECKING:
    from computesim.scenario import Moment
    from computesim.scenario.diffusion import Diffusion
    from computesim.scenario.products import Price, Product

#: an observed number of users is never taken for more than this share of a ceiling: a draw of the
#: ceiling may fall below what has been observed
MOST_OF_THE_CEILING = 0.995


def usage_at(moment: Moment, name: str) -> Usage:
    """Return how a product is used at a time, the response to its price included.

    Parameters
    ----------
    moment : Moment
    name : str
        Key of the product.
    """
    product, year = moment.scenario.products[name], moment.year
    prompts = prompts_at(product, year)
    request = RequestStream(
        rate=1.0,
        prompt_tokens=prompts.prompt_tokens,
        cached_share=prompts.cached_share,
        answer_tokens=product.answer_tokens.at(year),
        reasoning_tokens=product.reasoning_tokens.at(year),
        spread=product.reasoning_spread.at(year),
        samples=product.samples.at(year),
        name=name,
    )
    return Usage(
        users=users_at(product, year),
        requests_per_user=requests_at(product, year) * response(moment, name),
        request=request,
        reasoning_share=product.reasoning_share.at(year),
        on_device_share=product.on_device_share.at(year),
    )


@named()
def users_at(product: Product, year: float) -> float:
    """Return the users of a product, as given or by its law of diffusion."""
    if product.users is not None:
        return product.users.at(year)
    if product.diffusion is None:
        raise ValueError("a product needs users or a law of diffusion")
    return _diffused(product.diffusion, year)


def requests_at(product: Product, year: float) -> float:
    """Return the requests of one user on one day at the reference price."""
    if product.requests_per_user_per_day is not None:
        return product.requests_per_user_per_day.at(year)
    sessions, turns = product.sessions_per_user_per_day, product.turns_per_session
    if sessions is None or turns is None:
        raise ValueError("a product needs requests, or sessions and turns")
    return sessions.at(year) * turns.at(year)


def prompts_at(product: Product, year: float) -> SessionPrompts:
    """Return the mean prompt of a request and the share of it that is cached."""
    first, growth, turns = product.prompt_tokens, product.context_growth, product.turns_per_session
    if growth is None or turns is None:
        cached = product.cached_share
        return SessionPrompts(first.at(year), cached.at(year) if cached is not None else 0.0)
    return growing_prompts(
        first.at(year),
        growth.tokens_per_turn.at(year),
        turns.at(year),
        growth.turns_variation.at(year),
        growth.hits.at(year),
        growth.shared_prefix.at(year),
    )


@named()
def response(moment: Moment, name: str) -> float:
    """Return by how much the price of a year changes the use of a product; 1 without a price."""
    price = moment.scenario.products[name].price
    if price is None:
        return 1.0
    return price_factor(relative_price(moment, price), 1.0, price.elasticity.at(moment.year))


@named()
def relative_price(moment: Moment, price: Price) -> float:
    """Return the price of a year over that of the reference year.

    Notes
    -----
    A price that follows progress is the inverse of hardware per USD (dense 8-bit peak of what is
    shipped over its price) × serving software × algorithms of inference: margins, and what is
    charged beyond accelerators, move along.
    """
    reference = price.reference_year.at(moment.year)
    if price.level is not None:
        return price.level.at(moment.year) / price.level.at(reference)
    now, then = (_gain(when, price) for when in (moment, moment.at(reference)))
    return then / now


@named()
def _gain(moment: Moment, price: Price) -> float:
    """Return what a price that follows progress falls by."""
    progress = progress_at(moment)
    software = progress.serving_software * progress.inference
    hardware = hardware_per_usd(moment) if price.follows == "progress" else 1.0
    return software * hardware


def _diffused(law: Diffusion, year: float) -> float:
    """Return the users by a law of diffusion: a share of the ceiling of the year."""
    ceiling = law.ceiling.at(year)
    if law.law == "bass":
        launch, p, q = (_given(v, year) for v in (law.launch, law.innovation, law.imitation))
        return ceiling * bass(year - launch, 1.0, p, q)
    if law.first is None or law.second is None:
        midpoint, rate = (_given(v, year) for v in (law.midpoint, law.rate))
        return ceiling * logistic(year, 1.0, midpoint, rate)
    points = []
    for point in (law.first, law.second):
        when = point.year.at(year)
        share = point.users.at(when) / law.ceiling.at(when)
        points.append((when, least(share, MOST_OF_THE_CEILING)))
    if points[0][1] == points[1][1]:  # both beyond a drawn ceiling
        return ceiling * points[0][1]
    midpoint, rate = logistic_through(points[0], points[1], 1.0)
    return ceiling * logistic(year, 1.0, midpoint, rate)


def _given(value: object, year: float) -> float:
    """Return the number of a parameter that the scenario's check has found to be there."""
    from computesim.scenario.values import Value

    if not isinstance(value, Value):
        raise ValueError("a parameter of the law of diffusion is missing")
    return value.at(year)
