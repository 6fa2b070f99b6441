"""What a trace is: which request comes when, how long it is, and what it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.sim.trace.arrivals import positive

BLOCK = 512  #: tokens of a prefix block, as in the Mooncake traces


class Blocks(NamedTuple):
    """Hashes of the blocks that prompts consist of; equal hashes are equal prefixes."""

    ids: Ints  #: shape (all blocks,), the hashes of request 0, of request 1 and so on
    offsets: Ints  #: shape (requests + 1,), where the hashes of each request start

    def of(self, index: npt.ArrayLike) -> Blocks:
        """Return the blocks of some requests.

        Parameters
        ----------
        index : array_like of int, shape (m,)
            Which requests, in the order wanted.
        """
        chosen = np.asarray(index, dtype=np.int64)
        count = np.diff(self.offsets)[chosen]
        offsets = np.concatenate(([0], np.cumsum(count)))
        shift = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], count)
        return Blocks(self.ids[shift + np.arange(offsets[-1])], offsets)


_TOKENS = ("prompt_tokens", "cached_tokens", "output_tokens")
#: Columns that a trace may have besides, with their types.
OPTIONAL = {
    "kind": np.int64,
    "session": np.int64,
    "think_seconds": np.float64,
    "reason_tokens": np.int64,
    "client": np.int64,
}


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in order of arrival; the arrays have one entry for each of them."""

    arrival: Floats  #: s, not decreasing
    prompt_tokens: Ints  #: at least 1
    cached_tokens: Ints  #: prompt tokens that are in a prefix cache, at most the prompt
    output_tokens: Ints  #: at least 1
    _: KW_ONLY
    kind: Ints | None = None  #: class of the request, from 0
    session: Ints | None = None  #: conversation; its turns come in order
    think_seconds: Floats | None = None  #: s from the end of the turn before to this request
    reason_tokens: Ints | None = None  #: output tokens that reason, at most the output
    client: Ints | None = None  #: who asks
    blocks: Blocks | None = None  #: hashes of the prompt's prefix blocks of `BLOCK` tokens
    kind_names: tuple[str, ...] = ()  #: name of each class, where they have names

    def __post_init__(self) -> None:
        """Bring the arrays to one form and refuse impossible ones."""
        put = object.__setattr__  # the frozen way to finish construction
        put(self, "arrival", np.ascontiguousarray(self.arrival, dtype=np.float64))
        for name in (*_TOKENS, *OPTIONAL):
            if getattr(self, name) is not None:
                kind = OPTIONAL.get(name, np.int64)
                put(self, name, np.ascontiguousarray(getattr(self, name), dtype=kind))
                if getattr(self, name).shape != self.arrival.shape:
                    raise SimulationError(f"{name} has another length than arrival")
        if self.blocks is not None:
            put(self, "blocks", Blocks(*(np.ascontiguousarray(b, np.int64) for b in self.blocks)))
        for check in (_check_arrivals, _check_tokens, _check_optional, _check_blocks):
            check(self)

    def __len__(self) -> int:
        return self.arrival.size

    @property
    def computed_from(self) -> Ints:
        """Prompt tokens that need no prefill; the last token of a prompt is always processed."""
        return np.minimum(self.cached_tokens, self.prompt_tokens - 1)

    @property
    def rate(self) -> float:
        """Mean arrivals per second up to the last one."""
        return self.arrival.size / float(self.arrival[-1]) if self.arrival[-1] > 0 else np.inf

    @classmethod
    def at_once(
        cls,
        prompt_tokens: npt.ArrayLike,
        output_tokens: npt.ArrayLike,
        cached_tokens: npt.ArrayLike | None = None,
    ) -> Trace:
        """Return requests that are all there at time zero; nothing is cached by default."""
        prompt = np.ascontiguousarray(prompt_tokens, dtype=np.int64)
        cached = np.zeros_like(prompt) if cached_tokens is None else np.asarray(cached_tokens)
        return cls(np.zeros(prompt.size), prompt, cached, np.asarray(output_tokens))

    def pick(self, index: npt.ArrayLike) -> Trace:
        """Return some of the requests with everything that belongs to them.

        Parameters
        ----------
        index : array_like of int, shape (m,)
            Which ones, in order of arrival.
        """
        chosen = np.asarray(index, dtype=np.int64)
        columns = {n: getattr(self, n)[chosen] for n in ("arrival", *columns_of(self))}
        blocks = None if self.blocks is None else self.blocks.of(chosen)
        return replace(self, blocks=blocks, **columns)


def columns_of(trace: Trace) -> list[str]:
    """Return the names of a trace's integer and optional columns, arrivals and blocks left out."""
    return [*_TOKENS, *(name for name in OPTIONAL if getattr(trace, name) is not None)]


def _check_arrivals(trace: Trace) -> None:
    """Refuse arrivals that no clock shows."""
    arrival = trace.arrival
    if arrival.ndim != 1 or arrival.size == 0:
        raise SimulationError("a trace needs at least one request")
    ordered = np.all(arrival[1:] >= arrival[:-1])  # false where one is no number
    if not (arrival[0] >= 0.0 and arrival[-1] < np.inf and ordered):
        raise SimulationError("arrivals must be finite, not negative, and must not decrease")


def _check_tokens(trace: Trace) -> None:
    """Refuse lengths that no request has."""
    if trace.prompt_tokens.min() < 1 or trace.output_tokens.min() < 1:
        raise SimulationError("every request needs a prompt and an output of at least 1 token")
    if trace.cached_tokens.min() < 0 or np.any(trace.cached_tokens > trace.prompt_tokens):
        raise SimulationError("cached tokens must lie between 0 and the prompt's tokens")


