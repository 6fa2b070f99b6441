"""How many parameters a model has, and where they are."""

from __future__ import annotations

from dataclasses import dataclass

from computesim.quantities import DTYPE_BYTES
from computesim.traced import named
from computesim.workload.architecture import Architecture


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Parameters by the part of the model that holds them; biases are left out."""

    embedding: float  #: input embedding
    positions: float  #: learned positions
    head: float  #: LM head; 0 when it is the input embedding
    attention: float  #: projections of softmax attention, gates and indexers included
    linear: float  #: projections of linear-attention and Mamba layers
    dense_ffn: float
    expert: float  #: routed experts, all of them
    expert_active: float  #: routed experts that one token visits
    shared_expert: float  #: shared experts, routers and projections to the experts' width
    norm: float
    extra: float
    mtp: float  #: prediction layers, on top of `total`
    mtp_active: float
    tied: bool

    @property
    def total(self) -> float:
        """All parameters of the trunk; prediction layers apart."""
        return self.active + self.expert - self.expert_active

    @property
    def active(self) -> float:
        """Parameters that one token visits, both embeddings included."""
        return self.embedding + self.positions + self.head + self.norm + self._inner

    @property
    def matmul(self) -> float:
        """Parameters that multiply every token: the LM head, but neither look-up nor norms."""
        return self._inner + (self.embedding if self.tied else self.head)

    @property
    def _inner(self) -> float:
        return (
            self.attention
            + self.linear
            + self.dense_ffn
            + self.expert_active
            + self.shared_expert
            + self.extra
        )


@named(unit="1")
def parameter_count(arch: Architecture) -> ParameterCount:
    """Return the parameters of a model by part.

    Parameters
    ----------
    arch : Architecture

    Notes
    -----
    Matrices and norms; biases, attention sinks and the vectors of Mamba layers (below 0.1 %)
    are left out. `active` follows the model cards that count both embeddings (Qwen3, Mixtral);
    `matmul` is the N of ``6 N`` FLOP per trained token.
    """
    d, n_full = arch.d_model, arch.n_full_layers
    moe = arch.n_moe_layers
    routed = _expert_params(arch)
    mixers = n_full * _attention_params(arch, arch.n_kv_heads)
    mixers += arch.n_window_layers * _attention_params(arch, arch.window_kv_heads, sparse=False)
    mtp, mtp_active = _mtp_params(arch)
    norms = arch.n_softmax_layers + arch.n_linear_layers + arch.n_all_ffn_layers + 1
    table = arch.vocab_size * d
    return ParameterCount(
        embedding=table,
        positions=arch.n_position_embeddings * d,
        head=0 if arch.tied_embeddings else table,
        attention=mixers,
        linear=arch.n_linear_layers * _linear_params(arch),
        dense_ffn=arch.n_dense_ffn_layers * arch.ffn_matrices * d * arch.d_ff,
        expert=moe * routed * arch.n_experts,
        expert_active=moe * routed * arch.experts_per_token,
        shared_expert=moe * _shared_params(arch),
        norm=norms * d,
        extra=arch.n_layers * arch.extra_params_per_layer,
        mtp=mtp,
        mtp_active=mtp_active,
        tied=arch.tied_embeddings,
    )


def _attention_params(arch: Architecture, n_kv_heads: int, sparse: bool = True) -> int:
    d, queries, values = arch.d_model, arch.n_heads * arch.d_head_qk, arch.n_heads * arch.d_head_v
    query_width = arch.q_lora_rank or d
    params = query_width * queries + values * d
    if arch.q_lora_rank:
        params += d * arch.q_lora_rank
    if arch.attention == "mla":
        up = arch.n_heads * (arch.d_head_qk - arch.d_rope + arch.d_head_v)
        params += d * (arch.kv_lora_rank + arch.d_rope) + arch.kv_lora_rank * up
    else:
        params += d * n_kv_heads * (arch.d_head_qk + arch.d_head_v)
    if arch.attention_gate:
        params += d * values
    if sparse and arch.n_index_heads:
        params += query_width * arch.n_index_heads * arch.d_index_head
        params += d * (arch.d_index_head + arch.n_index_heads)
    return params


def _linear_params(arch: Architecture) -> int:
    """Return the parameters of one linear-attention or Mamba layer.

    Query, key, value, output and gate; in Mamba's words C, B, x, out and z.
    """
    d = arch.d_model
    keys = arch.n_linear_key_heads * arch.d_linear_key
    values = arch.n_linear_heads * arch.d_linear_value
    gate = d * values
    if arch.d_linear_gate:  # one low-rank gate on the keys' decay, one on the output
        gate = arch.d_linear_gate * (2 * d + keys + values)
    step = 2 * d * arch.n_linear_heads  # step size and decay of each head
    return d * (2 * keys + 2 * values) + gate + step + arch.linear_conv * (2 * keys + values)


def _expert_params(arch: Architecture) -> int:
    return arch.ffn_matrices * (arch.d_expert_latent or arch.d_model) * arch.d_expert


def _shared_params(arch: Architecture) -> int:
    """Return what a MoE layer holds beside its routed experts."""
    router = arch.d_model * arch.n_experts
    latent = 2 * arch.d_model * arch.d_expert_latent
    return router + latent + arch.ffn_matrices * arch.d_model * arch.shared_width


def _mtp_params(arch: Architecture) -> tuple[float, float]:
    """Return all and active parameters of the prediction layers; they share embedding and head."""
    base = _attention_params(arch, arch.n_kv_heads) + 2 * arch.d_model**2
    if arch.n_experts:
        base += _shared_params(arch)
        whole = base + arch.n_experts * _expert_params(arch)
        active = base + arch.experts_per_token * _expert_params(arch)
    else:
        whole = active = base + arch.ffn_matrices * arch.d_model * arch.d_ff
    return arch.mtp_depth * whole, arch.mtp_depth * active


@named(unit="B")
def weight_bytes(arch: Architecture, dtype: str, mtp: bool = False) -> float:
    """Return the bytes of all weights, every matrix in the same dtype.

    Parameters
    ----------
    arch : Architecture
    dtype : str
        A key of `computesim.quantities.DTYPE_BYTES`.
    mtp : bool
        Count the prediction layers too.

    Returns
    -------
    float, B

    Notes
    -----
    Published narrow checkpoints keep embedding and head in bf16 and carry block scales (6 % for
    fp8 and fp4 blocks of 16 to 32): a few per cent more than this.
    """
    count = parameter_count(arch)
    return (count.total + (count.mtp if mtp else 0.0)) * DTYPE_BYTES[dtype]
