"""Recorded requests, as commands ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from computesim.sim.trace import Recording


class Excerpt(NamedTuple):
    """Part of a trace."""

    file: Path  #: a file, or a folder of ServeGen's client windows
    format: str | None  #: told by the columns where None
    start: float  #: s after the first row
    end: float  #: s


def recorded(excerpt: Excerpt, rate: float | None, seed: int) -> Recording:
    """Return recorded requests, or those that ServeGen's client windows describe.

    Parameters
    ----------
    excerpt : Excerpt
        What to read.
    rate : float or None, 1/s
        Mean rate to replay at; as recorded where None.
    seed : int
        Of the draws from client windows.

    Raises
    ------
    CaseError
        If the file cannot be used.
    """
    from computesim.sim.trace import (
        Recording,
        between,
        client_trace,
        is_servegen,
        read_clients,
        read_recording,
        scaled,
    )

    file, form, start, end = excerpt
    if is_servegen(file):
        drawn = between(client_trace(read_clients(file), seed), start, end)
        found = Recording(drawn, "servegen", len(drawn), 0)
    else:
        found = read_recording(file, form, start, end)
    if rate is None:
        return found
    return found._replace(trace=scaled(found.trace, rate / found.trace.rate))
