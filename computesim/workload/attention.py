"""Attention: the work that grows with the context, and the memory it keeps.

Three kinds of layer: full attention (every earlier token, or those that an
indexer selects), windowed attention, sliding or in chunks, and linear layers
with a fixed state.
"""

from __future__ import annotations

from computesim.traced import least, most, named, number
from computesim.workload.architecture import Architecture

#: FLOP per element of the state and token: decay 1, read 2, correct 2, write 2. The same 7 is
#: what Megatron-LM counts for the scan of a Mamba layer.
_SCAN_FLOP = 7
_STATE_BYTES = 4.0  # recurrent states are kept in fp32


@named(unit="token2")
def attended_tokens(
    last: float, first: float = 0.0, window: float = 0.0, chunked: bool = False
) -> float:
    """Return the sum over positions first+1 … last of the tokens each attends to, itself included.

    Parameters
    ----------
    last, first : float, token
        The new tokens are those after position `first` up to `last`.
    window : float, token
        Tokens seen at most; 0 sees all.
    chunked : bool
        Tokens see their own chunk of `window` tokens only, not the last `window` ones.

    Returns
    -------
    float, pairs
        ``Σ min(p, window)``; without a window ``(last (last+1) - first (first+1)) / 2``; in chunks
        ``Σ ((p − 1) mod window) + 1``.
    """
    return _pairs(last, window, chunked) - _pairs(first, window, chunked)


def _pairs(n: float, window: float, chunked: bool) -> float:
    """Return the causal pairs among the first n tokens."""
    if not window or n <= window:
        return n * (n + 1) / 2
    if chunked:
        chunks = n // window
        rest = n - chunks * window
        return chunks * (window * (window + 1) / 2) + rest * (rest + 1) / 2
    return window * (window + 1) / 2 + (n - window) * window


def _window_pairs(arch: Architecture, last: float, first: float) -> float:
    """Return the pairs of one windowed layer."""
    return attended_tokens(last, first, arch.window, arch.chunked_windows)


@named(unit="token")
def window_tokens(arch: Architecture, context: float | None = None) -> float:
    """Return the tokens that a windowed layer holds of a sequence, on the average.

    Parameters
    ----------
    arch : Architecture
    context : float, token
        Mean position of the sequences; by default they are far longer than the window.

    Returns
    -------
    float, token
        A sliding window as full as the context makes it; a chunk is found at any fill, on the
        average half full: the mean over the positions 1 … 2 · context.
    """
    if not arch.chunked_windows:
        return number(arch.window) if context is None else least(context, arch.window)
    if context is None:
        return (arch.window + 1) / 2
    return attended_tokens(2 * context, 0.0, arch.window, chunked=True) / (2 * context)


@named(unit="FLOP/token2")
def attention_flop_per_pair(arch: Architecture, absorbed: bool = False) -> float:
    """Return the FLOP of one (token, context token) pair in the layers that see all the context.

    Parameters
    ----------
    arch : Architecture
    absorbed : bool
        Latent attention as decoders run it, on the latents themselves: fewer bytes, more FLOP.

    Returns
    -------
    float, FLOP/pair
        Full layers ``2 H (d_qk + d_v)``; absorbed ``2 H (2 r + d_rope)``. Where attention is
        sparse only the indexer sees every pair: ``2 H_index d_index``.
    """
    if arch.sparse_topk:
        return number(arch.n_full_layers * 2 * arch.n_index_heads * arch.d_index_head)
    return arch.n_full_layers * _pair_flop(arch, absorbed)


def _pair_flop(arch: Architecture, absorbed: bool = False) -> float:
    """Return the FLOP of one pair in one softmax layer: scores and weighted values."""
    if absorbed and arch.attention == "mla":
        return 2.0 * arch.n_heads * (2 * arch.kv_lora_rank + arch.d_rope)
    return 2.0 * arch.n_heads * (arch.d_head_qk + arch.d_head_v)


@named(unit="FLOP")
def attention_flop(
    arch: Architecture, last: float, first: float = 0.0, absorbed: bool = False
) -> float:
    """Return the FLOP of attention for the tokens after position `first` up to `last`.

    Parameters
    ----------
    arch : Architecture
    last, first : float, token
        Positions; `first` tokens are in the cache already.
    absorbed : bool
        Latent attention in its decoding form.

    Returns
    -------
    float, FLOP
        Exact for causal attention: full, windowed, sparse and linear layers.

    Notes
    -----
    Softmax itself is left out, and so is projecting cached latents up again, which some
    servers do in each chunk of a long prefill (3 % of a token for DeepSeek-V3).
    """
    pair = _pair_flop(arch, absorbed)
    flop = attention_flop_per_pair(arch, absorbed) * attended_tokens(last, first)
    if arch.sparse_topk:
        flop += arch.n_full_layers * pair * attended_tokens(last, first, arch.sparse_topk)
    if arch.n_window_layers:
        flop += arch.n_window_layers * pair * _window_pairs(arch, last, first)
    return flop + (last - first) * linear_flop_per_token(arch)


