from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from computesim.hardware.accelerator import Accelerator
from computesim.quantities import ServingLoad
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import serving_load

LoadOf = Callable[..., ServingLoad]

# datasheet values (dense; bandwidths per direction), NVIDIA H100/H800/A100/B200 datasheets


def _nvidia(name: str, generation: str, peaks: dict[str, float], **rest: float) -> Accelerator:
    return Accelerator(
        name=name,
        vendor="NVIDIA",
        generation=generation,
        peak_flop_per_second={k: v * 1e12 for k, v in peaks.items()},
        **rest,
    )


_HOPPER = {"bf16": 989.0, "fp8": 1979.0, "int8": 1979.0}
_BLACKWELL = {"bf16": 2250.0, "fp8": 4500.0, "fp4": 9000.0, "int8": 4500.0}
_MACHINES = (
    _nvidia(
        "a100-sxm-80gb",
        "ampere",
        {"bf16": 312.0, "int8": 624.0},
        memory_bytes=80 * 2**30,
        memory_bandwidth=2.039e12,
        scaleup_bandwidth=300e9,
        scaleup_domain=8,
        nic_bandwidth=25e9,
        tdp=400.0,
        node_overhead=413.0,
    ),
    _nvidia(
        "h100-sxm",
        "hopper",
        _HOPPER,
        memory_bytes=80 * 2**30,
        memory_bandwidth=3.35e12,
        scaleup_bandwidth=450e9,
        scaleup_domain=8,
        nic_bandwidth=50e9,
        tdp=700.0,
        node_overhead=575.0,
    ),
    _nvidia(
        "h800-sxm",
        "hopper",
        _HOPPER,
        memory_bytes=80 * 2**30,
        memory_bandwidth=3.35e12,
        scaleup_bandwidth=200e9,
        scaleup_domain=8,
        nic_bandwidth=50e9,
        tdp=700.0,
        node_overhead=575.0,
    ),
    _nvidia(
        "h200-sxm",
        "hopper",
        _HOPPER,
        memory_bytes=141 * 2**30,
        memory_bandwidth=4.8e12,
        scaleup_bandwidth=450e9,
        scaleup_domain=8,
        nic_bandwidth=50e9,
        tdp=700.0,
        node_overhead=575.0,
    ),
    _nvidia(
        "b200-sxm",
        "blackwell",
        _BLACKWELL,
        memory_bytes=180 * 2**30,
        memory_bandwidth=7.7e12,
        scaleup_bandwidth=900e9,
        scaleup_domain=8,
        nic_bandwidth=50e9,
        tdp=1000.0,
        node_overhead=788.0,
    ),
    _nvidia(
        "gb200",
        "grace-blackwell",
        {"bf16": 2500.0, "fp8": 5000.0, "fp4": 10000.0, "int8": 5000.0},
        memory_bytes=189_471 * 2**20,
        memory_bandwidth=8e12,
        scaleup_bandwidth=900e9,
        scaleup_domain=72,
        nic_bandwidth=50e9,
        tdp=1200.0,
        node_overhead=633.0,
    ),
)


@pytest.fixture(scope="session")
def machines() -> dict[str, Accelerator]:
    return {machine.name: machine for machine in _MACHINES}


def _dense(
    name: str, layers: int, d: int, heads: int, kv: int, d_ff: int, vocab: int, **rest: object
) -> Architecture:
    head = int(rest.pop("d_head", d // heads))  # type: ignore[call-overload]
    return Architecture(name, layers, d, heads, kv, head, head, d_ff, vocab, **rest)  # type: ignore[arg-type]


# shapes as in the models' configuration files
_MODELS = (
    _dense("llama-3.1-8b", 32, 4096, 32, 8, 14336, 128256),
    _dense("llama-3.1-70b", 80, 8192, 64, 8, 28672, 128256),
    _dense("llama-3.1-405b", 126, 16384, 128, 8, 53248, 128256),
    _dense("qwen3-32b", 64, 5120, 64, 8, 25600, 151936, d_head=128),
    Architecture(
        "deepseek-v3",
        61,
        7168,
        128,
        128,
        192,
        128,
        18432,
        129280,
        attention="mla",
        q_lora_rank=1536,
        kv_lora_rank=512,
        d_rope=64,
        n_experts=256,
        experts_per_token=8,
        n_shared_experts=1,
        d_expert=2048,
        n_dense_layers=3,
        mtp_depth=1,
    ),
)


@pytest.fixture(scope="session")
def models() -> dict[str, Architecture]:
    return {model.name: model for model in _MODELS}


@pytest.fixture(scope="session")
def loads(models: dict[str, Architecture]) -> LoadOf:
    """Return what a model asks of a server, its cache split over as many ranks as it has heads."""

    def load(model: str, weight_dtype: str, kv_dtype: str = "bf16") -> ServingLoad:
        arch = models[model]
        shards = 1 if arch.attention == "mla" else arch.n_kv_heads
        return replace(serving_load(arch, weight_dtype, kv_dtype), kv_shards=shards)

    return load
