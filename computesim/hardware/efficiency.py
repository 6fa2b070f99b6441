"""What of a datasheet is attained: one small table of coefficients per chip generation.

Every coefficient of the hardware floor is here, with where it comes from, so
that a calibration touches no formula. Sources: `aiconfigurator` is NVIDIA's
measured kernel and NCCL data base (ai-dynamo/aiconfigurator, 2026), medians over
shapes; `stepfit` the least-squares fit of 427 measured Llama-3.1-70B serving
points of the same project; `estimate` our reading where nobody measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from computesim.hardware.accelerator import Accelerator


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Attained fractions of the datasheet and the overheads beside them."""

    serving_gemm: Mapping[str, float] = field(hash=False)  #: ceiling by dtype, serving kernels
    training_gemm: Mapping[str, float] = field(hash=False)  #: ceiling by dtype, training kernels
    half_rows: float  #: rows at which a matrix multiplication reaches half of its ceiling
    grouped_gemm: float  #: expert (grouped) multiplication relative to a dense one, serving
    prefill_attention: float  #: fraction of the bf16 peak, serving
    training_attention: float  #: the same, forward and backward
    hbm: float  #: fraction of the memory bandwidth of large streams
    hbm_half_bytes: float  #: bytes of one transfer that reach half of `hbm`, B
    kv_hbm: float  #: fraction of the memory bandwidth when a step reads the KV cache
    step_overhead: float  #: scheduler, sampler and launch of one serving step, s
    layer_overhead: float  #: kernels of one layer that do not shrink with the batch, s
    sequence_overhead: float  #: sampling and bookkeeping of one running sequence, s/step
    small_message: float  #: latency of one fused all-reduce of a decode step, s
    collective_latency: float  #: latency α of an 8-way NCCL all-reduce, s
    all_reduce: float  #: bus bandwidth ÷ scale-up bandwidth per direction, large messages
    gather: float  #: the same for all-gather and reduce-scatter
    all_to_all: float  #: the same for all-to-all
    protocol: float = 0.5  #: weight of the term √(latency · transfer) between the two regimes
    nic: float = 0.94  #: attained fraction of the NIC line rate (46–48 of 50 GB/s)
    nic_latency: float = 10e-6  #: latency of one scale-out hop of a collective, s
    expert_imbalance: float = 1.2  #: tokens of the busiest expert rank ÷ mean, serving
    tp_overlap: float = 0.3  #: share of tensor-parallel traffic hidden under compute, training
    cp_overlap: float = 0.8  #: the same for context-parallel rings
    ep_overlap: float = 0.65  #: the same for expert all-to-all
    dp_overlap: float = 0.9  #: the same for gradients and sharded weights
    pp_overlap: float = 0.8  #: the same for stage boundaries
    serving_ep_overlap: float = 0.5  #: expert all-to-all of serving hidden by two micro-batches
    training_grouped: float = 0.48  #: expert multiplication relative to a dense one, training
    training_layer_overhead: float = 0.35e-3  #: launches and gaps of a layer and microbatch, s
    routing_passes: float = 22.0  #: times that tokens on their way to experts cross HBM, training
    memory_passes: float = 14.0  #: times that kept activations cross HBM, training
    training_jitter: float = 0.03  #: input, optimiser launch, stragglers ÷ step
    memory_reserve: float = 0.05  #: share of memory kept by runtime, buffers and fragments


