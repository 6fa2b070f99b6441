"""Requests of one kind that are independent of one another.

Arrivals and lengths are drawn before a simulation, from streams with a name
(`streams.stream`), so that two scenarios with one seed see the same requests.
"""

from __future__ import annotations

import numpy as np

from computesim.errors import SimulationError
from computesim.sim.streams import stream
from computesim.sim.trace.arrivals import bursty_arrivals
from computesim.sim.trace.lengths import TokenLaw
from computesim.sim.trace.requests import Trace


def generate(
    seed: int,
    n: int,
    rate: float,
    prompt: TokenLaw,
    output: TokenLaw,
    cached_share: float = 0.0,
    variation: float = 1.0,
    replication: int = 0,
) -> Trace:
    """Return a trace of independent requests.

    Parameters
    ----------
    seed : int
        The seed of the scenario.
    n : int
        Requests.
    rate : float, 1/s
        Mean arrivals per second.
    prompt, output : TokenLaw
        Laws of the prompt's and of the output's tokens.
    cached_share : float
        Share of each prompt that is in a prefix cache, 0 to 1.
    variation : float
        Coefficient of variation of the gaps between arrivals.
    replication : int
        Number of the replication.

    Notes
    -----
    Draws come from the streams `arrivals`, `prompt_tokens` and `output_tokens`.
    """
    if not 0.0 <= cached_share <= 1.0:
        raise SimulationError(f"cached share {cached_share}; expected 0 to 1")
    prompts = prompt.draw(n, stream(seed, "prompt_tokens", replication))
    return Trace(
        bursty_arrivals(rate, variation, n, stream(seed, "arrivals", replication)),
        prompts,
        np.floor(prompts * cached_share).astype(np.int64),
        output.draw(n, stream(seed, "output_tokens", replication)),
    )
