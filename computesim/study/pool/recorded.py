"""Recorded requests, as questions ask for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from computesim.errors import CaseError, Fault
from computesim.sim.trace import (
    Recording,
    between,
    client_trace,
    clipped,
    expected_requests,
    is_servegen,
    read_clients,
    read_recording,
    scaled,
)

Span = tuple[float, float]  #: from and until when, s after the first row
ALWAYS: Span = (-np.inf, np.inf)


def recorded(
    file: Path,
    format: str | None = None,
    span: Span = ALWAYS,
    rate: float | None = None,
    seed: int = 1,
) -> Recording:
    """Return recorded requests, or those that ServeGen's client windows describe.

    Parameters
    ----------
    file : Path
        A trace, or a folder of client windows.
    format : str, optional
        Told by the columns where None.
    span : tuple of float, s
        What is read of it.
    rate : float, optional, 1/s
        Mean rate to replay at; as recorded where None.
    seed : int
        Of the draws from client windows.

    Raises
    ------
    CaseError
        If the file cannot be used.
    """
    if is_servegen(file):
        return _drawn(file, span, rate, seed)
    recording = read_recording(file, format, *span)
    if rate is None:
        return recording
    return recording._replace(trace=scaled(recording.trace, rate / recording.trace.rate))


def _drawn(file: Path, span: Span, rate: float | None, seed: int) -> Recording:
    """Return requests of client windows; another rate is more requests, not a faster clock."""
    clients = read_clients(file)
    last = max((w.end for c in clients for w in c.windows), default=0.0)
    start, end = max(span[0], 0.0), min(span[1], last)
    clients = clipped(clients, start, end)
    expected = expected_requests(clients)
    if expected <= 0.0:
        raise CaseError([Fault("trace", "no requests in the span of time", "expected a client "
                               "that sends", str(file))])  # fmt: skip
    factor = 1.0 if rate is None else rate * (end - start) / expected
    trace = between(client_trace(clients, seed, factor=factor), start, end)
    return Recording(trace, "servegen", len(trace), 0)
