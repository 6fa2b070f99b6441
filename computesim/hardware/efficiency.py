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
    training_attention: float  #: the same, forward and backward
    hbm: float  #: fraction of the memory bandwidth of large streams
    collective_latency: float  #: latency α of an 8-way NCCL all-reduce, s
    all_reduce: float  #: bus bandwidth ÷ scale-up bandwidth per direction, large messages
    gather: float  #: the same for all-gather and reduce-scatter
    all_to_all: float  #: the same for all-to-all
    protocol: float = 0.5  #: weight of the term √(latency · transfer) between the two regimes
    nic: float = 0.94  #: attained fraction of the NIC line rate (46–48 of 50 GB/s)
    nic_latency: float = 10e-6  #: latency of one scale-out hop of a collective, s
    tp_overlap: float = 0.42  #: share of tensor-parallel traffic hidden under compute, training
    cp_overlap: float = 0.8  #: the same for context-parallel rings
    ep_overlap: float = 0.93  #: the same for expert all-to-all, as long as there is compute
    dp_overlap: float = 0.97  #: the same for gradients, under one microbatch at most
    pp_overlap: float = 0.8  #: the same for stage boundaries
    shard_overlap: float = 0.7  #: the same for weights gathered by ZeRO-3
    shard_rails: float = 1 / 8  #: NICs of a domain that gathers of sharded weights use ÷ all
    host_link: float = 0.87  #: attained fraction of the host link (55.6 of 64 GB/s of PCIe Gen5)
    host_adam: float = 0.46  #: fraction of the CPU's memory bandwidth at which its Adam runs
    host_reserve: float = 0.1  #: share of CPU memory kept by system, data loaders and buffers
    training_grouped: float = 0.64  #: expert multiplication relative to a dense one, training
    half_width: float = 640.0  #: columns at which a bf16 multiplication of training is half as fast
    half_width_narrow: float = 870.0  #: the same in fp8 and fp4, times the peak ÷ that of bf16
    training_layer_overhead: float = 0.41e-3  #: launches and gaps of a layer and microbatch, s
    training_moe_overhead: float = 3.7e-3  #: the same, more, of a layer of experts: routing, s
    memory_passes: float = 8.55  #: times that kept activations cross HBM, training
    power_exponent: float = 0.0  #: of the sustained rate in the watts per peak FLOP/s, training
    reference_power: float = 700.0 / 989e12  #: of the machine of the ceilings, W per FLOP/s (bf16)
    training_jitter: float = 0.03  #: input, optimiser launch, stragglers ÷ step
    straggling: float = 0.005  #: the same, more, with every doubling of a job beyond 8
    memory_reserve: float = 0.05  #: share of memory kept by runtime and fragments, training
    engine_reserve: float = 0.115  #: the same by serving engines: context, activations, margin