def _table(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


# Ceilings: medians over shapes at 1,024–32,768 rows, aiconfigurator GEMM table (H100 vLLM 0.24);
# half_rows from the same table between 256 and 2,048 rows; small_message: TensorRT-LLM custom
# all-reduce at 8 GPUs; collective_latency and bus bandwidths: NCCL at 8 GPUs, 512 MiB;
# step and layer overhead: stepfit (c0 2.3–5.6 ms over 80 layers); kv_hbm: stepfit (1/1.7).
# Training coefficients (gemm, attention, grouped, overheads, passes, overlaps): one least-squares
# fit over 167 published runs with known layout (Megatron-Core, Megatron-Bridge 25.09–26.08,
# MegaScale, Narayanan 2021, Llama 3, DeepSeek-V3), same values for all models. They are effective
# values that absorb what is not modelled, for instance sustained clocks (bf16 below the short
# kernels of serving) and tuned fp8 kernels (above). Median error 8 % on the rows of the fit, but
# 13 % (p90 54 %) on model families left out of it: dense models hold, experts do not yet.
# Imbalance, jitter, reserve: estimate.
_HOPPER: Final = Efficiency(
    serving_gemm=_table(bf16=0.80, fp16=0.80, fp8=0.58, int8=0.58),
    training_gemm=_table(bf16=0.68, fp16=0.68, fp8=0.67, int8=0.67),
    half_rows=48.0,
    grouped_gemm=0.8,
    prefill_attention=0.55,
    training_attention=0.57,
    hbm=0.80,
    hbm_half_bytes=10e6,
    kv_hbm=0.58,
    step_overhead=1.5e-3,
    layer_overhead=30e-6,
    sequence_overhead=10e-6,
    small_message=3.1e-6,
    collective_latency=18e-6,
    all_reduce=0.99,
    gather=0.745,
    all_to_all=0.70,
)
_AMPERE: Final = replace(
    _HOPPER,
    serving_gemm=_table(bf16=0.86, fp16=0.86, int8=0.65),
    training_gemm=_table(bf16=0.64, fp16=0.64, int8=0.60),
    half_rows=32.0,
    hbm=0.78,
    small_message=4.5e-6,
    collective_latency=24e-6,
    all_reduce=0.74,
    gather=0.70,
    all_to_all=0.68,
)
_BLACKWELL: Final = replace(
    _HOPPER,
    serving_gemm=_table(bf16=0.68, fp16=0.68, fp8=0.50, int8=0.50, fp4=0.45, int4=0.45),
    training_gemm=_table(bf16=0.60, fp16=0.60, fp8=0.69, int8=0.69, fp4=0.51, int4=0.51),
    half_rows=192.0,
    prefill_attention=0.50,
    training_attention=0.55,
    hbm=0.75,
    hbm_half_bytes=24e6,
    small_message=5.0e-6,
    collective_latency=27e-6,
    all_reduce=0.78,
    gather=0.685,
    all_to_all=0.63,
)
_GRACE_BLACKWELL: Final = replace(
    _BLACKWELL,
    serving_gemm=_table(bf16=0.74, fp16=0.74, fp8=0.53, int8=0.53, fp4=0.47, int4=0.47),
    all_reduce=0.90,  # 811 of 900 GB/s over two trays
)
# Not measured here: the middle of the ranges above (hardware.md 6: .80/.56/.48), marked estimate.
_GENERAL: Final = replace(
    _HOPPER,
    serving_gemm=_table(bf16=0.72, fp16=0.72, fp8=0.52, int8=0.52, fp4=0.44, int4=0.44, fp32=0.8),
    training_gemm=_table(bf16=0.62, fp16=0.62, fp8=0.62, int8=0.62, fp4=0.48, int4=0.48, fp32=0.6),
    half_rows=96.0,
    hbm=0.75,
    small_message=5.0e-6,
    collective_latency=25e-6,
    all_reduce=0.75,
    gather=0.68,
    all_to_all=0.60,
)
# A phone or laptop runs one sequence; the runtime beside it is light and the memory shared.
_DEVICE: Final = replace(
    _GENERAL, step_overhead=1e-3, layer_overhead=20e-6, hbm=0.70, memory_reserve=0.5
)

EFFICIENCY: Final[Mapping[str, Efficiency]] = MappingProxyType(
    {
        "ampere": _AMPERE,
        "hopper": _HOPPER,
        "blackwell": _BLACKWELL,
        "grace-blackwell": _GRACE_BLACKWELL,
        "rubin": _GRACE_BLACKWELL,
        "general": _GENERAL,
        "device": _DEVICE,
    }
)


def efficiency(accelerator: Accelerator) -> Efficiency:
    """Return the coefficients of an accelerator.

    Parameters
    ----------
    accelerator : Accelerator
        Its `generation` is a key of `EFFICIENCY`; any other generation takes the general row
        (or the device row for phones and laptops).

    Returns
    -------
    Efficiency
    """
    fallback = "device" if accelerator.kind == "device" else "general"
    return EFFICIENCY.get(accelerator.generation, EFFICIENCY[fallback])


def ceiling(table: Mapping[str, float], dtype: str) -> float:
    """Return the ceiling of a dtype; the lowest listed one where a table does not name it."""
    return table.get(dtype, min(table.values()))
