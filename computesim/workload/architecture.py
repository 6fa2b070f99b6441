"""The shape of a model: how wide, how deep, which layers.

Only what decides parameters, FLOP and bytes is kept. Fields that a dense model
with grouped-query attention does not need have defaults.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """A transformer, as its configuration file describes it.

    Multi-token-prediction layers are counted apart (`mtp_depth`), not in `n_layers`.
    """

    name: str
    n_layers: int  #: layers of the trunk; where mixer and FFN are separate layers, all of them
    d_model: int
    n_heads: int  #: query heads of attention layers
    n_kv_heads: int  #: key-value heads of full-attention layers
    d_head_qk: int  #: width of a query or key head; latent attention: nope + rope
    d_head_v: int  #: width of a value head
    d_ff: int  #: width of a dense FFN; 0 where every FFN is a mixture of experts
    vocab_size: int
    ffn_matrices: int = 3  #: 3 for gated FFN (SwiGLU), 2 for plain (GELU, squared ReLU)
    tied_embeddings: bool = False  #: input embedding and LM head are one matrix
    context_length: int = 8192  #: longest context, token
    attention: str = "gqa"  #: gqa (MHA and MQA too) or mla
    q_lora_rank: int = 0  #: latent attention: rank of the query; 0 projects it directly
    kv_lora_rank: int = 0  #: latent attention: width of the cached latent
    d_rope: int = 0  #: latent attention: width of the shared rotary key, part of d_head_qk
    attention_gate: bool = False  #: attention output multiplied by a gate as wide as itself
    n_experts: int = 0  #: routed experts of a MoE layer
    experts_per_token: int = 0
    n_shared_experts: int = 0
    d_expert: int = 0  #: width of a routed expert
    d_shared_expert: int = 0  #: width of one shared expert; 0 is that of a routed one
    d_expert_latent: int = 0  #: routed experts work in this narrower width; 0 is d_model
    n_dense_layers: int = 0  #: first layers of a MoE that have a dense FFN
    moe_interval: int = 1  #: after them every so many-th layer is MoE, the others are dense
    n_ffn_layers: int = 0  #: layers that have an FFN; 0 is every layer
    n_attention_layers: int = 0  #: layers with softmax attention; 0 is all that are not linear
    window: int = 0  #: tokens that a windowed layer sees at most, itself included
    n_window_layers: int = 0  #: how many of the attention layers are windowed
    chunked_windows: bool = False  #: windows are fixed chunks of so many tokens, they do not slide
    n_window_kv_heads: int = 0  #: key-value heads of windowed layers; 0 is n_kv_heads
    sparse_topk: int = 0  #: tokens that sparse attention selects; 0 attends to all
    n_index_heads: int = 0  #: sparse attention: heads of the indexer
    d_index_head: int = 0  #: sparse attention: width of its heads and of its cached key
    n_linear_layers: int = 0  #: linear-attention, delta-rule or Mamba layers
    n_linear_heads: int = 0  #: value heads of a linear layer (Mamba: heads)
    d_linear_value: int = 0  #: width of a value head (Mamba: head width)
    n_linear_key_heads: int = 0  #: key heads of a linear layer (Mamba: groups)
    d_linear_key: int = 0  #: width of a key head (Mamba: state size)
    linear_conv: int = 4  #: taps of the short convolution before a linear layer
    d_linear_gate: int = 0  #: rank of low-rank gates; 0 is one full gate as wide as the values
    mtp_depth: int = 0  #: extra layers that predict further tokens
    n_position_embeddings: int = 0  #: learned positions; 0 for rotary or none
    extra_params_per_layer: int = 0  #: further matrices of each layer that multiply every token

    def __post_init__(self) -> None:
        for field, least in (("n_layers", 1), ("d_model", 1), ("n_heads", 0), ("vocab_size", 1)):
            if getattr(self, field) < least:
                raise ValueError(f"{self.name}: {field} must be at least {least}")
        if self.attention not in ("gqa", "mla"):
            raise ValueError(f"{self.name}: attention is '{self.attention}'; accepted: gqa, mla")
        if self.attention == "mla" and not self.kv_lora_rank:
            raise ValueError(f"{self.name}: latent attention needs kv_lora_rank")
        if self.experts_per_token > self.n_experts:
            raise ValueError(f"{self.name}: experts_per_token exceeds n_experts")
        if self.n_experts and not (self.d_expert and self.experts_per_token):
            raise ValueError(f"{self.name}: experts need d_expert and experts_per_token")
        if self.n_window_layers and not self.window:
            raise ValueError(f"{self.name}: windowed layers need window")
        if self.n_full_layers < 0 or self.n_dense_ffn_layers < 0:
            raise ValueError(f"{self.name}: windowed, linear and dense layers exceed the layers")

    @property
    def n_softmax_layers(self) -> int:
        """Layers with softmax attention, full or windowed."""
        return self.n_attention_layers or self.n_layers - self.n_linear_layers

    @property
    def n_full_layers(self) -> int:
        """Layers whose attention, and cache, grow with the whole context."""
        return self.n_softmax_layers - self.n_window_layers

    @property
    def n_all_ffn_layers(self) -> int:
        """Layers that have an FFN, dense or mixture of experts."""
        return self.n_ffn_layers or self.n_layers

    @property
    def n_moe_layers(self) -> int:
        """Layers whose FFN is a mixture of experts."""
        if not self.n_experts:
            return 0
        return (self.n_all_ffn_layers - self.n_dense_layers) // self.moe_interval

    @property
    def n_dense_ffn_layers(self) -> int:
        """Layers whose FFN is dense."""
        return self.n_all_ffn_layers - self.n_moe_layers

    @property
    def shared_width(self) -> int:
        """Width of all shared experts of a layer together."""
        return self.n_shared_experts * (self.d_shared_expert or self.d_expert)

    @property
    def window_kv_heads(self) -> int:
        """Key-value heads of a windowed layer."""
        return self.n_window_kv_heads or self.n_kv_heads

    @property
    def kv_head_counts(self) -> tuple[int, ...]:
        """Key-value heads of full, windowed and linear layers, those that there are."""
        full = 1 if self.attention == "mla" else self.n_kv_heads
        windowed = self.window_kv_heads if self.n_window_layers else 0
        return tuple(n for n in (full, windowed, self.n_linear_key_heads) if n)
