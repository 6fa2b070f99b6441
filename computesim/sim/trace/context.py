"""Requests against the context of a model: what engines refuse, and what they cut."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from computesim.sim.trace.requests import Trace


class InContext(NamedTuple):
    """Requests as an engine takes them."""

    trace: Trace | None  #: None where it refuses all of them
    refused: int  #: prompts that leave no room for one token
    cut: int  #: outputs that end where the context does


def in_context(trace: Trace, context: int) -> InContext:
    """Return the requests that a model of a context answers.

    Parameters
    ----------
    trace : Trace
    context : int, token
        Prompt and output together at most.

    Notes
    -----
    A prompt that fills the context is refused, an output that would leave it ends there: vLLM's
    `max_model_len`, and the context length of SGLang and TensorRT-LLM.
    """
    room = context - trace.prompt_tokens
    taken = room > 0
    refused = int(np.count_nonzero(~taken))
    if refused == len(trace):
        return InContext(None, refused, 0)
    if refused:
        trace, room = trace.pick(np.flatnonzero(taken)), room[taken]
    cut = int(np.count_nonzero(trace.output_tokens > room))
    if cut:
        output = np.minimum(trace.output_tokens, room)
        reason = trace.reason_tokens
        trace = replace(
            trace,
            output_tokens=output,
            reason_tokens=None if reason is None else np.minimum(reason, output),
        )
    return InContext(trace, refused, cut)
