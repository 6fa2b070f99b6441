"""What questions about serving ask that no engine does: impossible layouts and lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from computesim.errors import CapacityError, Fault
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.possible import misfits
from computesim.hardware.serving import serving_layouts, serving_step
from computesim.quantities import ServingLoad
from computesim.sim.trace import InContext, Trace
from computesim.study.pool.question import ServingQuestion

MOST_NAMED: Final = 4  #: layouts that are named where another one does not fit


def layout_faults(
    question: ServingQuestion, load: ServingLoad, accelerator: Accelerator | None = None
) -> Iterator[Fault]:
    """Yield the degrees of the layout of a question that the model does not allow.

    Parameters
    ----------
    question : ServingQuestion
    load : ServingLoad
    accelerator : Accelerator, optional
        Where there is only one.
    """
    if layout := question.layout.serving:
        for misfit in misfits(load, layout, accelerator):
            yield question.fault(f"layout.{misfit.degree}", misfit.why, misfit.accepted)


def instead(load: ServingLoad, accelerator: Accelerator, longest: float) -> str:
    """Return which of the usual layouts hold a model and its longest request.

    Parameters
    ----------
    load : ServingLoad
    accelerator : Accelerator
    longest : float, token

    Returns
    -------
    str
        `; it fits with tp 2, tp 4`, the smallest first.
    """
    held = []
    for layout in serving_layouts(load, accelerator):
        try:
            step = serving_step(load, accelerator, layout, token_budget=1, max_batch=1)
        except CapacityError:
            continue
        if step.sequence_tokens >= longest:
            held.append(str(layout))
    if not held:
        return f"; no layout holds it on {accelerator.name}"
    return f"; it fits with {', '.join(held[:MOST_NAMED])}"


def length_faults(
    question: ServingQuestion, model: str, context: int, key: str, lengths: tuple[float, float]
) -> Iterator[Fault]:
    """Yield the mean lengths that are drawn around and no context holds.

    Parameters
    ----------
    question : ServingQuestion
    model : str
    context : int, token
        Of the model.
    key : str
        Of the lengths: `traffic`.
    lengths : tuple of two float, token
        Mean prompt and output.
    """
    prompt, output = lengths
    room = f"{model} reads {context:,} tokens"
    if prompt >= context:
        yield question.fault(f"{key}.prompt_tokens", f"{prompt:,.0f} tokens; {room}",
                             f"at most {context - 1:,}")  # fmt: skip
    elif prompt + output > context:
        yield question.fault(
            f"{key}.prompt_tokens, {key}.output_tokens",
            f"{output:,.0f} tokens after a prompt of {prompt:,.0f}; {room}",
            f"at most {context - prompt:,.0f} after such a prompt",
        )


def refused_all(asked: Trace, model: str, context: int) -> tuple[str, str]:
    """Return what is wrong with requests of which a model takes none, and what it would take.

    Parameters
    ----------
    asked : Trace
    model : str
    context : int, token
    """
    shortest = int(asked.prompt_tokens.min())
    found = f"no prompt has less than {shortest:,} tokens; {model} reads {context:,}"
    return found, f"prompts of at most {context - 1:,}"


def context_remarks(seen: InContext, model: str, context: int, total: int) -> Iterator[str]:
    """Yield what became of requests that are longer than the context.

    Parameters
    ----------
    seen : InContext
    model : str
    context : int, token
    total : int
        Requests that were asked.
    """
    room = f"the {context:,} tokens that {model} reads"
    if seen.refused:
        yield (f"{seen.refused:,} of {total:,} requests are left out: their prompts fill {room}, "
               "engines refuse them")  # fmt: skip
    if seen.cut:
        yield f"{seen.cut:,} of {total:,} outputs end at {room}, as engines cut them"
