"""FLOP of a transformer: one token, a prompt, a training token; and its two loads.

A multiply-add is two FLOP. Matrices cost ``2 N`` per token forward and ``6 N``
with the backward pass; attention scores are summed over positions exactly.
"""

from __future__ import annotations

from computesim.quantities import DTYPE_BYTES, ServingLoad, TrainingLoad
from computesim.traced import least, most, named
from computesim.workload.architecture import Architecture
from computesim.workload.attention import (
    attention_flop,
    attention_flop_per_pair,
    attention_flop_per_token,
    kv_bytes_per_token,
    kv_width,
    state_bytes_per_sequence,
)
from computesim.workload.parameters import (
    parameter_count,
)


@named(unit="FLOP/token")
def forward_flop_per_token(arch: Architecture, context: float, absorbed: bool = False) -> float:
    """Return the forward FLOP of one token that sees `context` tokens, itself included.

    Parameters
    ----------
    arch : Architecture
    context : float, token
        Tokens attended to; 0 leaves attention scores out.
    absorbed : bool
        Latent attention in its decoding form.

    Returns
    -------
    float, FLOP/token
        ``2 N`` and the attention of that position, LM head included.
    """
    matmul = 2.0 * parameter_count(arch).matmul
    if context <= 0:
        return matmul
    return matmul + attention_flop(arch, context, context - 1, absorbed)


@named(unit="FLOP")
def prefill_flop(
    arch: Architecture, prompt: float, cached: float = 0.0, all_logits: bool = False
) -> float:
    """Return the FLOP that read a prompt of which a prefix is in the cache.

    Parameters
    ----------
    arch : Architecture
    prompt : float, token
        Whole prompt, cached prefix included.
    cached : float, token
        Prefix whose keys and values are there already; the new tokens attend to it too.
    all_logits : bool
        Apply the LM head to every new token (scoring) and not only to the last one (serving).

    Returns
    -------
    float, FLOP
        The quadratic part is exact.
    """
    new = _new_tokens(prompt, cached)
    count = parameter_count(arch)
    head = 2.0 * arch.d_model * arch.vocab_size
    heads = new if all_logits else least(new, 1.0)
    return 2.0 * count.matmul * new - head * (new - heads) + attention_flop(arch, prompt, cached)


def _new_tokens(last: float, first: float) -> float:
    """Return last - first, refusing a prefix longer than the whole."""
    if not 0 <= first <= last:
        raise ValueError(f"a prefix of {first:g} tokens does not fit in {last:g}")
    return last - first


@named(unit="FLOP")
def decode_flop(arch: Architecture, context: float, output: float, absorbed: bool = True) -> float:
    """Return the FLOP that generate `output` tokens after a context of `context` tokens.

    Parameters
    ----------
    arch : Architecture
    context : float, token
        Tokens in the cache before the first one is generated.
    output : float, token
        Tokens generated.
    absorbed : bool
        Latent attention in its decoding form, the way servers decode.

    Returns
    -------
    float, FLOP
    """
    matmul = 2.0 * parameter_count(arch).matmul * output
    return matmul + attention_flop(arch, context + output, context, absorbed)


@named(unit="FLOP/token")
def train_flop_per_token(
    arch: Architecture, seq_len: float, causal: bool = True, mtp: bool = True
) -> float:
    """Return the model FLOP of one trained token, forward and backward, nothing recomputed.

    Parameters
    ----------
    arch : Architecture
    seq_len : float, token
        Length of a training sequence.
    causal : bool
        Count the pairs that causal attention needs; False counts all of them, as PaLM's MFU does.
    mtp : bool
        Count the prediction layers and their LM heads.

    Returns
    -------
    float, FLOP/token
        ``6 N + 3 · (mean forward attention of a position)``.
    """
    return _train_matmul_flop(arch, mtp) + _train_attention_flop(arch, seq_len, causal, mtp)


def _train_matmul_flop(arch: Architecture, mtp: bool) -> float:
    """Return six times the parameters that multiply every token."""
    count = parameter_count(arch)
    params = count.matmul
    if mtp:
        params += count.mtp_active + arch.mtp_depth * arch.d_model * arch.vocab_size
    return 6.0 * params


def _train_attention_flop(arch: Architecture, seq_len: float, causal: bool, mtp: bool) -> float:
    """Return forward and backward of the scores for the mean token of a sequence."""
    if causal:
        trunk = attention_flop(arch, seq_len) / seq_len
    else:  # every token sees as much as the last one
        trunk = attention_flop(arch, seq_len, seq_len - 1)
    extra = 0.0
    if mtp and arch.n_full_layers:
        share = (seq_len + 1) / 2 if causal else seq_len
        pair = 2.0 * arch.n_heads * (arch.d_head_qk + arch.d_head_v)
        extra = arch.mtp_depth * pair * share
    return 3.0 * (trunk + extra)