@named(unit="FLOP/token")
def attention_flop_per_token(arch: Architecture, context: float | None = None) -> float:
    """Return the FLOP of attention that one token costs however long its context is.

    Parameters
    ----------
    arch : Architecture
    context : float, token
        As in `window_tokens`.

    Returns
    -------
    float, FLOP/token
        Windowed tokens, selected ones as if there were enough to select, and linear layers.
    """
    seen = arch.n_window_layers * window_tokens(arch, context)
    seen += arch.n_full_layers * arch.sparse_topk
    return _pair_flop(arch) * seen + linear_flop_per_token(arch)


@named(unit="FLOP/token")
def linear_flop_per_token(arch: Architecture) -> float:
    """Return the FLOP of the recurrences of all linear layers for one token, without projections.

    Parameters
    ----------
    arch : Architecture

    Returns
    -------
    float, FLOP/token
    """
    return number(_SCAN_FLOP * arch.n_linear_layers * _state_elements(arch))


def _state_elements(arch: Architecture) -> int:
    """Return the elements of the recurrent state of one linear layer."""
    return arch.n_linear_heads * arch.d_linear_key * arch.d_linear_value


@named(unit="1")
def kv_width(arch: Architecture) -> int:
    """Return the cached elements of one token in one full layer.

    Parameters
    ----------
    arch : Architecture

    Returns
    -------
    int, elements
        Keys and values ``H_kv (d_qk + d_v)``; latent attention ``r + d_rope``.
    """
    if arch.attention == "mla":
        return arch.kv_lora_rank + arch.d_rope
    return arch.n_kv_heads * (arch.d_head_qk + arch.d_head_v)


@named(unit="B/token")
def kv_bytes_per_token(arch: Architecture, element_bytes: float = 2.0) -> float:
    """Return the bytes of cache that one token of context occupies.

    Parameters
    ----------
    arch : Architecture
    element_bytes : float, B
        Bytes of one stored element; 2 for bf16, 1 for fp8.

    Returns
    -------
    float, B/token
        Of the layers whose cache grows with the context; an indexer's key is counted.
    """
    return arch.n_full_layers * (kv_width(arch) + arch.d_index_head) * element_bytes


@named(unit="B")
def state_bytes_per_sequence(
    arch: Architecture, element_bytes: float = 2.0, context: float | None = None
) -> float:
    """Return the bytes that a sequence keeps whatever its length: windows and states.

    Parameters
    ----------
    arch : Architecture
    element_bytes : float, B
        Bytes of one cached element; recurrent states are fp32.
    context : float, token
        As in `window_tokens`.

    Returns
    -------
    float, B/sequence
    """
    window = window_tokens(arch, context)
    width = arch.window_kv_heads * (arch.d_head_qk + arch.d_head_v)
    windows = arch.n_window_layers * window * width * element_bytes
    keys = arch.n_linear_key_heads * arch.d_linear_key
    values = arch.n_linear_heads * arch.d_linear_value
    taps = most(arch.linear_conv - 1, 0) * (2 * keys + values) * element_bytes
    return windows + arch.n_linear_layers * (_state_elements(arch) * _STATE_BYTES + taps)


@named(unit="B")
def cache_bytes_read(
    arch: Architecture, last: float, first: float = 0.0, element_bytes: float = 2.0
) -> float:
    """Return the bytes of cache and state read to decode the tokens first+1 … last one by one.

    Parameters
    ----------
    arch : Architecture
    last, first : float, token
        Positions; a token reads everything up to itself.
    element_bytes : float, B
        Bytes of one cached element.

    Returns
    -------
    float, B
        Sparse attention reads all keys of the indexer and the tokens it selects; a windowed
        layer its window or chunk; a linear layer its state.
    """
    seen = attended_tokens(last, first, arch.sparse_topk) * kv_width(arch)
    keys = attended_tokens(last, first) * arch.d_index_head
    width = arch.window_kv_heads * (arch.d_head_qk + arch.d_head_v)
    windows = _window_pairs(arch, last, first) * width if arch.n_window_layers else 0.0
    cached = arch.n_full_layers * (seen + keys) + arch.n_window_layers * windows
    states = arch.n_linear_layers * _state_elements(arch) * _STATE_BYTES
    return cached * element_bytes + (last - first) * states
