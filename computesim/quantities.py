"""The small frozen values that cross the floors.

Everything here is in base units: s, B, FLOP, W, J, token, USD. The workload
floor makes `Work` and the two loads from an architecture; the hardware floor
turns them into seconds and joules; the simulation sees only numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from computesim.errors import near_miss

#: bytes of one element; the block scales of narrow formats are not counted
DTYPE_BYTES: Mapping[str, float] = MappingProxyType(
    {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5, "int4": 0.5}
)

#: programs that serve, by the names that may be said; `general` lies between the others
ENGINES = ("general", "vllm", "sglang", "trtllm")
_ALSO_CALLED = MappingProxyType({"tensorrt-llm": "trtllm", "trt-llm": "trtllm", "trt": "trtllm"})


def serving_engine(text: str) -> str:
    """Return the name of a program that serves.

    Parameters
    ----------
    text : str
        One of `ENGINES` in any case, with or without a version behind it: `vllm-0.11`,
        `SGLang 0.5.7`, `TensorRT-LLM:1.2.0rc6`; general where it is empty.

    Raises
    ------
    ValueError
        If nothing of that name is known, with the near miss.
    """
    word, names = text.strip().lower().replace("_", "-"), (*ENGINES, *_ALSO_CALLED)
    if not word:
        return ENGINES[0]
    known = re.fullmatch(rf"({'|'.join(names)})([-\s:=@/]*v?\d.*)?", word)
    if known is None:
        accepted = f"one of {', '.join(ENGINES)} {near_miss(word, names)}".rstrip()
        raise ValueError(f"unknown serving engine {text!r}; {accepted}")
    return _ALSO_CALLED.get(known[1], known[1])


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of a machine, whatever machine it is."""

    flop: float = 0.0  #: floating-point operations, FLOP (a multiply-add is two)
    hbm_bytes: float = 0.0  #: bytes moved between memory and cores, B
    wire_bytes: float = 0.0  #: bytes that leave the accelerator, B

    def __add__(self, other: Work) -> Work:
        return Work(
            self.flop + other.flop,
            self.hbm_bytes + other.hbm_bytes,
            self.wire_bytes + other.wire_bytes,
        )

    def __mul__(self, factor: float) -> Work:
        return Work(self.flop * factor, self.hbm_bytes * factor, self.wire_bytes * factor)

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the half-width of its confidence interval."""

    mean: float
    half_width: float = 0.0  #: half-width of the interval, in the unit of the mean
    n: int = 1  #: independent replications behind it

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width


@dataclass(frozen=True, slots=True)
class ServingLoad:
    """What one model asks of a serving replica, per token and per sequence."""

    name: str
    n_layers: int
    n_moe_layers: int
    d_model: int
    weight_dtype: str  #: dtype of the weights and of the matrix multiplications: bf16, fp8, fp4
    flop_per_token: float  #: forward matrix multiplications of one token, LM head included, FLOP
    attention_flop_per_pair: float  #: of one (token, context token) pair, summed over full layers
    attention_flop_per_token: float  #: attention of windowed and linear layers, FLOP/token
    dense_weight_bytes: float  #: weights read in every step, B
    expert_weight_bytes: float  #: weights of all routed experts, B
    n_experts: int  #: routed experts per layer; 0 for a dense model
    experts_per_token: int
    kv_bytes_per_token: float  #: cache that grows with the context, B/token
    state_bytes_per_sequence: float  #: windowed caches and recurrent states, B/sequence
    embedding_bytes: float = 0.0  #: input embedding: held, but looked up and not read, B
    kv_unread_bytes_per_token: float = 0.0  #: cache that sparse attention does not read, B/token
    selected_bytes_per_sequence: float = 0.0  #: cache that sparse attention selects and reads, B
    kv_shards: int = 8  #: pieces into which tp splits the cache: KV heads; 1 for latent attention
    dense_dtype: str = ""  #: dtype of what is no routed expert; `weight_dtype` if empty
    d_expert: int = 0  #: columns of one routed expert; 0 if not told
    n_latent_layers: int = 0  #: layers of latent attention
    n_linear_layers: int = 0  #: layers of linear attention
    #: heads that tp divides into equal parts: query heads, heads of linear layers; () if not told
    head_counts: tuple[int, ...] = ()
    kv_head_counts: tuple[int, ...] = ()  #: heads that tp divides, or copies to equally many ranks

    @property
    def weight_bytes(self) -> float:
        """All weights that must be held, B."""
        return self.dense_weight_bytes + self.expert_weight_bytes + self.embedding_bytes


@dataclass(frozen=True, slots=True)
class TrainingLoad:
    """What one trained token of a model asks of a training machine."""

    name: str
    n_layers: int
    n_moe_layers: int
    d_model: int
    seq_len: int  #: tokens of one sequence
    vocab_size: int
    matmul_flop_per_token: float  #: forward and backward, without attention scores, FLOP/token
    attention_flop_per_token: float  #: forward and backward of the scores, causal, FLOP/token
    n_params: float  #: all parameters
    n_expert_params: float  #: parameters of the routed experts, sharded by expert parallelism
    experts_per_token: int
    activation_bytes_per_token_layer: float  #: kept for backward without recomputation, B (bf16)
    kv_width: int  #: keys and values of one token in one layer, elements
    n_experts: int = 0  #: routed experts of one layer; 0 for a dense model
    expert_flop_per_token: float = 0.0  #: of the matrices, those of routed experts, FLOP/token
    extra_flop_per_token: float = 0.0  #: of prediction layers, their LM heads included, FLOP/token
    #: heads that tp divides into equal parts: query heads, heads of linear layers; () if not told
    head_counts: tuple[int, ...] = ()
    kv_head_counts: tuple[int, ...] = ()  #: heads that tp divides, or copies to equally many ranks

    @property
    def flop_per_token(self) -> float:
        """Model FLOP of one trained token (causal attention, no recomputation)."""
        return self.matmul_flop_per_token + self.attention_flop_per_token