def _table(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


# Ceilings: medians over shapes at 1,024–32,768 rows, aiconfigurator GEMM table (H100 vLLM 0.24);
# half_rows from the same table between 256 and 2,048 rows; collective_latency and bus
# bandwidths: NCCL at 8 GPUs, 512 MiB. What else serving attains: serving_efficiency.py.
# Jitter, straggling, overlap of context and of stage boundaries, memory_reserve: estimate.
# engine_reserve: vLLM takes 0.9 of what the driver shows (0.99 of the memory); of that 1.3 to 3 GiB
# are context and activations. Llama 3 8B on an H100 leaves 53.3 GiB of cache (vLLM pull request
# 10511), Llama 2 7B on an A100 57.4 GiB (2031), Qwen3 235B on H100 in SGLang at a fraction of 0.93
# 16.5 GiB (vLLM issue 21348): 0.147, 0.126 and 0.108 of the memory reserved.
# host_adam: ZeRO-Offload (Ren 2021) table 4, 10 billion parameters in 2.57 s on a DGX-2 (30 B each;
# 12 channels of DDR4-2666, 256 GB/s). host_link: nvbandwidth, host to device.
#
# Training coefficients. Protocol: 220 published runs with known layout (Narayanan 2021,
# Korthikanti 2022 table 5, MegaScale, Megatron-Core, Megatron-Bridge 25.09 to 26.08, Llama 3,
# DeepSeek-V3), split by model. Fitted (120 runs): DeepSeek-V3, gpt-oss-120b, Llama 3.1 8B and
# 405B, Nemotron 3 Nano, GPT of 1.7, 7.5, 16, 18.4, 70, 76.1, 145.6, 177, 462 and 530 billion, 22
# and 530 billion of table 5. Left out (100 runs): Llama 3 70B, Qwen3 30B and 235B, Nemotron 3
# Super, MegaScale, GPT of 3.6, 7.1, 32, 119, 314 billion, 175 and 1,000 of table 5. Weighted
# least squares of the logarithm with a soft loss; runs of a release that a later one made 1.5
# times as fast on the same machine are not fitted but count in the errors. What a row does not
# say (recomputation, interleaving, microbatch) is the fastest that fits.
# Absolute errors: fitted median 6 %, p90 18 %; left out median 8 %, p90 33 % (dense 8 and 17 %,
# experts 8 and 40 %). All 12 left-out runs beyond 25 % are Qwen3: releases of Megatron-Bridge
# differ up to 1.5-fold in time for the same layout, and nothing here knows the release; with the
# newest release of each configuration only, left out: median 8 %, p90 20 %. The other way round
# (fitted to the left-out half, which has no DeepSeek) the fitted half is missed by 16 and 41 %.
# The terms of the model, unlike its coefficients, were chosen with both errors in sight.
# The coefficients are effective: unfused attention of 2021-22 on Ampere, launches of the host on
# Hopper, conversions to narrow formats in the memory passes of Blackwell. ZeRO-3 (`shard_*`): the
# fall of Narayanan 2021 table 2, 175B. `straggling`: by hand, with MLPerf scaling in sight.
_HOPPER: Final = Efficiency(
    serving_gemm=_table(bf16=0.80, fp16=0.80, fp8=0.58, int8=0.58),
    training_gemm=_table(bf16=0.71, fp16=0.71, fp8=0.876, int8=0.876),
    half_rows=48.0,
    training_attention=0.535,
    hbm=0.80,
    collective_latency=18e-6,
    all_reduce=0.99,
    gather=0.745,
    all_to_all=0.70,
)
_AMPERE: Final = replace(
    _HOPPER,
    serving_gemm=_table(bf16=0.86, fp16=0.86, int8=0.65),
    training_gemm=_table(bf16=0.78, fp16=0.78, int8=0.70),
    training_attention=0.107,
    half_rows=32.0,
    hbm=0.78,
    collective_latency=24e-6,
    all_reduce=0.74,
    gather=0.70,
    all_to_all=0.68,
)
_BLACKWELL: Final = replace(
    _HOPPER,
    serving_gemm=_table(bf16=0.68, fp16=0.68, fp8=0.50, int8=0.50, fp4=0.45, int4=0.45),
    training_gemm=_table(bf16=0.55, fp16=0.55, fp8=0.755, int8=0.755, fp4=0.71, int4=0.71),
    half_rows=192.0,
    training_attention=0.535,
    training_moe_overhead=0.0,
    memory_passes=16.4,
    power_exponent=1.2,
    reference_power=1000.0 / 2.25e15,
    hbm=0.75,
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
    training_gemm=_table(bf16=0.66, fp16=0.66, fp8=0.8, int8=0.8, fp4=0.72, int4=0.72, fp32=0.66),
    training_moe_overhead=2e-3,
    memory_passes=12.0,
    half_rows=96.0,
    hbm=0.75,
    collective_latency=25e-6,
    all_reduce=0.75,
    gather=0.68,
    all_to_all=0.60,
)
# A phone or laptop runs one sequence; the runtime beside it is light and the memory shared.
_DEVICE: Final = replace(_GENERAL, hbm=0.70, memory_reserve=0.5, engine_reserve=0.5)

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
    """
    fallback = "device" if accelerator.kind == "device" else "general"
    return EFFICIENCY.get(accelerator.generation, EFFICIENCY[fallback])


def sustained(accelerator: Accelerator, own: Efficiency) -> float:
    """Return the sustained clock relative to the generation's reference machine.

    Large multiplications run at the power limit, so that a package with more watts for the same
    cores is faster: GB300 against GB200, B300 against B200.
    """
    if not own.power_exponent:
        return 1.0
    ratio = accelerator.tdp / accelerator.peak("bf16") / own.reference_power
    return float(min(max(ratio, 0.7), 1.3) ** own.power_exponent)


def ceiling(table: Mapping[str, float], dtype: str) -> float:
    """Return the ceiling of a dtype; the lowest listed one where a table does not name it."""
    return table.get(dtype, min(table.values()))
