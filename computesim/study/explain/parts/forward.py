"""FLOP of prompts, answers and training sequences: 2 N per token, and exact attention."""

from __future__ import annotations

from computesim.study.explain.node import Node, computed, constant, difference, product, total
from computesim.study.explain.parts.shapes import (
    architecture,
    fields_of,
    full_layers,
    matmul_parameters,
)
from computesim.study.explain.world import World, remembered
from computesim.workload.attention import attention_flop
from computesim.workload.transformer import decode_flop, prefill_flop

ONE = constant("one", 1)
TWO = constant("FLOP of a multiply-add", 2, "FLOP")
SIX = constant("FLOP of a trained parameter and token", 6, "FLOP", note="2 forward, 4 backward")
THREE = constant("forward and backward over forward", 3)
NONE = constant("nothing before", 0, "token")
SCAN = constant(
    "FLOP of an element of the state and token", 7, "FLOP", "estimate",
    "computesim/workload/attention.py", "decay 1, read 2, correct 2, write 2",
)  # fmt: skip


def attention(world: World, model: str, last: Node, first: Node, absorbed: bool = False) -> Node:
    """Return the FLOP of attention for the tokens after position `first` up to `last`.

    Parameters
    ----------
    world : World
    model : str
    last, first : Node
        Positions, token.
    absorbed : bool
        Latent attention in its decoding form.
    """
    arch, of = architecture(world, model), fields_of(world, model)
    pair = _pair(world, model, absorbed)
    seen = computed("tokens attended to, all positions", "pair", "attended tokens", (last, first))
    parts = []
    if arch.n_full_layers:
        full = full_layers(world, model)
        if arch.sparse_topk:
            found = computed("tokens selected, all positions", "pair", "attended tokens",
                             (last, first, of("sparse_topk")))  # fmt: skip
            parts.append(product("indexer", "FLOP", TWO, full, of("n_index_heads"),
                                 of("d_index_head"), seen))  # fmt: skip
            parts.append(product("sparse attention", "FLOP", full, pair, found))
        else:
            parts.append(product("full attention", "FLOP", full, pair, seen))
    if arch.n_window_layers:
        near = computed("tokens in the window, all positions", "pair", "attended tokens",
                        (last, first, of("window")))  # fmt: skip
        parts.append(product("windowed attention", "FLOP", of("n_window_layers"), pair, near))
    if arch.n_linear_layers:
        new = difference("new tokens", "token", last, first)
        parts.append(product("linear attention", "FLOP", SCAN, of("n_linear_layers"),
                             of("n_linear_heads"), of("d_linear_key"), of("d_linear_value"),
                             new))  # fmt: skip
    own = attention_flop(arch, last.number(), first.number(), absorbed)
    return total(f"attention FLOP of {model}", "FLOP", parts, own)


@remembered
def _pair(world: World, model: str, absorbed: bool) -> Node:
    """Return the FLOP of one pair of tokens in one softmax layer."""
    arch, of = architecture(world, model), fields_of(world, model)
    if absorbed and arch.attention == "mla":
        latents = product("both products with the latent", "1", constant("two", 2),
                          of("kv_lora_rank"))  # fmt: skip
        width = total(f"width of a pair on latents, {model}", "1", (latents, of("d_rope")))
    else:
        width = total(f"width of a pair, {model}", "1", (of("d_head_qk"), of("d_head_v")))
    return product(f"FLOP of a pair in a layer, {model}", "FLOP", TWO, of("n_heads"), width)


def head(world: World, model: str, tokens: Node, each: Node = TWO) -> Node:
    """Return the FLOP of the LM head for so many tokens."""
    of = fields_of(world, model)
    name = f"LM head of {model}, FLOP"
    return product(name, "FLOP", each, of("d_model"), of("vocab_size"), tokens)


def prefill(
    world: World, model: str, prompt: Node, cached: Node | None = None, all_logits: bool = False
) -> Node:
    """Return the FLOP that read a prompt of which a prefix is in the cache.

    Parameters
    ----------
    world : World
    model : str
    prompt : Node
        Whole prompt, token.
    cached : Node, optional
        Prefix in the cache, token.
    all_logits : bool
        The LM head sees every token, not only the last one.
    """
    first = cached or NONE
    new = difference("tokens to read", "token", prompt, first) if cached else prompt
    matrices = product("matrices of the prompt, FLOP", "FLOP", TWO,
                       matmul_parameters(world, model), new)  # fmt: skip
    whole = total("FLOP with the LM head at every token", "FLOP",
                  (matrices, attention(world, model, prompt, first)))  # fmt: skip
    if all_logits:
        return whole
    last = computed("tokens that need the LM head", "token", "minimum", (new, ONE))
    spared = difference("tokens that do not need the LM head", "token", new, last)
    own = prefill_flop(architecture(world, model), prompt.number(), first.number())
    name = f"prefill FLOP of a request on {model}"
    return computed(name, "FLOP/request", "difference", (whole, head(world, model, spared)), own)


def decode(world: World, model: str, context: Node, output: Node) -> Node:
    """Return the FLOP that generate tokens after a context.

    Parameters
    ----------
    world : World
    model : str
    context, output : Node
        Tokens before, and tokens generated.
    """
    end = total("prompt and output", "token", (context, output))
    matrices = product("matrices of the output, FLOP", "FLOP", TWO,
                       matmul_parameters(world, model), output)  # fmt: skip
    scores = attention(world, model, end, context, absorbed=True)
    own = decode_flop(architecture(world, model), context.number(), output.number())
    name = f"decode FLOP of a chain on {model}"
    return total(name, "FLOP", (matrices, scores), own)


def headless(world: World, model: str, tokens: Node) -> Node:
    """Return the forward FLOP of a value or reward model, whose head is one number."""
    whole = prefill(world, model, tokens, all_logits=True)
    return difference(f"reading FLOP of {model} without LM head", "FLOP", whole,
                      head(world, model, tokens))  # fmt: skip


def train(world: World, model: str, tokens: Node) -> Node:
    """Return forward and backward of one sequence, prediction layers left out."""
    matrices = product("matrices of the sequence, FLOP", "FLOP", SIX,
                       matmul_parameters(world, model), tokens)  # fmt: skip
    scores = product("attention of the sequence, FLOP", "FLOP", THREE,
                     attention(world, model, tokens, NONE))  # fmt: skip
    return total(f"training FLOP of a sequence on {model}", "FLOP", (matrices, scores))
