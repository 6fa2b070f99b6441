"""Watts of the fleet: what it draws, what has to be built for it, and the energy of a year."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from computesim.calendar import HOURS
from computesim.cells.measured import Use
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.power import (
    OVERHEADS,
    Site,
    cluster_watts,
    facility_watts,
    watts_in_use,
)
from computesim.traced import log, most, named, plain


@dataclass(frozen=True, slots=True)
class Draw:
    """Watts of one accelerator with its share of everything around it."""

    it: float  #: mean, W
    facility: float  #: mean at the meter, W


def draw(accelerator: Accelerator, use: Use, network: float, site: Site) -> Draw:
    """Return the mean watts of one accelerator at work.

    Parameters
    ----------
    accelerator : Accelerator
    use : Use
        Averages over all its time.
    network : float, W
        Its share of switches and optics.
    site : Site
    """
    it = cluster_watts(watts_in_use(accelerator, *use), network)
    return Draw(it, facility_watts(site, it, nameplate(accelerator, network)))


@named(lambda a, n: f"nameplate of {a.name}")
def nameplate(accelerator: Accelerator, network: float) -> float:
    """Return the IT watts for which power has to be installed: TDP and all around it, W."""
    return cluster_watts(accelerator.tdp + accelerator.node_overhead, network, OVERHEADS)


def energy(watts: Sequence[float], lag: float) -> list[float]:
    """Return the energy of each year from the power at year ends.

    Parameters
    ----------
    watts : sequence of float, W
        Mean power of what is sold by the end of each year, once it is in service.
    lag : float, years
        From sale to service.

    Returns
    -------
    list of float, Wh/year

    Notes
    -----
    Power grows by a constant rate between year ends a and b, so that its mean over the year is
    ``(b − a) / ln(b / a)``; service lags sale, which divides it by ``(b / a)^lag``. Where there
    was nothing before, power rises from zero in a straight line, ``(1 − lag)² / 2`` of its end.
    """
    found = []
    for t, after in enumerate(watts):
        before = watts[t - 1] if t else 0.0
        if before <= 0:
            mean = after / 2.0 * (1.0 - lag) ** 2
        elif after <= 0:
            mean = before / 2.0
        elif math.isclose(plain(before), plain(after), rel_tol=1e-9):
            mean = after
        else:
            mean = (after - before) / log(after / before) * (before / after) ** lag
        found.append(mean * HOURS)
    return found


def additions(watts: Sequence[float]) -> list[float]:
    """Return the power that each year adds to the most there has been so far, W."""
    found, highest = [], 0.0
    for value in watts:
        found.append(most(value - highest, 0.0))
        highest = most(highest, value)
    return found
