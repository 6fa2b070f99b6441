"""FLOP and bytes of one request: its prefill, and the decoding of all its samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

from computesim.quantities import DTYPE_BYTES, Work
from computesim.workload.architecture import Architecture
from computesim.workload.attention import (
    attention_flop,
    cache_bytes_read,
    kv_bytes_per_token,
    state_bytes_per_sequence,
)
from computesim.workload.parameters import expected_experts, parameter_count
from computesim.workload.transformer import decode_flop, prefill_flop


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a model."""

    prompt_tokens: float
    output_tokens: float  #: of one sample, reasoning and answer
    cached_tokens: float = 0.0  #: prefix of the prompt whose keys and values are kept
    samples: float = 1.0  #: parallel responses; they share the prompt


@dataclass(frozen=True, slots=True)
class RequestWork:
    """The work of one request in its two phases."""

    prefill: Work
    decode: Work

    @property
    def total(self) -> Work:
        """Both phases."""
        return self.prefill + self.decode


def request_work(
    arch: Architecture,
    request: Request,
    weight_dtype: str = "bf16",
    kv_dtype: str = "bf16",
    batch: float = 1.0,
    chunk: float = 8192.0,
) -> RequestWork:
    """Return the FLOP and memory traffic of one request.

    Parameters
    ----------
    arch : Architecture
    request : Request
    weight_dtype, kv_dtype : str
        Keys of `computesim.quantities.DTYPE_BYTES`.
    batch : float, sequences
        Sequences decoded together: they share the reading of the weights.
    chunk : float, token
        Prompt tokens of one prefill step: they share the reading of the weights.

    Returns
    -------
    RequestWork

    Notes
    -----
    Traffic is weights and cache; activations, a few per cent, are left out. Each sample reads the
    shared prompt for itself.
    """
    element = DTYPE_BYTES[kv_dtype]
    return RequestWork(
        _prefill_work(arch, request, weight_dtype, element, chunk),
        _decode_work(arch, request, weight_dtype, element, batch),
    )


def weight_bytes_read(arch: Architecture, tokens: float, dtype: str = "bf16") -> float:
    """Return the bytes of weights that one step over a batch of tokens reads.

    Parameters
    ----------
    arch : Architecture
    tokens : float, token
        Tokens of the step.
    dtype : str
        A key of `computesim.quantities.DTYPE_BYTES`.

    Returns
    -------
    float, B
        Dense weights once, and the experts that the tokens are expected to visit; an input
        embedding of its own is looked up and not read.
    """
    count = parameter_count(arch)
    params = count.total - count.expert - (0.0 if arch.tied_embeddings else count.embedding)
    if arch.n_experts:
        visited = expected_experts(arch.n_experts, arch.experts_per_token, tokens)
        params += count.expert * visited / arch.n_experts
    return params * DTYPE_BYTES[dtype]


def _prefill_work(
    arch: Architecture, request: Request, dtype: str, element: float, chunk: float
) -> Work:
    """Return the work of reading the uncached prompt once for all samples."""
    new = request.prompt_tokens - request.cached_tokens
    flop = prefill_flop(arch, request.prompt_tokens, request.cached_tokens)
    steps = math.ceil(new / chunk)
    weights = steps * weight_bytes_read(arch, min(new, chunk), dtype)
    per_token = kv_bytes_per_token(arch, element)
    # each chunk reads what is cached before it, and writes its own
    before = steps * request.cached_tokens + chunk * steps * (steps - 1) / 2
    cache = per_token * (before + new)
    if new > 0:
        cache += state_bytes_per_sequence(arch, element, request.prompt_tokens)
    return Work(flop, weights + cache)


def _decode_work(
    arch: Architecture, request: Request, dtype: str, element: float, batch: float
) -> Work:
    """Return the work of decoding every sample to its end."""
    output, prompt = request.output_tokens, request.prompt_tokens
    flop = decode_flop(arch, prompt, output)
    weights = output * weight_bytes_read(arch, batch, dtype) / batch
    cache = cache_bytes_read(arch, prompt + output, prompt, element)
    cache += output * kv_bytes_per_token(arch, element)
    return Work(flop, weights + cache) * request.samples


def attention_share(arch: Architecture, request: Request) -> float:
    """Return the share of the FLOP of a request that is attention to the context.

    Parameters
    ----------
    arch : Architecture
    request : Request

    Returns
    -------
    float
    """
    end = request.prompt_tokens + request.output_tokens
    scores = attention_flop(arch, request.prompt_tokens, request.cached_tokens)
    scores += request.samples * attention_flop(arch, end, request.prompt_tokens, absorbed=True)
    total = request_work(arch, request).total.flop
    return scores / total if total else 0.0
