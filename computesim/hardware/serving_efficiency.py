"""What serving attains: kernels by chip generation, host overheads by engine, and the error bands.

Fitted by ``benchmarks/fit_serving.py`` to measured closed-loop points (InferenceX and aiperf runs
republished in the silicon samples of ai-dynamo/aiconfigurator): time per output token and time to
first token of Llama-3.1-70B, DeepSeek-R1 and V3 and gpt-oss-120b (840 points) on Hopper and
Blackwell, in vLLM, SGLang and TensorRT-LLM. Llama-3.1-8B, Qwen3-32B and Qwen3.5-397B-A17B (720
points) are left out. Absolute errors, median and p90: time per output token 8 and 32 % fitted, 11
and 27 % left out; time to first token 26 and 63 % fitted, 25 and 73 % left out. With each family
left out in turn, before `poll_steps` were told apart: 14 and 37 %, 29 and 83 %; without gpt-oss no
experts are left in vLLM (25 %).

Not fitted: `grouped_gemm` and `half_expert`, from the MoE kernel tables of aiconfigurator (SGLang
0.5.14: whole experts at 16,384 tokens reach 0.53 to 0.60 of a dense multiplication in fp8 on
Hopper, 0.39 in fp8 and 0.76 in nvfp4 on B200; an eighth of each reaches half to two thirds of it);
`expert_rows`, the smallest tile of the tensor cores; `prefill_attention`; what says estimate.
`bend` agrees with the GEMM tables of narrow dtypes (1.0 to 1.5; bf16 2 to 3). `poll_steps` are the
launch options of InferenceX (benchmarks/dsr1_fp8_b200.sh: --scheduler-recv-interval; none in
dsr1_fp8_h200.sh); with them SGLang's `request` and `held_steps` were fitted again, alone.

Some points cannot be met: DeepSeek-R1 in TensorRT-LLM partly drafts tokens and does not say so;
Llama-3.1-8B fp8 in vLLM reads prompts beyond the peak of the machine (a prefix cache); Qwen3-32B
on GB200 is slower at two clients than at thirty-two, or spreads its clients over replicas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from computesim.hardware.accelerator import Accelerator
from computesim.quantities import serving_engine

GRAPH_TOKENS: Final = 512  #: largest step that is replayed as a CUDA graph, tokens of a group
GRAPH_STEP: Final = 8  #: graphs are captured every so many tokens above this size
FEW_CLIENTS: Final = 16  #: below it the recipes of InferenceX poll more often


@dataclass(frozen=True, slots=True)
class ServingKernels:
    """Kernels of a serving step on one chip generation."""

    weight_hbm: float  #: fraction of the memory bandwidth when weights are read
    kv_hbm: float  #: the same when decodes read the cache, 16-bit and 8-bit caches alike
    layer_overhead: float  #: gaps and small kernels of one layer, s
    message: float  #: latency of one fused all-reduce, for each doubling of its ranks, s
    grouped_gemm: float  #: expert (grouped) multiplication of wide experts ÷ a dense one
    latent_overhead: float = 16.7e-6  #: more of a layer of latent attention, s
    expert_overhead: float = 3.92e-6  #: more of a layer of experts, s
    linear_overhead: float = 10e-6  #: more of a layer of linear attention, s; estimate
    bend: float = 1.48  #: exponent p of a multiplication, (memory^p + compute^p)^(1/p)
    half_expert: float = 200.0  #: columns of an expert's piece that reach half of `grouped_gemm`
    expert_rows: float = 16.0  #: rows that every touched expert is padded by
    passes: float = 8.8  #: times that the activations of a layer cross memory, on every tp rank
    routed_passes: float = 6.02  #: the same of each copy that goes to an expert
    distinct: float = 0.832  #: draws of experts ÷ draws that would be independent and uniform
    all_reduce: float = 0.545  #: bus bandwidth ÷ scale-up bandwidth, prompts; nothing hidden
    prefill_attention: float = 0.6  #: fraction of the bf16 peak; kernel table, not fitted
    expert_imbalance: float = 1.2  #: tokens of the busiest expert rank ÷ mean; estimate
    ep_overlap: float = 0.5  #: expert all-to-all hidden by two micro-batches; estimate


@dataclass(frozen=True, slots=True)
class Engine:
    """The program that serves: what its host and its scheduler add."""

    name: str
    step: float  #: scheduler and sampler of a step, s
    layer: float  #: gaps of a layer ÷ those of `ServingKernels`
    sequence: float  #: sampling and bookkeeping of one running sequence, s/step
    eager_layer: float  #: least time of a layer in a step that no graph holds, s
    eager_expert: float  #: the same, more, of a layer of experts, s
    eager_latent: float = 516e-6  #: the same, more, of a layer of latent attention, s
    eager_linear: float = 0.5e-3  #: the same, more, of a layer of linear attention, s; estimate
    mixes: bool = True  #: prompts are read in the steps that decode; else they go first, alone
    token_budget: int = 8192  #: tokens of a step, per attention group
    request: float = 0.02  #: network, tokeniser and queue before the scheduler sees a request, s
    held_steps: float = 1.0  #: steps after the first token until the client has it (streaming)
    prompt_gap: int = 0
    """Steps without prompts between those that read some, where attention groups decode together:
    TensorRT-LLM holds them back for 50 steps by default, 60 in the recipes of InferenceX
    (`attention_dp_config.timeout_iters`), SGLang for 30 (`prefill_delayer_max_delay_passes`)"""
    #: steps between two looks of the scheduler at new requests on Blackwell, for few clients and
    #: for many, as published benchmarks launch it; elsewhere it looks before each step
    poll_steps: tuple[float, float] = (1.0, 1.0)
    quantised_cache: bool = False  #: 8-bit cache beside 8-bit weights on Hopper too
    two_batches: bool = False  #: traffic of experts of half a batch under the work of the other

    def kv_dtype(self, weight_dtype: str, accelerator: Accelerator) -> str:
        """Return the dtype of the cache that the engine takes by default.

        Parameters
        ----------
        weight_dtype : str
        accelerator : Accelerator

        Returns
        -------
        str
            8 bits beside quantised weights in TensorRT-LLM, and on Blackwell; else bf16.
        """
        if weight_dtype in ("bf16", "fp16", "fp32"):
            return "bf16"
        return "fp8" if self.quantised_cache or _is_blackwell(accelerator) else "bf16"

    def held(self, accelerator: Accelerator, clients: float = math.inf) -> float:
        """Return the steps that a client waits for its first token besides.

        Parameters
        ----------
        accelerator : Accelerator
        clients : float
            That wait for their answers; infinite where requests come by themselves.

        Returns
        -------
        float
            Until the scheduler looks at the request, half of the steps from look to look on
            average, and until the token is streamed.
        """
        few, many = self.poll_steps if _is_blackwell(accelerator) else (1.0, 1.0)
        return self.held_steps + ((few if clients < FEW_CLIENTS else many) - 1.0) / 2.0


def _is_blackwell(accelerator: Accelerator) -> bool:
    return "blackwell" in accelerator.generation or accelerator.generation == "rubin"


_HOPPER: Final = ServingKernels(
    weight_hbm=0.916, kv_hbm=0.883, layer_overhead=54.4e-6, message=1.61e-6, grouped_gemm=0.6
)
_BLACKWELL: Final = ServingKernels(
    weight_hbm=0.886, kv_hbm=0.575, layer_overhead=37.7e-6, message=2.65e-6, grouped_gemm=0.55
)

KERNELS: Final[Mapping[str, ServingKernels]] = MappingProxyType(
    {
        "hopper": _HOPPER,
        "blackwell": _BLACKWELL,
        "grace-blackwell": _BLACKWELL,
        "rubin": _BLACKWELL,
    }
)
# not measured: between the two; a phone or laptop has a light runtime and shares its memory
_GENERAL: Final = replace(_HOPPER, weight_hbm=0.82, kv_hbm=0.6, layer_overhead=45e-6, message=2e-6)
_DEVICE: Final = replace(_GENERAL, weight_hbm=0.70, layer_overhead=20e-6)

ENGINES: Final[Mapping[str, Engine]] = MappingProxyType(
    {
        "vllm": Engine(
            name="vllm",
            step=937e-6,
            layer=1,
            sequence=11.8e-6,
            eager_layer=361e-6,
            eager_expert=47.1e-6,
            request=0.0187,
            held_steps=1.95,
        ),
        "sglang": Engine(
            name="sglang",
            step=2.8e-3,
            layer=0.829,
            sequence=6.85e-6,
            eager_layer=175e-6,
            eager_expert=179e-6,
            prompt_gap=30,
            request=0.127,
            held_steps=3.14,
            poll_steps=(10.0, 30.0),
            mixes=False,
        ),
        "trtllm": Engine(
            name="trtllm",
            step=520e-6,
            layer=1.09,
            sequence=3.23e-6,
            eager_layer=263e-6,
            eager_expert=252e-6,
            prompt_gap=60,
            request=0.0214,
            held_steps=7.77,
            quantised_cache=True,
        ),
    }
)
#: geometric means of the three, its delay an estimate between them; what a projection takes, where
#: nobody says which engine serves
GENERAL_ENGINE: Final = Engine(
    name="general",
    step=1.11e-3,
    layer=0.967,
    sequence=6.39e-6,
    eager_layer=255e-6,
    eager_expert=129e-6,
    request=0.0245,
    prompt_gap=30,  # vLLM has none
)
#: published ÷ predicted, 10th and 90th percentile over models that were not fitted
BANDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "tpot_ms": (0.85, 1.28),
        "ttft_ms": (0.62, 1.87),
        "output_tokens_per_s_per_accelerator": (0.81, 1.20),
    }
)


def serving_kernels(accelerator: Accelerator) -> ServingKernels:
    """Return the serving kernels of an accelerator.

    Parameters
    ----------
    accelerator : Accelerator
        Its `generation` is a key of `KERNELS`; any other takes what is general, or light on
        phones and laptops.
    """
    fallback = _DEVICE if accelerator.kind == "device" else _GENERAL
    return KERNELS.get(accelerator.generation, fallback)


def engine_named(name: str) -> Engine:
    """Return an engine by what it is called; the general one where nothing is said.

    Parameters
    ----------
    name : str
        As `quantities.serving_engine` reads it.

    Raises
    ------
    ValueError
        If nothing of that name is known.
    """
    return ENGINES.get(serving_engine(name), GENERAL_ENGINE)
