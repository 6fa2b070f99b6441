"""What a reader of a simulated pool must know first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from computesim.arrays import Ints
from computesim.sim.engine import simulate_serving
from computesim.sim.output import quantile, times_of
from computesim.sim.summary import judged
from computesim.study.pool.question import PoolQuestion
from computesim.study.pool.run import Played
from computesim.study.pool.window import Window

SIMPLEST: Final = "round-robin"
WORSE: Final = (
    1.02  #: p90 TTFT of the default routing ÷ that of the simplest, from which it is told
)


def window_remarks(
    question: PoolQuestion, played: Played, window: Window, last: float
) -> Iterator[str]:
    """Yield that the window of the rates is too short, and what length would do.

    Parameters
    ----------
    question : PoolQuestion
    played : Played
    window : Window
        Of it.
    last : float, s
        When the pool begins to empty.
    """
    if not window.is_short:
        return
    words = window.text
    if math.isfinite(window.needed) and not played.inputs.requests.recorded:
        words += f", about {_enough(question, played, window, last):,} requests"
    yield words


def _enough(question: PoolQuestion, played: Played, window: Window, last: float) -> int:
    """Return about how many drawn requests make a window long enough.

    The window of clients ends with the first of them, whose answers may be half as long as others.
    """
    seen, asked = played.run.requests, question.traffic.drawn
    if clients := question.traffic.clients:
        cycle = float((seen["finish"] - seen["arrival"]).mean()) + (question.traffic.think or 0.0)
        return clients * math.ceil(1.0 + 2.0 * (window.stay + window.needed) / cycle)
    begin = 0.0 if window.is_whole else window.start
    return math.ceil(asked * max(begin + window.needed, last) / max(last, 1e-9))


def routing_remarks(question: PoolQuestion, played: Played, index: Ints) -> Iterator[str]:
    """Yield that the default routing loses to the simplest one, where it does.

    Parameters
    ----------
    question : PoolQuestion
    played : Played
    index : ndarray of int64, shape (m,)
        Sequences that are judged.

    Notes
    -----
    The same requests are played once more with the simplest routing.
    """
    inputs, run = played.inputs, played.run
    if question.serving.routing or inputs.routing != "prefix-aware" or inputs.replicas.n < 2:
        return
    operation = replace(inputs.operation, bin_seconds=0.0)
    other = simulate_serving(
        **replace(inputs, routing=SIMPLEST, operation=operation).keywords(), engine="numba"
    )
    start = float(run.requests["arrival"][index].min())
    end = float(run.requests["arrival"][index].max())
    ours = quantile(times_of(run.requests[index]).ttft, 0.9)
    theirs = other.requests[judged(other, inputs.skip, start, end)]
    simple = quantile(times_of(theirs).ttft, 0.9)
    if ours > WORSE * simple:
        yield (f"p90 TTFT is {1e3 * ours:,.4g} ms with {inputs.routing} routing, the default here, "
               f"and {1e3 * simple:,.4g} ms with --routing {SIMPLEST}")  # fmt: skip
