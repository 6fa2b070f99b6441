"""Parameters of a model, from the figures of its configuration."""

from __future__ import annotations

from collections.abc import Callable

from computesim.study.explain.inputs import figure
from computesim.study.explain.node import (
    Node,
    computed,
    constant,
    difference,
    product,
    total,
)
from computesim.study.explain.world import World, remembered
from computesim.workload.architecture import Architecture
from computesim.workload.parameters import parameter_count

Field = Callable[[str], Node]


def architecture(world: World, model: str) -> Architecture:
    """Return a model by name or alias."""
    return world.catalog.model(model)


def fields_of(world: World, model: str) -> Field:
    """Return a function that gives the figures of a model by the name of the field."""
    name = world.catalog.resolve("models", model)
    arch = architecture(world, model)
    return lambda field: figure(world, "models", name, field, "1", float(getattr(arch, field)))


@remembered
def softmax_layers(world: World, model: str) -> Node:
    """Return the layers with softmax attention."""
    arch, of = architecture(world, model), fields_of(world, model)
    if arch.n_attention_layers:
        return of("n_attention_layers")
    if not arch.n_linear_layers:
        return of("n_layers")
    name = f"layers with attention of {model}"
    return difference(name, "1", of("n_layers"), of("n_linear_layers"))


@remembered
def full_layers(world: World, model: str) -> Node:
    """Return the layers whose attention grows with the whole context."""
    if not architecture(world, model).n_window_layers:
        return softmax_layers(world, model)
    window = fields_of(world, model)("n_window_layers")
    name = f"layers with full attention of {model}"
    return difference(name, "1", softmax_layers(world, model), window)


@remembered
def ffn_layers(world: World, model: str) -> tuple[Node | None, Node | None]:
    """Return the layers with a mixture of experts and those with a dense FFN, None for none."""
    arch, of = architecture(world, model), fields_of(world, model)
    every = of("n_ffn_layers") if arch.n_ffn_layers else of("n_layers")
    if not arch.n_experts:
        return None, every
    left = every
    if arch.n_dense_layers:
        left = difference(f"layers after the dense ones of {model}", "1", every,
                          of("n_dense_layers"))  # fmt: skip
    moe = left
    if arch.moe_interval > 1:
        name = f"layers with experts of {model}"
        moe = computed(name, "1", "whole quotient", (left, of("moe_interval")))
    if not arch.n_dense_ffn_layers:
        return moe, None
    return moe, difference(f"layers with a dense FFN of {model}", "1", every, moe)


def _queries(world: World, model: str, prefix: str) -> list[Node]:
    """Return the matrices that make queries, and their down-projection."""
    arch, of = architecture(world, model), fields_of(world, model)
    width = of("q_lora_rank") if arch.q_lora_rank else of("d_model")
    found = [product(f"{prefix}: queries", "1", width, of("n_heads"), of("d_head_qk"))]
    if arch.q_lora_rank:
        found.append(product(f"{prefix}: down to queries", "1", of("d_model"), of("q_lora_rank")))
    return found


def _keys(world: World, model: str, prefix: str, heads: Node) -> list[Node]:
    """Return the matrices that make keys and values."""
    arch, of = architecture(world, model), fields_of(world, model)
    if arch.attention != "mla":
        both = total(f"width of a key and a value of {model}", "1", (of("d_head_qk"),
                     of("d_head_v")))  # fmt: skip
        return [product(f"{prefix}: keys and values", "1", of("d_model"), heads, both)]
    latent = total(f"cached width of {model}", "1", (of("kv_lora_rank"), of("d_rope")))
    inner = difference(f"unrotated width of a key of {model}", "1", of("d_head_qk"), of("d_rope"))
    both = total(f"width out of the latent of {model}", "1", (inner, of("d_head_v")))
    return [
        product(f"{prefix}: down to the latent", "1", of("d_model"), latent),
        product(f"{prefix}: up from the latent", "1", of("kv_lora_rank"), of("n_heads"), both),
    ]


def _attention_layer(world: World, model: str, heads: Node, sparse: bool) -> Node:
    """Return the parameters of one softmax-attention layer."""
    arch, of = architecture(world, model), fields_of(world, model)
    prefix = "attention" if sparse else "windowed attention"
    parts = [
        *_queries(world, model, prefix),
        *_keys(world, model, prefix, heads),
        product(f"{prefix}: output", "1", of("n_heads"), of("d_head_v"), of("d_model")),
    ]
    if arch.attention_gate:
        parts.append(product(f"{prefix}: gate", "1", of("d_model"), of("n_heads"), of("d_head_v")))
    if sparse and arch.n_index_heads:
        width = of("q_lora_rank") if arch.q_lora_rank else of("d_model")
        out = total("indexer: key and weights", "1", (of("d_index_head"), of("n_index_heads")))
        parts += [
            product("indexer: queries", "1", width, of("n_index_heads"), of("d_index_head")),
            product("indexer: keys", "1", of("d_model"), out),
        ]
    return total(f"{prefix} parameters of a layer of {model}", "1", parts)