def _check_optional(trace: Trace) -> None:
    """Refuse impossible classes, waits and shares of the output."""
    if trace.kind is not None and trace.kind.min() < 0:
        raise SimulationError("classes are counted from 0")
    think = trace.think_seconds
    if think is not None and not (think.min() >= 0.0 and think.max() < np.inf):
        raise SimulationError("think_seconds must be finite and not negative")
    reason = trace.reason_tokens
    if reason is not None and (reason.min() < 0 or np.any(reason > trace.output_tokens)):
        raise SimulationError("reason tokens must lie between 0 and the output's tokens")


def _check_blocks(trace: Trace) -> None:
    """Refuse blocks that do not belong to the prompts."""
    if trace.blocks is None:
        return
    ids, offsets = trace.blocks
    if offsets.shape != (len(trace) + 1,) or offsets[0] != 0 or offsets[-1] != ids.size:
        raise SimulationError("the offsets of the blocks must lead from 0 to their number")
    count = np.diff(offsets)
    if np.any(count < 0) or np.any(count > -(-trace.prompt_tokens // BLOCK)):
        raise SimulationError(f"a prompt has at most one block for each {BLOCK} tokens")


def replay(
    arrival: npt.ArrayLike,
    prompt_tokens: npt.ArrayLike,
    output_tokens: npt.ArrayLike,
    cached_tokens: npt.ArrayLike | None = None,
    **others: Any,
) -> Trace:
    """Return a trace of recorded requests, ordered by arrival and counted from the first one.

    Parameters
    ----------
    arrival : array_like of float, shape (n,), s
        Clock times in any order.
    prompt_tokens, output_tokens : array_like of int, shape (n,), token
        Lengths, at least 1.
    cached_tokens : array_like of int, shape (n,), token, optional
        Prompt tokens in a prefix cache; none by default.
    **others
        Optional columns of `Trace` by name.

    Notes
    -----
    Columns that are ordered already are used as they are, so that a long recording is not held
    twice.
    """
    times = np.asarray(arrival, dtype=np.float64)
    columns: dict[str, Any]
    columns = {n: np.asarray(v, OPTIONAL[n]) for n, v in others.items() if n in OPTIONAL}
    columns |= {
        "prompt_tokens": np.asarray(prompt_tokens, dtype=np.int64),
        "output_tokens": np.asarray(output_tokens, dtype=np.int64),
    }
    columns["cached_tokens"] = (
        np.zeros(times.shape, np.int64)
        if cached_tokens is None
        else np.asarray(cached_tokens, np.int64)
    )
    if any(column.shape != times.shape for column in columns.values()):
        raise SimulationError("the columns of a trace have different lengths")
    blocks: Blocks | None = others.get("blocks")
    if np.any(times[1:] < times[:-1]):
        order = np.argsort(times, kind="stable")
        times = times[order]
        for name, column in columns.items():
            columns[name] = column[order]
        blocks = None if blocks is None else blocks.of(order)
    start = times[0] if times.size else 0.0
    names = others.get("kind_names", ())
    return Trace(times - start if start else times, blocks=blocks, kind_names=names, **columns)


def scaled(trace: Trace, factor: float) -> Trace:
    """Return the same requests at `factor` times the rate; people think as long as before.

    Parameters
    ----------
    trace : Trace
        The requests.
    factor : float
        How many times faster they come.
    """
    return replace(trace, arrival=trace.arrival / positive(factor))


def between(trace: Trace, start: float = 0.0, end: float = np.inf) -> Trace:
    """Return the requests of a span of time, counted from its start.

    Parameters
    ----------
    trace : Trace
        The requests.
    start, end : float, s
        From when (included) to when (not included).
    """
    start = max(start, 0.0)
    first, last = np.searchsorted(trace.arrival, (start, end))
    if first >= last:
        raise SimulationError(f"no request comes from {start:g} s to {end:g} s")
    found = trace.pick(np.arange(first, last))
    return replace(found, arrival=found.arrival - start)


def merged(traces: Sequence[Trace]) -> Trace:
    """Return the requests of several traces in order of arrival.

    Parameters
    ----------
    traces : sequence of Trace
        At least one; optional columns are kept where all of them have them. Class numbers must
        mean the same in all, and so must the names of sessions.
    """
    if not traces:
        raise SimulationError("a trace needs at least one request")
    columns: dict[str, Any] = {}
    for field in fields(Trace):
        parts = [getattr(trace, field.name) for trace in traces]
        if field.name in ("arrival", *_TOKENS, *OPTIONAL) and all(p is not None for p in parts):
            columns[field.name] = np.concatenate(parts)
    order = np.argsort(columns["arrival"], kind="stable")
    if all(trace.blocks is not None for trace in traces):
        columns["blocks"] = joined([t.blocks for t in traces if t.blocks is not None]).of(order)
    ordered = {n: c if n == "blocks" else c[order] for n, c in columns.items()}
    return Trace(**ordered, kind_names=max((t.kind_names for t in traces), key=len))


def joined(parts: Sequence[Blocks]) -> Blocks:
    """Return the blocks of one group of requests after another.

    Parameters
    ----------
    parts : sequence of Blocks
        At least one.
    """
    count = np.concatenate([np.diff(part.offsets) for part in parts])
    ids = np.concatenate([part.ids for part in parts])
    return Blocks(ids, np.concatenate(([0], np.cumsum(count))))
