"""The accelerators on which a scenario's labs price RL and serving, and what they pay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from computesim.cells.jobs import RLDemand
from computesim.cells.operation import operation_at
from computesim.cells.rates import Served, rl_pace
from computesim.cells.sites import site_at
from computesim.demand.prices import price_of
from computesim.demand.spending import Hired, paces_between
from computesim.errors import CapacityError

if TYPE_CHECKING:
    from computesim.hardware.accelerator import Accelerator
    from computesim.scenario import Moment
    from computesim.scenario.policy import Policy
    from computesim.scenario.values import Choice, Value


def rl_hired(moment: Moment, policy: Policy, step: RLDemand) -> Hired:
    """Return the accelerators of the RL runs.

    Parameters
    ----------
    moment : Moment
    policy : Policy
    step : RLDemand
        One step, which they must be able to do.

    Raises
    ------
    CapacityError
        If none of the accelerators that are shipped can.
    """

    def able(machine: Accelerator) -> None:
        rl_pace(step.job, machine)

    operation = operation_at(moment)
    use = operation.kept * operation.operational_share
    machine = _first(moment, policy.rl_accelerator, able)
    return _hired(moment, machine, policy.rl_price, use)


def serving_hired(
    moment: Moment,
    policy: Policy,
    streams: tuple[Served, ...],
    tokens: tuple[float, float],
) -> Hired:
    """Return the accelerators that serve.

    Parameters
    ----------
    moment : Moment
    policy : Policy
    streams : tuple of Served
        All of which they must be able to serve.
    tokens : tuple of two float
        Shortest and longest response of the skill.

    Raises
    ------
    CapacityError
        If none of the accelerators that are shipped can.
    """

    def able(machine: Accelerator) -> None:
        for one in streams:
            paces_between(one, machine, tokens)

    operation = operation_at(moment)
    use = operation.kept * operation.serving_share / operation.play.peak_to_mean
    machine = _first(moment, policy.serving_accelerator, able)
    return _hired(moment, machine, policy.serving_price, use)


def _first(
    moment: Moment, named: Choice | None, able: Callable[[Accelerator], None]
) -> Accelerator:
    """Return the accelerator that is named, or the most shipped one that can."""
    told = ""
    for name in [named.at(moment.year)] if named else _shipped(moment):
        machine = moment.catalog.accelerator(name)
        try:
            able(machine)
        except CapacityError as error:
            told = told or str(error)
            continue
        return machine
    raise CapacityError(told or "no accelerator is shipped")


def _shipped(moment: Moment) -> Iterator[str]:
    """Yield the accelerators that are shipped, the commonest first."""
    mix = moment.scenario.fleet.shipments.at(moment.year)
    yield from sorted((n for n in mix if mix[n] > 0), key=lambda n: (-mix[n], n))


def _hired(moment: Moment, machine: Accelerator, rent: Value | None, use: float) -> Hired:
    """Return accelerators at their rent, or at what they and their electricity cost.

    Without a rent: accelerator and server over their lifetime, and the electricity of the site.
    Interest, buildings and staff are left out.
    """
    scenario, year = moment.scenario, moment.year
    site = site_at(moment)
    if rent is not None:
        return Hired(machine, rent.at(year), use, site)
    whole = price_of(moment, machine) * (1.0 + scenario.prices.server_share.at(year))
    return Hired(
        machine, whole / scenario.fleet.lifetime.at(year), use, site, site.electricity_price
    )
