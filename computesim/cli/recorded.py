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
    from computesim.sim.trace import is_servegen, read_recording, scaled

    if is_servegen(excerpt.file):
        return _drawn(excerpt, rate, seed)
    found = read_recording(*excerpt)
    if rate is None:
        return found
    return found._replace(trace=scaled(found.trace, rate / found.trace.rate))


def _drawn(excerpt: Excerpt, rate: float | None, seed: int) -> Recording:
    """Return requests of client windows; another rate is more requests, not a faster clock."""
    from computesim.errors import CaseError, Fault
    from computesim.sim.trace import (
        Recording,
        between,
        client_trace,
        clipped,
        expected_requests,
        read_clients,
    )

    clients = read_clients(excerpt.file)
    last = max((w.end for c in clients for w in c.windows), default=0.0)
    start, end = max(excerpt.start, 0.0), min(excerpt.end, last)
    clients = clipped(clients, start, end)
    expected = expected_requests(clients)
    if expected <= 0.0:
        raise CaseError([Fault("trace", "no requests in the span of time", "expected a client "
                               "that sends", str(excerpt.file))])  # fmt: skip
    factor = 1.0 if rate is None else rate * (end - start) / expected
    trace = between(client_trace(clients, seed, factor=factor), start, end)
    return Recording(trace, "servegen", len(trace), 0)
