"""Traces: which request comes when, how long it is, and what it belongs to.

Recorded ones are read from the files of several published formats, drawn ones
come from one law or from several clients; a summary of one draws another like it.
"""

from computesim.lengths import LengthLaw, lognormal
from computesim.sim.trace.arrivals import (
    arrivals_between,
    bursty_arrivals,
    poisson_arrivals,
    profile_arrivals,
    sinusoidal_profile,
    weibull_shape,
)
from computesim.sim.trace.clients import (
    Client,
    Window,
    client_trace,
    clipped,
    expected_requests,
    follow_day,
)
from computesim.sim.trace.context import InContext, in_context
from computesim.sim.trace.generate import generate
from computesim.sim.trace.lengths import Empirical, EmpiricalSplit, Even, ReasonSplit, TokenLaw
from computesim.sim.trace.like import clients_like
from computesim.sim.trace.population import Population, clients_of
from computesim.sim.trace.reading import Recording, iter_traces, read_recording, read_trace
from computesim.sim.trace.requests import BLOCK, Blocks, Trace, between, merged, replay, scaled
from computesim.sim.trace.servegen import is_servegen, read_clients
from computesim.sim.trace.sessions import Sessions, turns_of
from computesim.sim.trace.summary import summarise_trace
from computesim.sim.trace.writing import write_trace

__all__ = [
    "BLOCK",
    "Blocks",
    "Client",
    "Empirical",
    "EmpiricalSplit",
    "Even",
    "InContext",
    "LengthLaw",
    "Population",
    "ReasonSplit",
    "Recording",
    "Sessions",
    "TokenLaw",
    "Trace",
    "Window",
    "arrivals_between",
    "between",
    "bursty_arrivals",
    "client_trace",
    "clients_like",
    "clients_of",
    "clipped",
    "expected_requests",
    "follow_day",
    "generate",
    "in_context",
    "is_servegen",
    "iter_traces",
    "lognormal",
    "merged",
    "poisson_arrivals",
    "profile_arrivals",
    "read_clients",
    "read_recording",
    "read_trace",
    "replay",
    "scaled",
    "sinusoidal_profile",
    "summarise_trace",
    "turns_of",
    "weibull_shape",
    "write_trace",
]