def _mixers(world: World, model: str) -> list[Node]:
    """Return the parameters of all attention layers."""
    arch, of = architecture(world, model), fields_of(world, model)
    found = []
    if arch.n_full_layers:
        layer = _attention_layer(world, model, of("n_kv_heads"), sparse=True)
        name = f"attention parameters of {model}"
        found.append(product(name, "1", full_layers(world, model), layer))
    if arch.n_window_layers:
        heads = of("n_window_kv_heads") if arch.n_window_kv_heads else of("n_kv_heads")
        layer = _attention_layer(world, model, heads, sparse=False)
        name = f"windowed attention parameters of {model}"
        found.append(product(name, "1", of("n_window_layers"), layer))
    if arch.n_linear_layers:
        name = f"linear attention parameters of {model}"
        found.append(product(name, "1", of("n_linear_layers"), _linear_layer(world, model)))
    return found


def _linear_layer(world: World, model: str) -> Node:
    """Return the parameters of one linear-attention or Mamba layer."""
    arch, of = architecture(world, model), fields_of(world, model)
    two, d = constant("two", 2), of("d_model")
    keys = product("width of all keys", "1", of("n_linear_key_heads"), of("d_linear_key"))
    values = product("width of all values", "1", of("n_linear_heads"), of("d_linear_value"))
    parts = [
        product("linear layer: queries and keys", "1", two, d, keys),
        product("linear layer: values and output", "1", two, d, values),
        product("linear layer: step and decay", "1", two, d, of("n_linear_heads")),
        product("linear layer: convolution of keys", "1", of("linear_conv"), two, keys),
        product("linear layer: convolution of values", "1", of("linear_conv"), values),
    ]
    if arch.d_linear_gate:
        width = total("width of both gates", "1", (product("in", "1", two, d), keys, values))
        parts.append(product("linear layer: gates", "1", of("d_linear_gate"), width))
    else:
        parts.append(product("linear layer: gate", "1", d, values))
    return total(f"parameters of a linear layer of {model}", "1", parts)


def _feed_forward(world: World, model: str) -> list[Node]:
    """Return the parameters of dense FFNs, of visited experts and of what stands beside them."""
    arch, of = architecture(world, model), fields_of(world, model)
    moe, dense = ffn_layers(world, model)
    found = []
    if dense and arch.d_ff:
        name = f"dense FFN parameters of {model}"
        found.append(product(name, "1", dense, of("ffn_matrices"), of("d_model"), of("d_ff")))
    if not moe:
        return found
    latent, d = of("d_expert_latent"), of("d_model")
    width = latent if arch.d_expert_latent else d
    name = f"parameters of the experts that a token visits, {model}"
    found.append(product(name, "1", moe, of("experts_per_token"), of("ffn_matrices"), width,
                         of("d_expert")))  # fmt: skip
    found.append(product(f"router parameters of {model}", "1", moe, d, of("n_experts")))
    if arch.d_expert_latent:
        name = f"projections to the width of experts, {model}"
        found.append(product(name, "1", moe, constant("two", 2), d, latent))
    if arch.shared_width:
        own = of("d_shared_expert") if arch.d_shared_expert else of("d_expert")
        name = f"shared expert parameters of {model}"
        found.append(product(name, "1", moe, of("ffn_matrices"), d, of("n_shared_experts"), own))
    return found


@remembered
def matmul_parameters(world: World, model: str) -> Node:
    """Return the parameters that multiply every token: the N of 2 N FLOP per token."""
    arch, of = architecture(world, model), fields_of(world, model)
    parts = [*_mixers(world, model), *_feed_forward(world, model)]
    if arch.extra_params_per_layer:
        extra = of("extra_params_per_layer")
        parts.append(product(f"further matrices of {model}", "1", of("n_layers"), extra))
    name = f"LM head of {model}"
    parts.append(product(name, "1", of("vocab_size"), of("d_model")))
    own = parameter_count(arch).matmul
    return total(f"active parameters of {model} (matrices)", "parameter", parts, own)