def serving_load(
    arch: Architecture,
    weight_dtype: str = "bf16",
    kv_dtype: str = "bf16",
    dense_dtype: str = "",
    context: float | None = None,
) -> ServingLoad:
    """Return what a model asks of a serving replica, per token and per sequence.

    Parameters
    ----------
    arch : Architecture
    weight_dtype, kv_dtype : str
        Keys of `computesim.quantities.DTYPE_BYTES`.
    dense_dtype : str
        Of all weights but the routed experts; `weight_dtype` if empty.
    context : float, token
        Mean position of the sequences, for windows that they do not fill.

    Notes
    -----
    Attention FLOP are those of prefill. Decoding latent attention takes more
    (`attention_flop_per_pair(absorbed=True)`, 3.4 times for DeepSeek-V3) but waits for memory.
    Windowed parts are charged at their mean over the context (`window_tokens`), selected and
    recurrent ones in full. Prediction layers are left out.
    """
    count = parameter_count(arch)
    weight, element = DTYPE_BYTES[weight_dtype], DTYPE_BYTES[kv_dtype]
    dense = DTYPE_BYTES[dense_dtype or weight_dtype]
    unread = arch.n_full_layers * kv_width(arch) * element if arch.sparse_topk else 0.0
    table = 0.0 if arch.tied_embeddings else count.embedding
    return ServingLoad(
        name=arch.name,
        n_layers=arch.n_layers,
        n_moe_layers=arch.n_moe_layers,
        d_model=arch.d_model,
        weight_dtype=weight_dtype,
        flop_per_token=2.0 * count.matmul,
        attention_flop_per_pair=attention_flop_per_pair(arch),
        attention_flop_per_token=attention_flop_per_token(arch, context),
        dense_weight_bytes=(count.total - count.expert - table) * dense,
        expert_weight_bytes=count.expert * weight,
        n_experts=arch.n_experts,
        experts_per_token=arch.experts_per_token,
        kv_bytes_per_token=kv_bytes_per_token(arch, element),
        state_bytes_per_sequence=state_bytes_per_sequence(arch, element, context),
        embedding_bytes=table * dense,
        kv_unread_bytes_per_token=unread,
        selected_bytes_per_sequence=unread * arch.sparse_topk,
        kv_shards=1 if arch.attention == "mla" else most(arch.n_kv_heads, 1),
        dense_dtype=dense_dtype,
        d_expert=arch.d_expert if arch.n_experts else 0,
        n_latent_layers=arch.n_full_layers if arch.attention == "mla" else 0,
        n_linear_layers=arch.n_linear_layers,
        head_counts=tuple(n for n in (arch.n_heads, arch.n_linear_heads) if n),
        kv_head_counts=arch.kv_head_counts,
    )


def training_load(arch: Architecture, seq_len: int, mtp: bool = True) -> TrainingLoad:
    """Return what one trained token of a model asks of a training machine.

    Parameters
    ----------
    arch : Architecture
    seq_len : int, token
    mtp : bool
        Train the prediction layers too.

    Notes
    -----
    Kept activations are those of a layer with fused attention and no dropout, all in bf16: the
    inputs of both norms and of their matrices, queries, keys, values, the attention output, and
    per FFN its products and their combination. For GPT-3 that is 32 d, the 34 d of Korthikanti
    2022 without its two dropout masks.
    """
    count = parameter_count(arch)
    with_mtp = count.mtp if mtp else 0.0
    return TrainingLoad(
        name=arch.name,
        n_layers=arch.n_layers,
        n_moe_layers=arch.n_moe_layers,
        d_model=arch.d_model,
        seq_len=seq_len,
        vocab_size=arch.vocab_size,
        matmul_flop_per_token=_train_matmul_flop(arch, mtp),
        attention_flop_per_token=_train_attention_flop(arch, seq_len, causal=True, mtp=mtp),
        n_params=count.total + with_mtp,
        n_expert_params=count.expert * _expert_layers(arch, mtp),
        experts_per_token=arch.experts_per_token,
        activation_bytes_per_token_layer=2.0 * _kept_elements(arch),
        kv_width=arch.n_kv_heads * (arch.d_head_qk + arch.d_head_v),
        n_experts=arch.n_experts,
        expert_flop_per_token=_train_expert_flop(arch, mtp),
        extra_flop_per_token=(
            train_flop_per_token(arch, seq_len, mtp=mtp)
            - train_flop_per_token(arch, seq_len, mtp=False)
        ),
        head_counts=tuple(n for n in (arch.n_heads, arch.n_linear_heads) if n),
        kv_head_counts=arch.kv_head_counts,
    )


def _train_expert_flop(arch: Architecture, mtp: bool) -> float:
    """Return the FLOP of a token in its routed experts, prediction layers included."""
    if not arch.n_moe_layers:
        return 0.0
    share = arch.experts_per_token / arch.n_experts
    return 6.0 * parameter_count(arch).expert * share * _expert_layers(arch, mtp)


def _expert_layers(arch: Architecture, mtp: bool) -> float:
    """Return the layers of experts with prediction layers ÷ those of the trunk."""
    extra = arch.mtp_depth if mtp and arch.n_moe_layers else 0
    return 1.0 + extra / most(arch.n_moe_layers, 1)


def _kept_elements(arch: Architecture) -> float:
    """Return the elements that the mean layer keeps of a token for its backward pass."""
    d = arch.d_model
    qkv = arch.n_heads * arch.d_head_qk + arch.n_kv_heads * (arch.d_head_qk + arch.d_head_v)
    attention = 2 * d + qkv + arch.n_heads * arch.d_head_v
    keys = arch.n_linear_key_heads * arch.d_linear_key
    linear = 2 * d + 2 * keys + 3 * arch.n_linear_heads * arch.d_linear_value
    dense = 2 * d + arch.ffn_matrices * arch.d_ff
    expert = (arch.d_expert_latent or d) + arch.ffn_matrices * arch.d_expert
    moe = 2 * d + arch.experts_per_token * expert + arch.ffn_matrices * arch.shared_width
    kept = (
        arch.n_softmax_layers * attention
        + arch.n_linear_layers * linear
        + arch.n_dense_ffn_layers * dense
        + arch.n_moe_layers * moe
    )
    return kept / arch.n_layers
